"""Run a query that is a file of pg/sql, and hold what a session holds: a snapshot, a lock."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import class_row

from elt_script.errors import DestinationError, SourceError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.passing import is_out_of_room, is_passing
from elt_script.tables import TableCopy, TableName

Connection = psycopg.Connection[Any]
Row = TypeVar("Row")

EVERY_OBJECT = sql.SQL("true")
# By which a query's result may differ: what day a moment is in, how a value reads, what is a word.
COMPUTING = (
    *("TimeZone", "DateStyle", "IntervalStyle", "default_text_search_config", "extra_float_digits"),
    *("bytea_output", "lc_monetary", "lc_numeric", "lc_time"),
)

log = structlog.get_logger()


@cache
def query(name: str) -> sql.SQL:
    """Return the query in pg/sql/<name>.sql without its comments.

    They are not sent: a quoted name with a line break could climb out of one, and not every encoding has
    their characters.
    """
    lines = files("elt_script.pg.sql").joinpath(f"{name}.sql").read_text("utf-8").splitlines()
    body = [line for line in lines if not line.lstrip().startswith("--")]
    return sql.SQL("\n".join(body))  # pyright: ignore[reportArgumentType]  (a file of ours is as literal as it gets)


def rows(
    conn: Connection,
    kind: type[Row],
    name: str,
    /,
    names: Mapping[str, sql.Composable] | None = None,
    **values: Any,
) -> list[Row]:
    """Return the rows of a query file, each as one `kind` built by column name.

    names   what replaces {placeholders}: identifiers and the like
    values  what %(parameters)s stand for
    """
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query(name).format(**names or {}), values or None).fetchall()


def value(conn: Connection, statement: sql.SQL | sql.Composed, **values: Any) -> Any:
    """Return the one value of a query's one row."""
    row = conn.execute(statement, values or None).fetchone()
    return row[0] if row else None


def exists(conn: Connection, name: TableName) -> bool:
    """Whether there is a table or the like of a name."""
    found = value(conn, sql.SQL("select to_regclass(%(name)s) is not null"), name=name.quoted.as_string(None))
    return bool(found)


def move_objects(conn: Connection, moves: Mapping[str, str], only: sql.Composable = EVERY_OBJECT) -> None:
    """Move objects of some schemas to others; Postgres keeps every reference to them.

    moves  {from schema: to schema}
    only   condition on o.classid and o.objid: which of the schemas' objects
    """
    statements = conn.execute(query("movable").format(only=only), {"moves": json.dumps(moves)}).fetchall()
    conn.execute("; ".join(statement for _, _, statement in statements).encode())


def own_settings(endpoint: Endpoint, known_to: Connection | None = None) -> dict[str, str]:
    """Return by what settings a database computes for sessions that bring none: people's own, unlike ours.

    known_to  leave out values that this session's server does not know
    """
    with replace(endpoint, left=frozenset(COMPUTING)).connect(autocommit=True) as conn:
        statement = "select name, setting from pg_settings where name = any(%s)"
        found = dict(conn.execute(statement, (list(COMPUTING),)).fetchall())
    return {name: said for name, said in found.items() if known_to is None or _takes(known_to, name, said)}


def _takes(conn: Connection, name: str, said: str) -> bool:
    try:
        with conn.transaction(force_rollback=True):
            compute_by(conn, {name: said})
    except psycopg.errors.InvalidParameterValue:
        return False
    return True


def compute_by(conn: Connection, settings: Mapping[str, str]) -> None:
    """Have the session's transaction compute by settings from here on."""
    each = [sql.SQL("set_config({}, {}, true)").format(*map(sql.Literal, one)) for one in settings.items()]
    conn.execute(sql.SQL("select {}").format(sql.SQL(", ").join(each)))


def refresh(conn: Connection, view: TableName) -> None:
    """Fill a materialized view. Raises DestinationError that names it."""
    try:
        conn.execute(sql.SQL("refresh materialized view {}").format(view.quoted))
    except psycopg.Error as error:
        # that is not its fault: somebody is in the way, or the server has no room
        if is_passing(error) or isinstance(error, psycopg.errors.LockNotAvailable) or is_out_of_room(error):
            raise
        raise DestinationError(
            f"materialized view {view} cannot be filled at the destination",
            detail=str(error).strip(),
            hint="Functions that it calls must not need a search_path. Nothing was published.",
        ) from error


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where in the WAL a snapshot is."""

    as_of: datetime
    lsn: str


@contextmanager
def one_moment(source: Endpoint) -> Generator[tuple[Connection, Moment]]:
    """See one moment of the source for as long as this block lasts, and give the session that does.

    Postgres forgets the moment when the session's transaction ends.
    """
    with source.connect() as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        (moment,) = rows(conn, Moment, "moment")
        yield conn, moment
        conn.execute("commit")  # not by the block: only a cursor says whose session it was that is lost


def export_snapshot(conn: Connection, copies: Sequence[TableCopy], patience_seconds: int) -> str:
    """Return the name by which other sessions join the moment that conn sees.

    Holds the copied tables against DDL meanwhile. A snapshot does not protect from a truncate or a rewrite
    that came between it and the lock, so those are looked for.

    Raises SourceError where a table stays locked, or is gone, or has been rewritten.
    """
    if copies:
        conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{patience_seconds}s")))
        names = sql.SQL(", ").join(copy.whole(copy.table.name) for copy in copies)
        try:
            conn.execute(sql.SQL("lock table {} in access share mode").format(names))
        except psycopg.errors.LockNotAvailable as error:
            raise SourceError(
                f"a table of the source was locked for more than {patience_seconds} s",
                detail=str(error).strip(),
                hint="Somebody changes its schema; run again when that is done.",
            ) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            raise _meanwhile("a table of the source was dropped or renamed", str(error).strip()) from error
        places = {"tables": [copy.table.name.quoted.as_string(None) for copy in copies]}
        rewritten = [name for (name,) in conn.execute(query("rewritten"), places)]
        if rewritten:
            raise _meanwhile(f"{', '.join(rewritten)} was truncated or rewritten")
    return str(value(conn, sql.SQL("select pg_export_snapshot()")))


def _meanwhile(what: str, detail: str = "") -> SourceError:
    """Return the error that says what changed between our look at the source and our locks."""
    failure = SourceError(f"{what} while the run began", detail=detail, hint="Run again.")
    failure.transient = True
    return failure


def is_lost(conn: Connection) -> bool:
    """Whether a session is gone."""
    return bool(loss(conn))


def loss(conn: Connection) -> str:
    """Return the words by which a session was ended; none where it is there."""
    words = ""
    try:
        conn.execute("select 1")
    except psycopg.Error as error:  # a transaction that failed is no lost session
        words = str(error).strip()
    return words if conn.closed else ""


def end_orphans(conn: Connection, application: str, but: int = 0) -> None:
    """End the sessions that programs of a run still have in this database when the programs are gone.

    A server does not notice a client's end while what the client sent waits to be read: behind a load that
    stands still, a session may live on with its locks.

    application  how the names of sessions begin that only this run, or this program of it, has
    but          the pid of one that is no program's
    """
    facts = {"application": application, "but": but}
    for (pid,) in conn.execute(query("end_orphans"), facts).fetchall():
        log.warning("orphan.ended", pid=pid)
