"""The recipe: wait, look what is there, get the CSV, understand it, load it."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from rich.console import Console

from elt_script.config.model import Runs
from elt_script.errors import CannotConnectError, ConfigError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.listening import listened
from elt_script.pg.programs import any_programs
from elt_script.steps.wait import wait
from elt_script.tables import TableName
from elt_script.wording import counted
from source_db_init import generated
from source_db_init.dialect import NO_WISHES, Wishes, engine
from source_db_init.errors import CsvError
from source_db_init.fetch import fetch, shown
from source_db_init.inference import Csv, named, understand
from source_db_init.load import Place, load
from source_db_init.plain import Plain, plain
from source_db_init.progress import progress
from source_db_init.target import IfExists, Target, look, want_fit

# The data set's home (UCI's number 611). Under that number its new site, /dataset/611, has another one.
ACCELEROMETER = "https://archive.ics.uci.edu/ml/machine-learning-databases/00611/accelerometer.csv"

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Order:
    """What to seed, and where.

    address  of the CSV; None is the accelerometer data
    offline  generate the accelerometer data, and ask nobody
    names    of the columns, in place of the header's
    """

    endpoint: Endpoint
    table: TableName
    address: str | None = None
    offline: bool = False
    if_exists: IfExists = "fail"
    wishes: Wishes = NO_WISHES
    encoding: str | None = None
    names: Sequence[str] = ()
    max_retries: int = 30
    delay_seconds: float = 2.0
    bin_dir: Path | None = None
    stall_seconds: float = Runs().stall_seconds


@dataclass(frozen=True, slots=True)
class Seeded:
    """What came of it."""

    table: TableName
    rows: int
    seconds: float  # of the load
    left_alone: bool = False
    generated: bool = False

    def __str__(self) -> str:
        if self.left_alone:
            return f"{self.table} is there already, and was left alone"
        rate = self.rows / self.seconds if self.seconds else 0
        what = counted(self.rows, "generated row" if self.generated else "row")
        return f"{self.table}: {what} in {self.seconds:.1f} s ({rate:,.0f} rows/s)"


@dataclass(frozen=True, slots=True)
class _Data:
    csv: Csv
    bytes: int
    generated: bool = False


def seed(order: Order, console: Console) -> Seeded:
    """Make a table of a CSV: readers see the old one, or the new one whole.

    console  where progress is shown

    Raises EltError; the table is as it was then.
    """
    if order.offline and order.address is not None:
        raise ConfigError(
            "both a CSV and generated data are asked for",
            hint="Give --csv (DATA_URL) or --offline, not both.",
        )
    bin_dir = any_programs(order.bin_dir, tls=order.endpoint.demands_tls)
    reached = replace(order.endpoint, bin=bin_dir, application=f"elt-seed {secrets.token_hex(8)}")
    endpoint = reached.using(bin_dir, wait(reached, order.max_retries, order.delay_seconds))
    with listened((endpoint,), order.stall_seconds):
        return _seeded(order, endpoint, console)


def _seeded(order: Order, endpoint: Endpoint, console: Console) -> Seeded:
    target = look(endpoint, order.table, order.if_exists)
    if target.exists and order.if_exists == "skip":
        return Seeded(order.table, 0, 0.0, left_alone=True)
    with tempfile.TemporaryDirectory(prefix="elt-seed-") as private:
        data = _data(order, Path(private), console)
        place = _place(order, target, data.csv)
        started = time.monotonic()
        with progress("rows.copied", console) as report:
            load(data.csv, place, endpoint, report, data.bytes)
        seconds = time.monotonic() - started
    _log.info("table.loaded", table=str(order.table), rows=data.csv.rows, seconds=round(seconds, 3))
    return Seeded(order.table, data.csv.rows, seconds, generated=data.generated)


def _place(order: Order, target: Target, csv: Csv) -> Place:
    if target.exists and order.if_exists == "append":
        want_fit(order.table, target, csv.columns)
        return Place(order.table, adds=True)
    return Place(order.table, replaces=target.exists, grants=target.grants)


def _data(order: Order, private: Path, console: Console) -> _Data:
    if order.offline:
        return _generated(order, private)
    if order.address is not None:
        return _fetched(order, order.address, private, console)
    try:
        data = _fetched(order, ACCELEROMETER, private, console)
        if order.names or [column.name for column in data.csv.columns] == generated.COLUMNS:
            return data
        reason = "something else is there now"
    except (CsvError, CannotConnectError) as error:
        reason = error.detail or error.message
    _log.warning("data.generated", instead_of=ACCELEROMETER, reason=reason)
    return _generated(order, private)


def _fetched(order: Order, address: str, private: Path, console: Console) -> _Data:
    folder = private / "fetched"
    folder.mkdir()
    with progress("csv.downloaded", console) as report:
        path = fetch(address, folder, report)
    return _understood(order, shown(address), plain(path, folder, order.encoding), order.wishes, folder)


def _generated(order: Order, private: Path) -> _Data:
    folder = private / "generated"
    folder.mkdir()
    path = folder / "accelerometer.csv"
    generated.write(path)
    return replace(
        _understood(order, "generated data", plain(path, folder), NO_WISHES, folder), generated=True
    )


def _understood(order: Order, address: str, content: Plain, wishes: Wishes, folder: Path) -> _Data:
    with engine(folder) as con:
        csv = named(understand(con, content.path, wishes), order.names)
    _log.info(
        "csv.inferred",
        csv=address,
        bytes=content.bytes,
        rows=csv.rows,
        encoding=content.encoding,
        delimiter=csv.dialect.delimiter,
        header=csv.dialect.header,
        columns={column.name: column.type for column in csv.columns},
    )
    return _Data(csv, content.bytes)
