"""docker-compose.yaml as users meet it: from a fresh clone, by its commands, until nothing is left."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.docker.engine import OURS, Compose, Ended, docker, inspect, project

pytestmark = pytest.mark.docker

ROWS = 153_000
SERVICES = ("source_postgres", "destination_postgres", "source_db_init", "elt")
IMPATIENT = "wait: {max_retries: 1, delay_seconds: 0.1}\nschemas: [public]\n"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A project that was brought up, and how that went."""

    compose: Compose
    first: Ended

    def connect(self, side: str) -> psycopg.Connection[Any]:
        """Open a session as from this machine."""
        password = (self.compose.folder / "containers" / "secrets" / f"{side}_password").read_text().strip()
        port = self.compose.port(f"{side}_postgres")
        place = f"host=127.0.0.1 port={port} user=postgres dbname={side}_db"
        return psycopg.connect(place, password=password, autocommit=True)


@pytest.fixture(scope="module")
def demonstration(clone: Path) -> Generator[Demonstration]:
    """What `docker compose up elt` makes of a fresh clone; the image is built by it."""
    with project(clone, "compose", ELT_IMAGE=f"{OURS}-built:latest", POSTGRES_VERSION="") as compose:
        yield Demonstration(compose, compose("up", "--exit-code-from", "elt", "elt"))


@pytest.fixture
def compose(demonstration: Demonstration) -> Compose:
    return demonstration.compose


def test_one_command_is_the_whole_set_up(demonstration: Demonstration) -> None:
    assert demonstration.first.status == 0, demonstration.first
    assert "generation 1 published" in demonstration.first.stdout
    with demonstration.connect("source") as source, demonstration.connect("destination") as destination:
        query = "select count(*), sum(hashtextextended(t::text, 0)) from public.accelerometer t"
        there = destination.execute(query).fetchone()
        assert there == source.execute(query).fetchone()
        assert there is not None
        assert there[0] == ROWS
        assert destination.info.server_version // 10_000 == 18


def test_it_works_a_second_and_a_third_time(compose: Compose) -> None:
    for generation in (2, 3):
        again = compose("up", "--exit-code-from", "elt", "elt")

        assert again.status == 0, again
        assert f"generation {generation} published" in again.stdout
    seeded = compose("logs", "source_db_init").stdout
    assert "is there already" in seeded or "skipped" in seeded, seeded


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("plan", "replace public.accelerometer: about 153,000 rows"),
        ("check", "ready: 1 table"),
        ("status", "pipeline  accelerometer"),
        ("rollback", "is live again, instead of"),
    ],
)
def test_each_command_runs(compose: Compose, command: str, said: str) -> None:
    found = compose.run(command)

    assert (found.status, said in found.stdout) == (0, True), found


def test_what_one_side_lacks_has_its_exit_status(compose: Compose, tmp_path: Path) -> None:
    wrong, config = tmp_path / "wrong", tmp_path / "config.yaml"
    wrong.write_text("no such password\n")
    config.write_text(IMPATIENT)
    for path in (tmp_path, tmp_path.parent):
        path.chmod(0o755)

    denied = compose.run(SOURCE_PASSWORD_FILE=str(wrong))
    compose("stop", "source_postgres")
    alone = compose.run(ELT_CONFIG_FILE=str(config))
    config.write_text("tables: []\n")
    faulty = compose.run(ELT_CONFIG_FILE=str(config))
    back = compose("up", "--detach", "--wait", "source_postgres")

    assert (denied.status, "password authentication failed" in denied.stderr) == (4, True), denied
    assert "no such password" not in denied.said
    assert (alone.status, "source_postgres" in alone.stderr) == (4, True), alone
    assert (faulty.status, "config.yaml:1: tables" in faulty.stderr) == (2, True), faulty
    assert back.status == 0, back


@contextmanager
def command_lines() -> Generator[set[str]]:
    """Collect the command lines of all processes on this machine while this block lasts."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for process in psutil.process_iter(["cmdline"]):
                seen.add(" ".join(process.info["cmdline"] or ()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_no_password_is_shown_anywhere(compose: Compose) -> None:
    folder = compose.folder / "containers" / "secrets"
    secrets = [path.read_text().strip() for path in sorted(folder.iterdir())]

    with command_lines() as seen:
        run = compose("up", "--exit-code-from", "elt", "elt")
    public = [compose("logs").said, run.said, compose("config").stdout, *seen]
    public += [json.dumps(inspect(compose.container(service))) for service in SERVICES]
    public.append(docker("history", "--no-trunc", compose.environ["ELT_IMAGE"]))

    assert len(secrets) == 2
    assert any("psql" in line and "source_db" in line for line in seen)  # we looked while it was at work
    assert not [text for text in public for secret in secrets if secret in text]


def test_containers_are_confined(compose: Compose) -> None:
    for service in ("elt", "source_db_init"):
        host = inspect(compose.container(service))["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["PortBindings"] in ({}, None)
    for service in ("source_postgres", "destination_postgres"):
        found = inspect(compose.container(service))
        assert [port["HostIp"] for port in found["HostConfig"]["PortBindings"]["5432/tcp"]] == ["127.0.0.1"]
        assert found["State"]["Health"]["Status"] == "healthy"
        mounts = {mount["Destination"]: mount for mount in found["Mounts"]}
        assert mounts["/var/lib/postgresql"]["Name"].endswith("_18")
    other = compose("exec", "destination_postgres", "pg_isready", "--host", "source_postgres")
    assert other.status == 0, other


def test_the_data_outlives_its_containers_but_not_down_v(demonstration: Demonstration) -> None:
    compose = demonstration.compose
    assert compose("down").status == 0
    assert compose("up", "--detach", "--wait", "destination_postgres").status == 0
    with demonstration.connect("destination") as conn:
        assert conn.execute("select count(*) from public.accelerometer").fetchone() == (ROWS,)

    down = compose("down", "--volumes")

    assert (down.status, compose.left()) == (0, ""), down
