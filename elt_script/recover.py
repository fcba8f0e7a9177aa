"""Recover: remove what a run left that was killed or that failed, and write down how it ended."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import structlog
from psycopg import sql

from elt_script import ledger
from elt_script.config.model import Wait
from elt_script.errors import (
    CannotConnectError,
    DestinationError,
    EltError,
    InterruptedRunError,
    PreflightError,
    SourceError,
    TransformError,
)
from elt_script.pg import locks, session, stop
from elt_script.pg.board import drop_board
from elt_script.pg.endpoint import Endpoint, translated
from elt_script.pg.passing import is_full
from elt_script.pg.session import Connection
from elt_script.prepare import Servers, application
from elt_script.secret import redacted
from elt_script.steps import cleanup
from elt_script.steps.wait import wait

OLD_DATA = "Nothing was published, the old data is still live. Mend what is named here, then run again."
STOPPED = "Nothing was published, and what was staged is removed: the old data is still live."
NEW_DATA = "The new data was published and is live, but what should have come after it was not done."
UNKNOWN = "Whether the new data was published is not known: `elt status` will say what is live."
PATIENCE_S = 10  # for somebody who holds what is only staged, or the ledger
MORE_SESSIONS = (
    "Nothing was published, the old data is still live. Allow the role, the database or the server more "
    "connections, or lower `jobs`: each takes one or two on either side, and the run a few more."
)
STANDBY = (
    "Nothing was published, the old data is still live. What the primary vacuums or alters ends what is read "
    "at its standby: set hot_standby_feedback = on, or make max_standby_streaming_delay as long as a run."
)
MAYBE_PUBLISHED = ("publish", "transform")

log = structlog.get_logger()


def board_name(pipeline: str, run_id: str) -> str:
    """Return the name of a run's scratch database."""
    return f"elt_board_{pipeline}__{run_id[-6:]}"


def heal(control: Connection, pipeline: str, run_id: str) -> list[str]:
    """Remove what killed runs left at the destination; return their ids.

    We hold the pipeline's lock, so a run that says it is at work is not.
    """
    killed = ledger.unfinished(control, pipeline)
    for left in killed:
        log.warning("run.cleaned_up", killed=left.run_id)
        session.end_orphans(control, application(pipeline, left.run_id))
        drop_board(control, board_name(pipeline, left.run_id))
        how = "published" if ledger.is_published(control, left.run_id) else "failed"
        forget_staged(control, left)
        ledger.end(control, left.run_id, how, 1, "", f"killed; cleaned up by {run_id}")
    idle = cleanup.idle_boards(control, board_name(pipeline, ""))
    if idle and ledger.nobody_draws(control, pipeline):  # in this order: who begins now has none of these
        for name in idle:
            drop_board(control, name)
    return [left.run_id for left in killed]


def forget_staged(control: Connection, left: ledger.Left) -> None:
    """Remove what a run staged and did not publish."""
    cleanup.drop_staging(control, left.staging, PATIENCE_S)
    ledger.forget_unpublished(control, left.run_id)


def end_orphans(source: Connection, pipeline: str, killed: Sequence[str]) -> None:
    """End what the programs of killed runs still do at the source."""
    for run_id in killed:
        session.end_orphans(source, application(pipeline, run_id))


def end_lost(servers: Servers, source: Connection, control: Connection) -> None:
    """End the sessions of programs that are gone, all of which are by now."""
    for side, conn in ((servers.source, source), (servers.destination, control)):
        session.end_orphans(conn, f"{side.application}/")


def end_attempt(servers: Servers, pipeline: str, run_id: str) -> None:
    """End what an attempt that failed still does, first of all its session that holds the pipeline's lock."""
    for endpoint in (servers.source, servers.destination) if run_id else ():
        with endpoint.connect(autocommit=True) as conn:
            session.end_orphans(conn, application(pipeline, run_id))


def was_committed(destination: Endpoint, patience: Wait, look: Callable[[Connection], bool]) -> bool | None:
    """Whether what a session committed has come about, where it is lost; None where nobody can tell.

    That session is ended first: it may not know that it is lost, and holds the locks.

    look  asks the ledger
    """
    with stop.unstoppable():
        try:
            wait(destination, patience.max_retries, patience.delay_seconds)
        except CannotConnectError:
            return None
        with destination.connect(autocommit=True) as conn:
            session.end_orphans(conn, destination.application)
            published = look(conn)
    log.warning("publish.resolved", published=published)
    return published


@contextmanager
def lasting(destination: Endpoint, control: Connection) -> Generator[Connection]:
    """Give a session to write down what is published: another one where the run's own is lost."""
    if not session.is_lost(control):
        yield control
        return
    with destination.connect(autocommit=True) as conn:
        yield conn


@contextmanager
def _cleaning(destination: Endpoint, control: Connection) -> Generator[Connection]:
    """Give a session to clean up by: the run's own where nobody lets us in any more."""
    with ExitStack() as stack:
        try:
            conn = stack.enter_context(destination.connect(autocommit=True))
        except psycopg.Error:
            if session.is_lost(control):
                raise
            conn = control
        yield conn


def given_up(
    run_id: str, step: str, servers: Servers, patience: Wait, control: Connection, error: BaseException
) -> BaseException:
    """Clean up after a failure, write it down, and return what it means; what fails here, the next run does.

    The ledger knows whether the data was published: a session may be lost as it commits.

    patience  for a destination that restarts, where it alone knows whether the data was published
    control   the session that holds the pipeline's lock, which nobody else may have meanwhile; where it is
              lost, as when the server restarts, that is the reason, whatever else failed
    """
    pid = 0 if session.is_lost(control) else control.info.backend_pid
    work, destination = stop.current(), servers.destination
    failure = translated(error) if isinstance(error, psycopg.Error) else error
    if isinstance(failure, SourceError | DestinationError | PreflightError):
        failure.transient = failure.transient or not pid
    if isinstance(failure, EltError):
        _explain(failure, error, servers)
    if work.stopped.is_set():
        failure = work.interruption(f"the run was stopped at step {step}")
    state = UNKNOWN if step in MAYBE_PUBLISHED else OLD_DATA
    with stop.unstoppable():
        try:
            if state is UNKNOWN and not pid and not work.stopped.is_set():
                wait(destination, patience.max_retries, patience.delay_seconds)
            with _cleaning(destination, control) as conn:
                session.end_orphans(conn, destination.application, pid)
                conn.execute(sql.SQL("set lock_timeout = {}").format(sql.Literal(f"{PATIENCE_S}s")))
                known = ledger.is_installed(conn)
                state = NEW_DATA if known and ledger.is_published(conn, run_id) else OLD_DATA
                if known:
                    _write_down(conn, run_id, step, failure, published=state is NEW_DATA)
        except (psycopg.Error, CannotConnectError) as trouble:
            log.warning("run.left_behind", error=str(trouble).strip())
        _let_go_of(servers.source)
    if isinstance(failure, InterruptedRunError) and state is OLD_DATA:
        failure.hint = STOPPED
    elif state is NEW_DATA and isinstance(failure, SourceError | DestinationError):
        failure = TransformError(f"after publish: {failure.message}", detail=failure.detail, hint=state)
    elif isinstance(failure, EltError) and not isinstance(failure, TransformError):
        failure.hint = state if state is not OLD_DATA or not failure.hint else failure.hint
        failure.transient = failure.transient and state is OLD_DATA
    return failure


def _let_go_of(source: Endpoint) -> None:
    """End what the source may still do for programs that are gone."""
    with suppress(psycopg.Error), source.connect(autocommit=True) as conn:
        session.end_orphans(conn, f"{source.application}/")


def _explain(failure: EltError, error: BaseException, servers: Servers) -> None:
    """Add who was in the way, or what would help."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        side = servers.source if isinstance(failure, SourceError) else servers.destination
        failure.detail += redacted(_who_alters(side))
    if is_full(failure.detail):
        failure.hint = MORE_SESSIONS
    if "conflict with recovery" in failure.detail:
        failure.hint = STANDBY


def _who_alters(endpoint: Endpoint) -> str:
    """Say who keeps us from reading something, each on a line."""
    try:
        with stop.unstoppable(), endpoint.connect(autocommit=True) as conn:
            return "".join(f"\n{one}" for one in locks.altering(conn))
    except psycopg.Error:
        return ""


def _write_down(conn: Connection, run_id: str, step: str, failure: BaseException, *, published: bool) -> None:
    """Write down how a run ended; remove what it staged unless that is live."""
    status = getattr(failure, "exit_status", 1)
    told = (failure.message, failure.detail) if isinstance(failure, EltError) else (redacted(repr(failure)),)
    error = "\n".join(filter(None, told))
    if not published:
        ledger.install(conn)
        ledger.forget_staged(conn, run_id)
    if left := ledger.unfinished_of(conn, run_id):
        if not published:
            forget_staged(conn, left)
        ledger.end(conn, run_id, "published" if published else _how(failure), status, step, error)


def _how(failure: BaseException) -> str:
    return "interrupted" if isinstance(failure, InterruptedRunError | KeyboardInterrupt) else "failed"
