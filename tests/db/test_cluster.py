"""Throw-away servers start, keep strangers out, end, and say why they do not start."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Generator
from pathlib import Path

import psutil
import psycopg
import pytest

from elt_script.errors import EltError
from elt_script.pg import cluster, process
from elt_script.pg.cluster import Server, embedded
from elt_script.pg.endpoint import Endpoint
from tests.databases import databases

PASSWORD = "it's a \\ secret, é"


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder that any user can reach, as pytest's own are not."""
    above = Path(tempfile.mkdtemp(prefix="elt-test-"))
    above.chmod(0o755)
    yield above / "server"
    shutil.rmtree(above)


@pytest.mark.parametrize("major", [16, 18])
def test_a_server_runs_until_its_block_ends(folder: Path, major: int) -> None:
    with cluster.cluster(
        folder, embedded()[major], password=PASSWORD, settings={"work_mem": "3MB"}
    ) as server:
        endpoint = server.endpoint("source", "postgres")
        said = process.run(endpoint.psql("--command", "select current_setting('work_mem')")).stdout
        with endpoint.connect() as conn:
            version = conn.info.server_version // 10_000
        assert psutil.Process(server.pid).cwd() == str(folder / "data")

    assert said == b"3MB\n"
    assert version == server.major == major
    assert not folder.exists()
    with pytest.raises(psutil.Error):
        psutil.Process(server.pid).cwd()


def test_a_server_lets_nobody_in_without_the_password(source_server: Server) -> None:
    stranger = Endpoint("source", source_server.endpoint("source", "postgres").parameters, "guessed")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        stranger.connect()


def test_a_server_can_be_left_running_stopped_and_started_again(folder: Path) -> None:
    server = cluster.start(folder, embedded()[18], password=PASSWORD)
    try:
        with server.endpoint("source", "postgres").connect() as conn:
            conn.execute("create table public.kept as select 1 as n")
        cluster.stop(folder)
        with pytest.raises(psycopg.OperationalError):
            server.endpoint("source", "postgres").connect()

        resumed = cluster.resume(server)

        with server.endpoint("source", "postgres").connect() as conn:
            assert conn.execute("table public.kept").fetchall() == [(1,)]
        assert resumed.port == server.port
        assert resumed.pid != server.pid
    finally:
        cluster.remove(folder)
    assert not folder.exists()
    cluster.stop(folder)  # what is gone can be stopped


def test_a_session_that_lingers_does_not_keep_a_server_up(folder: Path) -> None:
    with cluster.cluster(folder, embedded()[18], password=PASSWORD) as server:
        lingering = server.endpoint("source", "postgres").connect()

    assert not psutil.pid_exists(server.pid) or psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE
    lingering.close()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(folder: Path) -> None:
    with pytest.raises(EltError, match='invalid value for parameter "work_mem"'):
        cluster.start(folder, embedded()[18], password=PASSWORD, settings={"work_mem": "much"})

    assert not folder.exists()


def test_a_folder_with_something_in_it_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text("mine")

    with pytest.raises(EltError, match="is not empty"):
        cluster.start(folder, embedded()[18], password=PASSWORD)

    assert (folder / "mine").read_text() == "mine"


def test_a_folder_without_a_server_is_named(folder: Path) -> None:
    with pytest.raises(EltError, match=f"{folder.parent} has no postgres to start"):
        cluster.start(folder, folder.parent, password=PASSWORD)

    assert not folder.exists()


def test_a_process_that_was_given_the_pid_of_a_dead_server_is_not_stopped(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")

    cluster.remove(folder)

    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_programs_in_a_private_home_are_copied_for_the_server(folder: Path) -> None:
    home = folder.parent / "home"
    home.mkdir(mode=0o700)
    wheel = embedded()[16].parents[1]
    shutil.copytree(wheel / "pginstall", home / wheel.name / "pginstall")
    shutil.copytree(f"{wheel}.libs", home / f"{wheel.name}.libs")

    with cluster.cluster(folder, home / wheel.name / "pginstall" / "bin", password=PASSWORD) as server:
        started = Path(psutil.Process(server.pid).exe())

    assert started.is_relative_to(folder)
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_a_folder_that_the_server_cannot_reach_is_named(folder: Path) -> None:
    folder.parent.chmod(0o700)

    with pytest.raises(EltError, match="cannot reach"):
        cluster.start(folder, embedded()[18], password=PASSWORD)

    assert not folder.exists()


def test_a_port_is_kept_for_the_server_while_it_starts() -> None:
    with socket.socket() as reserved, socket.socket() as other, socket.socket() as server:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((cluster.HOST, 0))

        with pytest.raises(OSError, match="in use"):
            other.bind(reserved.getsockname())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(reserved.getsockname())
        server.listen()


def test_the_owner_of_a_database_is_an_ordinary_role(source: Endpoint, destination: Endpoint) -> None:
    query = "select rolsuper, rolcreatedb, current_setting('server_version_num')::int / 10000"
    rights: list[object] = []
    for endpoint in (source, destination):
        with endpoint.connect() as conn:
            rights += conn.execute(f"{query} from pg_roles where rolname = user").fetchall()
            conn.execute("create table public.mine ()")

    assert rights == [(False, False, 16), (False, True, 18)]


def test_databases_are_dropped_with_what_their_owner_made(destination_server: Server) -> None:
    with databases(embedded()[18]) as make_database:
        made = make_database(destination_server, "destination")
        with made.owner.connect(autocommit=True) as conn:
            conn.execute("create database scratch_of_a_test")

    with destination_server.endpoint("destination", "postgres").connect() as conn:
        names = {name for (name,) in conn.execute("select datname from pg_database")}
        roles = {name for (name,) in conn.execute("select rolname from pg_roles")}
    assert names.isdisjoint({made.name, "scratch_of_a_test"})
    assert made.name not in roles


def test_a_test_that_leaves_a_session_fails_and_its_database_is_gone(destination_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        make_database = stack.enter_context(databases(embedded()[18]))
        made = make_database(destination_server, "destination")
        left = made.owner.connect()
        with pytest.raises(AssertionError, match="sessions were left"):
            stack.close()
        left.close()

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        made.admin.connect()
