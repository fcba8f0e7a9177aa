"""elt_cron on real containers: seconds for minutes, restarts, failures, and stops at the worst moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.docker.engine import Compose, command, inspect, project

pytestmark = pytest.mark.docker

PATIENCE_S = 60.0
ROWS = 153_000
GRACE_S = 30  # stop_grace_period of docker-compose.yaml
CONFIG = "pipeline: often\nschemas: [public]\nwait: {max_retries: 1, delay_seconds: 0.2}\n"


@dataclass(frozen=True, slots=True)
class Cron:
    """A project whose scheduler is up."""

    compose: Compose

    def ends(self, level: str) -> list[dict[str, Any]]:
        """Return what the scheduler's log says of runs that went well (info) or failed (error)."""
        return [event for event in self.events("run.ended") if event["level"] == level]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what the scheduler's log says of a kind, the last container's alone."""
        lines = self.log().splitlines()
        found: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
        starts = [index for index, event in enumerate(found) if event["event"] == "schedule.started"]
        return [event for event in found[starts[-1] if starts else 0 :] if event["event"] == name]

    def log(self) -> str:
        return command("docker", "logs", self.compose.container("elt_cron")).said

    def one_more(self, name: str) -> None:
        """Wait for one more event of a kind."""
        before = len(self.events(name))
        self.wait_for(lambda: len(self.events(name)) > before)

    def one_more_success(self) -> None:
        """Wait for one more run that goes well."""
        before = len(self.ends("info"))
        self.wait_for(lambda: len(self.ends("info")) > before)

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.log()[-5000:]
            time.sleep(0.3)

    def state(self) -> dict[str, Any]:
        """Return what the engine knows of the scheduler's container."""
        return inspect(self.compose.container("elt_cron"))["State"]

    def has_health(self, health: str) -> bool:
        return bool(self.state()["Health"]["Status"] == health)

    @contextmanager
    def session(self, side: str) -> Generator[psycopg.Connection[Any]]:
        """Open a session as from this machine."""
        password = (self.compose.folder / "containers" / "secrets" / f"{side}_password").read_text().strip()
        place = f"host=127.0.0.1 port={self.compose.port(f'{side}_postgres')} user=postgres dbname={side}_db"
        with psycopg.connect(place, password=password) as conn:
            yield conn


@pytest.fixture(scope="module")
def cron(clone: Path, image: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Cron]:
    folder = tmp_path_factory.mktemp("config")
    (folder / "config.yaml").write_text(CONFIG)
    folder.chmod(0o755)
    settings = {
        "ELT_IMAGE": image,
        "ELT_CONFIG_FILE": str(folder / "config.yaml"),
        "ELT_SCHEDULE": "*/3 * * * * *",
        "ELT_HEALTH_INTERVAL": "1s",
        "ELT_LOG_FORMAT": "json",
        "POSTGRES_VERSION": "17",
    }
    with project(clone, "cron", **settings) as compose:
        up = compose("--profile", "cron", "up", "--detach", "elt_cron")
        assert up.status == 0, up
        yield Cron(compose)


def test_it_runs_again_and_again_and_is_healthy(cron: Cron) -> None:
    cron.wait_for(lambda: len(cron.ends("info")) >= 2)

    cron.wait_for(lambda: cron.has_health("healthy"))
    with cron.session("destination") as conn:
        assert conn.execute("select count(*) from public.accelerometer").fetchone() == (ROWS,)
        assert conn.info.server_version // 10_000 == 17


def test_a_restarted_database_is_no_matter_for_the_next_run(cron: Cron) -> None:
    assert cron.compose("restart", "destination_postgres").status == 0

    cron.one_more_success()

    assert inspect(cron.compose.container("elt_cron"))["RestartCount"] == 0


def test_a_failed_run_is_told_and_unhealthy_until_one_succeeds(cron: Cron) -> None:
    cron.compose("stop", "source_postgres")
    cron.wait_for(lambda: any(event["exit_status"] == 4 for event in cron.ends("error")))
    failed = cron.ends("error")[-1]

    assert "source_postgres:5432/source_db could not be reached" in failed["error"]
    assert failed["next"] > failed["timestamp"][:19]
    (told, *_) = cron.events("run.failed")
    assert (told["exit_status"], told["pipeline"], failed["error"].partition("\n")[0]) == (
        4,
        "often",
        told["error"],
    )
    cron.wait_for(lambda: cron.has_health("unhealthy"))

    cron.compose("start", "source_postgres")
    cron.one_more_success()
    cron.wait_for(lambda: cron.has_health("healthy"))


def test_a_stop_in_the_middle_of_a_run_is_clean(cron: Cron) -> None:
    with cron.session("destination") as reader:
        reader.execute("lock table public.accelerometer in access share mode")  # publish must wait for us
        cron.one_more("run.missed")
        started = time.monotonic()
        assert cron.compose("--profile", "cron", "stop", "elt_cron").status == 0
        seconds = time.monotonic() - started
        assert reader.execute("select count(*) from public.accelerometer").fetchone() == (ROWS,)

    assert (cron.state()["ExitCode"], seconds < GRACE_S) == (143, True), seconds
    stopped = cron.events("schedule.stopped")[-1]
    assert (stopped["signal"], stopped["exit_status"]) == ("SIGTERM", 143)
    left = """
        select nspname from pg_namespace where nspname like 'elt\\_next%'
        union all select datname from pg_database where datname like 'elt\\_board%'
        union all select application_name from pg_stat_activity where application_name like 'elt/%'
    """
    for side in ("source", "destination"):
        with cron.session(side) as conn:
            assert conn.execute(left.encode()).fetchall() == []


def test_a_stop_between_runs_is_status_0(cron: Cron) -> None:
    up = cron.compose("--profile", "cron", "up", "--detach", "elt_cron", ELT_SCHEDULE="0 0 29 2 *")
    assert up.status == 0, up
    cron.wait_for(lambda: cron.ends("info"))

    started = time.monotonic()
    cron.compose("--profile", "cron", "stop", "elt_cron")

    assert (cron.state()["ExitCode"], time.monotonic() - started < 5) == (0, True)


def test_down_leaves_nothing(cron: Cron) -> None:
    down = cron.compose("--profile", "cron", "down", "--volumes")

    assert (down.status, cron.compose.left()) == (0, ""), down
