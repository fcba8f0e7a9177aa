"""What passes begins the run again, at most as often as the config allows, and nothing is published twice."""

from __future__ import annotations

import signal
from collections.abc import Callable

import psutil
import pytest
from structlog.testing import capture_logs

from elt_script.errors import DestinationError, SourceError, TransformError
from elt_script.pg.endpoint import Endpoint, translating
from elt_script.pg.session import one_moment
from elt_script.rollback import rollback
from tests.background import in_background
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.databases import Database
from tests.gates import COPY, GATED, INDEX, closed, terminate, wait_for_waiter, waiting_for
from tests.proxy import proxied

RUNS = "select status, step, exit_status from elt.run order by started_at"
GENERATIONS = "select count(*) from elt.generation where place is not null"
STAGED = "select nspname from pg_namespace where nspname like 'elt\\_next\\_%'"
DIGEST = b"hashint8extended("
LARGE = """
    alter table gated add filler text;
    insert into gated select n, repeat('x', 1900) from generate_series(4, 700) n;
    refresh materialized view seen;
    refresh materialized view seen_late
"""  # its indexes may be built at once
NUMBERED = b"insert into elt.generation"
PLACED, COMMIT = b"elt.generation set place", b"COMMIT"
FORGOTTEN = b"delete from elt.generation where number"
REMOVED = b"elt.large_object_gone"
LIVE = "select number from elt.generation where place = 0"


def two_generations(source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table t (n int)")
    for _ in range(2):
        copied(source, destination)


def pid_of(admin: Endpoint, condition: str) -> int:
    """Return the pid of the one session of a run that meets a condition."""
    ours = "datname = current_database() and application_name like 'elt/%'"
    ((pid,),) = rows_of(admin, f"select pid from pg_stat_activity where {ours} and {condition}")
    return int(str(pid))


@pytest.mark.parametrize("lost", ["the snapshot", "the pipeline's lock"])
def test_a_session_that_is_lost_begins_the_run_again(
    lost: str, source_database: Database, destination_database: Database
) -> None:
    source, destination = source_database, destination_database
    execute(source.owner, GATED)
    with in_background(source.owner, destination.owner) as run:
        with closed(destination.owner, COPY) as gate:
            wait_for_waiter(gate, destination.admin)
            if lost == "the snapshot":
                terminate(
                    source.admin,
                    pid_of(source.admin, "state = 'idle in transaction' and backend_xmin is not null"),
                )
            else:
                held = (
                    "pid in (select pid from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock')"
                )
                terminate(destination.admin, pid_of(destination.admin, f"{held} and state = 'idle'"))
        run.future.result()

    assert [log["attempt"] for log in run.logs if log["event"] == "run.retried"] == [1]
    (failed, published) = rows_of(destination.owner, RUNS)
    assert failed[0] == "failed"
    assert published[0] == "published"
    assert rows_of(destination.owner, GENERATIONS) == [(1,)]
    assert rows_of(destination.owner, STAGED) == []


def end_session(waiter: int, admin: Endpoint) -> None:
    terminate(admin, waiter)


def end_program(sign: signal.Signals) -> Callable[[int, Endpoint], None]:
    def end(waiter: int, admin: Endpoint) -> None:
        del waiter, admin
        (program,) = [one for one in psutil.Process().children() if one.name() == "pg_restore"]
        program.send_signal(sign)

    return end


@pytest.mark.parametrize(
    "ended",
    [end_session, end_program(signal.SIGTERM), end_program(signal.SIGKILL)],
    ids=["session", "SIGTERM", "SIGKILL"],
)
@pytest.mark.parametrize("more", ["", LARGE], ids=["small", "large"])
def test_an_index_that_was_being_built_is_built_anew_and_the_run_goes_on(
    more: str,
    ended: Callable[[int, Endpoint], None],
    source_database: Database,
    destination_database: Database,
) -> None:
    source, destination, admin = source_database.owner, destination_database.owner, destination_database.admin
    execute(source, f"{GATED}; {more}; alter table gated replica identity using index gated_pkey")
    execute(source, "alter table gated cluster on gated_pkey; create unique index built_first on gated (n)")
    with in_background(source, destination) as run:
        with closed(destination, INDEX) as gate:
            ended(wait_for_waiter(gate, admin), admin)
            run.wait_for("index.retried")
        run.future.result()

    assert [log["attempt"] for log in run.logs if log["event"] == "index.retried"] == [1]
    assert rows_of(destination, RUNS) == [("published", None, 0)]
    assert_same(source, destination)


def test_indexes_of_a_large_table_are_built_at_once(source: Endpoint, destination_database: Database) -> None:
    destination, admin = destination_database.owner, destination_database.admin
    execute(source, f"{GATED}; {LARGE}; create index other on gated (gate(n, {INDEX}), filler)")
    with in_background(source, destination) as run:
        with closed(destination, INDEX) as gate:
            run.wait_until(lambda: len(waiting_for(gate, admin)) == 2)
        run.future.result()

    assert_same(source, destination)


def test_indexes_are_built_anew_where_one_of_their_builders_is_killed(
    source: Endpoint, destination_database: Database
) -> None:
    destination, admin = destination_database.owner, destination_database.admin
    execute(source, f"{GATED}; {LARGE}; create index other on gated (gate(n, {INDEX}), filler)")
    with in_background(source, destination) as run:
        with closed(destination, INDEX) as gate:
            run.wait_until(lambda: len(waiting_for(gate, admin)) == 2)
            (program,) = [one for one in psutil.Process().children() if one.name() == "pg_restore"]
            program.children()[0].kill()
            run.wait_for("index.retried")
        run.future.result()

    assert rows_of(destination, RUNS) == [("published", None, 0)]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_reading_of_the_audit_that_is_lost_is_read_again(
    side: str, source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int); insert into t values (1)")
    with proxied(source if side == "source" else destination) as (way, proxy), capture_logs() as logs:
        proxy.lose_words(DIGEST, DIGEST, answer=False)
        sides = (way, destination) if side == "source" else (source, way)
        copied(*sides)

    assert [log["attempt"] for log in logs if log["event"] == "audit.retried"] == [1]
    assert rows_of(destination, RUNS) == [("published", None, 0)]


def test_a_run_is_begun_again_so_often_and_not_more(source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table t (n int)")
    with proxied(destination) as (way, proxy), capture_logs() as logs:
        proxy.lose_words(PLACED, COMMIT, answer=False)
        with pytest.raises(DestinationError) as failure:
            copied(source, way, run={"retries": 0})

    assert "Nothing was published" in failure.value.hint
    assert "run.retried" not in [log["event"] for log in logs]
    assert rows_of(destination, RUNS) == [("failed", "publish", 6)]
    assert rows_of(destination, STAGED) == []


def test_a_destination_that_restarts_as_publish_begins_is_waited_for(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int)")
    with proxied(destination) as (way, proxy), in_background(source, way) as run:
        proxy.lose_words(NUMBERED, NUMBERED, answer=False, refuses=True)
        run.wait_for("server.waiting")
        proxy.heal()
        run.future.result()

    assert [log["attempt"] for log in run.logs if log["event"] == "run.retried"] == [1]
    assert rows_of(destination, RUNS) == [("failed", "publish", 6), ("published", None, 0)]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_session_that_is_lost_as_it_commits_publishes_once(
    arrives: bool, source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int); insert into t values (1)")
    with proxied(destination) as (way, proxy), capture_logs() as logs:
        proxy.lose_words(PLACED, COMMIT, answer=arrives)
        copied(source, way)

    assert proxy.broken.is_set()
    resolved = [log["published"] for log in logs if log["event"] == "publish.resolved"]
    assert resolved == [arrives]
    runs = [("published", None, 0)]
    assert rows_of(destination, RUNS) == (runs if arrives else [("failed", "publish", 6), *runs])
    assert rows_of(destination, GENERATIONS) == [(1,)]
    assert rows_of(destination, "select n from public.t") == [(1,)]


@pytest.mark.parametrize(("word", "arrives"), [(COMMIT, True), (REMOVED, False)], ids=["commit", "after it"])
def test_a_rollback_whose_session_is_lost_as_it_is_done_says_so(
    word: bytes, arrives: bool, source: Endpoint, destination: Endpoint
) -> None:
    two_generations(source, destination)
    with proxied(destination) as (way, proxy):
        proxy.lose_words(PLACED, word, answer=arrives)
        said = rollback(config_of(source, way))

    assert proxy.broken.is_set()
    assert said.startswith("generation 1 of run ")
    assert rows_of(destination, LIVE) == [(1,)]


@pytest.mark.parametrize(
    ("arrives", "refuses", "live", "words"),
    [(False, False, 2, "Nothing was published"), (True, True, 1, "`elt status` will say what is live")],
    ids=["not done", "not known"],
)
def test_a_rollback_whose_session_is_lost_before_it_is_done_says_what_is_known(
    arrives: bool, refuses: bool, live: int, words: str, source: Endpoint, destination: Endpoint
) -> None:
    two_generations(source, destination)
    with proxied(destination) as (way, proxy):
        config = config_of(source, way, wait={"max_retries": 1, "delay_seconds": 0.1})
        proxy.lose_words(PLACED, COMMIT, answer=arrives, refuses=refuses)
        with pytest.raises(DestinationError) as failure:
            rollback(config)

    assert words in failure.value.hint
    assert rows_of(destination, LIVE) == [(live,)]


def test_what_fails_just_after_publish_does_not_say_that_nothing_was_published(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int); insert into t values (1)")
    with proxied(destination) as (way, proxy):
        proxy.lose_words(PLACED, REMOVED, answer=False)
        with pytest.raises(TransformError) as failure:
            copied(source, way)

    assert failure.value.message == "after publish: the destination refused or broke off"
    assert "Nothing was published" not in str(failure.value)
    assert rows_of(destination, "select n from public.t") == [(1,)]


def test_a_generation_whose_removal_is_lost_is_there_for_a_rollback(
    source: Endpoint, destination: Endpoint
) -> None:
    two_generations(source, destination)
    with proxied(destination) as (way, proxy):
        proxy.lose_words(FORGOTTEN, FORGOTTEN, answer=False)
        with pytest.raises(DestinationError):
            copied(source, way, run={"retries": 0})

    assert proxy.broken.is_set()
    assert rollback(config_of(source, destination)).startswith("generation 1 of run ")


def test_the_end_of_the_session_that_held_the_moment_is_the_sources_and_passes(
    source: Endpoint, source_admin: Endpoint
) -> None:
    with pytest.raises(SourceError) as failure, translating(), one_moment(source) as (conn, _):
        terminate(source_admin, conn.info.backend_pid)

    assert failure.value.message == "the source refused or broke off"
    assert failure.value.transient
