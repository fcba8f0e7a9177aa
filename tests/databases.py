"""Databases for one test each: made fast, owned by an ordinary role, dropped whatever the test left."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psutil
from psycopg import sql

from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint, Role

PASSWORD = "hush 'of' \\ {} é"
GRACE_S = 3.0  # a session ends a moment after its client

INSTALLED = {
    int(folder.parent.name): folder
    for folder in Path("/usr/lib/postgresql").glob("*/bin")
    if folder.parent.name.isdigit() and (folder / "initdb").exists()
}
OLD = next((major for major in (14, 15) if major in INSTALLED), None)  # a server that the wheel has not

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """A test's database, as its owner (an ordinary role) and as a superuser see it."""

    server: Server
    owner: Endpoint
    admin: Endpoint

    @property
    def name(self) -> str:
        """The database's name, which is also its owner's."""
        return self.owner.parameters["dbname"]


class MakeDatabase(Protocol):
    """Make a database; with an encoding of its own, its locale is C."""

    def __call__(self, server: Server, role: Role, encoding: str = "") -> Database: ...


@contextmanager
def databases(client: Path) -> Generator[MakeDatabase]:
    """Make databases for as long as this block lasts; afterwards nothing may have been left running.

    client  the folder of the programs that the endpoints use
    """
    made: list[Database] = []

    def make(server: Server, role: Role, encoding: str = "") -> Database:
        made.append(_made(server, role, client, encoding))
        return made[-1]

    try:
        yield make
    finally:
        left = [line for database in made for line in _sessions(database)]
        for database in made:
            _drop(database)
    assert not left, f"sessions were left: {left}"
    assert not (running := _children()), f"programs were left: {running}"


def _made(server: Server, role: Role, client: Path, encoding: str) -> Database:
    name = f"{role}_{next(_numbers)}"
    secret = PASSWORD.format(name)
    right = sql.SQL("createdb" if role == "destination" else "nocreatedb")
    # Copying files is 100 ms faster than writing them to the log, which 14 did not do either.
    strategy = sql.SQL("strategy file_copy" if server.major >= 15 else "")
    with server.endpoint(role, "postgres").connect(autocommit=True) as conn:
        conn.execute(
            sql.SQL("create role {} login {} password {}").format(sql.Identifier(name), right, secret)
        )
        conn.execute(
            sql.SQL("create database {0} owner {0} template template0 {1} {2}").format(
                sql.Identifier(name), strategy, _encoded(encoding)
            )
        )
    admin = server.endpoint(role, name).using(client, server.major)
    owner = replace(admin, parameters={**admin.parameters, "user": name}, password=secret)
    return Database(server, owner, admin)


def _encoded(encoding: str) -> sql.Composable:
    return sql.SQL("encoding {} locale 'C'").format(sql.Literal(encoding)) if encoding else sql.SQL("")


def _drop(database: Database) -> None:
    """Drop the database and its owner, and what else the owner made (scratch databases)."""
    with database.admin.database("postgres").connect(autocommit=True) as conn:
        owned = conn.execute(
            "select datname from pg_database where pg_get_userbyid(datdba) = %s", [database.name]
        ).fetchall()
        for (name,) in (*owned, (database.name,)):
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        conn.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(database.name)))


def _sessions(database: Database) -> list[str]:
    """Return the sessions in a database that do not end by themselves."""
    deadline = time.monotonic() + GRACE_S
    with database.admin.database("postgres").connect(autocommit=True) as conn:
        while True:
            left = conn.execute(
                "select format('%%s: %%s %%s', application_name, state, query) from pg_stat_activity"
                " where datname = %s and backend_type = 'client backend'",
                [database.name],
            ).fetchall()
            if not left or time.monotonic() > deadline:
                return [line for (line,) in left]
            time.sleep(0.02)


def _children() -> list[str]:
    deadline = time.monotonic() + GRACE_S
    while True:
        left = [str(child) for child in psutil.Process().children(recursive=True)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)
