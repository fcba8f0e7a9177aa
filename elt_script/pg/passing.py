"""Which failures pass: a lost connection, a restarting server, a session that somebody ended or cancelled."""

from __future__ import annotations

import re

import psycopg
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from elt_script.errors import EltError
from elt_script.pg.stop import pause

ATTEMPTS = 3  # at what one table needs

log = structlog.get_logger()

# Class 08, and: a transaction that lost against recovery on a standby, or against another one; a statement
# that was cancelled; a session that was ended, by an administrator, a restart, a crash, or for being silent.
STATES = re.compile(r"08\w{3}|40001|40P01|57014|57P0[1-5]|25P0[34]")
VERBOSE = re.compile(r"(?m)^((?:psql:[^\n]*?: )?\S+:  )([0-9A-Z]{5}): ")
LOCATION = re.compile(r"(?m)^LOCATION:  .*\n?")

# pg_dump and pg_restore do not tell the state; libpq's words are English, for we ask for it.
SAID = re.compile(
    r"server closed the connection unexpectedly|connection to server (at|on|was)|no connection to the server"
    r"|could not (receive|send) (data|.* to server)|SSL connection has been closed|SSL SYSCALL error"
    r"|terminated by user|terminating connection|terminating background|the database system is"
    r"|Connection timed out|deadlock detected|worker process died unexpectedly"
    r"|canceling statement due to (user request|conflict with recovery)|lost synchronization with server"
)


FULL = re.compile(r"too many connections|too many clients|remaining connection slots")


def is_full(words: str) -> bool:
    """Whether a server said that it, the database or the role has as many sessions as it may have."""
    return FULL.search(words) is not None


def is_passing(error: psycopg.Error) -> bool:
    """Whether the same may work in a moment."""
    if error.sqlstate is not None:
        return STATES.fullmatch(error.sqlstate) is not None
    return isinstance(error, psycopg.OperationalError)  # libpq's own: the connection is lost


def is_out_of_room(error: psycopg.Error) -> bool:
    """Whether a server lacks room: on its disk, in memory, for locks (class 53)."""
    return (error.sqlstate or "").startswith("53")


def patiently(event: str) -> Retrying:
    """Return what does again, so often, what a table needs where its failure passes, and tells the event."""

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(event, attempt=state.attempt_number, error=str(error))

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, EltError) and error.transient),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_fixed(1),
        before_sleep=tell,
        sleep=pause,
        reraise=True,
    )


def is_said_to_pass(words: str) -> bool:
    """Whether a program that said this failed for a reason that may be gone in a moment."""
    return any(STATES.fullmatch(state) for _, state in VERBOSE.findall(words)) or bool(SAID.search(words))


def plainly(words: str) -> str:
    """Return what psql said without the states that we made it tell."""
    return LOCATION.sub("", VERBOSE.sub(r"\1", words)).strip()
