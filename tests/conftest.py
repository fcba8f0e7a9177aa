"""Servers for the whole session, started when a test first asks; databases for one test each."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from copy import copy
from functools import cache
from pathlib import Path

import pytest

from elt_script import secret
from elt_script.pg.cluster import Server, cluster, embedded
from elt_script.pg.endpoint import Endpoint
from tests.databases import INSTALLED, OLD, Database, MakeDatabase, databases
from tests.gates import as_somebody
from tests.worlds import World, world_of

DOCKER_PATIENCE_S = 30


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docker: needs a Docker engine")
    # Whoever stops the tests means the servers too: let fixtures end as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A job that a shell put into the background ignores Ctrl-C, one of nohup's the terminal's end, and so
    # would the commands under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before fixtures, which need it too
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") and (fault := docker_fault()):
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Docker: {fault}", pytrace=False)
        pytest.skip(f"no Docker: {fault}")


@pytest.fixture(autouse=True)
def _secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test know its own secrets alone: another's password would be *** in what this one reads."""
    for name in ("_known", "_forms", "_pattern", "_variables"):
        monkeypatch.setattr(secret, name, copy(vars(secret)[name]))


@cache
def docker_fault() -> str:
    """Return why tests that need Docker cannot run here, or nothing if they can."""
    try:
        asked = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            timeout=DOCKER_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return asked.stderr.strip().partition("\n")[0] if asked.returncode else ""


@contextmanager
def server(programs: Path) -> Generator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="elt-test-"))
    settings = {
        "unix_socket_directories": str(folder.resolve()),  # for tests that come by a socket
        "max_prepared_transactions": "2",
    }
    with cluster(folder, programs, password="hush of the superuser", settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def source_server() -> Generator[Server]:
    """A server of version 16."""
    with server(embedded()[16]) as running:
        yield running


@pytest.fixture(scope="session")
def destination_server() -> Generator[Server]:
    """A server of version 18."""
    with server(embedded()[18]) as running:
        yield running


@pytest.fixture(scope="session")
def old_server() -> Generator[Server]:
    """A server older than those in the wheel, where this machine has one."""
    if OLD is None:
        pytest.skip("this machine has no server programs of Postgres 14 or 15")
    with server(INSTALLED[OLD]) as running:
        yield running


@pytest.fixture(scope="session")
def roles(destination_server: Server) -> Generator[tuple[str, str]]:
    """An analyst and a reader at the destination's server, for databases that are gone before they are."""
    names = ("their_analyst", "their_reader")
    with as_somebody(destination_server.endpoint("destination", "postgres"), autocommit=True) as conn:
        for name in names:
            conn.execute(f"create role {name}".encode())
    yield names
    with as_somebody(destination_server.endpoint("destination", "postgres"), autocommit=True) as conn:
        for name in names:
            conn.execute(f"drop role {name}".encode())


@pytest.fixture
def new_world(
    roles: tuple[str, str], source_server: Server, destination_server: Server, make_database: MakeDatabase
) -> World:
    return world_of(roles, source_server, destination_server, make_database)


@pytest.fixture
def make_database() -> Generator[MakeDatabase]:
    """Make another database, by a server and a role: "source" or "destination"."""
    with databases(embedded()[18]) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_database() -> Generator[MakeDatabase]:
    """Make a database that the tests of one file share."""
    with databases(embedded()[18]) as make:
        yield make


@pytest.fixture
def source_database(source_server: Server, make_database: MakeDatabase) -> Database:
    return make_database(source_server, "source")


@pytest.fixture
def destination_database(destination_server: Server, make_database: MakeDatabase) -> Database:
    return make_database(destination_server, "destination")


@pytest.fixture
def source(source_database: Database) -> Endpoint:
    """A new database of version 16, as its owner, an ordinary role."""
    return source_database.owner


@pytest.fixture
def source_admin(source_database: Database) -> Endpoint:
    """The database of `source`, as a superuser."""
    return source_database.admin


@pytest.fixture
def destination(destination_database: Database) -> Endpoint:
    """A new database of version 18, as its owner, an ordinary role who may create databases."""
    return destination_database.owner


@pytest.fixture
def destination_admin(destination_database: Database) -> Endpoint:
    """The database of `destination`, as a superuser."""
    return destination_database.admin
