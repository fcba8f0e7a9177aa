"""One side of the copy: how programs and sessions reach it, and the settings they are pinned to."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

import psycopg
from psycopg.conninfo import make_conninfo

from elt_script.errors import DestinationError, EltError, SourceError
from elt_script.pg import silence, stop
from elt_script.pg.passing import is_passing
from elt_script.pg.process import Command
from elt_script.secret import is_hidden, remember

Role = Literal["source", "destination"]

ENCRYPTED = ("require", "verify-ca", "verify-full")  # of sslmode's values

# Variables that say where libpq finds its files, not which server it talks to.
KEPT_VARIABLES = ("PGSERVICEFILE", "PGSYSCONFDIR", "PGPASSFILE", "PGLOCALEDIR")

# How the names of our own settings begin.
OURS = ("ELT_", "POSTGRES_")

# libpq's own names for what a connection is made of.
VARIABLES = {
    "PGSERVICE": "service",
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGSSLMODE": "sslmode",
    "PGPASSFILE": "passfile",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLCERTMODE": "sslcertmode",
    "PGSSLSNI": "sslsni",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGCHANNELBINDING": "channel_binding",
    "PGGSSENCMODE": "gssencmode",
    "PGREQUIREAUTH": "require_auth",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGCONNECT_TIMEOUT": "connect_timeout",
}

# A peer that is silent for 90 s is gone: for our side of a session, and for its server, which would keep the
# session's locks. Postgres ignores these where the platform has no such thing.
PATIENCE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
    "tcp_user_timeout": "90000",
}
SERVER_PATIENCE = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
    "tcp_user_timeout": "90000",
}

# What `alter database` and `alter role` may have set, and what must not change a byte of the result.
MARK = "elt.pinned"  # which no server knows: a session that has it has the others
PINNED = {
    MARK: "yes",
    **SERVER_PATIENCE,
    "search_path": "",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "array_nulls": "on",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "row_security": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_tablespace": "",
    "temp_tablespaces": "",
    "default_table_access_method": "heap",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "client_min_messages": "warning",
    "client_connection_check_interval": "2000",
    "exit_on_error": "off",
    "jit": "off",
}
PINNED_SINCE = {17: {"transaction_timeout": "0"}}

SESSION_NAMES = 0x1000  # a name has at most 63 bytes, and three of them are left for this
_sessions = itertools.count(secrets.randbelow(SESSION_NAMES))  # a worker's are others than its neighbour's


def inherited_environment() -> dict[str, str]:
    """Return our environment for a program that is not to know our settings, with other servers' secrets.

    It lacks the PG… variables, too, that would point the program at some server.
    """
    others = _others_environment().items()
    return {name: value for name, value in others if not name.startswith(OURS) and not is_hidden(name)}


def _others_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not _is_foreign(name)}


def _is_foreign(name: str) -> bool:
    return name.startswith("PG") and name not in KEPT_VARIABLES


def _forget_foreign_variables() -> None:
    """Remove from this process what would point libpq, which looks there, at our caller's server.

    Not all of it could be overruled by parameters: an empty `service` is a service that does not exist.
    """
    for name in [name for name in os.environ if _is_foreign(name)]:
        del os.environ[name]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A database as one side of the copy sees it.

    parameters  libpq keywords; everything but the password, so that they may be seen
    bin         the folder of the Postgres programs to use, once it is chosen
    version     the server's major version, once it is known
    settings    what sessions are pinned to beyond PINNED
    left        what of PINNED is left as the server has it
    travelled   it was pickled, and so lost its password: see elt_script/arrival.py
    secret      whether there was one to lose
    """

    role: Role
    parameters: Mapping[str, str]
    password: str | None = field(default=None, repr=False)
    bin: Path | None = None
    version: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    left: frozenset[str] = frozenset()
    application: str = "elt"
    pinned: bool = True
    travelled: bool = False
    secret: bool = False

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Endpoint], tuple[dict[str, Any]]]:
        known = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "password"}
        secret = self.secret or self.password is not None
        return _unpacked, ({**known, "travelled": True, "secret": secret},)

    def __post_init__(self) -> None:
        self._remember(self.password)

    def __str__(self) -> str:
        known = self.parameters
        place = known.get("service") or known.get("hostaddr") or known.get("host", "localhost")
        port = f":{known['port']}" if "port" in known else ""
        database = f"/{known['dbname']}" if "dbname" in known else ""
        return f"{self.role} {place}{port}{database}"

    @property
    def demands_tls(self) -> bool:
        """Whether sessions without TLS are refused by the parameters themselves."""
        known = self.parameters
        return known.get("sslmode") in ENCRYPTED or known.get("sslrootcert") == "system"

    @property
    def error(self) -> type[EltError]:
        """What it means when this side fails."""
        return SourceError if self.role == "source" else DestinationError

    def using(self, bin_dir: Path, version: int, **settings: str) -> Endpoint:
        """Return this endpoint with the programs and settings for its server's version."""
        return replace(self, bin=bin_dir, version=version, settings={**self.settings, **settings})

    def with_settings(self, **settings: str) -> Endpoint:
        """Return this endpoint with sessions pinned to these settings too."""
        return replace(self, settings={**self.settings, **settings})

    def database(self, name: str) -> Endpoint:
        """Return another database of the same server."""
        return replace(self, parameters={**self.parameters, "dbname": name})

    def unpinned(self) -> Endpoint:
        """Return this endpoint with sessions as its server sets them up: for what is not ours to pin."""
        return replace(self, pinned=False)

    def moving_rows(self) -> Endpoint:
        """Return this endpoint for sessions whose peer may rightly read nothing for long.

        The kernel counts a window that stays closed as silence, however alive the peer: a load that waits for
        a lock, or a source whose destination is busy. A stall of these is for pg/lifeline.py to tell.
        """
        return replace(
            self,
            parameters={**self.parameters, "tcp_user_timeout": "0"},
            settings={**self.settings, "tcp_user_timeout": "0"},
        )

    def environment(self) -> Mapping[str, str]:
        """Return our environment, with variables by which any program of libpq's finds this database."""
        names = {key: name for name, key in VARIABLES.items()}
        known = {names[key]: value for key, value in self.parameters.items() if key in names}
        return {**_others_environment(), **self._environment(), **known}

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """Open a session for decisions and DDL: rows of users' tables never come this way.

        Its statements are cancelled when the command is stopped.
        """
        stop.current().heed()
        _forget_foreign_variables()
        try:
            session = psycopg.connect(
                self._conninfo(),
                password=self.password,
                application_name=self.application,
                autocommit=True,
                cursor_factory=_SourceCursor if self.role == "source" else psycopg.Cursor,
            )
        except psycopg.Error as error:
            self._remember(getattr(error.pgconn, "password", None))
            error.add_note(self.role)
            raise
        self._remember(session.pgconn.password)  # which libpq may have found in a passfile or a service
        stop.current().opened(session)
        if silent := silence.of(self.application):
            silent.opened(session, self.role)
        major = session.info.server_version // 10_000
        if self.pinned and self.version is None and _pinned_since(major):  # it could not be asked for before
            session.close()  # and not by a statement: a limit that others have set may end the first one
            return replace(self, version=major).connect(autocommit=autocommit)
        session.autocommit = autocommit
        return session

    def program(self, name: str, *arguments: str) -> Command:
        """Return one of Postgres' own programs, pointed at this database."""
        path = str(self.bin / name) if self.bin else name
        label = f"{name} ({self.role})"
        session = f"{self.application}/{next(_sessions) % SESSION_NAMES:x}"
        environment = {**self._environment(), "PGAPPNAME": session}
        return Command(label, (path, *arguments), environment, self.error, session=session)

    def psql(self, *arguments: str) -> Command:
        """psql that stops at the first error and prints data only; the script is its stdin."""
        quiet = ("--no-psqlrc", "--quiet", "--no-password", "--tuples-only", "--no-align")
        strict = ("--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=verbose", "--dbname", self._conninfo())
        return replace(self.program("psql", *quiet, *strict, *arguments), lost_status=2)

    def pg_dump(self, *arguments: str) -> Command:
        """pg_dump of this database."""
        return self.program("pg_dump", "--no-password", "--dbname", self._conninfo(), *arguments)

    def pg_restore(self, *arguments: str) -> Command:
        """pg_restore into this database, that stops at the first error; the archive is its stdin."""
        strict = ("--exit-on-error", "--no-password", "--dbname", self._conninfo())
        return self.program("pg_restore", *strict, *arguments)

    def pg_isready(self, *, timeout_seconds: int) -> Command:
        """pg_isready: does a server answer there."""
        return self.program("pg_isready", "--dbname", self._conninfo(), "--timeout", str(timeout_seconds))

    def _remember(self, password: str | bytes | None) -> None:
        """Have a password left out of all that is said; libpq gives bytes."""
        if password:
            known = password.decode(errors="replace") if isinstance(password, bytes) else password
            remember(known, *self.parameters.values())

    def _conninfo(self) -> str:
        # here and not in PGOPTIONS, which the options of a libpq service would replace
        pinned = {"options": self._options(), "client_encoding": "UTF8"} if self.pinned else {}
        return make_conninfo("", **{"connect_timeout": "10", **PATIENCE, **self.parameters, **pinned})

    def _environment(self) -> Mapping[str, str]:
        own = {"PGAPPNAME": self.application, "LC_MESSAGES": "C"}
        if self.password is not None:
            own["PGPASSWORD"] = self.password
        return {**inherited_environment(), **own}

    def _options(self) -> str:
        kept = {name: said for name, said in PINNED.items() if name not in self.left}
        return _as_options({**kept, **_pinned_since(self.version or 0), **self.settings})


def is_pinned(session: psycopg.Connection[Any]) -> bool:
    """Ask a server whether a session has the settings that it was begun with."""
    return session.execute("select current_setting(%s, true)", [MARK]).fetchall() == [(PINNED[MARK],)]


def _unpacked(known: dict[str, Any]) -> Endpoint:
    return Endpoint(**known)


def _pinned_since(major: int) -> dict[str, str]:
    """Return what is pinned on servers of this version, beyond what all of them know."""
    known = (more for since, more in PINNED_SINCE.items() if major >= since)
    return {name: value for more in known for name, value in more.items()}


def _as_options(settings: Mapping[str, str]) -> str:
    """Return settings as libpq's `options`, in which a backslash escapes a space."""

    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace(" ", "\\ ")

    return " ".join(f"-c {name}={escaped(value)}" for name, value in settings.items())


class _SourceCursor(psycopg.Cursor[Any]):
    """A cursor whose errors remember that they are the source's."""

    def execute(self, *arguments: Any, **options: Any) -> Self:
        try:
            return super().execute(*arguments, **options)
        except psycopg.Error as error:
            error.add_note("source")
            raise


@contextmanager
def translating() -> Generator[None]:
    """Turn what a session raises into what it means for the command."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error


def translated(error: psycopg.Error) -> EltError:
    """Return what a session's error means, and what the server said."""
    side = SourceError if "source" in getattr(error, "__notes__", ()) else DestinationError
    failure = _translated(error, side, "source" if side is SourceError else "destination")
    failure.transient = is_passing(error)
    return failure


def _translated(error: psycopg.Error, side: type[EltError], role: str) -> EltError:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return side(
            f"the {role} kept us waiting for a lock",
            detail=str(error).strip(),
            hint="Nothing was published. Somebody alters something there: run again when that is done.",
        )
    return side(
        f"the {role} refused or broke off",
        detail=str(error).strip(),
        hint="Its server's log may say more. Nothing was published; run again when it is mended.",
    )
