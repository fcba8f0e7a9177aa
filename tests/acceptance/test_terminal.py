"""A run on a terminal: the live display moves, says what was done, and gives the terminal back."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from elt_script.pg.endpoint import Endpoint
from tests.commands import ELT
from tests.copying import execute
from tests.gates import holding
from tests.shell import on_a_terminal, url

HIDE_CURSOR, SHOW_CURSOR, COLOUR = "\x1b[?25l", "\x1b[?25h", "\x1b[32m"
CTRL_C = b"\x03"


@pytest.fixture
def servers(source: Endpoint, destination: Endpoint) -> dict[str, str]:
    execute(source, "create table slow as select n, md5(n::text) from generate_series(1, 200000) n")
    return {
        "ELT_SOURCE_URL": url(source, password=True),
        "ELT_DESTINATION_URL": url(destination, password=True),
    }


def lines(text: str) -> list[str]:
    """Return what stays readable, without colours and the cursor's moves."""
    return [
        line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").split("\n")
    ]


def test_a_run_is_told_as_it_goes_on_and_the_terminal_is_given_back(
    servers: dict[str, str], tmp_path: Path
) -> None:
    with on_a_terminal(tmp_path, ELT, "run", **servers) as terminal:
        before = terminal.settings()
        status = terminal.end()

        said = lines(terminal.text)
        done = [line.split()[1] for line in said if line.startswith("✔")]
        assert status == 0, terminal.text
        assert done[:3] == ["wait", "preflight", "snapshot"]
        assert done[-2:] == ["publish", "published"]
        assert any(re.match(r"✔ copy +\d.*1 table, 200,000 rows, ", line) for line in said)
        assert not any(line.startswith(("!", "✖")) for line in said)
        assert COLOUR in terminal.text
        assert terminal.text.index(HIDE_CURSOR) < terminal.text.rindex(SHOW_CURSOR)
        assert terminal.text.rindex(HIDE_CURSOR) < terminal.text.rindex(SHOW_CURSOR)
        assert terminal.settings() == before


def test_ctrl_c_on_a_terminal_ends_the_run_and_gives_the_terminal_back(
    servers: dict[str, str], source: Endpoint, destination: Endpoint, tmp_path: Path
) -> None:
    with (
        holding(source, "lock table public.slow"),
        on_a_terminal(tmp_path, ELT, "run", **servers) as terminal,
    ):
        before = terminal.settings()
        terminal.wait_until(lambda text: "preflight" in text)

        terminal.press(CTRL_C)
        status = terminal.end()

        said = lines(terminal.text)
        assert status == 130, terminal.text
        assert any(re.match("✖ (preflight|snapshot) ", line) for line in said), terminal.text
        assert any(re.match(r"elt: .* stopped .* by SIGINT$", line) for line in said), terminal.text
        assert terminal.text.rindex(HIDE_CURSOR) < terminal.text.rindex(SHOW_CURSOR)
        assert terminal.settings() == before
    with destination.connect() as conn:
        assert conn.execute("select to_regclass('public.slow')").fetchone() == (None,)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_a_terminal_that_cannot_show_it_gets_lines(
    servers: dict[str, str], source: Endpoint, environment: dict[str, str], tmp_path: Path
) -> None:
    execute(source, f"create table {'long_' * 12}name ()")
    with on_a_terminal(tmp_path, ELT, "run", **{**servers, "COLUMNS": "60", **environment}) as terminal:
        status = terminal.end()

        assert status == 0, terminal.text
        assert "\x1b" not in terminal.text
        assert any(
            re.search(r"Z info +table\.copied +table=public\.slow rows=200000", line)
            for line in lines(terminal.text)
        )
        assert all(len(line) <= 60 for line in lines(terminal.text.partition("data as of")[2]))


def test_a_terminal_that_wants_json_gets_json(servers: dict[str, str], tmp_path: Path) -> None:
    with on_a_terminal(tmp_path, ELT, "--log-format", "json", "run", **servers) as terminal:
        assert terminal.end() == 0
        assert lines(terminal.text)[0].startswith('{"timestamp":')
        assert "\x1b" not in terminal.text


def test_a_reader_of_stderr_that_is_gone_changes_no_exit_status(
    servers: dict[str, str], tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            [ELT, "--log-format", "json", "run"],
            cwd=tmp_path,
            env={**os.environ, **servers},
            stdout=subprocess.PIPE,
            stderr=writer,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)

    assert ran.returncode == 0
    assert "generation 1 published" in ran.stdout
