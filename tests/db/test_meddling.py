"""What others do at either server while a run is at work: it is said what they did, and the next run is good."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from elt_script.errors import DestinationError, PreflightError, SourceError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from tests.background import in_background
from tests.copying import assert_same, copied, execute, rows_of
from tests.databases import MakeDatabase
from tests.gates import CHECK, COPY, GATED, GATED_CHECK, closed, holding, wait_for_waiter, waiting_for
from tests.proxy import proxied
from tests.untouched import BOARDS, untouched

BEGAN = "while the run began"
READ = """
    create table other (n int);
    create view seen_through as select n from plain;
    create function said(int) returns int language sql as 'select $1';
    create sequence numbers
"""


@pytest.fixture(autouse=True)
def first_copy(source: Endpoint, destination: Endpoint) -> None:
    execute(source, GATED)
    copied(source, destination)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table plain rename to late", f"a table of the source was dropped or renamed {BEGAN}"),
        ("truncate plain", f"public.plain was truncated or rewritten {BEGAN}"),
        ("alter table plain drop batch", "psql (source) ended with status 3"),
        ("drop view seen_through", "pg_dump (source) ended with status 1"),
        ("drop function said(int)", "pg_restore (destination) ended with status 1"),
        ("drop sequence numbers", "the source refused or broke off"),
    ],
)
def test_what_changes_between_snapshot_and_lock_begins_the_run_again(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, change: str, said: str
) -> None:
    execute(source, READ)
    with (
        holding(source.with_settings(search_path="public"), "lock table plain") as somebody,
        in_background(source, destination, audit={"allow_empty": True}) as run,
    ):
        wait_for_waiter(somebody, source_admin)
        somebody.execute(change.encode())
        somebody.commit()
        run.future.result()

    retried = [log["error"] for log in run.logs if log["event"] == "run.retried"]
    assert len(retried) == 1
    assert retried[0].endswith(said)
    assert_same(source, destination)


def test_a_table_that_is_dropped_as_its_size_is_asked_for_begins_the_run_again(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, READ)
    with proxied(source) as (way, proxy):
        proxy.lose_words(b"pg_table_size", b"pg_table_size", answer=False, stalls=True)
        with in_background(way, destination) as run:
            run.wait_until(proxy.broken.is_set)
            execute(source, "drop table other")
            proxy.heal()
            run.future.result()

    assert [log["attempt"] for log in run.logs if log["event"] == "run.retried"] == [1]


def test_too_few_connections_are_told_with_what_would_help(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    role = source.parameters["user"]
    execute(source_admin, f"alter role {role} connection limit 4")

    with ExitStack() as others:
        for _ in range(3):
            others.enter_context(holding(source, "select 1"))
        with untouched(destination_admin), pytest.raises(SourceError) as failure:
            copied(source, destination, jobs=2, run={"retries": 0})

    assert f'too many connections for role "{role}"' in failure.value.detail
    assert "lower `jobs`" in failure.value.hint


def test_a_server_that_lets_nobody_into_scratch_databases_is_told_so(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, "alter table plain add more int")  # so that its schema is drawn anew
    role = destination.parameters["user"]
    ((path,),) = rows_of(destination_admin, "select current_setting('hba_file')")
    rules = Path(str(path))
    before = rules.read_text()
    rules.write_text(f"host {role} {role} all scram-sha-256\nhost all {role} all reject\n{before}")
    execute(destination_admin, "select pg_reload_conf()")
    try:
        with untouched(destination_admin), capture_logs() as logs, pytest.raises(PreflightError) as failure:
            copied(source, destination)
    finally:
        rules.write_text(before)
        execute(destination_admin, "select pg_reload_conf()")

    assert failure.value.message.endswith(f"the scratch database does not let us in at {destination}")
    assert "elt_board_" in failure.value.hint
    assert "run.retried" not in [log["event"] for log in logs]


KEPT = """
    create function keep() returns event_trigger language plpgsql as $$ begin
        if exists (select from pg_event_trigger_dropped_objects() where object_identity like 'elt\\_next%') then
            raise 'nobody drops anything here';
        end if;
    end $$;
    create event trigger kept on sql_drop execute function keep();
"""


def test_what_cannot_be_removed_after_a_failure_is_left_to_the_next_run(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    """An event trigger of the destination's administrator forbids publish, and then the cleaning, too."""
    execute(source, "update plain set batch = 2")
    execute(destination_admin, KEPT)
    with capture_logs() as logs, pytest.raises(DestinationError) as failure:
        copied(source, destination)
    execute(destination_admin, "drop event trigger kept; drop function keep")

    assert "nobody drops anything here" in failure.value.detail
    assert "Nothing was published" in failure.value.hint
    assert [log["event"] for log in logs][-1] == "run.left_behind"
    assert rows_of(destination, "select distinct batch from public.plain") == [(1,)]
    copied(source, destination)
    assert rows_of(destination, "select distinct batch from public.plain") == [(2,)]
    assert rows_of(destination, "select from pg_namespace where nspname like 'elt_next%'") == []


def test_who_is_let_in_no_more_removes_what_he_staged_by_the_session_that_he_has(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    role = destination.parameters["user"]
    checks = {"audit": {"checks": [GATED_CHECK]}}
    with (
        untouched(destination_admin),
        in_background(source, destination, run={"retries": 0}, **checks) as run,
    ):
        with closed(destination_admin, CHECK) as gate:
            wait_for_waiter(gate, destination_admin)
            execute(destination_admin, f"alter role {role} nologin")
        failure = run.future.exception()

    assert isinstance(failure, DestinationError)
    assert f'role "{role}" is not permitted to log in' in failure.detail
    assert "Nothing was published" in failure.hint
    assert "run.left_behind" not in [log["event"] for log in run.logs]


def test_a_staged_table_that_somebody_drops_is_missed(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    with (
        untouched(destination_admin),
        in_background(source, destination, audit={"checks": [GATED_CHECK]}) as run,
    ):
        with closed(destination, CHECK) as gate:
            wait_for_waiter(gate, destination_admin)
            execute(destination, "drop table elt_next_public.plain")
        failure = run.future.exception()

    assert isinstance(failure, DestinationError)
    assert failure.message == "public.plain is gone from the generation that is to be live"


def test_a_scratch_database_of_another_destination_at_work_is_not_taken_for_one_that_was_left(
    source_admin: Endpoint,
    destination_admin: Endpoint,
    destination_server: Server,
    make_database: MakeDatabase,
) -> None:
    other = make_database(destination_server, "destination").admin
    with destination_admin.connect(autocommit=True) as conn:
        conn.execute("create database elt_board_default__000000")

    with closed(other, COPY) as holder, in_background(source_admin, other) as run:
        run.wait_until(lambda: waiting_for(holder, other))
        copied(source_admin, destination_admin)
        meanwhile = rows_of(destination_admin, BOARDS)
        holder.close()
    copied(source_admin, destination_admin)

    assert meanwhile == [("elt_board_default__000000",)]
    assert rows_of(destination_admin, BOARDS) == []
