"""Rows move through the workers of a Dask cluster: exact whoever dies, and nobody else knows a password."""

from __future__ import annotations

import pickle
import re
import signal
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from elt_script.errors import CannotConnectError, ConfigError, DestinationError, PreflightError, SourceError
from elt_script.pg.cluster import Server
from tests.background import in_background
from tests.commands import elt_for, messages
from tests.copying import assert_same, copied, execute
from tests.dask_cluster import Cluster, dask_cluster, memory
from tests.databases import Database, MakeDatabase
from tests.gates import COPY, GATED, closed, waiting_for
from tests.proxy import proxied
from tests.untouched import sessions_of_ours, untouched

GATED_TABLE = """
    create table {0} (n int check (gate(n, {1}) = n), padding text);
    insert into {0} select n, repeat('{0}', 500) from generate_series(1, 1000) n;
"""
LARGE = [GATED_TABLE.format(name, COPY) for name in ("one", "two")]


@dataclass(frozen=True, slots=True)
class Sides:
    """A source with two large tables and small ones, a destination with its first copy, and the workers."""

    source: Database
    destination: Database
    cluster: Cluster

    @property
    def dask(self) -> dict[str, object]:
        """The executor, as config.yaml has it; at most half of the threads are at work at once."""
        return {"executor": {"kind": "dask", "address": self.cluster.address}, "jobs": 2}

    @property
    def at_work(self) -> list[psutil.Process]:
        """The programs that all workers have at work."""
        return [one for name in self.cluster.workers for one in self.cluster.programs(name)]


@pytest.fixture(scope="module")
def sides(
    source_server: Server,
    destination_server: Server,
    make_shared_database: MakeDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Sides]:
    source = make_shared_database(source_server, "source")
    destination = make_shared_database(destination_server, "destination")
    execute(source.owner, GATED + "".join(LARGE))
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.give(source.owner, destination.owner)
        for name in ("alpha", "beta"):
            cluster.start_worker(name)
        made = Sides(source, destination, cluster)
        copied(source.owner, destination.owner, **made.dask)
        yield made


def is_at_work(program: psutil.Process) -> bool:
    """Whether a program runs; one that has ended may still be known, where nobody asks for its status."""
    try:
        return program.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_workers_copy_is_the_same(sides: Sides) -> None:
    execute(sides.source.owner, "insert into one values (2000, 'more')")

    report = copied(sides.source.owner, sides.destination.owner, **sides.dask)

    assert len(report.tables) == 4
    assert_same(sides.source.owner, sides.destination.owner)
    for name in sides.cluster.workers:
        assert "psql" not in sides.cluster.said(name)  # they have nothing to complain about
    assert sides.at_work == []


@pytest.mark.parametrize("split_bytes", [1 << 40, 1 << 20], ids=["whole", "in parts"])
def test_what_a_killed_worker_did_is_done_by_another(sides: Sides, split_bytes: int) -> None:
    """Its programs live on and hold their locks until the next attempt ends them."""
    execute(sides.source.owner, "insert into two values (2000, 'more')")
    keys = {**sides.dask, "split_bytes": split_bytes}
    with in_background(sides.source.owner, sides.destination.owner, **keys) as run:
        with closed(sides.destination.owner, COPY) as gate:
            run.wait_until(lambda: len(waiting_for(gate, sides.destination.admin)) == 2)
            victim = next(name for name in sides.cluster.workers if sides.cluster.programs(name))
            left = sides.cluster.programs(victim)
            sides.cluster.workers[victim].kill()
            sides.cluster.workers.pop(victim).wait()
            run.wait_until(lambda: not any(map(is_at_work, left)))
        run.future.result(timeout=60)

    assert_same(sides.source.owner, sides.destination.owner)
    assert left
    sides.cluster.start_worker(victim)


def test_only_workers_know_the_passwords(sides: Sides) -> None:
    pid = sides.cluster.scheduler.pid
    with in_background(sides.source.owner, sides.destination.owner, **sides.dask) as run:
        with closed(sides.destination.owner, COPY) as gate:
            run.wait_until(lambda: len(waiting_for(gate, sides.destination.admin)) == 2)
            held = b"".join(memory(pid))
        run.future.result()

    assert b"elt_next_public" in held  # the tasks are there
    said = "".join(sides.cluster.said(who) for who in ("scheduler", *sides.cluster.workers))
    for side in (sides.source.owner, sides.destination.owner):
        secret = str(side.password)
        assert secret.encode() not in held
        assert secret.encode() not in pickle.dumps(side)
        assert secret not in said


@pytest.mark.parametrize("role", ["source", "destination"])
def test_a_worker_without_a_password_is_named_before_anything_is_done(sides: Sides, role: str) -> None:
    secret = sides.cluster.folder / role
    kept = secret.read_text()
    secret.write_text("")
    try:
        with untouched(sides.destination.admin), pytest.raises(PreflightError) as failure:
            copied(sides.source.owner, sides.destination.owner, **sides.dask)
    finally:
        secret.write_text(kept)

    assert failure.value.message == "2 of 2 workers cannot move rows"
    assert f"ELT_{role.upper()}_PASSWORD_FILE gives no password" in failure.value.detail
    assert "worker tcp://127.0.0.1:" in failure.value.detail


def test_a_worker_that_loses_what_it_needs_is_named(sides: Sides) -> None:
    secret = sides.cluster.folder / "source"
    kept = secret.read_text()
    with in_background(sides.source.owner, sides.destination.owner, **{**sides.dask, "jobs": 1}) as run:
        with closed(sides.destination.owner, COPY) as gate:
            run.wait_until(lambda: waiting_for(gate, sides.destination.admin))
            secret.write_text("")
        failure = run.future.exception()
        secret.write_text(kept)

    assert isinstance(failure, SourceError)
    assert re.match(
        r"rows of public\.\w+(, public\.\w+)*: worker (alpha|beta) \(tcp://127.0.0.1:\d+\):"
        " ELT_SOURCE_PASSWORD_FILE gives no password",
        failure.message,
    )


@pytest.mark.parametrize("role", ["source", "destination"])
def test_a_worker_gives_up_what_stands_still_and_tries_again(sides: Sides, role: str) -> None:
    execute(sides.source.owner, "insert into two values (2001, 'more')")
    source, destination = sides.source.owner, sides.destination.owner
    with proxied(source if role == "source" else destination) as (way, proxy):
        ends = (way, destination) if role == "source" else (source, way)
        words = b'copy "public"."two"' if role == "source" else b'copy "elt_next_public"."two"'
        proxy.lose_words(words, words, answer=False, stalls=True)
        with in_background(*ends, **sides.dask, run={"stall_seconds": 2}) as run:
            run.future.result(timeout=60)

    assert proxy.broken.is_set()
    (error,) = [log["error"] for log in run.logs if log["event"] == "copy.retried"]
    assert re.match(r"worker (alpha|beta) .* stood still for 2 s", error)
    assert_same(source, destination)


def test_a_run_that_is_stopped_stops_its_workers_programs(sides: Sides, tmp_path: Path) -> None:
    elt = elt_for(tmp_path, sides.source.owner, sides.destination.owner, **sides.dask)

    with untouched(sides.destination.admin), closed(sides.destination.owner, COPY) as gate:
        running = elt.start("run")
        running.wait_until(lambda: len(waiting_for(gate, sides.destination.admin)) == 2)
        ended = running.end(signal.SIGINT)
        _, left = psutil.wait_procs(sides.at_work, timeout=5)

    assert ended.returncode == 130
    assert messages(ended).startswith(
        "elt: the run was stopped at step copy by SIGINT\nNothing was published"
    )
    assert left == []
    assert sessions_of_ours(sides.source.admin) == []


def test_the_first_failure_ends_what_other_workers_do(sides: Sides) -> None:
    execute(
        sides.source.owner,
        "create table picky (n int constraint not_there check (current_database() not like 'destination%'));"
        " insert into picky values (1)",
    )
    with closed(sides.destination.owner, COPY) as gate, untouched(sides.destination.admin):
        with pytest.raises(DestinationError) as failure:
            copied(
                sides.source.owner,
                sides.destination.owner,
                **sides.dask,
                tables={"*": {}, "two": {"skip": True}, "gated": {"skip": True}},
            )
        assert waiting_for(gate, sides.destination.admin) == []
    execute(sides.source.owner, "drop table picky")

    assert "not_there" in failure.value.detail
    assert sides.at_work == []


def test_a_scheduler_that_is_not_there(sides: Sides) -> None:
    nobody = {"kind": "dask", "address": "tcp://127.0.0.1:1"}

    with pytest.raises(CannotConnectError) as failure:
        copied(sides.source.owner, sides.destination.owner, executor=nobody, wait={"max_retries": 0})

    assert failure.value.message == "the Dask scheduler tcp://127.0.0.1:1 cannot be reached"
    assert failure.value.exit_status == 4


def test_dask_that_is_not_installed(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "elt_script.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ConfigError, match="Dask is not installed") as failure:
        copied(sides.source.owner, sides.destination.owner, **sides.dask)

    assert "pip install 'elt-script[dask]'" in failure.value.hint
