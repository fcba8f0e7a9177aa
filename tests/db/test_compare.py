"""The comparer finds every change that was ever thought of, and none where there is none."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest
from psycopg import sql

from elt_script.pg.cluster import Server, embedded
from elt_script.pg.endpoint import Endpoint
from tests.compare import differences
from tests.databases import Database, databases
from tests.db.changes import BASIS, Change
from tests.db.changes import CHANGES as OF_SCHEMAS
from tests.db.changes_of_18 import SINCE_18
from tests.db.changes_of_large_objects import LARGE_OBJECTS

CHANGES = [*OF_SCHEMAS, *LARGE_OBJECTS]

MAPPED = """
    set check_function_bodies = off;
    create table {public}.orders (n int primary key, v text default 'small');
    create table {odd}.lines (n int references {public}.orders);
    create view {shop}.sold as select o.* from {public}.orders as o join {odd}.lines using (n);
    create function {odd}.counted() returns int language sql as $$select 1 from "Odd Schème".lines$$;
    insert into {public}.orders values (1);
"""  # no server renames anything in a body that is a string


def make(database: Database, script: str) -> None:
    make_by(database.admin, script)


def make_by(endpoint: Endpoint, script: str) -> None:
    with endpoint.with_settings(search_path="public").connect() as conn:
        conn.execute(script.encode())


@pytest.fixture(scope="module")
def sides(source_server: Server, destination_server: Server) -> Generator[tuple[Database, Database]]:
    """Two databases, one of each version, made by the same statements."""
    with databases(embedded()[18]) as make_database:
        made = (
            make_database(source_server, "source"),
            make_database(destination_server, "destination"),
        )
        for database in made:
            make(database, ";".join([BASIS, *(change.given for change in CHANGES)]))
        yield made


@pytest.fixture(scope="module")
def found_before(sides: tuple[Database, Database]) -> list[str]:
    return differences(sides[0].admin, sides[1].admin)


@pytest.fixture(scope="module")
def found(sides: tuple[Database, Database], found_before: list[str]) -> list[str]:
    """What differs after all changes at the destination."""
    assert found_before == []
    make(sides[1], ";".join(change.changed for change in CHANGES))
    return differences(sides[0].admin, sides[1].admin)


def test_databases_made_by_the_same_statements_are_equal(found_before: list[str]) -> None:
    assert found_before == []


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_is_found(change: Change, found: list[str]) -> None:
    assert any(re.match(change.found, line) for line in found), "\n".join(found)


@pytest.fixture(scope="module")
def found_in_18(destination_server: Server) -> Generator[list[str]]:
    """What differs between two databases of version 18 after the changes that it alone knows."""
    with databases(embedded()[18]) as make_database:
        before, after = (make_database(destination_server, role) for role in ("source", "destination"))
        for database in (before, after):
            make(database, ";".join(change.given for change in SINCE_18))
        assert differences(before.admin, after.admin) == []
        make(after, ";".join(change.changed for change in SINCE_18))
        yield differences(before.admin, after.admin)


@pytest.mark.parametrize("change", SINCE_18, ids=str)
def test_a_change_that_18_knows_is_found(change: Change, found_in_18: list[str]) -> None:
    assert any(re.match(change.found, line) for line in found_in_18), "\n".join(found_in_18)


def test_owners_and_grants_are_compared_where_asked(
    source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    for endpoint in (source_admin, destination_admin):
        make_by(
            endpoint,
            "create table owned (n int); create function given() returns int language sql return 1;"
            "select lo_create(7000)",
        )
    make_by(destination_admin, "alter table owned owner to pg_monitor; grant select (n) on owned to public")
    make_by(
        destination_admin,
        "revoke all on function given() from public; grant usage on schema public to pg_monitor;"
        "alter large object 7000 owner to pg_monitor; grant select on large object 7000 to public",
    )

    assert differences(source_admin, destination_admin) == []
    grants = differences(source_admin, destination_admin, privileges=True)
    owners = differences(source_admin, destination_admin, owners=True)

    for line in (
        "+GRANT SELECT(n) ON TABLE public.owned TO PUBLIC;",
        "+REVOKE ALL ON FUNCTION public.given() FROM PUBLIC;",
        "+GRANT USAGE ON SCHEMA public TO pg_monitor;",
        "large object 7000: grants is [] → ['SELECT to -']",
    ):
        assert line in grants
    assert "+ALTER TABLE public.owned OWNER TO pg_monitor;" in owners
    assert any(re.match("large object 7000: owner is '.*' → 'pg_monitor'", line) for line in owners)


def test_schemas_by_another_name_are_equal(source_admin: Endpoint, destination_admin: Endpoint) -> None:
    schemas = {"public": "raw", "Odd Schème": 'odd "raw"', "shop": "shop"}
    for endpoint, names in ((source_admin, schemas.keys()), (destination_admin, schemas.values())):
        quoted = [sql.Identifier(name) for name in names]
        with endpoint.connect() as conn:
            for name in quoted:
                conn.execute(sql.SQL("create schema if not exists {}").format(name))
            conn.execute(sql.SQL(MAPPED).format(public=quoted[0], odd=quoted[1], shop=quoted[2]))

    assert differences(source_admin, destination_admin, schemas) == []

    with destination_admin.connect() as conn:
        conn.execute("alter table raw.orders alter v set default 'large'; insert into raw.orders values (2)")
    found = differences(source_admin, destination_admin, schemas)
    assert [line for line in found if line.startswith("rows of")] == [
        "rows of raw.orders: 1 only at the destination: (2,large)"
    ]
    assert "+    v text DEFAULT 'large'::text" in found


def test_what_elt_keeps_for_itself_is_not_compared(
    source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    with destination_admin.connect() as conn:
        for schema in ("elt", "elt_prev_public", "elt_next_public"):
            conn.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
            conn.execute(sql.SQL("create table {} (n serial)").format(sql.Identifier(schema, "kept")))

    assert differences(source_admin, destination_admin) == []
    assert differences(destination_admin, source_admin) != []
