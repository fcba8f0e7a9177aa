"""What people add to a published copy is kept, or named: nothing of it is lost in silence."""

from __future__ import annotations

import re

import pytest

from elt_script.errors import DestinationError
from elt_script.rollback import rollback
from elt_script.run import new_run_id, run
from tests.copying import config_of, copied, execute
from tests.gates import as_somebody
from tests.untouched import untouched
from tests.worlds import SHOP, World, definitions


@pytest.fixture
def world(new_world: World) -> World:
    """A world after its first run."""
    execute(new_world.source, SHOP)
    copied(new_world.source, new_world.destination)
    return new_world


def test_a_column_that_somebody_added_stays_with_the_generation_before(world: World) -> None:
    execute(world.destination, "alter table orders add mine text; update orders set mine = 'of ' || id")
    before = definitions(world)

    report = copied(world.source, world.destination, publish={"dependants": "drop"})
    gone = definitions(world)
    rollback(config_of(world.source, world.destination))

    assert report.warnings == ("column public.orders.mine was dropped: it could not come along",)
    assert gone != before
    assert definitions(world) == before
    assert world.value("select mine from public.orders where id = 7") == "of 7"


def test_an_index_whose_name_the_source_gave_to_another_one_is_named(world: World) -> None:
    execute(world.destination, "create index twofold on orders (amount)")
    execute(world.source, "create index twofold on orders (note)")

    with pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)
    report = copied(world.source, world.destination, publish={"dependants": "drop"})

    assert failure.value.message == "index public.twofold cannot be pointed at the new data"
    assert report.warnings == ("index public.twofold was dropped: it could not come along",)


def test_what_has_a_name_that_something_new_needs_is_named(world: World) -> None:
    execute(
        world.destination,
        """
        create table theirs (n int, m int);
        create index new_index on theirs (n);
        create statistics new_statistics on n, m from theirs;
        create collation new_collation (locale = 'C');
        create domain new_table as int;
        create table new_type (n int);
        """,
    )
    execute(
        world.source,
        """
        create index new_index on orders (note);
        create statistics new_statistics on id, amount from orders;
        create collation new_collation (locale = 'C');
        create table new_table (n int);
        create type new_type as enum ();
        """,
    )

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)

    assert failure.value.message == (
        "the destination has collation public.new_collation, index public.new_index, "
        "statistics object public.new_statistics, type public.new_table, type public.new_type, "
        "which elt did not publish"
    )


def test_what_somebody_put_beside_an_old_generation_keeps_it_there(world: World) -> None:
    copied(world.source, world.destination)
    execute(world.destination, "create table elt_prev_public.mine as select 7 as n")

    report = copied(world.source, world.destination)

    assert report.warnings == (
        "generation 1 in elt_prev_public could not be dropped: relation elt_prev_public.mine",
    )
    assert world.value("select n from elt_prev2_public.mine") == 7


def test_a_temporary_view_shows_the_data_before_until_its_session_ends(world: World) -> None:
    with as_somebody(world.admin, autocommit=True) as conn:
        conn.execute("create temp view seen as select min(batch) as batch from public.orders")
        conn.execute("create temp view seen_twice as select batch from seen")
        execute(world.source, "update orders set batch = 2")
        report = copied(world.source, world.destination)
        seen = conn.execute("select batch from seen_twice").fetchall()

    assert seen == [(1,)]
    assert [re.sub(r"pg_temp_\d+", "pg_temp", one) for one in report.warnings] == [
        "view pg_temp.seen shows the data before until its session ends",
        "view pg_temp.seen_twice shows the data before until its session ends",
    ]
    assert copied(world.source, world.destination).warnings == ()


def test_a_rule_whose_name_the_source_gave_to_another_one_is_named(world: World) -> None:
    execute(world.destination, "create rule quiet as on update to orders where false do instead nothing")
    execute(world.source, "create rule quiet as on update to orders where false do also select 1")

    with pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)

    assert failure.value.message == "rule quiet on public.orders cannot be pointed at the new data"


def test_what_was_said_and_set_on_a_table_is_no_trouble_where_a_view_takes_its_place(world: World) -> None:
    execute(
        world.destination,
        """
        comment on table days is 'theirs';
        alter table days_2026 set (fillfactor = 70), alter n set statistics 9, cluster on days_2026_pkey;
        alter table days replica identity full, alter n set (n_distinct = 3);
        """,
    )
    execute(
        world.source,
        """
        drop table days;
        create view days as select date '2026-01-02' as day, 1 as n;
        create view days_2026 as select day, n from days;
        """,
    )

    copied(world.source, world.destination)

    assert world.rows("select day::text, n from public.days_2026") == [("2026-01-02", 1)]


def test_what_was_granted_said_and_set_is_no_trouble_where_something_of_another_kind_takes_its_place(
    world: World,
) -> None:
    execute(
        world.source,
        "create sequence counted; create table whole (n int primary key); create table told as select 1 as n;"
        " create index named on whole (n)",
    )
    copied(world.source, world.destination)
    execute(
        world.destination,
        f"""
        grant usage on counted to {world.reader};
        alter table whole set (fillfactor = 50), cluster on named;
        grant select on told to {world.reader};
        comment on table told is 'theirs';
        """,
    )
    before = definitions(world)
    execute(
        world.source,
        """
        drop sequence counted;
        drop table whole, told;
        create table counted (n int);
        create table whole (n int primary key) partition by range (n);
        create index named on whole (n);
        create view told as select 1 as n;
        """,
    )

    copied(world.source, world.destination)
    said = world.value("select obj_description('public.told'::regclass)")
    readable = world.value(f"select has_table_privilege('{world.reader}', 'public.told', 'select')")
    rollback(config_of(world.source, world.destination))

    assert (said, readable) == ("theirs", True)
    assert definitions(world) == before


def test_an_index_that_somebody_chose_as_identity_is_one_though_its_column_is_theirs_to_be_not_null(
    world: World,
) -> None:
    execute(
        world.destination,
        """
        alter table orders alter amount set not null;
        create unique index their_own on orders (amount);
        alter table orders replica identity using index their_own;
        create unique index of_a_function on customers (double(id));
        alter table customers cluster on of_a_function;
        """,
    )
    before = definitions(world)

    copied(world.source, world.destination)

    assert definitions(world) == before


def test_not_null_constraints_that_somebody_added_keep_their_names_states_and_comments(world: World) -> None:
    execute(
        world.destination,
        """
        update orders set note = null where id = 1;
        alter table orders add constraint known not null amount, add constraint half not null note not valid;
        comment on constraint half on orders is 'of new rows';
        alter table days add constraint counted not null n;
        """,
    )
    execute(world.source, "update orders set note = null where id = 1")
    before = definitions(world)

    copied(world.source, world.destination)
    after = definitions(world)
    rollback(config_of(world.source, world.destination))

    assert (after, definitions(world)) == (before, before)


@pytest.mark.parametrize(("dependants", "status"), [("refuse", "cannot be pointed"), ("drop", "was dropped")])
def test_an_index_that_cannot_be_the_identity_any_more_is_named(
    world: World, dependants: str, status: str
) -> None:
    execute(world.source, "create unique index known_by on customers (name)")
    copied(world.source, world.destination)
    execute(world.destination, "alter table customers replica identity using index known_by")
    execute(world.source, "alter table customers alter name drop not null")

    try:
        said = str(copied(world.source, world.destination, publish={"dependants": dependants}).warnings)
    except DestinationError as error:
        said = error.message

    assert f"replica identity public.customers.known_by {status}" in said


def test_what_the_generation_in_between_lacked_has_its_grants_after_a_rollback(world: World) -> None:
    execute(world.source, "create function told(n int) returns int language sql return n")
    copied(world.source, world.destination)
    execute(
        world.destination,
        f"""
        revoke all on function told(int) from public;
        grant execute on function told(int) to {world.reader};
        grant select (note), update (id) on orders to {world.reader};
        """,
    )
    before = definitions(world)
    execute(
        world.source,
        """
        drop function told(int);
        create function told(n int, more int) returns int language sql return n;
        alter table orders drop note;
        """,
    )
    copied(world.source, world.destination)

    rollback(config_of(world.source, world.destination))

    assert definitions(world) == before


def test_what_joins_the_tables_of_two_pipelines_stays_through_runs_and_rollbacks_of_both(
    new_world: World,
) -> None:
    world = new_world
    execute(world.source, SHOP)
    first = config_of(world.source, world.destination, pipeline="first", schemas={"public": "first"})
    second = config_of(world.source, world.destination, pipeline="second", schemas={"public": "second"})
    run(first, new_run_id())
    run(second, new_run_id())
    execute(
        world.destination,
        """
        alter table second.orders add constraint across foreign key (customer_id) references first.customers;
        create view both_of_them as select o.batch from first.orders o join second.customers c on c.id = o.customer_id;
        create materialized view both_kept as select max(batch) as batch from both_of_them;
        """,
    )
    before = definitions(world)
    execute(world.source, "update orders set batch = 2; update customers set batch = 2")

    found: list[dict[str, str]] = []
    for config in (first, second):
        run(config, new_run_id())
        found.append(definitions(world))
        rollback(config)
        found.append(definitions(world))
        run(config, new_run_id())

    assert all(one == before for one in found)
    assert world.rows("select batch from public.both_kept") == [(2,)]


def test_a_trigger_that_a_detached_partition_had_stays_with_the_others(world: World) -> None:
    execute(
        world.source,
        "create table days_2027 partition of days for values from ('2027-01-01') to ('2028-01-01')",
    )
    copied(world.source, world.destination)
    execute(
        world.destination,
        """
        create function noted() returns trigger language plpgsql as 'begin return new; end';
        create trigger noting before insert on days for each row execute function noted();
        alter table days_2026 disable trigger noting;
        alter table days_2027 enable always trigger noting;
        """,
    )
    execute(world.source, "alter table days detach partition days_2027")

    copied(world.source, world.destination)

    assert world.rows(
        "select tgrelid::regclass::text, tgenabled from pg_trigger where tgname = 'noting' order by 1"
    ) == [
        ("public.days", "O"),
        ("public.days_2026", "D"),
    ]
