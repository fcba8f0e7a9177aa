"""Servers of other versions: older to newer always, newer to older where the schema restores."""

from __future__ import annotations

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.cluster import Server
from elt_script.run import plan
from elt_script.steps.preflight import demand
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.databases import MakeDatabase

SCHEMA = """
    create type mood as enum ('a', 'b');
    create domain several as mood[] check (cardinality(value) > 0);
    create table "Größe" (
        id int generated always as identity primary key, m mood default 'b', s several, up int references "Größe",
        at timestamptz default now(), n numeric(9, 2) check (n > 0), twice numeric generated always as (n * 2) stored
    );
    insert into "Größe" (s, up, n) values ('{a}', 1, 1.50), ('{b,null}', 1, null);
    create index on "Größe" using gin (s);
    create view v as select g.*, sum(n) over (order by id) as total from "Größe" as g;
    create materialized view mv as select count(*) as n from v;
    create function f(inout a int, b text default 'x') language plpgsql as $$ begin a := a + 1; end $$;
    create procedure p(out n int) language sql begin atomic select count(*) from "Größe"; end;
    create table parts (n int, t text) partition by range (n);
    create table parts_1 partition of parts for values from (1) to (10);
    create table parts_x partition of parts default;
    create trigger t before update on parts for each row execute function suppress_redundant_updates_trigger();
    insert into parts values (1, 'x'), (99, null);
    create table big as select i, repeat('x', 50) as t, i / 7.0::float8 as f, interval '1 s' * i as d from generate_series(1, 20000) i;
    comment on column v.total is 'it''s a sum';
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("old_server", "source_server"),
        ("old_server", "destination_server"),
        ("destination_server", "source_server"),
        ("source_server", "old_server"),
    ],
    ids=["old→16", "old→18", "18→16", "16→old"],
)
def test_a_schema_that_both_versions_know_arrives(
    request: pytest.FixtureRequest, make_database: MakeDatabase, before: str, after: str
) -> None:
    source = make_database(request.getfixturevalue(before), "source")
    destination = make_database(request.getfixturevalue(after), "destination")
    execute(source.owner, SCHEMA)

    copied(source.owner, destination.owner)

    assert_same(source.admin, destination.admin, {"public": "public"})


def test_long_values_are_compressed_by_lz4_where_the_destination_has_it(
    old_server: Server, source_server: Server, destination_server: Server, make_database: MakeDatabase
) -> None:
    source = make_database(source_server, "source")
    execute(source.owner, "create table t as select repeat('x', 100000) as v")
    execute(source.owner, "alter table t alter v set compression pglz")
    execute(source.owner, "create table u as select * from t")
    methods = "select pg_column_compression(t.v), pg_column_compression(u.v) from public.t, public.u"

    with_lz4, without = (make_database(server, "destination") for server in (old_server, destination_server))
    for destination in (with_lz4, without):
        copied(source.owner, destination.owner)

    assert rows_of(without.owner, methods) == [("pglz", "pglz")]
    assert rows_of(with_lz4.owner, methods) == [("pglz", "lz4")]


def test_what_the_older_server_does_not_know_is_shown_and_nothing_is_changed(
    source_server: Server, destination_server: Server, make_database: MakeDatabase
) -> None:
    source = make_database(destination_server, "source").owner
    destination = make_database(source_server, "destination").owner
    execute(source, "create table t (a int, b int generated always as (a * 2) virtual)")

    _, faults = plan(config_of(source, destination))
    with pytest.raises(PreflightError) as caught:
        copied(source, destination)

    with pytest.raises(PreflightError) as checked:
        demand(faults)

    assert "\n" not in checked.value.message
    assert "CREATE TABLE public.t" in checked.value.detail
    assert "CREATE TABLE public.t" in caught.value.detail
    assert rows_of(destination, "select 1 from pg_class where relnamespace = 'public'::regnamespace") == []
