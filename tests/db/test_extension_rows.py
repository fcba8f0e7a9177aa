"""Rows that users keep in an extension's own tables arrive; what the extension itself put there is its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from tests.copying import copied, execute, rows_of

CONTROL = "default_version = '1.0'\nrelocatable = true\nsuperuser = false\n"
SCRIPT = """
    create table "Settings" (id int primary key, name text, builtin bool default false, twice int generated always as (id * 2) stored);
    create table details (id int generated always as identity, setting int references "Settings", v text[]);
    insert into "Settings" values (1, 'of the extension', true);
    select pg_catalog.pg_extension_config_dump('"Settings"', 'where not builtin'); select pg_catalog.pg_extension_config_dump('details', '');
"""
ROWS = """
    create table t (n int); insert into ext."Settings" values (2, E'a\\tb\\n\\\\.'), (3, null);
    insert into ext.details (setting, v) values (2, '{a,null}'), (1, null);
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
    ]
    assert rows_of(destination, "select 1 from pg_extension where extname = 'elt_tested'") == []
