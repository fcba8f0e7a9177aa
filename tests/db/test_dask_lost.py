"""What a Dask cluster may lose in the middle of a run: workers, its scheduler, an answer; then what is there stays."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from elt_script import cluster as elt_cluster
from elt_script.errors import PreflightError, WorkerError
from elt_script.pg.cluster import Server
from tests.background import Background, in_background
from tests.copying import assert_same, copied, execute
from tests.dask_cluster import Cluster, dask_cluster
from tests.databases import Database, MakeDatabase
from tests.gates import COPY, GATED, closed, wait_for_waiter, waiting_for
from tests.untouched import untouched


@dataclass(frozen=True, slots=True)
class Copying:
    """A run at work, and how to learn which sessions of its worker's wait."""

    run: Background
    waiting: Callable[[], list[int]]


@dataclass(frozen=True, slots=True)
class Sides:
    """A source, a destination with its first copy, and a cluster of one worker."""

    source: Database
    destination: Database
    cluster: Cluster

    def keys(self, retries: int = 0) -> dict[str, object]:
        """Return what config.yaml says: the executor, and how often a run begins again."""
        return {"executor": {"kind": "dask", "address": self.cluster.address}, "run": {"retries": retries}}

    def mend(self) -> None:
        """Have a scheduler and a worker again."""
        if self.cluster.scheduler.poll() is not None:
            self.cluster.restart_scheduler()
        if "only" not in self.cluster.workers:
            self.cluster.start_worker("only")

    @contextmanager
    def copying(self, retries: int = 0) -> Generator[Copying]:
        """Have a run at work whose worker is copying, and stands still until this block ends."""
        ends = (self.source.owner, self.destination.owner)
        with in_background(*ends, **self.keys(retries)) as run, closed(self.destination.owner, COPY) as gate:
            wait_for_waiter(gate, self.destination.admin)
            yield Copying(run, partial(waiting_for, gate, self.destination.admin))

    def failure(self, copying: Copying) -> WorkerError:
        """Return what a run failed with."""
        failure = copying.run.future.exception(timeout=60)
        assert isinstance(failure, WorkerError), failure
        assert failure.exit_status == 12
        assert failure.hint.startswith("Nothing was published, the old data is still live.")
        return failure


@pytest.fixture(scope="module")
def world(
    source_server: Server,
    destination_server: Server,
    make_shared_database: MakeDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Sides]:
    source = make_shared_database(source_server, "source")
    destination = make_shared_database(destination_server, "destination")
    execute(source.owner, GATED)
    allowed = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}  # by default 3, which would take longer
    with dask_cluster(tmp_path_factory.mktemp("dask"), **allowed) as cluster:
        cluster.give(source.owner, destination.owner)
        yield Sides(source, destination, cluster)


@pytest.fixture
def sides(world: Sides) -> Generator[Sides]:
    """Have the cluster whole; afterwards the next run succeeds, whatever the test has taken from it."""
    world.mend()
    execute(world.source.owner, "update plain set batch = batch + 1")
    yield world
    world.mend()
    copied(world.source.owner, world.destination.owner, **world.keys())
    assert_same(world.source.owner, world.destination.owner)


def test_no_worker_is_left(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elt_cluster, "PATIENCE_S", 0.5)

    with untouched(sides.destination.admin), sides.copying() as copying:
        sides.cluster.kill("only")
        failure = sides.failure(copying)

    assert failure.message.endswith(": no worker is left since 0.5 s")


def test_workers_that_die_of_a_copy_are_not_given_it_for_ever(sides: Sides) -> None:
    with untouched(sides.destination.admin), sides.copying(retries=2) as copying:
        first = copying.waiting()
        sides.cluster.kill("only")
        sides.cluster.start_worker("only")
        copying.run.wait_until(lambda: copying.waiting() not in ([], first))
        sides.cluster.kill("only")
        failure = sides.failure(copying)

    assert failure.message.endswith(": the workers did not copy")
    assert "KilledWorker" in failure.detail
    assert "run.retried" not in [log["event"] for log in copying.run.logs]


def test_the_scheduler_is_gone(sides: Sides) -> None:
    with untouched(sides.destination.admin), sides.copying() as copying:
        sides.cluster.scheduler.kill()
        failure = sides.failure(copying)

    assert failure.message.endswith(": the Dask scheduler is gone")


def test_a_scheduler_that_comes_back_is_given_the_run_from_its_beginning(sides: Sides) -> None:
    with sides.copying(retries=1) as copying:
        run = copying.run
        sides.cluster.scheduler.kill()
        run.wait_for("run.retried")
        sides.mend()
        run.wait_until(lambda: [log["event"] for log in run.logs].count("workers.found") == 2)
    run.future.result(timeout=60)

    assert_same(sides.source.owner, sides.destination.owner)


def test_a_scheduler_that_does_not_answer(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("ANSWER_S", "PATIENCE_S", "STOP_S"):
        monkeypatch.setattr(elt_cluster, limit, 0.5)

    with untouched(sides.destination.admin), sides.copying() as copying:
        sides.cluster.scheduler.send_signal(signal.SIGSTOP)
        failure = sides.failure(copying)
        sides.cluster.scheduler.kill()

    assert failure.message.endswith(": the Dask scheduler has not answered for 0.5 s")


def test_a_worker_that_does_not_answer_is_named(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("FIT_S", "STOP_S"):
        monkeypatch.setattr(elt_cluster, limit, 0.5)
    worker = sides.cluster.workers["only"]
    worker.send_signal(signal.SIGSTOP)

    with untouched(sides.destination.admin), pytest.raises(PreflightError) as failure:
        copied(sides.source.owner, sides.destination.owner, **sides.keys())
    worker.send_signal(signal.SIGCONT)

    assert failure.value.message == "1 of 1 workers cannot move rows"
    assert re.fullmatch(r"worker tcp://127.0.0.1:\d+: has not answered for 0.5 s", failure.value.detail)
