"""The ledger: what has run and what is live, in schema elt at the destination."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from json import dumps

import psycopg
from psycopg import sql

from elt_script import __version__
from elt_script.errors import LockedError, PreflightError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection, Moment, query, rows, value
from elt_script.report import Generation, RunReport, RunRow, Status
from elt_script.tables import Checksum, TableName

LOCK_TIMEOUT = "60s"  # for what is no matter of publish's patience: somebody alters a view, say


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
    with destination.with_settings(lock_timeout=LOCK_TIMEOUT).connect(autocommit=True) as conn:
        if not _try_lock(conn, f"elt:{pipeline}"):
            raise LockedError(
                f"another run of pipeline {pipeline} is at work at {destination}",
                detail=_holder(conn, f"elt:{pipeline}"),
                hint="Wait for it to end; nothing has been changed.",
            )
        yield conn


def want_home(conn: Connection) -> None:
    """Raise PreflightError where the ledger came here with a copy of the database that it was made in.

    What it says of objects, by their OIDs, is true there: here they may be anybody's.
    """
    if not value(conn, sql.SQL("select to_regclass('elt.home') is not null")):
        return
    is_home = sql.SQL("select objects = {} from elt.home").format(query("home"))
    if not value(conn, is_home):
        raise PreflightError(
            "the ledger, schema elt, was made in another database, of which this one is a copy",
            detail="a restored dump, or an upgraded server: what elt published here is not known any more",
            hint="Nothing has been changed. Drop schema elt and the schemas elt_prev_…, then run once with "
            "`publish.adopt: true`.",
        )


def claim(conn: Connection, schemas: Iterable[str]) -> None:
    """Be the only one who publishes into schemas until this session ends, whatever its pipeline."""
    for schema in sorted(schemas):
        if not _try_lock(conn, f"elt:into:{schema}"):
            raise LockedError(
                f"a run of another pipeline is about to publish into schema {schema}",
                detail=_holder(conn, f"elt:into:{schema}"),
                hint="Give one of the pipelines another schema; nothing has been changed.",
            )


def draw(conn: Connection, pipeline: str) -> None:
    """Let nobody take this session's drawing board for one that was left, until the session ends."""
    conn.execute("select pg_advisory_lock_shared(hashtextextended(%s, 0))", (_board(pipeline),))


def nobody_draws(conn: Connection, pipeline: str) -> bool:
    """Whether every drawing board of a pipeline of this name was left by somebody who is gone.

    Boards are beside every destination of the server, so that of another one counts too.
    """
    return bool(value(conn, query("nobody_draws"), key=_board(pipeline)))


def _board(pipeline: str) -> str:
    return f"elt:board:{pipeline}"


def _try_lock(conn: Connection, key: str) -> bool:
    statement = sql.SQL("select pg_try_advisory_lock(hashtextextended(%(key)s, 0))")
    return bool(value(conn, statement, key=key))


def _holder(conn: Connection, key: str) -> str:
    """Say who holds a lock, as far as this role may know."""
    holder = conn.execute(query("lock_holder"), {"key": key}).fetchone()
    if holder is None:
        return ""
    pid, application, since = holder
    named = f" ({application})" if application else ""
    return f"held by pid {pid}{named}" + (f", since {since:%Y-%m-%d %H:%M:%S %Z}" if since else "")


def is_installed(conn: Connection) -> bool:
    """Whether this database has a ledger.

    Raises PreflightError where it is another role's.
    """
    try:
        return bool(value(conn, sql.SQL("select to_regclass('elt.generation') is not null")))
    except psycopg.errors.InsufficientPrivilege as error:
        raise PreflightError(
            "the ledger, schema elt, belongs to another role",
            detail=str(error).strip(),
            hint="Nothing has been changed. Publish as the role that made it, or as a member of that role.",
        ) from error


def install(conn: Connection) -> None:
    """Make the ledger where there is none, and what is new in it where there is an older one."""
    if not value(conn, sql.SQL("select to_regclass('elt.home') is not null")):
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(hashtextextended('elt:ledger', 0))")
            conn.execute(query("ledger").format(home=query("home")))


def begin(conn: Connection, run_id: str, pipeline: str) -> None:
    """Write down that a run is at work."""
    conn.execute(
        "insert into elt.run (run_id, pipeline, version) values (%s, %s, %s)", (run_id, pipeline, __version__)
    )


def expect_parts(conn: Connection) -> None:
    """Have a place where parts of tables are written down as they are loaded."""
    conn.execute(query("parts"))


def staging(conn: Connection, run_id: str, schemas: Sequence[str]) -> None:
    """Write down what a run will leave if it is killed."""
    conn.execute("update elt.run set staging = %s where run_id = %s", (list(schemas), run_id))


def end(
    conn: Connection, run_id: str, status: str, exit_status: int, step: str = "", error: str = ""
) -> None:
    """Write down how a run ended."""
    conn.execute(
        "update elt.run set status = %s, exit_status = %s, step = nullif(%s, ''), error = nullif(%s, ''),"
        " finished_at = clock_timestamp(), staging = '{}' where run_id = %s",
        (status, exit_status, step, error, run_id),
    )


def staged_before(conn: Connection, pipeline: str, fingerprint: str) -> bytes | None:
    """Return the packed staging archive of an earlier run, if all that it rests on is as it was."""
    statement = sql.SQL(
        "select archive from elt.staging where pipeline = %(pipeline)s and fingerprint = %(fingerprint)s"
    )
    return value(conn, statement, pipeline=pipeline, fingerprint=fingerprint)


def keep_staged(conn: Connection, pipeline: str, fingerprint: str, archive: bytes) -> None:
    """Keep a packed staging archive for the next run, in place of an earlier one."""
    statement = (
        "insert into elt.staging values (%s, %s, %b) on conflict (pipeline)"
        " do update set fingerprint = excluded.fingerprint, archive = excluded.archive"
    )
    conn.execute(statement, (pipeline, fingerprint, archive))


def forget_staged(conn: Connection, run_id: str) -> None:
    """Let the pipeline of a run that failed draw its schema anew: it may be what the run failed for."""
    statement = "delete from elt.staging where pipeline = (select pipeline from elt.run where run_id = %s)"
    conn.execute(statement, (run_id,))


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


def unfinished_of(conn: Connection, run_id: str) -> Left | None:
    """Return what a run will leave, unless its end is written down."""
    found = conn.execute("select staging from elt.run where run_id = %s and status = 'running'", (run_id,))
    row = found.fetchone()
    return row and Left(run_id, row[0])


def is_published(conn: Connection, run_id: str) -> bool:
    """Whether a run's data is, or was, live."""
    statement = "select exists (select from elt.generation where run_id = %(run_id)s and place is not null)"
    return bool(value(conn, sql.SQL(statement), run_id=run_id))


def is_live(conn: Connection, number: int) -> bool:
    """Whether a generation is what readers see."""
    statement = "select exists (select from elt.generation where number = %(number)s and place = 0)"
    return bool(value(conn, sql.SQL(statement), number=number))


def altered(conn: Connection, number: int) -> list[str]:
    """Return what somebody has altered of a live generation that is not carried over to the next one."""
    names = query("altered_there").format(state=query("state").format())
    return [name for (name,) in conn.execute(names, {"generation": number}).fetchall()]


def forget_unpublished(conn: Connection, run_id: str) -> None:
    """Remove the generations of a run's pipeline that never found a place."""
    conn.execute(
        "delete from elt.generation where place is null"
        " and pipeline = (select pipeline from elt.run where run_id = %s)",
        (run_id,),
    )


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
    said = dict(conn.execute(query("schema_comments")).fetchall())
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
        comments=dumps({final: said[staged] for final, staged in places.items() if staged in said}),
    )
    members = query("members").format(state=query("state").format())
    conn.execute(members, {"generation": number, "schemas": list(places.values())})
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
    """Write down things that elt did not publish as a generation, to be replaced; return its number.

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


def rolled_back(conn: Connection, undone: str, live: str) -> None:
    """Write down that one run's data gave way to another's."""
    statement = "update elt.run set status = %s where run_id = %s and status = %s"
    conn.execute(statement, ("rolled back", undone, "published"))
    conn.execute(statement, ("published", live, "rolled back"))


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
