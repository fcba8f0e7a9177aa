"""Whoever stops a run, at whichever step: nothing is left at work, and readers see the old data."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from elt_script.errors import TransformError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection
from tests.commands import ELT, PATIENCE_S, Elt, elt_for, messages
from tests.copying import copied, execute, rows_of
from tests.databases import Database, MakeDatabase
from tests.gates import (
    CHECK,
    COPY,
    GATED,
    GATED_CHECK,
    INDEX,
    LATE_VIEW,
    VIEW,
    closed,
    holding,
    waiting_for,
)
from tests.untouched import sessions_of_ours, untouched

AT_WORK = "create schema elt_next_public"  # as long as it is not committed, nobody else can create it
LOCKED_LEDGER = "lock table elt.published_table in access exclusive mode"
READING = "select count(*) from public.gated"
SLOW_TO_DRAW = """
    create or replace function is_drawn() returns boolean language plpgsql immutable as
        'begin if current_database() like ''elt%'' then perform pg_sleep(60); end if; return true; end';
    create index slow_to_draw on plain (n) where is_drawn();
"""  # constants are folded as an index is created: it sleeps there
DRAWING = "select pid from pg_stat_activity where datname like 'elt%' and wait_event = 'PgSleep'"
LAST_RUN = "select status, step, exit_status from elt.run order by started_at desc limit 1"

IGNORING = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""

STOPPED_AS_IT_IS_IMPORTED = """
import os, sys
from importlib.metadata import entry_points

class Finder:
    def find_spec(self, name, *_):
        if name.endswith(".cli"):
            os.kill(os.getpid(), int(sys.argv[2]))

sys.meta_path.insert(0, Finder())
(command,) = entry_points(group="console_scripts", name=sys.argv[1])
command.load()()
"""


@pytest.fixture(scope="module")
def sides(
    source_server: Server, destination_server: Server, make_shared_database: MakeDatabase
) -> tuple[Database, Database]:
    """A source with gates, and a destination that has its first copy."""
    source = make_shared_database(source_server, "source")
    destination = make_shared_database(destination_server, "destination")
    execute(source.owner, GATED)
    return source, destination


@pytest.fixture(scope="module")
def elt(sides: tuple[Database, Database], tmp_path_factory: pytest.TempPathFactory) -> Elt:
    source, destination = sides
    folder = tmp_path_factory.mktemp("interrupted")
    elt = elt_for(folder, source.owner, destination.owner, audit={"checks": [GATED_CHECK]})
    first = elt("run")
    assert first.returncode == 0, first.stderr
    return elt


Block = Callable[[Endpoint], AbstractContextManager[Connection]]
STANDSTILLS: dict[str, tuple[str, signal.Signals, Block]] = {
    "the plan": ("preflight", signal.SIGTERM, lambda d: holding(d, LOCKED_LEDGER)),
    "staging": ("stage", signal.SIGINT, lambda d: holding(d, AT_WORK)),
    "a load": ("copy", signal.SIGTERM, lambda d: closed(d, COPY)),
    "an index": ("copy", signal.SIGINT, lambda d: closed(d, INDEX)),
    "a materialized view": ("finish", signal.SIGTERM, lambda d: closed(d, VIEW)),
    "a check": ("audit", signal.SIGHUP, lambda d: closed(d, CHECK)),
    "the locks": ("publish", signal.SIGINT, lambda d: holding(d, READING)),
    "a view under the locks": ("publish", signal.SIGTERM, lambda d: closed(d, LATE_VIEW)),
}


@pytest.mark.parametrize("at", STANDSTILLS)
def test_a_run_stopped_at(at: str, sides: tuple[Database, Database], elt: Elt) -> None:
    """It ends as a shell expects; nothing is left at work, readers see the old data, the next one succeeds."""
    destination = sides[1]
    step, sign, block = STANDSTILLS[at]

    with untouched(destination.admin), block(destination.owner) as holder:
        running = elt.start("run")
        if at == "the locks":  # its waits are short
            running.wait_for_line("publish.waiting")
        else:
            running.wait_until(lambda: waiting_for(holder, destination.admin))
        ended = running.end(sign)

    assert ended.returncode == 128 + sign
    assert messages(ended) == (
        f"elt: the run was stopped at step {step} by {sign.name}\n"
        "Nothing was published, and what was staged is removed: the old data is still live."
    )
    assert rows_of(destination.owner, LAST_RUN) == [("interrupted", step, 128 + sign)]
    assert sessions_of_ours(sides[0].admin) == []
    copied(sides[0].owner, destination.owner)


@pytest.mark.parametrize("command", ["run", "plan", "check"])
def test_who_is_stopped_while_it_draws_leaves_no_drawing_board(
    sides: tuple[Database, Database], elt: Elt, command: str
) -> None:
    source, destination = sides
    execute(source.owner, SLOW_TO_DRAW)

    with untouched(destination.admin):
        running = elt.start(command)
        running.wait_until(lambda: rows_of(destination.admin, DRAWING))
        ended = running.end(signal.SIGTERM)

    assert ended.returncode == 143
    execute(source.owner, "drop index slow_to_draw")
    copied(source.owner, destination.owner)


def test_a_run_stopped_while_it_waits_for_a_server(tmp_path: Path, destination: Endpoint) -> None:
    nowhere = replace(destination, parameters={**destination.parameters, "port": "1"})
    elt = elt_for(tmp_path, nowhere, destination)

    running = elt.start("run")
    running.wait_for_line("server.waiting")
    ended = running.end(signal.SIGTERM)

    assert ended.returncode == 143
    assert messages(ended) == "elt: stopped by SIGTERM"


def test_a_run_stopped_after_publish_says_that_the_new_data_is_live(
    tmp_path: Path, source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int); insert into t values (1)")
    elt = elt_for(tmp_path, source, destination, transform=[{"command": ["sleep", "600"]}])

    running = elt.start("run")
    running.wait_for_line("transform.started")
    ended = running.end(signal.SIGTERM)

    assert ended.returncode == 143
    assert messages(ended) == (
        "elt: the run was stopped at step transform by SIGTERM\n"
        "The new data was published and is live, but what should have come after it was not done."
    )
    assert rows_of(destination, "select n from public.t") == [(1,)]
    assert rows_of(destination, LAST_RUN) == [("published", "transform", 143)]


def test_who_does_not_want_to_wait_asks_twice(
    tmp_path: Path, source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int)")
    deaf = ["sh", "-c", "trap '' INT TERM; echo $$ > pid; sleep 600"]
    elt = elt_for(tmp_path, source, destination, transform=[{"command": deaf}])

    running = elt.start("run")
    running.wait_until((tmp_path / "pid").exists)
    running.process.send_signal(signal.SIGINT)
    running.wait_for_line("run.stopping")
    ended = running.end(signal.SIGINT)

    assert ended.returncode == 130
    assert "elt: stopped at once by SIGINT" in messages(ended)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int((tmp_path / "pid").read_text())).wait(PATIENCE_S)


def test_a_plan_and_a_rollback_can_be_stopped_too(sides: tuple[Database, Database], elt: Elt) -> None:
    destination = sides[1]
    for command, block in (
        ("plan", holding(destination.owner, LOCKED_LEDGER)),
        ("rollback", holding(destination.owner, READING)),
    ):
        with untouched(destination.admin), block as holder:
            running = elt.start(command)
            if command == "plan":
                running.wait_until(lambda: waiting_for(holder, destination.admin))
            else:
                running.wait_for_line("publish.waiting")
            ended = running.end(signal.SIGTERM)
        assert ended.returncode == 143
        assert messages(ended) == "elt: stopped by SIGTERM"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["elt", "elt-seed"])
def test_a_command_stopped_while_it_is_imported_ends_without_a_traceback(
    command: str, sign: signal.Signals
) -> None:
    program = [sys.executable, "-c", STOPPED_AS_IT_IS_IMPORTED, command, str(int(sign))]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + sign, "", "")


def test_how_programs_end_is_known_where_the_caller_ignores_the_end_of_its_children(
    tmp_path: Path, source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table plain (n int)")
    elt = elt_for(tmp_path, source, destination, transform=[{"command": ["false"]}])
    command = [sys.executable, "-c", IGNORING, ELT, "--config", str(elt.config), "run"]

    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)

    assert done.returncode == TransformError.exit_status, done.stderr
