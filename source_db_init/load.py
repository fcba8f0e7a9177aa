"""From a CSV that is understood to a table: DuckDB's rows through psql's COPY, in one transaction."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from elt_script.pg.endpoint import Endpoint, inherited_environment
from elt_script.pg.process import Command, run
from elt_script.tables import TableName
from source_db_init.errors import CsvError
from source_db_init.inference import Column, Csv
from source_db_init.progress import Report

PROGRESS = (
    "select bytes_processed, tuples_processed from pg_stat_progress_copy join pg_stat_activity using (pid)"
    " where starts_with(application_name, %s)"
)
LOCK_TIMEOUT = "30s"  # for the moment in which the new table takes the old one's place
POLL_S = 0.25
# Loading takes Postgres longer than writing takes DuckDB: one thread is enough, and keeps few rows in memory;
# of 1,600 columns those few take more than 256 MB.
CONFIG = {"threads": 1, "memory_limit": "512MB"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows go: into a new table, with or without an old one to replace, or into an old one."""

    table: TableName
    adds: bool = False
    replaces: bool = False
    grants: Sequence[str] = ()  # statements for the new table


def load(csv: Csv, place: Place, endpoint: Endpoint, report: Report, size: int) -> None:
    """Load a CSV into its place, and be seen only when all of it is there.

    size    of the CSV in bytes, for the report

    Raises CsvError if the file cannot be read again as it was, SourceError if Postgres refuses it. The
    table is as it was then: the script commits with its last line, which only a whole script has.
    """
    token = secrets.token_hex(8)
    new = TableName(place.table.schema, f"elt_seed_{token}")
    before, after = _adding(csv, place) if place.adds else _making(csv, place, new)
    task = {"config": CONFIG, "before": before, "copy": _copy(csv), "after": after}
    converter = (sys.executable, "-P", str(Path(__file__).with_name("convert.py")))
    with _watched(endpoint, report, size):
        run(
            Command("the CSV's reader", converter, inherited_environment(), CsvError),
            endpoint.psql(),
            script=json.dumps(task).encode(),
        )


def _making(csv: Csv, place: Place, new: TableName) -> tuple[str, str]:
    """Return the script around the rows that makes a table under another name, then gives it its own.

    Frozen rows are seen by readers whose snapshot is older than the load; others would see none.
    """
    columns = [sql.SQL("{} {}").format(sql.Identifier(column.name), _type(column)) for column in csv.columns]
    before = [
        sql.SQL("begin"),
        sql.SQL("create table {} ({})").format(new.quoted, sql.SQL(", ").join(columns)),
        sql.SQL("copy {} from stdin with (format text, freeze, encoding 'UTF8')").format(new.quoted),
    ]
    after = [sql.SQL("analyze {}").format(new.quoted)]
    if place.replaces:
        after += [
            sql.SQL("set local lock_timeout = {}").format(LOCK_TIMEOUT),
            sql.SQL("drop table {}").format(place.table.quoted),
        ]
    after += [
        sql.SQL("alter table {} rename to {}").format(new.quoted, sql.Identifier(place.table.name)),
        *(sql.SQL(grant) for grant in place.grants),  # pyright: ignore[reportArgumentType]  (Postgres quoted it)
        sql.SQL("commit"),
    ]
    return _script(before), _rows_wanted(csv) + _script(after)


def _adding(csv: Csv, place: Place) -> tuple[str, str]:
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in csv.columns)
    copy = sql.SQL("copy {} ({}) from stdin with (format text, encoding 'UTF8')")
    before = [sql.SQL("begin"), copy.format(place.table.quoted, names)]
    return _script(before), _rows_wanted(csv) + _script([sql.SQL("commit")])


def _rows_wanted(csv: Csv) -> str:
    """Return what ends the rows, and ends the script too if they are not as many as there were."""
    return rf"""\.
select :ROW_COUNT = {csv.rows} as complete \gset
\if :complete
\else
do $$ begin raise exception 'the CSV has changed: it had {csv.rows} rows'; end $$;
\endif
"""


def _script(statements: Sequence[sql.Composable]) -> str:
    return "".join(f"{statement.as_string(None)};\n" for statement in statements)


def _type(column: Column) -> sql.Composable:
    return sql.SQL(column.type)  # pyright: ignore[reportArgumentType]  (one of inference's own)


def _copy(csv: Csv) -> str:
    r"""Return DuckDB's statement that writes the rows in Postgres' text format, one line each.

    Not as CSV: psql before 18 takes a line of \. in a quoted value for the end of the data.
    """
    values = ", ".join(
        _escaped(f"c{index}") if column.type == "text" else f"c{index}"
        for index, column in enumerate(csv.columns)
    )
    return (
        f"copy (from {csv.dialect.read(csv.path)} select {values}) to '/dev/stdout'"
        r" (format csv, header false, delimiter E'\t', quote '', escape '', nullstr '\N', use_tmp_file false)"
    )


def _escaped(name: str) -> str:
    text = name
    for character, letter in ((92, "\\"), (9, "t"), (10, "n"), (13, "r")):
        text = f"replace({text}, chr({character}), '\\{letter}')"
    return rf"case when regexp_matches({name}, '[\\\t\n\r]') then {text} else {name} end"


@contextmanager
def _watched(endpoint: Endpoint, report: Report, size: int) -> Generator[None]:
    """Report, until this block ends, what the server says about our COPY."""
    done = threading.Event()

    def watch() -> None:
        with contextlib.suppress(psycopg.Error), endpoint.connect(autocommit=True) as conn:
            while not done.wait(POLL_S):
                row = conn.execute(PROGRESS, [endpoint.application]).fetchone()
                if row:
                    report(min(row[0], size), size, row[1])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
