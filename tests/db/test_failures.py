"""A run that fails at whichever step: it says what failed, readers see the old data, the next run is good."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from structlog.testing import capture_logs

from elt_script import prepare
from elt_script.errors import AuditError, DestinationError, EltError, PreflightError, SourceError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import status
from tests.background import in_background
from tests.copying import config_of, copied, execute, rows_of
from tests.databases import MakeDatabase
from tests.gates import (
    COPY,
    GATED,
    INDEX,
    blocked_by,
    closed,
    holding,
    terminate,
    wait_for_waiter,
    waiting_for,
)
from tests.proxy import MUCH, proxied
from tests.untouched import sessions_of_ours, untouched

HERE = "current_database() like 'destination%'"


@dataclass(frozen=True, slots=True)
class Sides:
    """A source with gates, and a destination that has its first copy."""

    source: Endpoint
    destination: Endpoint
    source_admin: Endpoint
    destination_admin: Endpoint


@pytest.fixture(scope="module")
def first_copy(
    source_server: Server, destination_server: Server, make_shared_database: MakeDatabase
) -> Sides:
    source = make_shared_database(source_server, "source")
    destination = make_shared_database(destination_server, "destination")
    execute(source.owner, GATED)
    copied(source.owner, destination.owner)
    return Sides(source.owner, destination.owner, source.admin, destination.admin)


@pytest.fixture
def sides(first_copy: Sides) -> Generator[Sides]:
    """The same two databases for each test; at the source a schema more, which goes with the test."""
    execute(first_copy.source, "create schema extra")
    yield first_copy
    execute(first_copy.source, "drop schema extra cascade")


@contextmanager
def failing(sides: Sides, kind: type[EltError], step: str) -> Generator[pytest.ExceptionInfo[EltError]]:
    """Want a failure, written down in the ledger, that leaves what readers see as it was."""
    with untouched(sides.destination_admin), pytest.raises(kind) as failure:
        yield failure
    last = status(config_of(sides.source, sides.destination), 1).runs[0]
    assert (last.status, last.step, last.exit_status) == ("failed", step, kind.exit_status)
    assert last.error == "\n".join(filter(None, (failure.value.message, failure.value.detail)))
    assert failure.value.hint


def in_extra(endpoint: Endpoint, script: str) -> None:
    """Run statements at the source, in the schema that goes with the test."""
    execute(endpoint, f"set local search_path = extra; {script}")


def pids_of(admin: Endpoint, condition: str) -> list[int]:
    """Return the pids of our sessions in a database."""
    ours = "datname = current_database() and application_name like 'elt/%'"
    look = replace(admin, application="look")
    return [
        int(str(pid))
        for (pid,) in rows_of(look, f"select pid from pg_stat_activity where {ours} and {condition}")
    ]


LARGE = f"""
    create table large (n int check (public.gate(n, {COPY}) = n), padding text);
    insert into large select n, repeat('x', 1900) from generate_series(1, 3000) n;
"""


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_connection_that_a_load_loses_is_made_anew(sides: Sides, side: str) -> None:
    in_extra(sides.source, LARGE)

    with proxied(getattr(sides, side)) as (way, proxy), capture_logs() as logs:
        proxy.after(MUCH, proxy.reset)
        copied(*((way, sides.destination) if side == "source" else (sides.source, way)))

    assert proxy.broken.is_set()
    assert "copy.retried" in [log["event"] for log in logs]
    assert rows_of(sides.destination, "select count(*) from extra.large") == [(3000,)]


def test_a_source_that_does_not_know_that_a_failed_run_is_over_is_let_go_of(sides: Sides) -> None:
    more = "insert into large select n, repeat('x', 1900) from generate_series(3001, 8000) n;"
    in_extra(sides.source, LARGE + more + REFUSED["a full disk"][0])

    with proxied(sides.source) as (way, proxy):
        proxy.after(MUCH, proxy.stall)
        with failing(sides, DestinationError, "copy"):
            copied(way, sides.destination, jobs=1, run={"stall_seconds": 3})
        assert proxy.broken.is_set()
        assert sessions_of_ours(sides.source_admin) == []


def test_a_server_that_waits_for_a_lost_load_does_not_hold_up_the_next(sides: Sides) -> None:
    in_extra(sides.source, LARGE)

    with proxied(sides.destination) as (way, proxy):
        proxy.after(MUCH, proxy.lose)
        with in_background(sides.source, way) as run:
            run.future.result(timeout=20)
        assert proxy.broken.is_set()

    assert rows_of(sides.destination, "select count(*) from extra.large") == [(3000,)]


def test_a_bit_that_flips_on_the_way_is_not_published(sides: Sides) -> None:
    in_extra(
        sides.source,
        "create table wide (t text); insert into wide select repeat('x', 200000) from generate_series(1, 50)",
    )

    with proxied(sides.source) as (way, proxy), failing(sides, AuditError, "audit") as failure:
        proxy.after(MUCH, proxy.flip)
        copied(way, sides.destination)

    assert proxy.broken.is_set()
    assert failure.value.detail == "extra.wide: 50 rows on both sides, but not the same content"


def test_the_first_failure_ends_what_else_is_at_work(sides: Sides) -> None:
    in_extra(sides.source, LARGE + REFUSED["a full disk"][0])
    with closed(sides.destination, COPY) as gate, failing(sides, DestinationError, "copy") as failure:
        with in_background(sides.source, sides.destination, jobs=2) as run:
            run.future.result(timeout=20)
        assert waiting_for(gate, sides.destination_admin) == []

    assert "No space left on device" in failure.value.detail


def test_a_snapshot_that_is_lost_ends_the_run(sides: Sides) -> None:
    with (
        failing(sides, SourceError, "copy") as failure,
        in_background(sides.source, sides.destination, run={"retries": 0}) as run,
    ):
        with closed(sides.destination, COPY) as gate:
            wait_for_waiter(gate, sides.destination_admin)
            (pid,) = pids_of(sides.source_admin, "state = 'idle in transaction' and backend_xmin is not null")
            terminate(sides.source_admin, pid)
        run.future.result()

    assert failure.value.message == "the source ended the session that held the snapshot"
    copied(sides.source, sides.destination)


def test_a_table_that_is_being_altered_is_not_waited_for_without_end(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "SOURCE_LOCK_TIMEOUT", "100ms")
    with holding(sides.source, "alter table public.plain add more int") as holder:
        with failing(sides, SourceError, "preflight") as failure:
            copied(sides.source, sides.destination)
        pid = holder.info.backend_pid

    assert f"pid {pid} " in failure.value.detail
    assert "alter table public.plain add more int" in failure.value.detail


def test_who_alters_a_table_while_it_is_copied_does_not_wait_for_us_without_end(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "SOURCE_LOCK_TIMEOUT", "300ms")
    with failing(sides, SourceError, "copy") as failure, ThreadPoolExecutor(1) as somebody:
        with (
            in_background(sides.source, sides.destination, jobs=1) as run,
            closed(sides.destination, COPY) as gate,
        ):
            wait_for_waiter(gate, sides.destination_admin)
            altered = somebody.submit(
                execute, sides.source, "alter table plain add more int; alter table plain drop more"
            )
            (holder,) = pids_of(
                sides.source_admin, "state = 'idle in transaction' and backend_xmin is not null"
            )
            run.wait_until(lambda: blocked_by(holder, sides.source_admin))
            gate.rollback()
            gate.close()
            run.future.result()
        altered.result(timeout=20)

    assert "checksums of public.gated, public.plain" in failure.value.message
    assert "canceling statement due to lock timeout" in failure.value.detail


REFUSED: dict[str, tuple[str, str, type[EltError], list[str]]] = {
    "a full disk": (
        (
            f"create function full_disk() returns bool language plpgsql as $$ begin if {HERE} then"
            " raise 'could not extend file: No space left on device' using errcode = 'disk_full'; end if;"
            " return true; end $$; create table big (n int check (full_disk())); insert into big values (1)"
        ),
        "copy",
        DestinationError,
        ["extra.big", "No space left on device"],
    ),
    "a row that the destination refuses": (
        f"create table picky (n int constraint not_there check (not {HERE})); insert into picky values (1)",
        "copy",
        DestinationError,
        ["extra.picky", "not_there"],
    ),
    "an index that cannot be built": (
        (
            "create function once(n int) returns int language plpgsql immutable as $$ begin"
            f" if {HERE} then raise 'not there'; end if; return n; end $$;"
            " create table indexed (n int); insert into indexed values (1); create index odd on indexed (once(n))"
        ),
        "copy",
        DestinationError,
        ["extra.indexed", "not there"],
    ),
    "a materialized view that cannot be filled": (
        f"create materialized view per_zero as select 1 / case when {HERE} then 0 else 1 end as n",
        "finish",
        DestinationError,
        ["per_zero", "division by zero"],
    ),
    "a materialized view that can only be filled late": (
        (
            "create function zero() returns int language plpgsql as $$ begin"
            f" return case when {HERE} then 0 else 1 end; end $$;"
            "create materialized view per_late_zero as select 1 / zero() as n"
        ),
        "publish",
        DestinationError,
        ["extra.per_late_zero", "division by zero"],
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_destination_does_not_take(sides: Sides, what: str) -> None:
    given, step, kind, words = REFUSED[what]
    in_extra(sides.source, given)

    with failing(sides, kind, step) as failure:
        copied(sides.source, sides.destination)

    for word in words:
        assert word in str(failure.value)


def test_a_key_that_the_source_itself_breaks(sides: Sides) -> None:
    in_extra(sides.source, "create table child (n int constraint to_gated references public.gated)")
    in_extra(sides.source_admin, "set session_replication_role = replica; insert into child values (99)")

    with failing(sides, DestinationError, "finish") as failure:
        copied(sides.source, sides.destination)
    assert "to_gated" in str(failure.value)

    in_extra(
        sides.source,
        "alter table child drop constraint to_gated,"
        " add constraint to_gated foreign key (n) references public.gated not valid",
    )
    copied(sides.source, sides.destination)


def test_a_schema_that_the_destination_cannot_have(sides: Sides) -> None:
    in_extra(
        sides.source_admin, "create function internal() returns int language internal immutable as 'int4abs'"
    )

    with failing(sides, PreflightError, "stage") as failure:
        copied(sides.source, sides.destination)
    assert "internal" in str(failure.value)


AUDITS: dict[str, tuple[str, dict[str, object], str]] = {
    "fewer rows": (
        "delete from plain where n > 2",
        {"max_shrink": 0.5},
        "public.plain: 5 rows would become 2, 60.0% less",
    ),
    "no rows": ("delete from plain", {}, "public.plain: it had 5 rows and would have none"),
    "no rows, and fewer": (
        "delete from plain",
        {"max_shrink": 0.5},
        "would have none; set `allow_empty` if that is right\npublic.plain: 5 rows would become 0, 100.0% less",
    ),
    "a check": (
        "",
        {"checks": [{"name": "few", "sql": "select from plain"}]},
        "check few: it found 5 rows, and must find none",
    ),
    "a check of the old data": (
        "",
        {"checks": [{"name": "old", "sql": "select from public.plain where false"}]},
        "check old: it reads public.plain, the old data",
    ),
    "a check that is no query": (
        "",
        {"checks": [{"name": "set", "sql": "set enable_seqscan = off"}]},
        "check set: it is no query",
    ),
    "a check that writes": (
        "",
        {"checks": [{"name": "odd", "sql": "insert into plain values (1) returning n"}]},
        "check odd: cannot execute INSERT in a read-only transaction",
    ),
    "a check that ends its transaction and writes": (
        "",
        {"checks": [{"name": "odd", "sql": "rollback; begin; drop table public.plain; commit; select"}]},
        "check odd: cannot execute DROP TABLE in a read-only transaction",
    ),
    "a check of a table that is not there": (
        "",
        {"checks": [{"name": "far", "sql": "table nowhere.t"}]},
        'check far: relation "nowhere.t" does not exist: staged tables have their names alone, no schema\'s',
    ),
    "a check that is no SQL": ("", {"checks": [{"name": "odd", "sql": "sélect"}]}, "check odd: syntax error"),
}


@pytest.mark.parametrize("what", AUDITS)
def test_a_copy_that_is_not_fit_to_be_published(sides: Sides, what: str) -> None:
    change, audit, why = AUDITS[what]
    execute(sides.source, f"create table kept as table plain; {change}")
    try:
        with failing(sides, AuditError, "audit") as failure:
            copied(sides.source, sides.destination, audit=audit, tables={"*": {}, "kept": {"skip": True}})
    finally:
        execute(sides.source, "truncate plain; insert into plain table kept; drop table kept")

    assert why in failure.value.detail


def test_a_copy_that_somebody_has_changed(sides: Sides) -> None:
    with (
        failing(sides, AuditError, "audit") as failure,
        in_background(sides.source, sides.destination, jobs=1) as run,
    ):
        with closed(sides.destination, INDEX) as gate:
            wait_for_waiter(gate, sides.destination_admin)
            execute(sides.destination, "update elt_next_public.plain set batch = 7 where n = 1")
        run.future.result()

    assert failure.value.detail == "public.plain: 5 rows on both sides, but not the same content"
