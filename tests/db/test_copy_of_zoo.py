"""Whatever the source's schemas hold arrives: the whole zoo, through the real pipeline."""

from __future__ import annotations

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from tests.copying import assert_same, config_of, copied, execute
from tests.databases import Database, MakeDatabase
from tests.zoo import SCHEMAS, load_extra, load_zoo

SAME = {name: name for name in SCHEMAS}
NAMED = """
    foreign table shop.remote: its rows live on another server
    event trigger watching: it belongs to no schema
    foreign server elsewhere: it belongs to no schema, and its user mappings hold passwords
    foreign-data wrapper Odd wrapper: it belongs to no schema
    publication Odd "publication": it belongs to no schema
    publication of_everything: it belongs to no schema
"""
# What is in no schema, and what is in one and needs it, cannot be compared.
NEEDS_WHAT_IS_IN_NO_SCHEMA = """
    drop language plpgsql_too cascade;
    drop access method heap_too cascade;
"""
WITHOUT_RANGES = """
    do $$ declare range regtype; begin
        for range in select oid from pg_type where typtype = 'r' and oid >= 16384 loop
            execute format('drop type %s cascade', range);
        end loop;
    end $$;
"""
IN_NO_SCHEMA = 'drop foreign data wrapper "Odd wrapper" cascade; drop event trigger watching'


@pytest.fixture
def zoo_of_16(source_database: Database) -> Database:
    load_zoo(source_database.owner)
    return source_database


def test_the_zoo_of_16_arrives_in_18_each_time_and_is_there_after_a_rollback(
    zoo_of_16: Database, destination_database: Database
) -> None:
    source, destination = zoo_of_16.admin, destination_database.admin
    load_extra(source, "outside_schemas")
    load_extra(source, "superuser")
    load_extra(source, "vector")
    execute(source, NEEDS_WHAT_IS_IN_NO_SCHEMA)

    first = copied(source, destination)

    assert first.left_out == tuple(line.strip() for line in NAMED.strip().splitlines())
    execute(source, IN_NO_SCHEMA)
    assert_same(source, destination, SAME)

    copied(source, destination)

    assert_same(source, destination, SAME)

    rollback(config_of(source, destination))

    assert_same(source, destination, SAME)


def test_the_zoo_of_18_arrives_in_18_by_ordinary_roles(
    destination_server: Server, make_database: MakeDatabase
) -> None:
    source = make_database(destination_server, "source")
    destination = make_database(destination_server, "destination")
    load_zoo(source.owner)
    execute(source.admin, WITHOUT_RANGES)
    execute(source.admin, f"alter role {source.name} bypassrls")

    copied(source.owner, destination.owner)

    assert_same(source.admin, destination.admin, SAME)


def test_range_types_need_a_superuser_of_the_destination(source: Endpoint, destination: Endpoint) -> None:
    execute(source, 'create schema "Odd"; create type "Odd"."float Range" as range (subtype = float8)')
    execute(source, "create table t (id int)")

    with pytest.raises(
        PreflightError, match=r"range type Odd\.float Range: its constructor functions belong to"
    ):
        copied(source, destination)


def test_the_zoo_of_16_arrives_in_16_under_other_names(
    zoo_of_16: Database, source_server: Server, make_database: MakeDatabase
) -> None:
    destination = make_database(source_server, "destination")
    names = {"public": "raw", "shop": "shop", "Odd Schème": 'odd "1"'}

    copied(zoo_of_16.admin, destination.admin, schemas=names)

    assert_same(zoo_of_16.admin, destination.admin, names)
