"""When runs are due, and whether what came of them is healthy."""

from __future__ import annotations

import pwd
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import pytest

from elt_script import health
from elt_script.config.file import load
from elt_script.errors import ConfigError
from elt_script.health import Outcome, State
from elt_script.schedule import Timetable, run_command

URLS = {
    "ELT_SOURCE_URL": "postgresql://r@s.example/shop",
    "ELT_DESTINATION_URL": "postgresql://w@d.example/copy",
}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no config.yaml is


def dues(cron: str, zone: ZoneInfo, moment: datetime, number: int) -> list[str]:
    found: list[str] = []
    for _ in range(number):
        moment = Timetable(cron, zone).after(moment)
        assert moment.tzinfo is UTC
        found.append(f"{moment.astimezone(zone):%m-%d %H:%M:%S %Z}")
    return found


def test_the_next_time_is_after_now_and_never_now() -> None:
    utc = ZoneInfo("UTC")

    assert dues("*/15 * * * *", utc, NOON, 2) == ["06-01 12:15:00 UTC", "06-01 12:30:00 UTC"]
    assert dues("0 12 * * *", utc, NOON, 1) == ["06-02 12:00:00 UTC"]
    assert dues("* * * * * *", utc, NOON + timedelta(microseconds=1), 1) == ["06-01 12:00:01 UTC"]


def test_cron_goes_by_the_clock_of_its_zone() -> None:
    assert dues("30 6 * * *", BERLIN, NOON, 1) == ["06-02 06:30:00 CEST"]
    assert dues("30 6 * * *", BERLIN, NOON + timedelta(days=180), 1) == ["11-29 06:30:00 CET"]


def test_a_time_that_the_clock_leaves_out_is_due_when_it_has_jumped() -> None:
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)  # on the 29th, 2:00 becomes 3:00

    assert dues("30 2 * * *", BERLIN, spring, 2) == ["03-29 03:00:00 CEST", "03-30 02:30:00 CEST"]


def test_a_time_that_the_clock_repeats_is_due_once() -> None:
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)  # on the 25th, 3:00 becomes 2:00

    assert dues("30 2 * * *", BERLIN, autumn, 2) == ["10-25 02:30:00 CEST", "10-26 02:30:00 CET"]


def test_jitter_is_bounded_by_its_limit_and_by_the_next_time() -> None:
    table = Timetable("* * * * *", ZoneInfo("UTC"), jitter_seconds=10)
    wild = Timetable("* * * * *", ZoneInfo("UTC"), jitter_seconds=3600)

    assert table.start(NOON, 0.0) == NOON
    assert table.start(NOON, 0.5) == NOON + timedelta(seconds=5)
    assert NOON < wild.start(NOON, 0.999_999) < NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("ELT_SCHEDULE", "61 * * * *", "is no cron expression (bad minute): give five fields"),
        ("ELT_SCHEDULE", "every day", "is no cron expression (wrong number of fields)"),
        ("ELT_SCHEDULE", "0 0 31 2 *", "is no cron expression (bad day-of-month)"),
        ("ELT_SCHEDULE", "* * */20 * 1L", "is a moment that never comes"),
        ("ELT_SCHEDULE_TIME_ZONE", "Mars/Olympus", "is no time zone that this system knows"),
        ("ELT_SCHEDULE_JITTER_SECONDS", "-1", "must be greater than or equal to 0"),
        ("ELT_SCHEDULE_MISSED", "twice", "must be 'skip' or 'run_once'"),
    ],
)
def test_a_schedule_that_cannot_be_is_a_fault_of_the_configuration(
    variable: str, value: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, URLS | {variable: value})

    assert f"environment: {variable}: {fault}" in caught.value.detail


def test_the_environment_fills_what_the_file_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("schedule: {cron: '5 * * * *', state_file: its.json}")
    environ = URLS | {"ELT_SCHEDULE": "6 * * * *", "ELT_SCHEDULE_TIME_ZONE": "Europe/Berlin"}

    schedule = load(path, environ).schedule

    assert (schedule.cron, str(schedule.zone)) == ("5 * * * *", "Europe/Berlin")
    assert schedule.state_file == tmp_path / "its.json"
    here = load(path, URLS | {"ELT_SCHEDULE_STATE_FILE": "x.json"}).schedule.state_file
    assert here == tmp_path / "its.json"


def test_utc_is_known_where_the_system_has_no_time_zones() -> None:
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        schedule = load(None, {**URLS, "ELT_SCHEDULE_TIME_ZONE": "UTC"}).schedule

        assert Timetable("0 13 * * *", schedule.zone).after(NOON) == NOON.replace(hour=13)
    finally:
        zoneinfo.reset_tzpath()


def test_the_state_of_each_pipeline_has_a_file_of_its_own() -> None:
    config = load(None, URLS | {"ELT_PIPELINE": "shop"})

    assert health.state_file(config, {"XDG_STATE_HOME": "/states"}) == Path("/states/elt/shop.json")
    assert health.state_file(config, {}) == Path.home() / ".local/state/elt/shop.json"


def test_without_a_home_the_state_needs_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)  # as in a container that was given a user's number

    with pytest.raises(ConfigError, match="its user has no home folder") as caught:
        health.state_file(load(None, URLS), {})

    assert "ELT_SCHEDULE_STATE_FILE" in caught.value.hint


def test_a_run_gets_the_options_that_the_scheduler_was_given() -> None:
    assert run_command(Path("a.yaml"), "json", None)[1:] == (
        *("-P", "-m", "elt_script", "--config", "a.yaml", "--log-format", "json", "run"),
    )


GOOD = Outcome(NOON, NOON, 0, "")
BAD = Outcome(NOON, NOON, 6, "the disk is full\nMake room.")


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (None, "no scheduler has written its state"),
        (State(NOON), ""),
        (State(NOON, running_since=NOON), ""),
        (State(NOON, last=GOOD, last_success_at=NOON), ""),
        (State(NOON, last=BAD, last_success_at=NOON), "the last run ended with status 6: the disk is full"),
        (State(NOON - timedelta(hours=2)), "no run has succeeded for 2h01m, longer than 1h00m"),
        (
            State(NOON, last=GOOD, last_success_at=NOON - timedelta(hours=3)),
            "no run has succeeded for 3h01m, longer than 1h00m",
        ),
        (
            State(NOON, next_at=NOON - timedelta(minutes=2)),
            "a run was due at 2026-06-01 11:58:00 UTC, and was not started",
        ),
        (State(NOON, running_since=NOON, next_at=NOON - timedelta(minutes=2)), ""),
        (
            State(NOON, running_since=NOON, seen_at=NOON - timedelta(minutes=2)),
            "the scheduler has not been heard of since 2026-06-01 11:58:00 UTC",
        ),
        (State(NOON, running_since=NOON - timedelta(minutes=50), seen_at=NOON), ""),
    ],
)
def test_what_is_healthy(state: State | None, why: str) -> None:
    assert health.fault(state, NOON + timedelta(minutes=1), 3600) == why


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    state = State(NOON, None, NOON + timedelta(hours=1), BAD, NOON)

    health.write(path, state)

    assert health.read(path) == state
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"started_at": "yesterday", "last": null}', '"x"'])
def test_what_is_no_state_is_as_if_there_were_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)

    assert health.read(tmp_path / "state.json") is None
    assert health.read(tmp_path / "missing") is None
