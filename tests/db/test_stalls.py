"""A network that stands still is given up after so long, and a server that works is not, however long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from elt_script.config.model import Config
from elt_script.errors import DestinationError, SourceError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback, status
from elt_script.run import plan
from tests.background import in_background
from tests.copying import config_of, copied, execute, rows_of
from tests.databases import Database, MakeDatabase
from tests.gates import COPY, GATED, VIEW, closed, wait_for_waiter
from tests.proxy import MUCH, proxied
from tests.untouched import sessions_of_ours, untouched

LIMIT_S = 3
ROWS = 4000
LARGE = f"create table large (n int, t text); insert into large select n, repeat('x', 3000) from generate_series(1, {ROWS}) n"


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_load_that_stands_still_is_ended_and_tried_again(
    side: str, source: Endpoint, source_admin: Endpoint, destination: Endpoint
) -> None:
    execute(source, LARGE)
    with proxied(source if side == "source" else destination) as (way, proxy):
        proxy.after(MUCH, proxy.stall)
        sides = (way, destination) if side == "source" else (source, way)
        with in_background(*sides, run={"stall_seconds": LIMIT_S}) as run:
            run.future.result()
        assert sessions_of_ours(source_admin) == []  # though its server does not know that one is given up

    assert proxy.broken.is_set()
    (error,) = [log["error"] for log in run.logs if log["event"] == "copy.retried"]
    assert f"stood still for {LIMIT_S} s" in error
    assert rows_of(destination, "select count(*) from public.large") == [(ROWS,)]


def test_a_session_that_stands_still_is_cut_off_and_the_run_begun_again(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int); insert into t values (1)")
    with proxied(destination) as (way, proxy):
        proxy.lose_words(b"elt.generation set place", b"COMMIT", answer=False, stalls=True)
        with in_background(source, way, run={"stall_seconds": LIMIT_S}) as run:
            run.future.result()

    assert "session.stalled" in [log["event"] for log in run.logs]
    assert rows_of(destination, "select status from elt.run order by started_at") == [
        ("failed",),
        ("published",),
    ]
    assert rows_of(destination, "select n from public.t") == [(1,)]


def plan_of(config: Config) -> object:
    return plan(config)


def status_of(config: Config) -> object:
    return status(config, 1)


@pytest.mark.parametrize(
    ("command", "side", "words"),
    [
        (plan_of, "source", b"pg_depend"),
        (plan_of, "destination", b"create database"),
        (rollback, "destination", b"pg_try_advisory_lock"),
        (status_of, "destination", b"elt.generation"),
    ],
)
def test_no_other_command_waits_for_ever_either(
    command: Callable[[Config], object], side: str, words: bytes, source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t (n int)")
    with proxied(source if side == "source" else destination) as (way, proxy):
        sides = (way, destination) if side == "source" else (source, way)
        config = config_of(*sides, run={"stall_seconds": LIMIT_S})
        proxy.lose_words(words, words, answer=False, stalls=True)
        with capture_logs() as logs, pytest.raises(SourceError if side == "source" else DestinationError):
            command(config)

    assert "session.stalled" in [log["event"] for log in logs]


def test_a_load_that_waits_for_a_lock_is_not_given_up(
    source_database: Database, destination_database: Database
) -> None:
    source, destination = source_database.owner, destination_database.owner
    execute(source, GATED)
    with in_background(source, destination, run={"stall_seconds": LIMIT_S}) as run:
        with closed(destination, COPY) as gate:
            wait_for_waiter(gate, destination_database.admin)
            until = time.monotonic() + LIMIT_S + 3
            run.wait_until(lambda: time.monotonic() > until)
        run.future.result()

    assert not {"copy.retried", "run.retried"} & {log["event"] for log in run.logs}


def test_who_is_at_work_is_not_given_up_where_the_server_has_no_room_to_be_asked(
    source: Endpoint, destination_database: Database
) -> None:
    destination, admin = destination_database.owner, destination_database.admin
    execute(source, GATED)
    role = destination.parameters["user"]
    with in_background(source, destination, run={"stall_seconds": LIMIT_S}) as run:
        with closed(destination, VIEW) as gate:
            waiter = wait_for_waiter(gate, admin)
            execute(admin, f"alter role {role} connection limit 1")
            ours = f"usename = '{role}' and application_name like 'elt/%' and pid <> {waiter}"
            execute(admin, f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {ours}")
            until = time.monotonic() + LIMIT_S + 3
            run.wait_until(lambda: time.monotonic() > until)
            execute(admin, f"alter role {role} connection limit -1")
        run.future.result()

    assert not {"session.stalled", "run.retried"} & {log["event"] for log in run.logs}


def test_a_materialized_view_that_waits_for_our_own_locks_by_another_session_is_given_up(
    source: Endpoint, old_server: Server, make_database: MakeDatabase
) -> None:
    execute(source, "create table t (n int); insert into t values (1)")
    database = make_database(old_server, "destination")
    destination = database.owner
    copied(source, destination)
    where = make_conninfo(**destination.parameters, password=destination.password)
    execute(
        database.admin,
        f"""
        create extension dblink;
        create materialized view by_itself as
            select t.n, d.many from t, dblink($${where}$$, 'select count(*) from public.t') d (many bigint);
        alter materialized view by_itself owner to {destination.parameters["user"]};
        """,
    )

    with untouched(database.admin), pytest.raises(DestinationError):
        copied(source, destination, run={"stall_seconds": LIMIT_S, "retries": 0})
