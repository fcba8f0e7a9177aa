"""The ledger: what has run and what is live, in schema elt at the destination."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from json import dumps

from psycopg import sql

from elt_script import __version__
from elt_script.errors import LockedError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection, Moment, query, rows, value
from elt_script.report import Generation, RunReport, RunRow, Status
from elt_script.tables import Checksum, TableName


@dataclass(frozen=True, slots=True)
class Kept:
    """A generation that was published and still stands; see elt.generation."""

    number: int
    run_id: str
    place: int
    schemas: list[str]


@dataclass(frozen=True, slots=True)
class Left:
    """What a run that nobody ended has left."""

    run_id: str
    staging: list[str]


@dataclass(frozen=True, slots=True)
class Content:
    """One table of a generation, by its final name."""

    name: TableName
    checksum: Checksum
    bytes: int


@contextmanager
def locked(destination: Endpoint, pipeline: str) -> Generator[Connection]:
    """Be the only run of a pipeline while this block lasts, and give the session that is.

    The lock is the session's: when the session ends, however it ends, so does the lock.
    """
    with destination.connect(autocommit=True) as conn:
        key = sql.SQL("hashtextextended('elt:' || {}, 0)").format(sql.Literal(pipeline))
        if not value(conn, sql.SQL("select pg_try_advisory_lock({})").format(key)):
            holder = conn.execute(query("lock_holder").format(key=key)).fetchone()
            raise LockedError(
                f"another run of pipeline {pipeline} is at work at {destination}",
                detail=""
                if holder is None
                else "held by pid {} ({}), since {:%Y-%m-%d %H:%M:%S %Z}".format(*holder),
                hint="Wait for it to end; nothing has been changed.",
            )
        yield conn


def is_installed(conn: Connection) -> bool:
    """Whether this database has a ledger."""
    return bool(value(conn, sql.SQL("select to_regclass('elt.generation') is not null")))


def install(conn: Connection) -> None:
    """Make the ledger where there is none."""
    if not is_installed(conn):
        with conn.transaction():
            conn.execute(query("ledger"))


def begin(conn: Connection, run_id: str, pipeline: str, staging: Sequence[str]) -> None:
    """Write down that a run is at work, and what it will leave if it is killed."""
    conn.execute(
        "insert into elt.run (run_id, pipeline, version, staging) values (%s, %s, %s, %s)",
        (run_id, pipeline, __version__, list(staging)),
    )


def end(
    conn: Connection, run_id: str, status: str, exit_status: int, step: str = "", error: str = ""
) -> None:
    """Write down how a run ended."""
    conn.execute(
        "update elt.run set status = %s, exit_status = %s, step = nullif(%s, ''), error = nullif(%s, ''),"
        " finished_at = clock_timestamp(), staging = '{}' where run_id = %s",
        (status, exit_status, step, error, run_id),
    )


def write_report(conn: Connection, report: RunReport) -> None:
    """Write a published run's report beside its row."""
    conn.execute(
        "update elt.run set tables = %s, rows = %s, bytes = %s, report = %s where run_id = %s",
        (
            len(report.tables),
            sum(table.rows for table in report.tables),
            sum(table.bytes for table in report.tables),
            dumps(asdict(report), default=str),
            report.run_id,
        ),
    )


def unfinished(conn: Connection, pipeline: str) -> list[Left]:
    """Return the runs that say they are at work: under the lock, those that were killed."""
    return rows(conn, Left, "unfinished", pipeline=pipeline)


def add_generation(
    conn: Connection,
    run_id: str,
    pipeline: str,
    moment: Moment,
    places: Mapping[str, str],
    contents: Sequence[Content],
) -> int:
    """Write down a staged generation with all its objects, and return its number.

    places  final schema → where it is staged
    """
    number = value(
        conn,
        query("add_generation"),
        pipeline=pipeline,
        run_id=run_id,
        as_of=moment.as_of,
        lsn=moment.lsn,
        schemas=sorted(places),
        tables=len(contents),
        rows=sum(content.checksum.rows for content in contents),
        bytes=sum(content.bytes for content in contents),
    )
    conn.execute(query("members"), {"generation": number, "schemas": list(places.values())})
    conn.execute("analyze elt.object")  # or a plan that suits an empty table holds up publish for minutes
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into elt.published_table values (%s, %s, %s, %s, %s, %s)",
            [
                (number, c.name.schema, c.name.name, c.checksum.rows, c.checksum.digest, c.bytes)
                for c in contents
            ],
        )
    return int(number)


def adopt(
    conn: Connection, pipeline: str, schemas: Sequence[str], names: Sequence[tuple[str, str, str]]
) -> int:
    """Write down things that elt did not publish as the pipeline's live generation; return its number.

    names  (schema, name, kind) as pg/sql/taken.sql gives them
    """
    number = value(conn, query("adopt_generation"), pipeline=pipeline, schemas=list(schemas))
    facts = {"generation": number, "names": dumps(names)}
    conn.execute(query("adopt_objects"), facts)
    return int(number)


def kept(conn: Connection, pipeline: str) -> list[Kept]:
    """Return the pipeline's generations that stand: the live one first, then the older ones."""
    return rows(conn, Kept, "kept", pipeline=pipeline) if is_installed(conn) else []


def place(conn: Connection, number: int, at: int) -> None:
    """Write down where a generation stands now: 0 is live."""
    conn.execute(
        "update elt.generation set place = %s, published_at = case when %s = 0 then clock_timestamp()"
        " else published_at end where number = %s",
        (at, at, number),
    )


def forget(conn: Connection, number: int) -> None:
    """Remove a generation that no longer stands anywhere."""
    conn.execute("delete from elt.generation where number = %s", (number,))


def rows_of(conn: Connection, number: int) -> dict[TableName, int]:
    """Return the number of rows of a generation's tables, by final name."""
    found = conn.execute(
        "select schema, name, rows from elt.published_table where generation = %s", (number,)
    )
    return {TableName(schema, name): count for schema, name, count in found}


def publishers(conn: Connection, pipeline: str) -> dict[str, str]:
    """Return which other pipeline publishes into which schema."""
    if not is_installed(conn):
        return {}
    found = conn.execute(
        "select s, pipeline from elt.generation, unnest(schemas) s where place = 0 and pipeline <> %s",
        (pipeline,),
    )
    return dict(found.fetchall())


def status(conn: Connection, pipeline: str, last: int) -> Status:
    """Return what is live, what rollback could return to, and the last runs."""
    if not is_installed(conn):
        return Status(pipeline, None, (), ())
    generations = rows(conn, Generation, "generations", pipeline=pipeline)
    runs = rows(conn, RunRow, "runs", pipeline=pipeline, last=last)
    live = next((one for one in generations if one.state == "live"), None)
    return Status(pipeline, live, tuple(one for one in generations if one.state != "live"), tuple(runs))
