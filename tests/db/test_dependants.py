"""What others build on a published copy is on the next one too, as they built it, and shows the new data."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from elt_script.pg.cluster import Server
from elt_script.rollback import rollback
from tests.copying import config_of, copied, execute
from tests.databases import MakeDatabase
from tests.gates import as_somebody
from tests.worlds import SHOP, World, definitions, world_of

DEPENDANTS = (Path(__file__).parent / "dependants.sql").read_text(encoding="utf-8")
NEXT_BATCH = """
    update customers set batch = 2, name = 'new ' || name;
    update orders set batch = 2, amount = amount + 1;
    update days set batch = 2;
    refresh materialized view order_totals;
    create table added (n int);
    create sequence added_numbers;
    create function added() returns int language sql return 1;
"""
BATCHES = {
    "a view": "select distinct batch from theirs.large",
    "a view on a view": "select distinct left(name, 3) from theirs.names_above",
    "a view of another role": "select n from theirs.by_analyst",
    "a view on a view of ours": "select distinct batch from theirs.of_our_view",
    "a view without columns of ours": "select n from theirs.counting",
    "a view of a published type": "select count(*) from theirs.moods natural join public.customers",
    "a view on such a view": "select n, least::text from theirs.moods_above",
    "a materialized view": "select distinct batch from theirs.totals",
    "a materialized view on another": "select batch, amount from theirs.total",
    "a view on a materialized view": "select batch, amount from theirs.on_total",
    "a view of a materialized view's rows": "select (t).batch, (t).amount from theirs.total_rows",
    "a materialized view on a view": "select distinct left(name, 3) from theirs.on_view",
    "a function on a materialized view": "select theirs.total()",
    "a materialized view on a function": "select amount from theirs.on_function",
    "a function that returns published rows": "select distinct batch from theirs.all_orders()",
    "a function of a published row": "select distinct left(theirs.label(o), 2) from public.orders o",
    "a function of a published type": "select theirs.is_ok('ok'), theirs.is_ok('ok', 'sad'), m::text from theirs.double_mood()",
    "a function of a materialized view's row": "select amount, batch from theirs.top()",
    "a view on a function of a row": "select left(label, 1) from theirs.labels_above",
    "a materialized view on such functions": "select left(label, 1) from theirs.first_label",
    "a view on a function that returns a view's row": "select batch from theirs.top_batch",
    "a function whose body is parsed": "select theirs.orders_of(1), theirs.twice(2)",
}
SHOWN: dict[str, list[tuple[object, ...]]] = {
    "a view": [(2,)],
    "a view on a view": [("NEW",)],
    "a view of another role": [(30,)],
    "a view on a view of ours": [(2,)],
    "a view without columns of ours": [(30,)],
    "a view of a published type": [(3,)],
    "a view on such a view": [(3, "ok")],
    "a materialized view": [(2,)],
    "a materialized view on another": [(2, 468_000)],
    "a view on a materialized view": [(2, 468_000)],
    "a view of a materialized view's rows": [(2, 468_000)],
    "a materialized view on a view": [("NEW",)],
    "a function on a materialized view": [(468_000,)],
    "a materialized view on a function": [(468_000,)],
    "a function that returns published rows": [(2,)],
    "a function of a published row": [("2:",)],
    "a function of a published type": [(True, False, "ok")],
    "a function of a materialized view's row": [(167_100, 2)],
    "a view on a function of a row": [("2",)],
    "a materialized view on such functions": [("2",)],
    "a view on a function that returns a view's row": [(2,)],
    "a function whose body is parsed": [(11, 4)],
}


@pytest.fixture(scope="module")
def world(
    roles: tuple[str, str],
    source_server: Server,
    destination_server: Server,
    make_shared_database: MakeDatabase,
) -> World:
    return built(world_of(roles, source_server, destination_server, make_shared_database))


def built(world: World) -> World:
    """Run twice, and build everything between the two runs."""
    execute(world.source, SHOP)
    copied(world.source, world.destination)
    execute(world.destination, DEPENDANTS.format(analyst=world.analyst, reader=world.reader))
    execute(world.admin, "create publication whole for tables in schema public")
    world.before.update(definitions(world))
    execute(world.source, NEXT_BATCH)
    copied(world.source, world.destination)
    return world


def test_nothing_of_what_others_built_has_changed(world: World) -> None:
    assert definitions(world) == world.before


@pytest.mark.parametrize("what", BATCHES)
def test_new_data_is_shown_by(world: World, what: str) -> None:
    assert world.rows(BATCHES[what]) == SHOWN[what]


def test_a_view_that_had_no_rows_yet_has_none_still(world: World) -> None:
    assert world.value("select relispopulated from pg_class where relname = 'unpopulated'") is False


@pytest.mark.parametrize(
    "row",
    [
        "theirs.plain_key values (9, 999)",
        "theirs.keys (id, order_id, customer_id) values (2, 1, 3)",
        "theirs.keys (id) values (999)",
        "theirs.parted values (1, 999)",
        "theirs.to_parted values ('2025-01-01')",
    ],
)
def test_keys_of_theirs_hold_against_the_new_data(world: World, row: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        execute(world.destination, f"insert into {row}")


def test_defaults_go_on_counting_with_our_sequence(world: World) -> None:
    execute(world.destination, "insert into theirs.with_default (n) values (1)")

    assert world.value("select max(id) from theirs.with_default") == 42


def test_row_security_that_somebody_switched_on_stays_on(world: World) -> None:
    with as_somebody(world.admin) as conn:
        conn.execute("set row_security = on")
        conn.execute(f"set role {world.reader}".encode())
        found = conn.execute("select id, name from public.customers").fetchall()

    assert found == [(1, "new customer 1")]


def test_new_objects_get_what_default_privileges_of_the_schema_give(world: World) -> None:
    assert world.rows(
        f"select has_table_privilege('{world.reader}', 'public.added', 'select'),"
        f" has_sequence_privilege('{world.reader}', 'public.added_numbers', 'usage')"
    ) == [(True, True)]


def test_nothing_rests_on_the_generation_before(world: World) -> None:
    assert copied(world.source, world.destination).warnings == ()
    assert definitions(world) == world.before


def test_a_rollback_brings_the_old_data_to_all_of_it_and_the_next_one_the_new(
    new_world: World,
) -> None:
    world = built(new_world)
    config = config_of(world.source, world.destination)

    rollback(config)
    rolled_back = definitions(world), {what: world.rows(query) for what, query in BATCHES.items()}
    rollback(config)

    assert rolled_back[0] == world.before
    assert rolled_back[1]["a view"] == [(1,)]
    assert rolled_back[1]["a view on a view"] == [("CUS",)]
    assert rolled_back[1]["a view on a materialized view"] == [(1, 465_000)]
    assert definitions(world) == world.before
    assert {what: world.rows(query) for what, query in BATCHES.items()} == SHOWN
