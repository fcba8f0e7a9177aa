"""The data sets: each is made in SQL or by streaming, the same every time, in a source of its own."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from benchmarks.servers import Connection, Database
from source_db_init import generated

HERE = Path(__file__).parent
NEARBY = HERE.parent.parent / "shared" / "data" / "accelerometer.csv"
CHUNK_BYTES = 1 << 20
TPCH_TABLES = ("region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem")


class NotMadeError(Exception):
    """A data set cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """What to copy.

    make   fills an empty database; the number is the scale: 1 is the whole
    group  the growth series that it belongs to: time per row, or per table
    """

    name: str
    says: str
    make: Callable[[Connection, float], None]
    group: str = ""


def query(name: str, **values: sql.Composable | int) -> sql.Composed:
    """Return the statements of sql/<name>.sql without their header, with values for {placeholders}."""
    lines = (HERE / "sql" / f"{name}.sql").read_text("utf-8").splitlines()
    body = sql.SQL("\n".join(line for line in lines if not line.startswith("--")))  # pyright: ignore[reportArgumentType]  (a file of ours is as literal as it gets)
    return body.format(**{key: _composable(value) for key, value in values.items()})


def _composable(value: sql.Composable | int) -> sql.Composable:
    return value if isinstance(value, sql.Composable) else sql.Literal(value)


def accelerometer_csv() -> Path | None:
    """Return the real data's file, if it is here."""
    places = (os.environ.get("ELT_TEST_DATA"), str(NEARBY))
    return next((path for place in places if place and (path := Path(place)).is_file()), None)


def accel(rows: int) -> Callable[[Connection, float], None]:
    """The accelerometer data, repeated until there are so many rows: 2 int, 3 float8, no key."""

    def make(conn: Connection, scale: float) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = accelerometer_csv()
            if path is None:
                path = Path(folder, "generated.csv")
                generated.write(path)
            conn.execute(query("accel_base"))
            with (
                conn.cursor() as cursor,
                cursor.copy("copy base (wconfid, pctid, x, y, z) from stdin (format csv, header)") as copy,
            ):
                copy.write(path.read_bytes())
        conn.execute(query("accel", rows=scaled(rows, scale)))

    return make


def tpch(conn: Connection, scale: float) -> None:
    """TPC-H as dbgen makes it, by a generator that gives the same rows, and streams them."""
    program = Path(sys.executable).with_name("tpchgen-cli")
    path = str(program) if program.exists() else shutil.which("tpchgen-cli")
    if path is None:
        raise NotMadeError("tpchgen-cli is not installed: pip install -r benchmarks/requirements/bench.txt")
    conn.execute(query("tpch_tables"))
    for table in TPCH_TABLES:
        argv = (path, "csv", "--scale-factor", f"{scale:g}", "--tables", table, "--stdout")
        _stream(conn, table, argv)
    conn.execute(query("tpch_keys"))


def _stream(conn: Connection, table: str, argv: tuple[str, ...]) -> None:
    into = sql.SQL("copy {} from stdin (format csv, header)").format(sql.Identifier("public", table))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None  # noqa: S101  (we asked for a pipe)
        with conn.cursor() as cursor, cursor.copy(into) as copy:
            while chunk := process.stdout.read(CHUNK_BYTES):
                copy.write(chunk)
    if process.returncode:
        raise NotMadeError(f"{Path(argv[0]).name} failed on {table} with {process.returncode}")


def bench(conn: Connection, scale: float) -> None:
    """What pgbench makes: one large table of fixed width, three small ones, primary keys."""
    conn.execute(query("bench", scale=scaled(100, scale)))


def wide(conn: Connection, scale: float) -> None:
    """Three tables of wide rows: text, jsonb, bytea."""
    conn.execute(query("wide", rows=scaled(80_000, scale)))


def small(tables: int) -> Callable[[Connection, float], None]:
    """Tables of 100 rows with a key and an index."""

    def make(conn: Connection, scale: float) -> None:
        conn.execute(query("small", tables=scaled(tables, scale)))

    return make


def scaled(number: int, scale: float) -> int:
    """Return a number for a scale: a whole one, and never 0."""
    return max(1, math.ceil(number * scale))


def fill(database: Database, data: DataSet, scale: float) -> None:
    """Make a data set, and leave its server nothing to do for it later."""
    with database.connect() as conn:
        conn.execute("set synchronous_commit = off; set jit = off")
        data.make(conn, scale)
    with database.connect() as conn:
        conn.execute("vacuum (freeze, analyze)")
    database.checkpoint()


DATA_SETS = (
    DataSet("accel100", "accelerometer data, 100 times: 15.3 M rows of 2 int, 3 float8", accel(15_300_000)),
    DataSet("tpch", "TPC-H: 8 tables, 8.7 M rows, 8 keys, 8 foreign keys, 9 indexes", tpch),
    DataSet("bench100", "pgbench: 10 M accounts, 3 keys", bench),
    DataSet("wide", "1 GB of text, jsonb and bytea in 3 tables", wide),
    DataSet("small1000", "1,000 tables of 100 rows, a key and an index each", small(1000), "tables"),
    DataSet("small5000", "5,000 tables of 100 rows, a key and an index each", small(5000), "tables"),
)
GROWTH = (
    DataSet("accel1m", "1 M rows of accelerometer data", accel(1_000_000), "rows"),
    DataSet("accel10m", "10 M rows of accelerometer data", accel(10_000_000), "rows"),
    DataSet("accel100m", "100 M rows of accelerometer data", accel(100_000_000), "rows"),
    DataSet("small10", "10 tables of 100 rows", small(10), "tables"),
    DataSet("small100", "100 tables of 100 rows", small(100), "tables"),
    *(data for data in DATA_SETS if data.group),
)
ALL = {data.name: data for data in (*DATA_SETS, *GROWTH)}
