"""Rows that users keep in an extension's own tables arrive; what the extension itself put there is its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from elt_script.errors import AuditError, DestinationError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from elt_script.run import plan
from tests.copying import config_of, copied, execute, rows_of

CONTROL = "default_version = '1.0'\nrelocatable = true\nsuperuser = false\n"
SCRIPT = """
    create table "Settings" (id int primary key, name text, builtin bool default false, twice int generated always as (id * 2) stored);
    create table details (id int generated always as identity, setting int references "Settings", v text[]);
    insert into "Settings" values (1, 'of the extension', true);
    create sequence "Next" increment 5 maxvalue 1000; create sequence own;
    select pg_catalog.pg_extension_config_dump('"Settings"', 'where not builtin'); select pg_catalog.pg_extension_config_dump('details', '');
    select pg_catalog.pg_extension_config_dump('"Next"', '');
"""
ROWS = """
    create table t (n int); insert into ext."Settings" values (2, E'a\\tb\\n\\\\.'), (3, null);
    insert into ext.details (setting, v) values (2, '{a,null}'), (1, null); select setval('ext."Next"', 996), setval('ext.own', 9);
"""
TAMPERING = """
    create function tamper() returns trigger language plpgsql as 'begin new.name := upper(new.name); return new; end';
    create trigger tamper before insert on ext."Settings" for each row execute function tamper();
"""
EXTENSION = "create schema ext; create extension elt_tested schema ext"
FOUND = 'select id, name, builtin, twice, v from ext."Settings" left join ext.details using (id) order by id'


@contextmanager
def installed(server: Server) -> Generator[None]:
    ((shared,),) = rows_of(
        server.endpoint("source", "postgres"), "select setting from pg_config where name = 'SHAREDIR'"
    )
    files = {"elt_tested.control": CONTROL, "elt_tested--1.0.sql": SCRIPT}
    places = {Path(str(shared)) / "extension" / name: text for name, text in files.items()}
    for place, text in places.items():
        place.write_text(text)
    yield
    for place in places:
        place.unlink()


@pytest.fixture(scope="module", autouse=True)
def _extension(source_server: Server, destination_server: Server) -> Generator[None]:
    with ExitStack() as stack:
        for server in (source_server, destination_server):
            stack.enter_context(installed(server))
        yield


@pytest.mark.parametrize("there", ["", "create schema theirs; create extension elt_tested schema theirs"])
def test_users_rows_replace_those_that_are_there_each_time(
    source: Endpoint, destination: Endpoint, there: str
) -> None:
    execute(source, EXTENSION)
    execute(source, ROWS)
    at = "theirs" if there else "ext"
    if there:
        execute(destination, there)
        execute(destination, """insert into theirs."Settings" values (7, 'stale', false), (8, 'too', true)""")

    reports = [copied(source, destination) for _ in range(2)]

    theirs = [(8, "too", True, 16, None)] if there else []
    assert rows_of(destination, FOUND.replace("ext.", f"{at}.")) == rows_of(source, FOUND) + theirs
    assert [report.left_out for report in reports] == [(), ()]
    assert rows_of(destination, "select 1 from pg_class where relname like 'elt_extension_rows%'") == []


def test_users_rows_that_are_skipped_are_named(source: Endpoint, destination: Endpoint) -> None:
    execute(source, EXTENSION)
    execute(source, ROWS)

    report = copied(source, destination, tables={"*": {}, "ext.*": {"skip": True}})

    assert [line.partition(": ")[0] for line in report.left_out] == [
        "extension elt_tested",
        "rows of extension table ext.Settings",
        "rows of extension table ext.details",
        "position of extension sequence ext.Next",
    ]
    assert rows_of(destination, "select 1 from pg_extension where extname = 'elt_tested'") == []


def test_sequences_that_an_extension_leaves_to_its_users_stand_where_the_sources_do(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, EXTENSION)
    execute(source, ROWS)

    copied(source, destination)

    assert rows_of(destination, 'select last_value, is_called from ext."Next"') == [(996, True)]
    assert rows_of(destination, "select last_value, is_called from ext.own") == [(1, False)]


def test_the_content_of_users_rows_is_audited(source: Endpoint, destination: Endpoint) -> None:
    execute(source, EXTENSION)
    execute(source, ROWS)
    execute(destination, "create schema ext; create extension elt_tested schema ext")
    narrower = 'delete from ext."Settings"; alter table ext."Settings" alter name type varchar(1)'
    execute(destination, narrower)  # cuts nothing but blanks, in silence
    execute(source, """update ext."Settings" set name = 'x   ' where id = 2""")

    with pytest.raises(AuditError) as failure:
        copied(source, destination)

    assert failure.value.detail == "ext.Settings: 2 rows on both sides, but not the same content"


def test_a_table_of_an_extension_that_changes_what_is_put_into_it_is_found_out(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, EXTENSION)
    execute(source, ROWS)
    execute(destination, EXTENSION)
    execute(destination, TAMPERING)

    with pytest.raises(DestinationError) as failure:
        copied(source, destination)

    assert "extension table ext.Settings does not keep its rows" in failure.value.message
    assert rows_of(destination, 'select count(*) from ext."Settings"') == [(1,)]


def test_missing_rights_on_extensions_tables_are_named_by_the_plan(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    for admin, owner in ((source_admin, source), (destination_admin, destination)):
        execute(admin, EXTENSION)
        execute(admin, f"grant usage on schema ext to {owner.parameters['user']}")
    execute(source, "create table t (n int)")

    _, faults = plan(config_of(source, destination))

    assert sum("no select: grant it to the source's user" in fault for fault in faults) == 3
    assert sum("no insert, delete: grant insert, delete on" in fault for fault in faults) == 2
    assert sum("no update: grant update on" in fault for fault in faults) == 1


def test_a_rollback_names_what_users_have_in_extensions(source: Endpoint, destination: Endpoint) -> None:
    execute(source, EXTENSION)
    execute(source, ROWS)
    for _ in range(2):
        copied(source, destination)

    said = rollback(config_of(source, destination))

    assert said.splitlines()[1:] == [
        "rows of extension table ext.Settings stay as they are: no generation holds them",
        "rows of extension table ext.details stay as they are: no generation holds them",
        "position of extension sequence ext.Next stays as it is: no generation holds it",
    ]
