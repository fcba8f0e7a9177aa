"""What publish waits for, and what it does not wait for, beside readers."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from elt_script.errors import PublishTimeoutError
from elt_script.pg.endpoint import Endpoint
from tests.background import in_background
from tests.copying import copied, execute, rows_of
from tests.gates import CHECK, GATED_CHECK, as_somebody, closed, holding, waiting_for
from tests.proxy import proxied
from tests.untouched import untouched
from tests.worlds import SHOP, World

BULK = "create table bulk as select n, repeat('x', 500) as padding from generate_series(1, 5000) n"
LAZY = """
    alter table public.bulk set (
        autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1
    )
"""
VACUUMING = "select count(*) from pg_stat_progress_vacuum where datname = current_database()"
IMPATIENT = {"patience_seconds": 0.2}


@pytest.fixture
def world(new_world: World) -> World:
    execute(new_world.source, SHOP)
    copied(new_world.source, new_world.destination)
    return new_world


@pytest.fixture
def eager_autovacuum(destination_admin: Endpoint) -> Generator[None]:
    """Let autovacuum look around each second."""
    with as_somebody(destination_admin, autocommit=True) as conn:
        conn.execute("alter system set autovacuum_naptime = '1s'")
        conn.execute("select pg_reload_conf()")
        yield
        conn.execute("alter system reset autovacuum_naptime")
        conn.execute("select pg_reload_conf()")


@pytest.mark.usefixtures("eager_autovacuum")
def test_an_autovacuum_that_takes_long_is_made_to_let_go(new_world: World) -> None:
    world = new_world
    execute(world.source, BULK)
    copied(world.source, world.destination)
    execute(world.destination, LAZY)
    execute(world.destination, "delete from bulk where n % 2 = 0")
    deadline = time.monotonic() + 30
    while rows_of(world.admin, VACUUMING) == [(0,)]:
        assert time.monotonic() < deadline, "autovacuum does not come"
        time.sleep(0.05)

    with in_background(world.source, world.destination, publish={"patience_seconds": 10}) as run:
        run.future.result()

    assert [log["event"] for log in run.logs].count("publish.waiting") > 0
    assert rows_of(world.destination, "select count(*) from public.bulk") == [(5000,)]


def test_a_prepared_transaction_that_holds_a_lock_is_named(world: World) -> None:
    with as_somebody(world.destination) as conn:
        conn.execute("lock table public.orders in access share mode")
        conn.execute("prepare transaction 'left behind'")
    try:
        with untouched(world.admin), pytest.raises(PublishTimeoutError) as failure:
            copied(world.source, world.destination, publish=IMPATIENT)
    finally:
        with as_somebody(world.destination, autocommit=True) as conn:
            conn.execute("rollback prepared 'left behind'")

    assert failure.value.detail.startswith("prepared transaction left behind (")


def test_who_holds_what_others_built_is_named_too(world: World) -> None:
    execute(world.destination, "create table theirs (id int references orders)")

    with (
        untouched(world.admin),
        holding(world.destination, "lock table public.theirs in access share mode") as holder,
    ):
        with pytest.raises(PublishTimeoutError) as failure:
            copied(world.source, world.destination, publish=IMPATIENT)
        pid = holder.info.backend_pid

    assert failure.value.message == "publish did not get its locks within 0.2 s"
    assert f"pid {pid} " in failure.value.detail
    assert "lock table public.theirs in access share mode" in failure.value.detail


def test_who_may_not_be_seen_is_named_by_role_and_application(world: World) -> None:
    with holding(world.admin, "select from public.orders") as holder:
        with pytest.raises(PublishTimeoutError) as failure:
            copied(world.source, world.destination, publish=IMPATIENT)
        pid = holder.info.backend_pid

    assert failure.value.detail == (
        f"pid {pid} (postgres somebody); what it does is shown only to members of pg_read_all_stats"
    )


def test_who_alters_what_a_materialized_view_reads_is_waited_for_and_not_killed(world: World) -> None:
    execute(
        world.destination,
        """
        create table factors (factor int);
        insert into factors values (2);
        create materialized view theirs as select sum(amount * factor) as amount from orders, factors;
        """,
    )

    with in_background(world.source, world.destination, audit={"checks": [GATED_CHECK]}) as run:
        with as_somebody(world.destination) as conn:
            with closed(world.destination, CHECK) as gate:  # the plan is made, and publish has not begun
                run.wait_until(lambda: waiting_for(gate, world.destination))
                conn.execute("alter table public.factors add comment text")
            run.wait_for("publish.waiting")
            assert conn.execute("select count(*) from public.orders").fetchone() == (30,)
            conn.commit()
        run.future.result()

    assert "alter table public.factors" in str(run.logs)
    assert rows_of(world.destination, "select amount from public.theirs") == [(9300,)]


def test_a_grant_in_the_middle_of_publish_is_waited_for(world: World) -> None:
    execute(
        world.destination,
        "create function theirs() returns bigint language sql return (select count(*) from orders)",
    )

    with in_background(world.source, world.destination) as run:
        with as_somebody(world.destination) as conn:
            conn.execute(f"grant execute on function public.theirs to {world.reader}".encode())
            run.wait_for("publish.waiting")
            conn.commit()
        run.future.result()

    assert world.value("select public.theirs()") == 30
    assert (
        world.value(f"select has_function_privilege('{world.reader}', 'public.theirs()', 'execute')") is True
    )


def test_an_index_that_somebody_creates_in_the_middle_of_publish_comes_along(world: World) -> None:
    with in_background(world.source, world.destination) as run:
        with as_somebody(world.destination) as conn:
            conn.execute("create index late on public.orders (amount)")
            run.wait_for("publish.waiting")
            conn.commit()
        run.future.result()

    (why,) = [log["error"] for log in run.logs if log["event"] == "run.retried"]
    assert why == "index public.late came to a published table as it was about to be replaced"
    assert world.value("select to_regclass('public.late')::text") == "public.late"


def test_publish_does_not_wait_under_its_locks_for_a_standby_that_is_gone(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, "create table t (n int)")
    role = destination.parameters["user"]
    execute(destination_admin, f"alter role {role} set synchronous_commit = on")
    with (
        proxied(destination) as (way, proxy),
        as_somebody(destination_admin, autocommit=True) as conn,
        in_background(source, way) as run,
    ):
        proxy.lose_words(b"elt.generation set place", b"COMMIT", answer=False, stalls=True)
        run.wait_until(proxy.broken.is_set)
        conn.execute("alter system set synchronous_standby_names = 'nobody'")
        conn.execute("select pg_reload_conf()")
        try:
            proxy.heal()
            run.wait_for("publish.done")
        finally:
            conn.execute("alter system reset synchronous_standby_names")
            conn.execute("select pg_reload_conf()")
        run.future.result()
