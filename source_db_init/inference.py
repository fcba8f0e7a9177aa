"""Which columns a CSV has, of which types: a type only where every value reads back as the same text.

"Reads back" is Postgres' own text of the value, `value::text`. So 007, +5, 1e5, t, times with a T, and ids
beyond bigint stay text, as does a column with an empty value in quotes; 1.50 becomes numeric, which
keeps its zero. Nothing is guessed from a part of the file.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from elt_script.errors import InterruptedRunError
from source_db_init.dialect import LINE_BYTES, THREADS, Dialect, Wishes, dialects
from source_db_init.errors import CsvError

# Each type with the test of a value {0}, the preferred type first. Where DuckDB writes a value as
# Postgres does, the test is the way there and back; elsewhere it is narrowed to where they agree: from
# 1e15 on, the two write doubles differently, and DuckDB adds .0 to those without a fraction.
TYPES = {
    "boolean": "{0} in ('true', 'false')",
    "integer": "try_cast({0} as integer)::varchar = {0}",
    "bigint": "try_cast({0} as bigint)::varchar = {0}",
    "double precision": r"{0} in ('NaN', 'Infinity', '-Infinity') or (abs(try_cast({0} as double)) < 1e15"
    r" and regexp_replace(try_cast({0} as double)::varchar, '\.0$', '') = {0})",
    "numeric": r"regexp_full_match({0}, '-?(0|[1-9][0-9]{{0,17}})(\.[0-9]+)?')"
    r" and not regexp_full_match({0}, '-[0.]*') and length({0}) < 1000",  # Postgres keeps 16,383 digits
    "date": "length({0}) = 10 and try_cast({0} as date)::varchar = {0}",
    "timestamp without time zone": "length({0}) >= 19 and try_cast({0} as timestamp)::varchar = {0}",
    "timestamp with time zone": "length({0}) >= 22"
    " and try_cast({0}[:-4] as timestamp)::varchar || '+00' = {0}",
}
SAMPLE = 10_000  # rows that rule out most types, before all rows are asked about one type each
SAMPLED_AT_ONCE = 20  # columns: the time that DuckDB takes to plan their tests grows with the square of them
MOST_COLUMNS = 1600  # of a table in Postgres
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
NAME_BYTES = 63

MISFITS = {
    "UNQUOTED VALUE": "a quoted value does not end, or goes on after its closing quote (or lines end in more"
    " than one way)",
    "LINE SIZE OVER MAXIMUM": f"the row is longer than {LINE_BYTES >> 20} MiB",
}
CHECK_DIALECT = "Correct the line; or say how to read the file: --delimiter, --quote, --skip-lines."


@dataclass(frozen=True, slots=True)
class Column:
    """A column to be: its name, exactly, and its type in Postgres."""

    name: str
    type: str
    filled: bool  # it has a value that is not null


@dataclass(frozen=True, slots=True)
class Csv:
    """A CSV that has been read to its end, and how to read it again."""

    path: Path
    dialect: Dialect
    columns: tuple[Column, ...]
    rows: int


def understand(con: duckdb.DuckDBPyConnection, path: Path, wishes: Wishes) -> Csv:
    """Find out how a file is written and what is in it, from all of it: about 20 s for a gigabyte.

    path  plain UTF-8 (plain.py), without zero bytes

    Raises CsvError, with the line, for a file that is no table in any dialect.
    """
    tried: dict[Dialect, CsvError] = {}
    try:
        for dialect in dialects(con, path, wishes):
            if dialect in tried:
                continue
            try:
                return _read(con, path, dialect)
            except CsvError as error:
                tried[dialect] = error
    except RuntimeError as error:  # what DuckDB makes of a signal handler's exception
        raise InterruptedRunError("interrupted: the table is as it was", detail=str(error)) from error
    raise next(iter(tried.values()))


def _read(con: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> Csv:
    if dialect.width > MOST_COLUMNS:
        raise CsvError(
            f"the CSV has {dialect.width:,} columns",
            detail=f"a table of Postgres has at most {MOST_COLUMNS:,}",
            hint=CHECK_DIALECT,
        )
    # Each thread holds some thousand rows: of many columns, as many at once as the memory is for.
    con.execute(f"set threads = {max(1, min(THREADS, MOST_COLUMNS // dialect.width))}")
    if dialect.escape == "\\":
        _want_known_escapes(path)
    names = _names(con, path, dialect)
    types, filled, rows = _types(con, path, dialect)
    columns = tuple(Column(*column) for column in zip(names, types, filled, strict=True))
    return Csv(path, dialect, columns, rows)


def _names(con: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> list[str]:
    if not dialect.header:
        return [f"column{index}" for index in range(dialect.width)]
    (first,) = _ask(con, path, dialect, "*", header=False, limit=" limit 1") or [()]
    return ["" if name is None else str(name) for name in first]


def named(csv: Csv, names: Sequence[str] = ()) -> Csv:
    """Return the CSV with these names for its columns, or its own if there are none, once they are good.

    Names that Postgres would refuse or cut are a fault, all at once: nothing is renamed in silence.
    """
    if names and len(names) != len(csv.columns):
        raise CsvError(
            f"{len(names)} names are given for {len(csv.columns)} columns",
            detail=f"the CSV has {', '.join(column.name or '?' for column in csv.columns)}",
            hint="Give one name for each column (--columns).",
        )
    given = list(names) or [column.name for column in csv.columns]
    twice = sorted({name for name in given if name and given.count(name) > 1})
    faults = [f"column {place} has no name" for place, name in enumerate(given, 1) if not name]
    faults += [f'two columns are named "{name}"' for name in twice]
    faults += [f'"{n}" is longer than {NAME_BYTES} bytes' for n in given if len(n.encode()) > NAME_BYTES]
    faults += [f'"{name}" is a system column of Postgres' for name in given if name in SYSTEM_COLUMNS]
    if faults:
        raise CsvError(
            "the columns' names cannot be used",
            detail="\n".join(faults),
            hint="Correct the header, or give names to all columns (--columns a,b,c).",
        )
    columns = (replace(column, name=name) for column, name in zip(csv.columns, given, strict=True))
    return replace(csv, columns=tuple(columns))


def _types(con: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> tuple[list[str], list[bool], int]:
    """Return each column's type, whether it has values at all, and the number of rows."""
    width = dialect.width
    possible: dict[int, list[str]] = {index: [] for index in range(width)}
    for first in range(0, width, SAMPLED_AT_ONCE):
        asked = [(i, kind) for i in range(first, min(first + SAMPLED_AT_ONCE, width)) for kind in TYPES]
        answers = _ask(con, path, dialect, _tests(asked), limit=f" limit {SAMPLE}", within=True)[0]
        for (index, kind), fits in zip(asked, answers, strict=True):
            if fits is not False:
                possible[index].append(kind)
    counts = ", ".join(("count(*)", *(f"count(c{index})" for index in range(width))))
    types = ["text"] * width
    while True:
        asked = [(index, kinds.pop(0)) for index, kinds in possible.items() if kinds]
        rows, *rest = _ask(con, path, dialect, ", ".join(filter(None, (counts, _tests(asked)))))[0]
        filled, answers = [count > 0 for count in rest[:width]], rest[width:]
        for (index, kind), fits in zip(asked, answers, strict=True):
            if fits and filled[index]:
                types[index] = kind
            if fits or not filled[index]:
                del possible[index]
        if not any(possible.values()):
            return types, filled, rows


def _tests(asked: list[tuple[int, str]]) -> str:
    return ", ".join(
        f"bool_and(coalesce({TYPES[kind].format(f'c{index}')}, c{index} is null))" for index, kind in asked
    )


def _ask(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    dialect: Dialect,
    select: str,
    *,
    header: bool | None = None,
    limit: str = "",
    within: bool = False,
) -> list[tuple[Any, ...]]:
    """Query the file's rows, and raise for the first that does not fit.

    within  the limit is on the rows that are read, not on those that come out
    """
    con.execute("drop table if exists misfits; drop table if exists misfit_scans")
    noted = ", store_rejects = true, rejects_table = 'misfits', rejects_scan = 'misfit_scans'"
    source = dialect.read(path, header=header, options=f"{noted}, rejects_limit = 100")
    source = f"(from {source}{limit})" if within else source
    try:
        found = con.execute(f"from {source} select {select}{'' if within else limit}").fetchall()
    except duckdb.Error as error:
        raise _unreadable(error) from error
    misfit = con.execute(
        "from misfits select line_byte_position, error_type, error_message"
        " order by line_byte_position, column_idx limit 1"
    ).fetchone()
    if misfit:
        raise _misfit(path, *misfit)
    return found


def _misfit(path: Path, position: int, kind: str, message: str) -> CsvError:
    said = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    what = f"{said[2]} of {said[1]} columns" if said else MISFITS.get(kind, kind.lower())
    return CsvError(f"line {_line(path, position)} of the CSV does not fit", detail=what, hint=CHECK_DIALECT)


def _unreadable(error: duckdb.Error) -> CsvError:
    said = str(error)
    if "state machine" in said:
        return CsvError(
            "the CSV ends its lines in more than one way, or has a carriage return outside quotes",
            hint="Give every line the same end, CRLF or LF.",
        )
    return CsvError("the CSV cannot be read", detail=said.partition("\n")[0], hint=CHECK_DIALECT)


def _line(path: Path, position: int) -> int:
    """Return the number of the line at a byte position (from 1), whatever ends lines."""
    feeds, returns, left = 0, 0, position - 1
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            feeds += piece.count(b"\n")
            returns += piece.count(b"\r")
            left -= len(piece)
    return 1 + max(feeds, returns)


def _want_known_escapes(path: Path) -> None:
    r"""Refuse \n and the like: DuckDB drops the backslash of what is neither a quote nor a backslash."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for escape in re.finditer(rb"\\(.)", content, re.DOTALL):
            if escape[1] not in b"\"'\\":
                raise CsvError(
                    f"line {_line(path, escape.start() + 1)} has a backslash before what is no quote",
                    hint="Write quotes within values as two quotes.",
                )
