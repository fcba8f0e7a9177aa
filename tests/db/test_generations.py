"""What cannot come along is named and refused, or given up; generations are kept, adopted and gone back to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from elt_script.errors import DestinationError, PreflightError
from elt_script.rollback import rollback, status
from elt_script.run import plan
from tests.copying import config_of, copied, execute, rows_of
from tests.gates import holding
from tests.untouched import untouched
from tests.worlds import SHOP, World, definitions

IMPOSSIBLE = (Path(__file__).parent / "impossible.sql").read_text(encoding="utf-8")
CLOSED = """
    alter schema closed owner to {reader};
    grant usage on schema closed to public;
    alter table public.given owner to {reader};
"""
NAMED = [
    "view theirs.of_another_role cannot come along: it belongs to another role",
    "table theirs.heir cannot come along: it inherits from",
    "table theirs.partition_of_theirs cannot come along: it inherits from",
    "table theirs.mooded cannot come along: its mood, other is of a published type, which .*: keep it as text",
    "table theirs.rowed cannot come along: its o is of a published type",
    "table theirs.typed cannot come along: it is of a published type",
    "object type theirs.moody cannot come along",
    "object constraint doubled_check cannot come along",
    r"function theirs.last\(integer\) cannot come along: an aggregate",
    r"function theirs.last_mood\(integer\) cannot come along: an aggregate",
    "default of theirs.computed.twice cannot come along: a generated column",
    "sequence public.owned cannot come along",
    "default of public.orders.note cannot come along: it was added to a published table",
    r"view theirs.of_a_column_that_goes cannot come along: the source no longer has public.going.gone",
    "relation public.backup cannot come along: it was kept when it was published",
    "relation theirs.moved_view cannot come along: it was moved_view when",
    "relation public.given cannot come along: it belongs to another role",
    r"column public.customers.theirs, public.customers.\"the'irs\" cannot come along: it was added to a published table",
    "view closed.of_a_closed_schema cannot come along: .* may not create in schema closed",
    r"view theirs.of_a_table_that_goes cannot come along: the source no longer has public.leaving",
    r"function theirs.of_rows_that_go\(\) cannot come along: the source no longer has public.leaving",
    "view theirs.of_such_a_function cannot come along: the source no longer has public.leaving.n",
    "materialized view theirs.of_a_view_that_goes cannot come along: the source no longer has public.gone_view",
]
GOING = """
    create table going (id int primary key, gone int, "odd.column" int);
    create table leaving (n int);
    create view gone_view as select 1 as n;
    create view moved_view as select 1 as n;
    create table kept (n int);
    create type of_table as (n int);
    create table given (n int);
    create function latest(a int, b int) returns int language sql immutable return b;
"""
GONE = "alter type mood rename value 'sad' to 'blue'; alter table going drop gone; drop table leaving; drop view gone_view"


@pytest.fixture
def world(new_world: World) -> World:
    """A world after its first run."""
    execute(new_world.source, SHOP)
    copied(new_world.source, new_world.destination)
    return new_world


def test_all_that_cannot_come_along_is_named_before_anything_is_touched(new_world: World) -> None:
    world = new_world
    execute(world.source, SHOP + GOING)
    copied(world.source, world.destination)
    execute(world.destination, IMPOSSIBLE.format(reader=world.reader))
    execute(world.admin, f"alter view theirs.of_another_role owner to {world.reader}")
    execute(world.admin, CLOSED.format(reader=world.reader))
    execute(world.source, GONE)

    with untouched(world.admin), pytest.raises(PreflightError) as failure:
        copied(world.source, world.destination)
    planned, faults = plan(config_of(world.source, world.destination))

    assert len(faults) == len(NAMED)
    assert planned.dependants == ("function theirs.next_mood(public.mood,integer)",)
    for fault in NAMED:
        assert re.search(fault, failure.value.detail), f"{fault}\n{failure.value.detail}"
    assert failure.value.message == f"{len(NAMED)} things stand in the way of this run"


def test_a_schema_of_somebody_where_the_old_data_is_to_go_is_named(world: World) -> None:
    execute(world.destination, "create schema elt_prev_public; create table elt_prev_public.theirs (n int)")

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)

    assert failure.value.message == "the destination has a schema elt_prev_public, which elt did not make"
    execute(world.destination, "drop schema elt_prev_public cascade")
    copied(world.source, world.destination)


def test_what_cannot_come_along_is_dropped_where_the_config_says_so(new_world: World) -> None:
    world = new_world
    execute(world.source, SHOP + GOING)
    copied(world.source, world.destination)
    execute(
        world.destination,
        'create view broken as select gone, id from going; create view odd as select "odd.column" from going',
    )
    execute(world.source, GONE)

    report = copied(world.source, world.destination, publish={"dependants": "drop"})

    assert report.warnings[1:] == ("view public.broken was dropped: it could not come along",)
    assert rows_of(
        world.destination, "select to_regclass('public.broken'), to_regclass('public.odd')::text"
    ) == [(None, "public.odd")]


def test_what_rests_on_something_that_is_dropped_is_dropped_with_it(new_world: World) -> None:
    world = new_world
    execute(world.source, SHOP + GOING)
    copied(world.source, world.destination)
    execute(
        world.destination,
        """
        create index by_what_goes on going (gone);
        create view broken as select gone from going;
        create view above as select gone from broken;
        create materialized view top as select count(*) from above;
        create function summit() returns bigint language sql begin atomic select count(*) from top; end;
        """,
    )
    execute(world.source, GONE)

    with untouched(world.admin), pytest.raises(PreflightError) as failure:
        copied(world.source, world.destination)
    report = copied(world.source, world.destination, publish={"dependants": "drop"})

    assert "view public.above cannot come along: it rests on view public.broken" in failure.value.detail
    assert sorted(report.warnings[1:]) == [
        f"{one} was dropped: it could not come along"
        for one in (
            "function public.summit()",
            "index public.by_what_goes",
            "materialized view public.top",
            "view public.above",
            "view public.broken",
        )
    ]


def test_what_turns_out_only_at_the_swap_not_to_fit_is_dropped_with_what_rests_on_it(world: World) -> None:
    execute(world.source, "create function going(n int) returns int language sql return n")
    copied(world.source, world.destination)
    execute(
        world.destination,
        """
        create view broken as select going(id) as gone from orders;
        create view above as select gone from broken;
        create materialized view top as select count(*) from above;
        create function summit() returns bigint language sql begin atomic select count(*) from top; end;
        create view fine as select id from orders;
        """,
    )
    execute(world.source, "drop function going(int); update orders set amount = 7")

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)
    report = copied(world.source, world.destination, publish={"dependants": "drop"})

    assert failure.value.message == "view public.broken cannot be pointed at the new data"
    assert "function public.going(integer) does not exist" in failure.value.detail
    assert sorted(report.warnings) == [
        f"{one} was dropped: it could not come along"
        for one in (
            "function public.summit()",
            "materialized view public.top",
            "view public.above",
            "view public.broken",
        )
    ]
    assert rows_of(
        world.destination, "select distinct amount from public.orders natural join public.fine"
    ) == [(7,)]


def test_views_follow_a_column_that_changes_its_type(world: World) -> None:
    execute(
        world.destination,
        f"""
        create schema theirs;
        create view theirs.amounts as select id, amount from public.orders;
        grant select on theirs.amounts to {world.reader};
        create view theirs.doubled as select amount * 2 as doubled from theirs.amounts;
        create materialized view theirs.total as select sum(doubled) as total from theirs.doubled;
        create function theirs.total() returns numeric language sql return (select total from theirs.total);
        """,
    )
    before = definitions(world)
    execute(
        world.source,
        "drop view order_names; drop materialized view order_totals; alter table orders alter amount type bigint",
    )
    execute(world.source, "update orders set amount = 10000000000")

    copied(world.source, world.destination)

    theirs = {name: body for name, body in definitions(world).items() if "theirs" in name}
    assert theirs == {name: body for name, body in before.items() if "theirs" in name}
    assert rows_of(world.destination, "select max(doubled) from theirs.doubled") == [(20_000_000_000,)]
    assert rows_of(world.destination, "select theirs.total()") == [(600_000_000_000,)]


BREAKS = {
    "foreign key": (
        "create table theirs (id int constraint to_orders references public.orders); insert into theirs values (30)",
        "delete from orders where id = 30",
        "foreign key to_orders on public.theirs",
        "Key (id)=(30) is not present",
    ),
    "unique index": (
        "create unique index only_one on orders (amount)",
        "update orders set amount = 10",
        "index public.only_one",
        "Key (amount)=(10) is duplicated",
    ),
    "check": (
        "alter table orders add constraint small check (amount < 1000)",
        "update orders set amount = 1000 where id = 1",
        "constraint small on public.orders",
        'check constraint "small" of relation "orders" is violated by some row',
    ),
    "materialized view": (
        "create materialized view shares as select 100 / amount as share from orders",
        "update orders set amount = 0 where id = 1",
        "materialized view public.shares",
        "division by zero",
    ),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_new_data_that_breaks_what_others_built_is_not_published(world: World, kind: str) -> None:
    built, change, name, why = BREAKS[kind]
    execute(world.destination, built)
    execute(world.source, change)

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)
    report = copied(world.source, world.destination, publish={"dependants": "drop"})

    assert failure.value.message == f"{name} cannot be pointed at the new data"
    assert why in failure.value.detail
    assert "publish.dependants: drop" in failure.value.hint
    assert report.warnings == (f"{name} was dropped: it could not come along",)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_as_many_generations_are_kept_as_the_config_says(world: World, keep: int) -> None:
    for _ in range(keep + 2):
        copied(world.source, world.destination, publish={"keep": keep})

    found = status(config_of(world.source, world.destination), 10)
    schemas = rows_of(world.destination, "select nspname from pg_namespace where nspname like 'elt\\_prev%'")
    assert len(found.previous) == len(schemas) == keep


def test_an_old_generation_that_somebody_uses_stays_and_is_named(world: World) -> None:
    copied(world.source, world.destination)
    execute(world.destination, "create view yesterday as select count(*) as n from elt_prev_public.orders")

    second = copied(world.source, world.destination)
    third = copied(world.source, world.destination)

    kept = "generation 1 in elt_prev_public could not be dropped: view public.yesterday"
    assert second.warnings == (kept,)
    assert third.warnings == (kept.replace("elt_prev_", "elt_prev2_"),)
    assert rows_of(world.destination, "select n from public.yesterday") == [(30,)]


def test_an_old_generation_that_somebody_reads_stays_until_the_next_run(world: World) -> None:
    copied(world.source, world.destination)

    with holding(world.destination, "select count(*) from elt_prev_public.orders"):
        during = copied(world.source, world.destination)
    after = copied(world.source, world.destination)

    assert len(during.warnings) == 1
    assert "elt_prev_public could not be dropped: pid " in during.warnings[0]
    assert "select count(*) from elt_prev_public.orders" in during.warnings[0]
    assert after.warnings == ()
    assert rows_of(
        world.destination, "select nspname from pg_namespace where nspname like 'elt\\_prev%'"
    ) == [("elt_prev_public",)]


SCRIPTED = """
    create table customers (id int primary key, name text);
    insert into customers values (1, 'by hand');
    create table orders (id int primary key, customer_id int references customers);
    insert into orders values (1, 1);
    create table days (day date primary key) partition by range (day);
    create view theirs as select c.name from orders o join customers c on c.id = o.customer_id where o.id = 1;
    create sequence numbers start 7;
"""


def test_tables_that_a_script_made_are_adopted_and_a_rollback_returns_to_them(new_world: World) -> None:
    source, destination = new_world.source, new_world.destination
    execute(source, SHOP)
    execute(destination, SCRIPTED)

    with untouched(new_world.admin), pytest.raises(PreflightError) as refused:
        copied(source, destination)
    copied(source, destination, publish={"adopt": True})
    adopted = rows_of(destination, "select name from public.theirs")
    rollback(config_of(source, destination))
    rolled_back = rows_of(
        destination, "select name, (select last_value from public.numbers) from public.theirs"
    )
    rollback(config_of(source, destination))

    assert "relation public.numbers, which elt did not publish" in refused.value.detail
    assert "public.customers, which elt did not publish" in refused.value.detail
    assert "publish.adopt" in refused.value.detail
    assert adopted == [("customer 1",)]
    assert rolled_back == [("by hand", 7)]
    assert rows_of(destination, "select name from public.theirs") == [("customer 1",)]
    assert copied(source, destination).warnings == ()


def test_what_rests_on_adopted_tables_and_cannot_come_along_is_named_at_once(new_world: World) -> None:
    execute(new_world.source, SHOP)
    execute(new_world.destination, SCRIPTED)
    execute(
        new_world.admin,
        f"grant create on schema public to {new_world.reader}; alter view theirs owner to {new_world.reader}",
    )

    with (
        untouched(new_world.admin),
        pytest.raises(PreflightError, match=r"view public.theirs cannot come along") as refused,
    ):
        copied(new_world.source, new_world.destination, publish={"adopt": True})

    assert "it belongs to another role" in str(refused.value)
    assert status(config_of(new_world.source, new_world.destination), 1).live is None


def test_there_is_nothing_to_go_back_to_after_the_first_run(world: World) -> None:
    with pytest.raises(PreflightError, match="has no earlier generation to go back to"):
        rollback(config_of(world.source, world.destination))


def test_status_tells_which_run_is_live_after_a_rollback(world: World) -> None:
    second = copied(world.source, world.destination)
    config = config_of(world.source, world.destination)
    rollback(config)

    found = status(config, 10)

    assert found.live is not None
    assert (found.live.number, [one.number for one in found.previous]) == (1, [2])
    assert {run.run_id: run.status for run in found.runs}[second.run_id] == "rolled back"


def test_a_grantee_who_is_gone_is_no_trouble(world: World) -> None:
    execute(world.admin, "create role passing; grant select on orders to passing")
    execute(world.admin, "drop owned by passing; drop role passing")

    assert copied(world.source, world.destination).warnings == ()


def test_a_grant_that_was_taken_back_does_not_come_back_with_a_rollback(world: World) -> None:
    execute(world.destination, f"grant select on public.orders to {world.reader}")
    copied(world.source, world.destination)
    execute(world.destination, f"revoke select on public.orders from {world.reader}")

    rollback(config_of(world.source, world.destination))

    assert world.value(f"select has_table_privilege('{world.reader}', 'public.orders', 'select')") is False


def test_two_pipelines_share_a_destination_but_no_schema(new_world: World) -> None:
    source, destination = new_world.source, new_world.destination
    execute(source, SHOP)
    copied(source, destination, pipeline="one", schemas={"public": "one"})
    copied(source, destination, pipeline="two", schemas={"public": "two"})
    copied(source, destination, pipeline="one", schemas={"public": "one"})

    with (
        untouched(new_world.admin),
        pytest.raises(
            PreflightError, match="schema two at the destination is published by pipeline two"
        ) as refused,
    ):
        copied(source, destination, pipeline="one", schemas={"public": "two"})

    assert "did not publish" not in str(refused.value)
    assert rows_of(destination, "select count(*) from one.orders join two.orders using (id)") == [(30,)]
