"""How a CSV is written: DuckDB's sniffer proposes, and reading the whole file decides."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path

import duckdb
import structlog

from source_db_init.errors import CsvError

DELIMITERS = ",;\t|"
SAMPLE = 20_480  # rows: DuckDB's default
COMMENT_LINES = 100  # more lines that begin with # than this are no preamble
THREADS = min(4, os.cpu_count() or 1)
LINE_BYTES = 16 << 20  # the longest row: what DuckDB's buffers are made for

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says about the file; None is for us to find out."""

    delimiter: str | None = None
    quote: str | None = None  # "" for a file without quoting
    header: bool | None = None
    skip: int | None = None


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is written."""

    delimiter: str
    quote: str
    escape: str
    header: bool
    skip: int  # lines before the header
    width: int  # columns

    def read(self, path: Path, *, header: bool | None = None, options: str = "") -> str:
        """Return SQL that reads a file's rows, every value as the text c0, c1, … that it is.

        An empty value without quotes is null, with quotes it is empty text. What does not fit is an error:
        `new_line` must never be given, or rows vanish without one (seen with DuckDB 2.0).
        """
        columns = ", ".join(f"'c{index}': 'varchar'" for index in range(self.width))
        return (
            f"read_csv({literal(str(path))}, auto_detect = false, strict_mode = true, null_padding = false,"
            f" columns = {{{columns}}}, delim = {literal(self.delimiter)}, quote = {literal(self.quote)},"
            f" escape = {literal(self.escape)}, header = {self.header if header is None else header},"
            f" skip = {self.skip}, comment = '', allow_quoted_nulls = false, compression = 'none',"
            f" max_line_size = {LINE_BYTES}, buffer_size = {2 * LINE_BYTES}{options})"
        )


def engine(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB of our own, that needs no network and little memory."""
    return duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": str(folder),
            "memory_limit": "512MB",
            "threads": THREADS,
        }
    )


def literal(text: str) -> str:
    """Return text as a literal of DuckDB's SQL."""
    return "'" + text.replace("'", "''") + "'"


def dialects(con: duckdb.DuckDBPyConnection, path: Path, wishes: Wishes) -> Iterator[Dialect]:
    """Propose dialects, the likeliest first; the file is read with the first that all of it agrees to.

    Values in single quotes are taken for quoted only where that makes a table of what is none otherwise,
    and a file is taken for one without quoting only if the user says so: unbalanced quotes are a fault.
    """
    if wishes.skip and not _lines(path, wishes.skip):
        raise CsvError(
            f"the CSV ends within its first {wishes.skip} lines", hint="Skip fewer (--skip-lines)."
        )
    for sample in (SAMPLE, -1):  # all of it may take a minute
        found = _sniff(con, path, wishes, sample)
        if found is None or (found.width == 1 and wishes.delimiter is None):
            found = _narrow(con, path, wishes, found)
        if found.header and found.width > 1:
            found = replace(found, skip=found.skip + _empty_lines(path, found.skip))
        double = found.quote != "'" or wishes.quote is not None
        yield found if double else replace(found, quote='"', escape='"')
        if not double:
            yield found


def _sniff(
    con: duckdb.DuckDBPyConnection, path: Path, wishes: Wishes, sample: int = SAMPLE, options: str = ""
) -> Dialect | None:
    said = {"delim": wishes.delimiter, "quote": wishes.quote}
    options += "".join(f", {name} = {literal(value)}" for name, value in said.items() if value is not None)
    if wishes.header is not None:
        options += f", header = {wishes.header}"
    skip = wishes.skip or 0
    try:
        row = con.execute(
            f"from sniff_csv({literal(str(path))}, sample_size = {sample}, comment = '', skip = {skip},"
            f" max_line_size = {LINE_BYTES}, buffer_size = {2 * LINE_BYTES}{options})"
            " select Delimiter, Quote, Escape, HasHeader, len(Columns)"
        ).fetchone()
    except duckdb.Error:
        return None
    assert row is not None  # noqa: S101  (the sniffer has one answer)
    delimiter, quote, escape, header, width = row
    quote = _character(quote) or ('"' if wishes.quote is None else "")
    escape = (_character(escape) or quote) if quote else ""
    return Dialect(_character(delimiter) or ",", quote, escape, header, skip, width)


def _character(shown: str) -> str:
    return "" if shown == "(empty)" else shown


def _narrow(con: duckdb.DuckDBPyConnection, path: Path, wishes: Wishes, found: Dialect | None) -> Dialect:
    """Look twice at a file of one column: it may be a table with a fault in it, or with lines above it."""
    lines = _lines(path, wishes.skip or 0)
    if wishes.skip is None:
        above = sum(1 for _ in takewhile(lambda line: line.startswith("#"), lines))
        for skip in range(1, above + 1):
            below = _sniff(con, path, replace(wishes, skip=skip))
            if below and below.width > 1:
                _log.warning("csv.lines_skipped", lines=skip)
                return below
    first = lines[0] if lines else ""
    delimiter = max(DELIMITERS, key=first.count)
    if delimiter in first:
        quote = '"' if wishes.quote is None else wishes.quote
        guess = replace(wishes, delimiter=delimiter, quote=quote)
        wider = _sniff(con, path, guess, options=", ignore_errors = true")
        if wider and wider.width > 1:
            return wider
    elif wishes.skip is None:
        _want_no_preamble(con, path)
    if found is None:  # whatever is wrong, reading will say it
        header, width = wishes.header is not False, first.count(delimiter) + 1
        return Dialect(delimiter, '"', '"', header=header, skip=wishes.skip or 0, width=width)
    return found


def _want_no_preamble(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Refuse a file that is a table only from some line on: the sniffer would drop what is above."""
    with contextlib.suppress(duckdb.Error):
        row = con.execute(
            f"from sniff_csv({literal(str(path))}) select SkipRows where len(Columns) > 1 and SkipRows > 0"
        ).fetchone()
        if row:
            raise CsvError(
                f"the first {row[0]} lines do not look like those below",
                hint=f"Leave them out (--skip-lines {row[0]}), correct the file, or, if it is a table of one"
                " column, say so: --skip-lines 0.",
            )


def _empty_lines(path: Path, skip: int) -> int:
    """Count the empty lines above the header: DuckDB takes the first for it, and the header for a row."""
    return sum(1 for _ in takewhile(lambda line: not line.strip("\r\n"), _lines(path, skip)))


def _lines(path: Path, skip: int) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return list(islice(iter(lambda: file.readline(1 << 16), ""), skip, skip + COMMENT_LINES))
