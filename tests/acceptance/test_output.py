"""Where stdout cannot be written to, the command does its work, and says what was lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elt_script.errors import OutputError, PreflightError
from elt_script.pg.endpoint import Endpoint
from tests.commands import ELT
from tests.copying import copied, execute, rows_of
from tests.shell import bare, url

Ran = subprocess.CompletedProcess[str]


@contextmanager
def full_disk() -> Generator[int]:
    with Path("/dev/full").open("wb") as full:
        yield full.fileno()


@contextmanager
def nobody() -> Generator[int]:
    """Give a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture(params=[(full_disk, "No space left on device"), (nobody, "Broken pipe")])
def lost(request: pytest.FixtureRequest) -> Generator[tuple[int, str]]:
    """Give where words are lost, and why."""
    place, why = request.param
    with place() as stdout:
        yield stdout, why


def printed_to(stdout: int, folder: Path, *arguments: str, **environment: str) -> Ran:
    return subprocess.run(
        [ELT, "--log-format", "console", *arguments],
        env=bare(**environment),
        cwd=folder,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )


def test_every_command_does_its_work_and_says_what_was_lost(
    lost: tuple[int, str], source: Endpoint, destination: Endpoint, tmp_path: Path
) -> None:
    stdout, why = lost
    servers = {
        "ELT_SOURCE_URL": url(source, password=True),
        "ELT_DESTINATION_URL": url(destination, password=True),
    }
    execute(source, "create table t (n int); insert into t values (1)")
    copied(source, destination)
    execute(source, "update t set n = 2")

    for command in ("run", "plan", "check", "status", "rollback", "schema", "--help"):
        ran = printed_to(stdout, tmp_path, command, **servers)

        assert ran.returncode == OutputError.exit_status, (command, ran.stderr)
        said = [line for line in ran.stderr.splitlines() if "Z info " not in line]
        assert said[:2] == ["elt: what was to be printed could not be written to stdout", f"  {why}"]

    assert rows_of(destination, "select n from public.t") == [(1,)]  # rolled back, once
    ended = rows_of(destination, "select status, exit_status from elt.run where report is not null")
    assert sorted(ended) == [("published", 0), ("rolled back", 0)]


def test_a_plan_that_nobody_can_read_still_says_that_a_run_could_not_succeed(
    lost: tuple[int, str], source: Endpoint, destination: Endpoint, tmp_path: Path
) -> None:
    servers = {
        "ELT_SOURCE_URL": url(source, password=True),
        "ELT_DESTINATION_URL": url(destination, password=True),
    }

    ran = printed_to(lost[0], tmp_path, "plan", **servers)

    assert ran.returncode == PreflightError.exit_status
