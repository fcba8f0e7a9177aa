"""`elt schedule` as a process: one run at a time, whatever becomes of the runs, until a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# The scheduler with another command than `elt run`.
DRIVER = """\
import json, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from elt_script import schedule as scheduler
from elt_script.display.events import configure
from elt_script.schedule import Order, Timetable, schedule
order = json.loads(sys.argv[1])
scheduler.NAP_S = order.pop("nap", scheduler.NAP_S)
order["state_file"] = Path("state.json")
order["timetable"] = Timetable(order.pop("cron"), ZoneInfo("UTC"))
with configure("json"):
    sys.exit(schedule(Order(**order)))
"""
EVERY_SECOND = "* * * * * *"
NEVER = "0 0 29 2 *"  # not while a test runs
PATIENCE_S = 60.0
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ELT_", "PG"))}


@dataclass(frozen=True, slots=True)
class Scheduler:
    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str = "", level: str = "") -> list[dict[str, Any]]:
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [
            event for event in found if name in ("", event["event"]) and level in ("", event.get("level"))
        ]

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE_S)


Start = Callable[..., Scheduler]


@pytest.fixture
def start(tmp_path: Path) -> Generator[Start]:
    """Start a scheduler in tmp_path: of a shell's script, or with elt's own arguments."""
    started: list[Scheduler] = []

    def begin(argv: Sequence[str]) -> Scheduler:
        log = tmp_path / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(argv, cwd=tmp_path, env=ENVIRONMENT, stdout=file, stderr=file)
        started.append(Scheduler(process, log))
        return started[-1]

    yield begin
    for scheduler in started:
        scheduler.process.kill()
        scheduler.process.wait()


def of(script: str, cron: str = EVERY_SECOND, **wishes: object) -> list[str]:
    order = {"command": ["sh", "-c", script], "cron": cron, "missed": "skip", "stop_seconds": 10} | wishes
    return [sys.executable, "-c", DRIVER, json.dumps(order)]


def test_runs_do_not_overlap_and_the_missed_are_told(start: Start, tmp_path: Path) -> None:
    scheduler = start(of("echo begin >> runs; sleep 1.3; echo end >> runs"))

    scheduler.wait_for(lambda: len(scheduler.events("run.ended", "info")) == 2)

    assert scheduler.events("run.missed")[0]["reason"].startswith("a run is at work since ")
    assert scheduler.stop() in (0, 143)
    assert re.fullmatch("(begin\nend\n)+(begin\n)?", (tmp_path / "runs").read_text())
    first, second = scheduler.events("run.due")[:2]
    assert first["due"] < scheduler.events("run.missed")[0]["due"] < second["due"]


def test_a_missed_run_is_made_up_for_where_that_is_wished(start: Start) -> None:
    scheduler = start(of("sleep 1.3", missed="run_once"))

    scheduler.wait_for(lambda: len(scheduler.events("run.due")) == 2)

    first, second = scheduler.events("run.due")
    assert "." not in first["due"]
    assert "." in second["due"]  # at once, and not at the next full second


@pytest.mark.parametrize(
    "words",
    [
        "elt: the disk is full\nMake room.",
        '{"event": "run.failed", "error": "the disk is full", "detail": "", "hint": "Make room."}',
    ],
    ids=["in words", "as an event"],
)
def test_a_failed_run_is_told_and_does_not_end_the_scheduler(
    start: Start, tmp_path: Path, words: str
) -> None:
    (tmp_path / "words").write_text(f"{words}\n", encoding="utf-8")
    scheduler = start(of("cat words >&2; exit $(test -e ok || echo 6)"))
    scheduler.wait_for(lambda: scheduler.events("run.ended", "error"))
    failed = scheduler.events("run.ended", "error")[0]

    assert (failed["exit_status"], failed["error"]) == (6, "the disk is full\nMake room.")
    assert failed["next"] > failed["timestamp"][:19]
    state = json.loads((tmp_path / "state.json").read_text())
    assert (state["last"]["exit_status"], state["last_success_at"]) == (6, None)

    (tmp_path / "ok").touch()
    scheduler.wait_for(lambda: scheduler.events("run.ended", "info"))
    scheduler.wait_for(lambda: json.loads((tmp_path / "state.json").read_text())["last_success_at"])
    assert f"{words}\n" in scheduler.log.read_text()  # a run's words are passed on


@pytest.mark.parametrize(("cron", "noted"), [(EVERY_SECOND, "running_since"), (NEVER, "next_at")])
def test_a_scheduler_is_heard_of_as_it_waits_and_as_a_run_is_at_work(
    start: Start, tmp_path: Path, cron: str, noted: str
) -> None:
    scheduler = start(of("exec sleep 60", cron, nap=0.05))
    seen: set[str] = set()

    def heard() -> bool:
        path = tmp_path / "state.json"
        state: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        seen.update(filter(None, (state.get("seen_at"),)) if state.get(noted) else ())
        return len(seen) >= 4

    scheduler.wait_for(heard)
    assert scheduler.stop() == (143 if noted == "running_since" else 0)


def test_a_killed_run_is_a_failed_run(start: Start) -> None:
    scheduler = start(of("kill -9 $$", at_once=True, cron=NEVER))

    scheduler.wait_for(lambda: scheduler.events("run.ended", "error"))

    failed = scheduler.events("run.ended", "error")[0]
    assert (failed["exit_status"], failed["error"]) == (137, "was ended by signal 9")
    assert scheduler.stop() == 0


def test_a_run_that_failed_in_other_words_is_told_by_its_last(start: Start) -> None:
    scheduler = start(of('echo "Traceback:\nKeyError: 1" >&2; exit 1', at_once=True, cron=NEVER))

    scheduler.wait_for(lambda: scheduler.events("run.ended", "error"))

    assert scheduler.events("run.ended", "error")[0]["error"] == "KeyError: 1"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_who_stops_it_between_runs_gets_status_0(start: Start, sign: signal.Signals) -> None:
    scheduler = start(of("true", cron=NEVER))
    scheduler.wait_for(lambda: scheduler.events("schedule.started"))

    assert scheduler.stop(sign) == 0

    assert scheduler.events("run.due") == []
    assert scheduler.events("schedule.stopped")[0]["signal"] == sign.name


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_the_run_in_order(sign: signal.Signals, start: Start, tmp_path: Path) -> None:
    script = 'trap "touch cleaned; exit 143" TERM; touch begun; while :; do sleep 0.05; done'
    scheduler = start(of(script, at_once=True, cron=NEVER))
    scheduler.wait_for((tmp_path / "begun").exists)

    assert scheduler.stop(sign) == 143

    assert (tmp_path / "cleaned").exists()
    assert scheduler.events("schedule.stopped")[0]["exit_status"] == 143


def test_a_run_that_does_not_end_is_killed(start: Start, tmp_path: Path) -> None:
    script = 'trap "" TERM; touch begun; while :; do sleep 0.05; done'
    scheduler = start(of(script, at_once=True, cron=NEVER, stop_seconds=0.3))
    scheduler.wait_for((tmp_path / "begun").exists)

    assert scheduler.stop() == 137


CONFIG = """\
source: {host: 127.0.0.1, port: 1, dbname: a}
destination: {host: 127.0.0.1, port: 1, dbname: b}
wait: {max_retries: 0}
"""


def elt(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "elt_script", "--log-format", "json", *arguments]


def ended(argv: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_the_command_runs_elt_and_its_health_can_be_asked_for(start: Start, tmp_path: Path) -> None:
    schedule = f"schedule: {{cron: '{NEVER}', state_file: state.json}}"
    (tmp_path / "config.yaml").write_text(CONFIG + schedule)
    assert "unhealthy: no scheduler has written" in ended(elt("healthcheck"), tmp_path).stderr

    scheduler = start(elt("schedule", "--now"))
    scheduler.wait_for(lambda: scheduler.events("run.ended", "error"))
    asked = ended(elt("healthcheck"), tmp_path)

    failed = scheduler.events("run.ended", "error")[0]
    assert (failed["exit_status"], failed["next"][5:]) == (4, "02-29T00:00:00+00:00")
    assert failed["error"].startswith("source 127.0.0.1:1/a could not be reached")
    assert asked.returncode == 1
    assert (
        "unhealthy: the last run ended with status 4: source 127.0.0.1:1/a could not be reached"
        in asked.stderr
    )
    assert scheduler.stop() == 0
    (tmp_path / "state.json").write_text('{"started_at": "2026-01-01T00:00:00+00:00", "last": null}')
    assert ended(elt("healthcheck"), tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("", "nothing says when to run"),
        ("schedule: {cron: '* * * * *', state_file: /proc/state}", "/proc/state cannot be written"),
    ],
)
def test_a_scheduler_that_cannot_begin_says_why(tmp_path: Path, schedule: str, said: str) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG + schedule)

    found = ended(elt("schedule"), tmp_path)

    assert (found.returncode, f'"schedule.failed", "exit_status": 2, "error": "{said}"' in found.stderr) == (
        2,
        True,
    )
