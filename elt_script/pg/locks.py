"""Locks on what others use: all at once and in short tries, so that nobody waits behind us for long."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from psycopg import errors, sql

from elt_script.errors import PublishTimeoutError
from elt_script.pg import stop
from elt_script.pg.session import Connection, query, rows, value

SHORTEST_WAIT_MS = 1  # the first try: as good as nowait, so that nobody queues behind us
FIRST_WAIT_MS = 20
LONGEST_PAUSE_S = 2.0
SILENT_MS = 5000  # a client that says nothing for so long under its locks is gone: readers wait for it
REFUSED = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Locks that are taken by one statement.

    relations  OIDs of what nobody else may use then
    reads      OIDs of what is only read
    """

    statements: tuple[str, ...]
    relations: tuple[int, ...]
    reads: tuple[int, ...] = ()


class BlockedError(Exception):
    """Others hold locks that we need; our transaction is over."""


@dataclass(frozen=True, slots=True)
class _Blocker:
    """Who holds a lock; other roles' sessions are seen in full by members of pg_read_all_stats alone."""

    pid: int | None
    username: str
    application: str
    state: str
    age: timedelta | None
    query: str | None

    def __str__(self) -> str:
        if self.pid is None:
            return f"prepared transaction {self.query} ({self.username}), for {self.age}"
        named = " ".join(filter(None, (self.username, self.application)))
        who = f"pid {self.pid} ({named or 'a process of the server itself'})"
        if self.age is None:
            return f"{who}; what it does is shown only to members of pg_read_all_stats"
        return f"{who}, {self.state} for {self.age}: {self.query}"


@dataclass(frozen=True, slots=True)
class Reader(_Blocker):
    """Who may see the database as it was at some time."""

    virtualtransaction: str


@dataclass(slots=True)
class Tries:
    """How long the next try waits, and until when there is one.

    limit_ms  half of deadlock_timeout: whoever waits for us while we wait for him is never checked for a
              deadlock, which would kill him
    """

    patience_seconds: float
    limit_ms: int
    deadline: float
    attempt: int = 0
    wait_ms: int = SHORTEST_WAIT_MS
    blockers: list[str] = field(default_factory=list[str])

    def again(self, conn: Connection, wanted: Wanted | None) -> None:
        """Pause after a try that failed, longer each time; without locks that it wanted, it got not so far.

        Raises PublishTimeoutError, naming who was in the way, once there has been enough patience.
        """
        stop.current().heed()
        self.attempt += 1
        self.blockers = (blockers(conn, wanted) if wanted else altering(conn)) or self.blockers
        log.info("publish.waiting", attempt=self.attempt, blockers=self.blockers)
        if time.monotonic() > self.deadline:
            raise PublishTimeoutError(
                f"publish did not get its locks within {self.patience_seconds:g} s",
                detail="\n".join(self.blockers) or "who held them was gone each time we looked",
                hint="The old data is still live. End those sessions, or raise `publish.patience_seconds`.",
            )
        if wanted:
            _outwait_vacuum(conn, wanted, self.limit_ms)
        stop.pause(min(random.uniform(5, 15) * self.wait_ms / 1000, LONGEST_PAUSE_S))  # noqa: S311  (jitter)
        self.wait_ms = min(max(FIRST_WAIT_MS, self.wait_ms * 2), self.limit_ms)


def tries(conn: Connection, patience_seconds: float) -> Tries:
    """Return the tries that fit this server and this patience."""
    half = sql.SQL("select setting::int / 2 from pg_settings where name = 'deadlock_timeout'")
    limit = max(SHORTEST_WAIT_MS, int(value(conn, half)))
    return Tries(patience_seconds, limit, time.monotonic() + patience_seconds)


@contextmanager
def taken(conn: Connection, wanted: Wanted, wait_ms: int, limit_ms: int) -> Generator[None]:
    """Hold locks while this block and the transaction around it last.

    All are taken by one statement under one limit: lock_timeout counts each lock anew, and a chain of waits
    would outlast the deadlock check of a reader who waits for us. Locks that come up later wait as shortly.
    What is committed with them outlives a crash, whatever others have set, and does not wait for a standby,
    which may be gone: readers would, too. Raises BlockedError where others hold one.
    """
    try:
        conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(wait_ms)))
        conn.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(limit_ms)))
        conn.execute(sql.SQL("set local idle_in_transaction_session_timeout = {}").format(SILENT_MS))
        conn.execute("set local synchronous_commit = local")
        conn.execute(_in_one_statement(wanted.statements))
        conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(limit_ms)))
        conn.execute("set local statement_timeout = 0")
        yield
    except REFUSED as error:
        raise BlockedError from error
    except errors.InternalError_ as error:  # a grant, at the same moment: "tuple concurrently updated"
        if "concurrently" in str(error):
            raise BlockedError from error
        raise


@contextmanager
def shortly(conn: Connection, limit_ms: int) -> Generator[None]:
    """Wait for no lock longer than this, in a transaction that lasts as long as this block, and only reads.

    The server's own descriptions of views need locks on what those read. Raises BlockedError.
    """
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(limit_ms)))
            yield
    except REFUSED as error:
        raise BlockedError from error


def readers(conn: Connection) -> list[Reader]:
    """Return who may see this database as it was until now: rows that are not frozen are nothing to them."""
    return rows(conn, Reader, "readers")


def outwait(conn: Connection, older: Sequence[Reader], patience_seconds: float) -> None:
    """Wait until readers have ended. Raises PublishTimeoutError that names those who have not."""
    deadline = time.monotonic() + patience_seconds
    waited = False
    known = {reader.virtualtransaction for reader in older}
    while left := [str(one) for one in readers(conn) if one.virtualtransaction in known]:
        if time.monotonic() > deadline:
            raise PublishTimeoutError(
                f"readers older than the staged rows did not end within {patience_seconds:g} s",
                detail="\n".join(left),
                hint="They would see tables that were copied in parts empty; the old data is still live."
                " End them, or raise `publish.patience_seconds` or `split_bytes`.",
            )
        if not waited:
            log.info("publish.waiting", attempt=0, blockers=left)
        waited = True
        stop.pause(FIRST_WAIT_MS / 1000)
    if waited:
        log.info("publish.outwaited", readers=len(older))


def altering(conn: Connection) -> list[str]:
    """Say who keeps others from reading some relation of this database."""
    found = conn.execute(query("altered")).fetchall()
    return blockers(conn, Wanted((), (), tuple(oid for (oid,) in found)))


def blockers(conn: Connection, wanted: Wanted) -> list[str]:
    """Say who holds locks that we want."""
    relations, reads = list(wanted.relations), list(wanted.reads)
    return [str(one) for one in rows(conn, _Blocker, "blockers", relations=relations, reads=reads)]


def _in_one_statement(statements: Iterable[str]) -> sql.Composed:
    body = "begin " + " ".join(f"{statement};" for statement in statements) + " end"
    return sql.SQL("do {}").format(sql.Literal(body))


def _outwait_vacuum(conn: Connection, wanted: Wanted, limit_ms: int) -> None:
    """Make autovacuum let go of the tables that it is at.

    It does so for whoever has waited for deadlock_timeout, which our tries never do. To wait for the lock
    that it holds itself, one table at a time, is in no reader's way and can make no deadlock.
    """
    found = conn.execute(query("vacuumed"), {"relations": list(wanted.relations)})
    for (statement,) in found.fetchall():
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(limit_ms * 4)))
                conn.execute(statement.encode())
        except REFUSED:  # it was no autovacuum
            log.debug("publish.outwaited", statement=statement)
