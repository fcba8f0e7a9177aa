"""Whose the copy is, and who may do what with it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from elt_script.run import plan
from tests.compare import differences
from tests.copying import config_of, copied, execute, rows_of

READER, WRITER, GONE = "a reader", "it's; -- a writer", "only at the source"
OBJECTS = """
    create schema "My shop"; set local search_path = "My shop";
    create type mood as enum ('ok'); create domain price as int; create type pair as (a int);
    create table "T 1" (id serial primary key, "c 1" text, m mood[]); create table parts (n int) partition by list (n);
    create table part partition of parts for values in (1); create sequence s;
    create view v as select * from "T 1"; create materialized view mv as select * from v;
    create function f(m mood[], variadic mood[]) returns int language sql return 1; create function f(int) returns int language sql return 1;
    create procedure f() language sql begin atomic end; create function g(int, mood) returns int language sql return 1; create aggregate a(mood) (sfunc = g, stype = int);
    create function plus(int, price) returns int language sql return 1; create operator ~~~ (function = plus, leftarg = int, rightarg = price);
    create collation plain from "C"; create text search dictionary d (template = simple);
    create text search configuration c (parser = default); create statistics st on id, "c 1" from "T 1";
"""
GRANTS = f"""
    grant usage on schema "My shop" to "{READER}"; grant all on schema "My shop" to "{WRITER}";
    set local search_path = "My shop";
    grant select, references on "T 1", part, v, mv to "{READER}" with grant option; grant insert on "T 1" to public;
    grant update ("c 1"), select (id) on "T 1" to "{WRITER}" with grant option; grant all on parts to "{GONE}", "{READER}";
    grant usage on sequence s to "{READER}"; grant select on sequence "T 1_id_seq" to public;
    revoke all on function f(mood[], mood[]) from public; grant execute on function f(mood[], mood[]) to "{READER}";
    revoke all on procedure f() from public; grant execute on function a(mood) to "{READER}";
    revoke all on type mood from public; grant usage on type mood, pair to "{READER}" with grant option;
"""
ELSEWHERE = f"""
    grant select on "My shop".parts to "{READER}"; grant all on "My shop".mv to public;
    grant update (id) on "My shop"."T 1" to public; revoke all on function "My shop".f(int) from public;
"""
ACL = """
    select relname, relacl::text from pg_class
    where relnamespace = '"My shop"'::regnamespace and relkind in ('r', 'v', 'm') order by 1
"""


@pytest.fixture(scope="module", autouse=True)
def _roles(source_server: Server, destination_server: Server) -> Generator[None]:
    places = [
        (source_server.endpoint("source", "postgres"), f'"{READER}", "{WRITER}", "{GONE}"'),
        (destination_server.endpoint("destination", "postgres"), f'"{READER}", "{WRITER}"'),
    ]
    for place, names in places:
        execute(place, "; ".join(f"create role {name}" for name in names.split(", ")))
    yield
    for place, names in places:
        execute(place, f"drop role {names}")


def without_the_missing_role(source: Endpoint) -> None:
    execute(source, f'revoke all on all tables in schema "My shop" from "{GONE}"')


def test_the_sources_grants_come_along_where_they_are_asked_for(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, OBJECTS + GRANTS)
    only_there = (f"grants to role {GONE}: the destination has no such role",)

    planned, faults = plan(config_of(source, destination, privileges="copy"))
    first = copied(source, destination, privileges="copy")
    execute(destination, ELSEWHERE)
    second = copied(source, destination, privileges="copy")

    assert (faults, planned.left_out[-1]) == ([], tuple(only_there[0].split(": ")))
    assert (first.left_out, second.left_out) == (only_there, only_there)
    without_the_missing_role(source)
    assert differences(source_admin, destination_admin, privileges=True) == []

    rollback(config_of(source, destination, privileges="copy"))

    assert any("=arwdDxtm/" in str(acl) for _, acl in rows_of(destination, ACL))  # as it was when it was live


def test_the_sources_grants_find_objects_under_other_names(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, OBJECTS + GRANTS)
    names = {"My shop": 'raw "shop"'}

    copied(source, destination, privileges="copy", schemas=names)

    without_the_missing_role(source)
    assert differences(source_admin, destination_admin, names, privileges=True) == []


def test_no_grants_come_along_and_none_stay_where_none_are_wanted(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, OBJECTS + GRANTS)
    execute(destination, f'alter default privileges grant select on tables to "{READER}"')
    execute(destination, "alter default privileges revoke execute on functions from public")

    for _ in range(2):
        copied(source, destination, privileges="none")

        owner = destination.parameters["user"]
        grantees = f"select count(*) from pg_class, aclexplode(relacl) where relnamespace = '\"My shop\"'::regnamespace and grantee <> '{owner}'::regrole"
        assert rows_of(destination, grantees) == [(0,)]
        execute(destination, ELSEWHERE)
    everybodys = f"""select has_function_privilege('{READER}', '"My shop".f(int)', 'execute')"""
    assert rows_of(destination_admin, everybodys) == [(False,)]  # as was just said there
    copied(source, destination, privileges="none")
    assert rows_of(destination_admin, everybodys) == [(True,)]


def test_grants_of_the_destination_are_kept_by_default(source: Endpoint, destination: Endpoint) -> None:
    execute(source, OBJECTS + GRANTS)
    copied(source, destination)
    assert {acl for _, acl in rows_of(destination, ACL)} == {None}
    execute(destination, ELSEWHERE)
    before = rows_of(destination, ACL)

    copied(source, destination)

    assert rows_of(destination, ACL) == before


def test_each_object_belongs_to_its_owner_where_that_is_asked_for(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, OBJECTS)
    them = [f'"{name}"' for name in (READER, WRITER, GONE)]
    execute(source_admin, f'grant create, usage on schema "My shop" to {", ".join(them)}')
    owned = """
        set local search_path = "My shop"; alter table "T 1" owner to {0}; alter view v owner to {1}; alter materialized view mv owner to {0};
        alter sequence s owner to {1}; alter type mood owner to {0}; alter domain price owner to {1}; alter type pair owner to {0};
        alter function f(mood[], mood[]) owner to {0}; alter function f(int) owner to {1}; alter procedure f() owner to {0}; alter function g(int, mood) owner to {0}; alter function plus(int, price) owner to {1};
        alter aggregate a(mood) owner to {1}; alter operator ~~~ (int, price) owner to {0}; alter collation plain owner to {1};
        alter text search dictionary d owner to {0}; alter text search configuration c owner to {1}; alter statistics st owner to {1};
        alter table parts owner to {1}; alter table part owner to {2}; grant select on "T 1" to {1};
    """
    execute(source_admin, owned.format(*them))
    keys = {"owners": "copy", "privileges": "copy"}

    with pytest.raises(PreflightError) as caught:
        copied(source_admin, destination, **keys)
    execute(destination_admin, f"grant {them[0]}, {them[1]} to {destination.parameters['user']}")
    reports = [copied(source_admin, destination, **keys) for _ in range(2)]

    assert f"role {READER} owns what is copied" in caught.value.detail
    assert [report.left_out[1:] for report in reports] == 2 * [
        (f"ownership of role {GONE}: the destination has no such role",)
    ]
    found = differences(source_admin, destination_admin, owners=True)
    changed = {line[1:] for line in found if line.startswith(("+ALTER", "-ALTER")) and " SCHEMA " not in line}
    us = destination.parameters["user"]
    assert changed == {
        f'ALTER TABLE "My shop".part OWNER TO "{GONE}";',
        f'ALTER TABLE "My shop".part OWNER TO {us};',
    }


def test_default_privileges_are_named_where_the_sources_grants_are_asked_for(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, OBJECTS)
    execute(source, 'alter default privileges in schema "My shop" grant select on tables to public')
    execute(source, "alter default privileges revoke execute on functions from public")
    owner = source.parameters["user"]

    reports = {how: copied(source, destination, privileges=how) for how in ("keep", "copy")}

    why = "they are about objects that are yet to come, which is for the destination to say"
    assert {how: report.left_out for how, report in reports.items()} == {
        "keep": (),
        "copy": (
            f'default privileges for role {owner} in schema "My shop" on tables: {why}',
            f"default privileges for role {owner} on functions: {why}",
        ),
    }


def test_what_an_owner_has_taken_from_himself_is_named_where_the_sources_grants_are_asked_for(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, OBJECTS)
    owner = source.parameters["user"]
    execute(
        source,
        f'revoke insert, update on "My shop".parts from {owner}; grant select on "My shop".v to public',
    )
    execute(source, f'revoke execute on function "My shop".f(int) from {owner}, public')

    report = copied(source, destination, privileges="copy")

    why = "it has given up some, and the copy's owner has all"
    assert report.left_out == (
        f'privileges of the owner of function "My shop".f(integer): {why}',
        f'privileges of the owner of table "My shop".parts: {why}',
    )
