"""Wait until a server answers and lets us in, for as long as the config allows."""

from __future__ import annotations

import re
import time

import psycopg
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from elt_script.errors import CannotConnectError
from elt_script.pg.endpoint import Endpoint, is_pinned
from elt_script.pg.passing import is_full
from elt_script.pg.process import status
from elt_script.pg.programs import REFUSES_PARAMETERS
from elt_script.pg.silence import cut_after
from elt_script.pg.stop import pause
from elt_script.wording import counted

ANSWER_S = 5  # what pg_isready gives a server to answer
ACCEPTS, NO_ANSWER = 0, 2  # pg_isready's exit statuses; 1 is "not yet"

POOLED = (
    "Give the server's own address: no pooler, such as PgBouncer, holds a run's settings, snapshot and locks."
)

# What waiting does not cure. libpq keeps the SQLSTATE of a refused connection to itself, and a server may
# speak another language: then we wait in vain for as long as we were told to, and say the same thing.
HINTS = {
    r"authentication failed|no password supplied": "Correct the user or the password.",
    r"pg_hba\.conf": "Let user and address in by the server's pg_hba.conf, or correct sslmode.",
    r"database \".*\" (does not exist|is not currently accepting)": "Correct dbname, or create the database.",
    r"role \".*\" (does not exist|is not permitted)": "Correct the user, or create the role with login.",
    r"permission denied for database": "Grant connect on the database to the user.",
    r"not support SSL|[Cc]ertificate|sslmode|private key|SSL error: .* alert": (
        "Correct sslmode, or the certificates (TLS)."
    ),
    r"SSL protocol version|SSL error: (unsupported protocol|no protocols)": "Correct the versions of TLS.",
    r"channel binding|authentication method requirement|GSSAPI encryption required": (
        "This server does not do what channel_binding, require_auth or gssencmode demands: correct that."
    ),
    r"unsupported (options )?startup parameter": POOLED,
    r"local user with ID": "Give the user: this system has no name for who runs elt.",
    r"definition of service": "Correct the service's name, or PGSERVICEFILE.",
    r"unrecognized configuration parameter|invalid value for parameter": "Use a server of version 14 to 18.",
}
FULL = "Allow the role, the database or the server more connections, or wait until others have ended theirs."
UNREACHED = "See that the server runs, that host and port are right, and that no firewall is in the way."

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class _NotYetError(Exception):
    """The server may let us in later."""

    answered = True


def wait(endpoint: Endpoint, max_retries: int, delay_seconds: float) -> int:
    """Wait until a session works, and return the server's major version.

    max_retries    how often to try again after the first attempt
    delay_seconds  between two attempts, beyond the seconds that an attempt itself may take

    Raises CannotConnectError, at once where waiting is no cure: a refused password, an unknown database.
    """
    started = time.monotonic()

    def say_so(state: RetryCallState) -> None:
        error = str(state.outcome.exception()) if state.outcome else ""
        _log.info("server.waiting", role=endpoint.role, attempt=state.attempt_number, error=error)

    patiently = Retrying(
        retry=retry_if_exception_type(_NotYetError),
        stop=stop_after_attempt(max_retries + 1),
        wait=wait_fixed(delay_seconds),
        before_sleep=say_so,
        sleep=pause,  # which ends when the command is stopped
        reraise=True,
    )
    try:
        version = patiently(_enter, endpoint)
    except _NotYetError as error:
        raise _given_up(endpoint, error, max_retries + 1) from error
    seconds = round(time.monotonic() - started, 3)
    _log.info("server.ready", role=endpoint.role, version=version, seconds=seconds)
    return version


def ask(endpoint: Endpoint) -> None:
    """Raise CannotConnectError unless a session works at once."""
    try:
        _enter(endpoint)
    except _NotYetError as error:
        raise _given_up(endpoint, error, 1) from error


def _given_up(endpoint: Endpoint, error: _NotYetError, attempts: int) -> CannotConnectError:
    what = "did not let us in" if error.answered else "could not be reached"
    said = _said(endpoint) or str(error)
    return CannotConnectError(
        f"{endpoint} {what} in {counted(attempts, 'attempt')}",
        detail=said,
        hint=FULL if is_full(said) else UNREACHED,
    )


def _enter(endpoint: Endpoint) -> int:
    answer, finished = status(endpoint.pg_isready(timeout_seconds=ANSWER_S))
    said = "\n".join(
        part for part in (finished.stdout.decode(errors="replace").strip(), *finished.stderr) if part
    )
    if answer == REFUSES_PARAMETERS:
        said = _said(endpoint) or f"{said}: these programs cannot do what libpq can, such as TLS"
        raise _final(endpoint, said)
    if answer != ACCEPTS:
        if endpoint.demands_tls and _hint(words := _said(endpoint)):
            raise _final(endpoint, words)  # a certificate that is not believed is no answer to pg_isready
        error = _NotYetError(said)
        error.answered = answer != NO_ANSWER
        raise error
    try:
        with endpoint.connect(autocommit=True) as conn, cut_after(conn, ANSWER_S):
            version = conn.info.server_version // 10000
            if endpoint.pinned and not is_pinned(conn):
                raise CannotConnectError(
                    f"{endpoint} drops the settings of our sessions",
                    detail="something is between us and the server that ignores libpq's `options`",
                    hint=POOLED,
                )
            return version
    except psycopg.Error as error:
        said = str(error).strip()
        if _hint(said):
            raise _final(endpoint, said) from error
        raise _NotYetError(said) from error


def _said(endpoint: Endpoint) -> str:
    """Return libpq's own words, which say more than pg_isready's."""
    try:
        endpoint.connect().close()
    except psycopg.Error as error:
        return str(error).strip()
    return ""


def _final(endpoint: Endpoint, said: str) -> CannotConnectError:
    return CannotConnectError(f"{endpoint} does not let us in", detail=said, hint=_hint(said) or UNREACHED)


def _hint(said: str) -> str:
    return next((hint for pattern, hint in HINTS.items() if re.search(pattern, said)), "")
