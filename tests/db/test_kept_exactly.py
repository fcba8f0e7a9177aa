"""What people said and set on a published copy comes along to the letter: names, states, order, whose it is."""

from __future__ import annotations

import re

import pytest

from elt_script.errors import DestinationError, PreflightError
from elt_script.rollback import rollback
from tests.copying import config_of, copied, execute
from tests.untouched import untouched
from tests.worlds import SHOP, World, definitions

MORE = """
    create table days_2027 partition of days for values from ('2027-01-01') to ('2028-01-01');
    create table days_2028 partition of days for values from ('2028-01-01') to ('2030-01-01') partition by range (day);
    create table days_2028_1 partition of days_2028 for values from ('2028-01-01') to ('2028-02-01');
    create type pair as (a int, b int);
    create function kept() returns trigger language plpgsql as 'begin return new; end';
    create trigger keeping before update on orders for each row execute function kept();
    alter trigger keeping on orders depends on extension plpgsql;
    create rule quiet as on delete to customers where false do instead nothing;
    create policy all_of_them on days using (true);
    create statistics of_orders on id, amount from orders;
"""
KEYS = """
    select conrelid::regclass::text, conname, convalidated, conislocal, coninhcount, obj_description(oid, 'pg_constraint')
    from pg_constraint
    where (connamespace = 'theirs'::regnamespace or conname like 'their%') and contype <> 'n' and (contype <> 'f' or confrelid = 'public.orders'::regclass)
    order by 1, 2
"""


@pytest.fixture
def world(new_world: World) -> World:
    """A world after its first two runs."""
    execute(new_world.source, SHOP + MORE)
    copied(new_world.source, new_world.destination)
    copied(new_world.source, new_world.destination)
    execute(new_world.destination, "create schema theirs")
    return new_world


def without_previous(found: dict[str, str]) -> dict[str, str]:
    """Leave out casts of the generation before, which are in no schema."""
    return {header: body for header, body in found.items() if "elt_prev_" not in header}


def assert_kept(world: World) -> None:
    """Hold a run, and then a rollback, to leave all that people built as it is."""
    before = definitions(world), world.rows(KEYS)

    copied(world.source, world.destination)
    after = definitions(world), world.rows(KEYS)
    rollback(config_of(world.source, world.destination))

    assert after == before
    assert (definitions(world), world.rows(KEYS)) == before


def test_indexes_over_partitions_keep_their_names_and_comments_and_what_is_not_valid_yet_stays_so(
    world: World,
) -> None:
    execute(
        world.destination,
        """
        create index half_way on only days (n);
        create index half_of_2026 on days_2026 (n) with (fillfactor = 50);
        alter index half_way attach partition half_of_2026;
        comment on index half_of_2026 is 'theirs';
        create index deep on days_2028_1 (batch);
        create index middle on days_2028 (batch);
        create index whole on days (batch);
        create index deep_half on days_2028_1 (n, batch);
        create index middle_half on only days_2028 (n, batch);
        create index whole_half on only days (n, batch);
        alter index whole_half attach partition middle_half;
        alter table days_2027 add constraint both_of_2027 unique (day, n) with (fillfactor = 60);
        comment on constraint both_of_2027 on days_2027 is 'theirs';
        alter table days add constraint both_of_them unique (day, n);
        alter table only days add constraint half_of_them unique (day, batch);
        """,
    )

    assert_kept(world)


def test_an_index_that_is_not_valid_and_of_no_whole_is_named(world: World) -> None:
    execute(world.destination, "create index broken on orders (amount)")
    execute(world.admin, "update pg_index set indisvalid = false where indexrelid = 'broken'::regclass")

    report = copied(world.source, world.destination)

    assert report.warnings == ("index public.broken was dropped: it could not come along",)


def test_keys_and_checks_of_partitions_keep_their_names_states_and_comments(world: World) -> None:
    execute(
        world.destination,
        """
        create table theirs.wholes (id int, o int) partition by range (id);
        create table theirs.one (id int, o int constraint own_key references public.orders);
        comment on constraint own_key on theirs.one is 'theirs';
        create table theirs.two (id int, o int) partition by range (id);
        create table theirs.deep (id int, o int constraint deep_key references public.orders);
        alter table theirs.wholes attach partition theirs.one for values from (0) to (10);
        alter table theirs.two attach partition theirs.deep for values from (10) to (15);
        alter table theirs.wholes attach partition theirs.two for values from (10) to (20);
        alter table theirs.wholes add constraint whole_key foreign key (o) references public.orders not valid;
        alter table theirs.one add constraint small check (public.double(o) < 1000);
        alter table theirs.wholes add constraint small check (public.double(o) < 1000) not valid;
        alter table theirs.wholes add constraint low check (public.double(id) < 1000) not valid;
        alter table theirs.one validate constraint low;
        alter table public.days add constraint their_key foreign key (n) references public.orders not valid;
        alter table public.days_2026 validate constraint their_key;
        insert into theirs.wholes values (1, 1), (11, 2);
        """,
    )

    assert_kept(world)


def test_what_was_said_of_anything_and_goes_with_an_extension_stays_and_in_the_order_of_its_options(
    world: World,
) -> None:
    execute(
        world.destination,
        """
        alter view order_names set (security_invoker = true, security_barrier = true);
        alter table orders set (parallel_workers = 2, fillfactor = 50, autovacuum_enabled = off);
        alter table orders set (toast.vacuum_truncate = off, toast.autovacuum_enabled = off);
        alter table orders add constraint packed unique (id, note) with (fillfactor = 70);
        comment on column pair.a is 'theirs';
        comment on trigger keeping on orders is 'theirs';
        comment on rule quiet on customers is 'theirs';
        comment on policy all_of_them on days is 'theirs';
        comment on statistics of_orders is 'theirs';
        create function theirs.noted() returns trigger language plpgsql as 'begin return new; end';
        create trigger noting before insert on orders for each row execute function theirs.noted();
        alter trigger noting on orders depends on extension plpgsql;
        alter index orders_pkey depends on extension plpgsql;
        create index extended on orders (amount);
        alter index extended depends on extension plpgsql;
        alter function double depends on extension plpgsql;
        alter materialized view order_totals depends on extension plpgsql;
        create materialized view theirs.totals as select id from orders;
        create index extended on theirs.totals (id);
        alter index theirs.extended depends on extension plpgsql;
        """,
    )

    assert_kept(world)


def test_options_of_indexes_and_comments_on_what_is_no_relation_stay(world: World) -> None:
    execute(
        world.source,
        """
        create function less(pair, pair) returns boolean language sql immutable as 'select ($1).a < ($2).a';
        create operator <<< (leftarg = pair, rightarg = pair, function = less);
        create function first(pair) returns int language sql immutable as 'select ($1).a';
        create cast (pair as int) with function first(pair);
        create domain small as int default nextval('numbers') constraint low check (value < 100);
        create collation plain (locale = 'C');
        create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
        create text search dictionary words (template = simple);
        create text search configuration texts (copy = simple);
        create index by_amount on orders (amount) with (fillfactor = 60);
        """,
    )
    copied(world.source, world.destination)
    execute(
        world.destination,
        """
        comment on operator <<< (pair, pair) is 'theirs';
        comment on cast (pair as int) is 'it''s theirs';
        comment on constraint low on domain small is 'theirs';
        comment on collation plain is 'theirs';
        comment on conversion latin is 'theirs';
        comment on text search dictionary words is 'theirs';
        comment on text search configuration texts is 'theirs';
        alter index by_amount reset (fillfactor);
        alter index orders_pkey set (fillfactor = 70, deduplicate_items = off);
        """,
    )

    before = definitions(world)
    copied(world.source, world.destination)
    after = definitions(world)
    rollback(config_of(world.source, world.destination))

    stored = (
        "select typdefault from pg_type where typname = 'small' and typnamespace = 'public'::regnamespace"
    )
    assert world.value(stored) == "nextval('public.numbers'::regclass)"
    assert sum("theirs';" in body for body in before.values()) == 7
    assert without_previous(after) == without_previous(before) == without_previous(definitions(world))


def test_what_is_on_a_view_whose_owner_may_not_read_comes_along(world: World) -> None:
    execute(
        world.admin,
        f"""
        grant all on schema theirs to {world.analyst};
        create table theirs.kept (id int);
        create view theirs.blind as select id from theirs.kept;
        alter view theirs.blind owner to {world.analyst};
        create rule into_orders as on insert to theirs.blind do instead insert into public.orders (id) values (new.id);
        create trigger telling instead of update on theirs.blind for each row execute function public.kept();
        """,
    )

    assert_kept(world)


def test_what_is_altered_and_not_kept_is_named(world: World) -> None:
    execute(
        world.destination,
        """
        alter table days_2027 set unlogged;
        alter sequence numbers increment 3;
        alter function double(int) strict;
        alter trigger keeping on orders rename to minding;
        alter policy all_of_them on days using (n > 0);
        alter table customers disable rule quiet;
        create or replace view order_names as select o.id, c.name, o.batch from orders o join customers c using (id);
        """,
    )

    report = copied(world.source, world.destination)

    assert report.warnings == tuple(
        f"{one} was altered at the destination: the next is as at the source"
        for one in (
            *("function public.double(integer)", "policy all_of_them on public.days"),
            *("rule quiet on public.customers", "sequence public.numbers", "table public.days_2027"),
            *("trigger minding on public.orders", "view public.order_names"),
        )
    )
    assert copied(world.source, world.destination).warnings == ()


def test_foreign_keys_of_tables_whose_row_security_is_forced_come_along(world: World) -> None:
    execute(
        world.destination,
        """
        alter table orders enable row level security, force row level security;
        create policy none_of_them on orders using (false);
        create table theirs.refers (id int references orders);
        create policy none_of_them on theirs.refers using (false);
        insert into theirs.refers values (1);
        alter table theirs.refers enable row level security, force row level security;
        """,
    )

    assert_kept(world)


def test_what_the_source_has_taken_from_an_extension_is_not_given_back_to_it(world: World) -> None:
    execute(world.source, "alter trigger keeping on orders no depends on extension plpgsql")

    copied(world.source, world.destination)

    kept = "select count(*) from pg_depend d join pg_trigger t on t.oid = d.objid where d.deptype = 'x' and tgrelid = 'public.orders'::regclass"
    assert world.value(kept) == 0


def test_what_was_given_to_another_role_stays_its_own(world: World) -> None:
    execute(
        world.admin,
        f"""
        grant create on schema public to {world.analyst};
        grant select on orders to {world.reader};
        alter table orders owner to {world.analyst};
        alter view order_names owner to {world.analyst};
        alter function double(int) owner to {world.analyst};
        alter type mood owner to {world.analyst};
        alter sequence numbers owner to {world.analyst};
        """,
    )

    assert_kept(world)


def test_a_materialized_view_is_filled_as_its_owner_who_sees_what_he_may(world: World) -> None:
    execute(
        world.admin,
        f"""
        create table public.seen_by (who text);
        grant insert, select on seen_by to public;
        create function look(n int) returns int language plpgsql as
            'begin insert into public.seen_by values (current_user); return n; end';
        alter table orders enable row level security;
        create policy first on orders to {world.analyst} using (id <= 7);
        grant select on orders to {world.analyst};
        grant all on schema theirs to {world.analyst};
        set local row_security = on;
        create materialized view theirs.mine as select look(id) as id from orders with no data;
        alter materialized view theirs.mine owner to {world.analyst};
        refresh materialized view theirs.mine;
        """,
    )

    copied(world.source, world.destination)

    assert world.rows("select distinct who from public.seen_by") == [(world.analyst,)]
    assert world.value("select count(*) from theirs.mine") == 7


def test_a_label_whose_provider_is_not_there_stops_the_run_and_is_not_lost(world: World) -> None:
    execute(
        world.admin,
        "set local allow_system_table_mods = on; insert into pg_seclabel"
        " values ('orders'::regclass, 'pg_class'::regclass, 4, 'anon', 'MASKED')",
    )

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        copied(world.source, world.destination)

    assert 'security label provider "anon" is not loaded' in failure.value.detail
    execute(world.admin, "set local allow_system_table_mods = on; delete from pg_seclabel")


def test_a_rollback_names_what_has_come_since_and_cannot_come_along(world: World) -> None:
    execute(
        world.destination,
        "alter table orders add mine text; create table theirs.heir () inherits (customers)",
    )
    config = config_of(world.source, world.destination)

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        rollback(config)

    assert failure.value.message == "2 things that others built cannot come along"
    assert re.search("column public.orders.mine: it was added to a published table", failure.value.detail)
    execute(world.destination, "drop table theirs.heir")
    told = rollback(config_of(world.source, world.destination, publish={"dependants": "drop"}))
    assert "column public.orders.mine was dropped: it could not come along" in told


ALTERED = [
    "relation public.customers cannot come along: it was made a part of theirs.base",
    r"routine public.twofold\(integer\) cannot come along: it was double when it was published",
    "type theirs.pair cannot come along: it was pair when it was published",
    "type public.mood cannot come along: it belongs to another role",
    "statistics object public.of_orders cannot come along: it belongs to another role",
    "constraint only_one on theirs.ones cannot come along: its expressions rest on a published function",
]


def test_what_is_published_and_was_renamed_given_away_or_made_a_part_is_named(world: World) -> None:
    execute(
        world.destination,
        """
        create table theirs.base (id int);
        alter table customers inherit theirs.base;
        alter function double rename to twofold;
        alter type pair set schema theirs;
        create table theirs.ones (n int, constraint only_one exclude using btree (public.twofold(n) with =));
        """,
    )
    execute(
        world.admin,
        f"""
        grant create on schema public to {world.reader}; alter type mood owner to {world.reader};
        alter statistics of_orders owner to {world.reader};
        """,
    )

    with untouched(world.admin), pytest.raises(PreflightError) as failure:
        copied(world.source, world.destination)

    assert failure.value.message == "6 things stand in the way of this run"
    for fault in ALTERED:
        assert re.search(fault, failure.value.detail), failure.value.detail


def test_an_old_generation_whose_schema_somebody_has_dropped_is_in_nobodys_way(world: World) -> None:
    execute(world.destination, "drop schema elt_prev_public cascade")

    with untouched(world.admin), pytest.raises(DestinationError) as failure:
        rollback(config_of(world.source, world.destination))
    copied(world.source, world.destination, publish={"keep": 2})
    rollback(config_of(world.source, world.destination))

    assert "public.orders" in failure.value.message
    assert "gone from the generation that is to be live" in failure.value.message
