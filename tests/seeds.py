"""What tests of the seeding step share: the data, a way to seed, and a look at what came of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from rich.console import Console
from structlog.testing import capture_logs

from elt_script.pg.endpoint import Endpoint
from elt_script.tables import TableName
from source_db_init import generated
from source_db_init.seed import Order, Seeded, seed
from source_db_init.target import IfExists

TABLE = TableName("public", "t")
QUIET = Console(quiet=True)
SHARED = Path(__file__).parents[2] / "shared" / "data"
Row = tuple[int, int, float, float, float]


@dataclass(frozen=True, slots=True)
class Accelerometer:
    """The accelerometer data: the real file, or one of its shape where it is not at hand."""

    path: Path
    first: Row
    last: Row
    rows: int = 153_000


def accelerometer(folder: Path) -> Accelerometer:
    """Return the data: the real file (ELT_TEST_DATA names its folder), or else a generated one in folder."""
    real = Path(os.environ.get("ELT_TEST_DATA", SHARED)) / "accelerometer.csv"
    if real.exists():
        return Accelerometer(real, (1, 20, 1.004, 0.09, -0.125), (3, 100, 1.199, -0.176, 0.109))
    path = folder / "accelerometer.csv"
    generated.write(path)
    lines = path.read_text(encoding="ascii").splitlines()
    return Accelerometer(path, _row(lines[1]), _row(lines[-1]))


def _row(line: str) -> Row:
    weight, speed, x, y, z = line.split(",")
    return int(weight), int(speed), float(x), float(y), float(z)


@dataclass(frozen=True, slots=True)
class Seeder:
    """Seeds a table from text or bytes."""

    endpoint: Endpoint
    folder: Path

    def __call__(
        self, content: str | bytes, if_exists: IfExists = "fail", table: TableName = TABLE
    ) -> Seeded:
        """Make the table."""
        path = self.folder / "data.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        order = Order(self.endpoint, table, str(path), if_exists=if_exists, bin_dir=self.endpoint.bin)
        with capture_logs():
            return seed(order, QUIET)


def rows(endpoint: Endpoint, query: str = "select * from public.t order by ctid") -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with endpoint.connect() as conn:
        return conn.execute(sql.SQL(query)).fetchall()  # pyright: ignore[reportArgumentType]  (a test's own)


def execute(endpoint: Endpoint, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with endpoint.connect(autocommit=True) as conn:
        for statement in statements:
            conn.execute(sql.SQL(statement))  # pyright: ignore[reportArgumentType]  (a test's own)


def types(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return the columns of table t: names and types."""
    return rows(
        endpoint,
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'public.t'::regclass and attnum > 0 order by attnum",
    )
