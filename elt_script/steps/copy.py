"""Copy: every table's rows, by pairs of psql joined by a pipe; the rows never pass through Python."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from hashlib import sha256
from itertools import zip_longest

import structlog
from psycopg import sql

from elt_script.arrival import at_home
from elt_script.errors import EltError, SourceError
from elt_script.pg import stop
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.extension_rows import ExtensionRows
from elt_script.pg.listening import listened
from elt_script.pg.passing import patiently
from elt_script.pg.process import Command, Finished, in_memory, run
from elt_script.pg.session import Connection, query, value
from elt_script.pg.silence import limit_of
from elt_script.tables import Copied, CopyJob, Part, TableCopy

LONGEST_ARGUMENT = 100_000  # bytes; Linux takes 128 KiB
COUNTED = re.compile(r"elt\.rows (\d+)$\n?", re.MULTILINE)
COUNT = "\\warn elt.rows :ROW_COUNT"

log = structlog.get_logger()


def for_loading(destination: Endpoint, conn: Connection) -> Endpoint:
    """Return the destination with sessions set up to load fast what is only staged.

    A commit need not wait for the disk: that of publish waits for all that was written before it.
    """
    choices = sql.SQL("select enumvals from pg_settings where name = 'default_toast_compression'")
    lz4 = {"default_toast_compression": "lz4"} if "lz4" in (value(conn, choices) or ()) else {}
    return destination.with_settings(synchronous_commit="off", **lz4)


def copy_rows(
    job: CopyJob, source: Endpoint, destination: Endpoint, snapshot: str, executor: Executor
) -> list[Copied]:
    """Copy one job's tables: psql | psql, by executor, which may be other machines.

    Each load is one transaction that empties the staged table first, so that a pair that lost a connection
    can be tried again while the snapshot lives, and so that the rows can be frozen: other rows would be
    invisible to a reader whose snapshot is older than the load. A part of a table is beside others in a table
    that was empty, and is not frozen; it is written down in the transaction that loads it.

    Raises SourceError or DestinationError, whichever side failed.
    """
    started = time.monotonic()
    for copy in job.copies if job.part is None or job.part.number == 1 else ():
        log.info(
            "table.copying",
            table=str(copy.table.name),
            rows_estimate=copy.table.rows_estimate,
            bytes=copy.table.bytes,
        )
    try:
        read, written = patiently("copy.retried")(_attempted, executor, job, source, destination, snapshot)
    except EltError as error:
        error.detail = COUNTED.sub("", error.detail)  # ours, not for the reader
        raise
    counts = _agreed(job, read, written)
    seconds = time.monotonic() - started
    copied = [
        Copied(copy, rows, seconds / len(counts)) for copy, rows in zip(job.copies, counts, strict=True)
    ]
    for one in copied if job.part is None else ():
        table = one.copy.table
        log.info("table.copied", table=str(table.name), rows=one.rows, bytes=table.bytes, seconds=one.seconds)
    return copied


def _attempted(
    executor: Executor, job: CopyJob, source: Endpoint, destination: Endpoint, snapshot: str
) -> tuple[list[int], list[int]]:
    limit_s = limit_of(source.application)
    return stop.submit(executor, attempt, job, source, destination, snapshot, limit_s).result()


def attempt(
    job: CopyJob, source: Endpoint, destination: Endpoint, snapshot: str, stall_seconds: float
) -> tuple[list[int], list[int]]:
    """Try to copy a job's tables; return how many rows of each were read, and written.

    What it is given are values, so that any process on any machine can do it, and its own name is all that it
    leaves behind: another attempt, wherever it is made, ends what is left of this one and begins anew.
    """
    source, destination = at_home(source, destination)
    with listened((source, destination), stall_seconds):
        if job.part and (loaded := _loaded(job, destination)) is not None:
            count = _counted(job, source, snapshot)
            if count == loaded:
                return [count], [loaded]
        finished = _pair(job, source, destination, snapshot)
    read, written = ([int(count) for count in COUNTED.findall(said)] for said in finished.stderr)
    return read, written


def _pair(job: CopyJob, source: Endpoint, destination: Endpoint, snapshot: str) -> Finished:
    only = _only_attempt(job, destination)
    reader, loading = source.moving_rows().psql("--file=-"), destination.moving_rows()
    if job.binary:
        (copy,) = job.copies
        loader = _binary_loader(copy, job, loading, only)
        if max(len(argument.encode()) for argument in loader.argv) < LONGEST_ARGUMENT:
            return run(reader, loader, script=_binary_script(copy, job, snapshot))
    with in_memory(job.creation) as creation:
        loader = replace(loading.psql("--file=-"), files=(creation.fileno(),))
        place = f"/dev/fd/{creation.fileno()}"
        return run(reader, loader, script=_text_script(job, snapshot, loading, only, place))


def _key(job: CopyJob, destination: Endpoint) -> sql.Literal:
    """Return a number for a job, the same for each attempt at it; the application is the run's own."""
    names = [destination.application, *(str(place) for copy in job.copies for place in copy.places)]
    names += [str(job.part.number)] if job.part else []
    return sql.Literal(int.from_bytes(sha256("\0".join(names).encode()).digest()[:8], signed=True))


def _only_attempt(job: CopyJob, destination: Endpoint) -> sql.Composed:
    """Return what ends earlier attempts at a job."""
    return query("only_attempt").format(key=_key(job, destination))


def _loaded(job: CopyJob, destination: Endpoint) -> int | None:
    """Return how many rows of a part an earlier attempt, which is at its end now, has committed, if it has.

    Nobody may have been told, or its source may have broken off: what came in binary ends anywhere.
    """
    loaded = query("part_loaded").format(staged=job.copies[0].staged.quoted, key=_key(job, destination))
    with destination.connect() as conn:
        conn.execute(_only_attempt(job, destination))
        return value(conn, loaded)


def _counted(job: CopyJob, source: Endpoint, snapshot: str) -> int:
    """Return the number of rows of a part."""
    counting = sql.SQL("select count(*) from {} t;").format(_rows(job.copies[0], job.part))
    finished = run(source.psql("--file=-"), script=_lines(*_begin(snapshot), counting))
    return int(finished.stdout)


def _rows(copy: TableCopy, part: Part | None) -> sql.Composed:
    """Return what `copy … to` reads: the table, or a query for a part of it, or for more than its text."""
    if part is None and copy.table.as_it_is:
        return copy.table.name.quoted + copy.columns
    rows = sql.SQL("select {} from {} t").format(copy.read, copy.source)
    return sql.SQL("({})").format(rows + sql.SQL(" where ") + part.where if part else rows)


def _empties(copy: TableCopy, job: CopyJob, destination: Endpoint) -> sql.Composed:
    """Return what a load begins with: an empty table, unless it is new, or a table without this part."""
    if copy.staged in job.creates:
        return sql.Composed([])
    if job.part is None:
        return sql.SQL("truncate only {}").format(copy.staged.quoted)
    run_id = destination.application.rpartition("/")[2]
    return query("part_begun").format(
        staged=copy.staged.quoted, key=_key(job, destination), run_id=sql.Literal(run_id)
    )


def _begin(snapshot: str) -> list[sql.Composable]:
    return [
        sql.SQL("begin isolation level repeatable read read only;"),
        sql.SQL("set transaction snapshot {};").format(sql.Literal(snapshot)),
    ]


def _binary_script(copy: TableCopy, job: CopyJob, snapshot: str) -> bytes:
    r"""Return what the source's psql runs. With \g it also knows how many rows a `copy to` wrote."""
    rows = _rows(copy, job.part)
    copy_out = sql.SQL("copy {} to stdout (format binary) \\g /dev/stdout").format(rows)
    return _lines(*_begin(snapshot), copy_out, sql.SQL(COUNT), sql.SQL("commit;"))


def _binary_loader(copy: TableCopy, job: CopyJob, destination: Endpoint, only: sql.Composable) -> Command:
    into = sql.SQL("copy {}{} from stdin (format binary{})")
    statements = (
        sql.SQL("begin"),
        only,
        _empties(copy, job, destination),
        into.format(copy.staged.quoted, copy.columns, sql.SQL("" if job.part else ", freeze")),
        sql.SQL(COUNT),
        sql.SQL("commit"),
    )
    return destination.psql(*(f"--command={statement.as_string(None)}" for statement in statements))


def copy_extension_rows(
    wanted: Sequence[ExtensionRows], job: CopyJob, source: Endpoint, destination: Endpoint, snapshot: str
) -> None:
    """Copy rows of extensions' own tables into staging, encoded as the job's.

    Raises SourceError or DestinationError, whichever side failed.
    """
    script = [*_begin(snapshot), _printed(sql.SQL("begin;"))]
    for one in wanted:
        copy_in = sql.SQL("copy {} ({}) from stdin (encoding {});").format(
            one.place.quoted, one.names, sql.Literal(job.written_as)
        )
        read = _rows_of(one.of(one.table.full_name), job.encoding)
        script += [_printed(copy_in), read, sql.SQL(COUNT), END_OF_ROWS]
        script += [_printed(sql.SQL(COUNT))]
    lines = _lines(*script, _printed(sql.SQL("commit;")), sql.SQL("commit;"))
    reader, loader = source.moving_rows(), destination.moving_rows()
    finished = run(reader.psql("--file=-"), loader.psql("--file=-"), script=lines)
    read_rows, written = (COUNTED.findall(said) for said in finished.stderr)
    if read_rows != written:
        raise SourceError("both sides disagree about the rows of extensions' tables", hint="Run again.")


def _text_script(
    job: CopyJob, snapshot: str, destination: Endpoint, only: sql.Composable, creation: str
) -> bytes:
    """Return what makes the source's psql print a script of `copy … from stdin` and rows for the other psql.

    creation  the file by which the other psql creates the tables that it is to create

    The script's last line is its commit, so that a source which breaks off leaves nothing behind.
    """
    script = [*_begin(snapshot), _printed(sql.SQL("begin;")), _printed(only)]
    script += _created(job, creation)
    for copy in job.copies:
        script += _shared_out(copy, job) if copy.parts else _moved(copy, job, destination)
    return _lines(*script, _printed(sql.SQL("commit;")), sql.SQL("commit;"))


def _created(job: CopyJob, creation: str) -> list[sql.Composable]:
    """Create tables, unless an earlier attempt did and lost the answer: then empty them."""
    if not job.creates:
        return []
    first = sql.Literal(job.creates[0].quoted.as_string(None))
    places = sql.SQL(", ").join(place.quoted for place in job.creates)
    lines = (
        sql.SQL("select to_regclass({}) is null as absent \\gset").format(first),
        sql.SQL("\\if :absent"),
        sql.SQL("\\i {}").format(sql.SQL(creation)),  # pyright: ignore[reportArgumentType]  (a path of ours)
        sql.SQL("\\else"),
        sql.SQL("truncate only {};").format(places),
        sql.SQL("\\endif"),
    )
    return [_printed(line) for line in lines]


def _moved(copy: TableCopy, job: CopyJob, destination: Endpoint) -> list[sql.Composable]:
    copy_in = sql.SQL("{}; copy {}{} from stdin ({}encoding {});").format(
        _empties(copy, job, destination),
        copy.staged.quoted,
        copy.columns,
        sql.SQL("" if job.part else "freeze, "),
        sql.Literal(job.written_as),
    )
    return [
        _printed(copy_in),
        _rows_of(_rows(copy, job.part), job.encoding),
        sql.SQL(COUNT),
        END_OF_ROWS,
        _printed(sql.SQL(COUNT)),
    ]


def _shared_out(copy: TableCopy, job: CopyJob) -> list[sql.Composable]:
    """Offer each staged partition all rows, of which it takes its own.

    A load by way of the partitioned table could not freeze them.
    """
    own = sql.SQL("{} \\gset")
    copy_in = sql.SQL("copy {}{} from stdin (freeze, encoding {}) where :own;")
    rows = sql.SQL("(select {} from {})").format(copy.read, copy.table.name.quoted)
    script: list[sql.Composable] = [_printed(sql.SQL("\\set total 0"))]
    for place in copy.parts:
        script += [
            _printed(own.format(query("own_rows").format(place=sql.Literal(place.quoted.as_string(None))))),
            *([] if place in job.creates else [_printed(sql.SQL("truncate only {};").format(place.quoted))]),
            _printed(copy_in.format(place.quoted, copy.columns, sql.Literal(job.written_as))),
            _rows_of(rows, job.encoding),
            END_OF_ROWS,
            _printed(sql.SQL("select :total + :ROW_COUNT as total \\gset")),
        ]
    script[-2:-2] = [sql.SQL(COUNT)]
    return [*script, _printed(sql.SQL("\\warn elt.rows :total"))]


def _rows_of(rows: sql.Composable, encoding: str) -> sql.Composed:
    return sql.SQL("copy {} to stdout (encoding {}) \\g /dev/stdout").format(rows, sql.Literal(encoding))


def _printed(line: sql.Composable) -> sql.Composed:
    return sql.SQL("select {} \\g /dev/stdout").format(sql.Literal(line.as_string(None)))


END_OF_ROWS = _printed(sql.SQL("\\."))


def _lines(*statements: sql.Composable) -> bytes:
    return sql.SQL("\n").join([*statements, sql.SQL("")]).as_bytes(None)


def _agreed(job: CopyJob, read: list[int], written: list[int]) -> list[int]:
    """Return the number of rows of each table, which both sides must name alike."""
    counts = list(zip_longest(job.copies, read, written))
    differing = [
        f"{copy.table.name if copy else '?'}: {out} read, {into} written"
        for copy, out, into in counts
        if copy is None or out is None or out != into
    ]
    if differing:
        raise SourceError(
            "the source and the destination disagree about how many rows were copied",
            detail="\n".join(differing),
            hint="This should not happen: run again, and report it if it comes back.",
        )
    return read
