"""Small tables: many share a pair of programs, which creates those on which nothing else rests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from elt_script.copies import copies_of
from elt_script.pg.archive import Staging
from elt_script.pg.catalog import read_relations, read_types
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import supervised
from elt_script.pg.session import export_snapshot, one_moment
from elt_script.steps.copy import copy_rows
from elt_script.tables import CopyJob, TableName
from tests.copying import assert_same, copied, execute, rows_of

SCHEMA = r"""
    create type mood as enum ('a', 'b'); create sequence shared;
    create table "Alone \i \! é" (id serial primary key, m mood default 'b', t text default E'x\n\\! false', j jsonb check (j <> '1'));
    comment on table "Alone \i \! é" is E'said\n\\i nothing'; comment on column "Alone \i \! é".t is 'also';
    create table identified (id bigint generated always as identity (start 7), twice bigint generated always as (1 * 2) stored);
    create unlogged table forgetful (n int default nextval('shared')); create table empty_one ();
    create table seen (n int); create view v as select * from seen;
    create table parent (n int); create table heir (m int) inherits (parent);
    create table parts (n int) partition by range (n); create table part partition of parts for values from (1) to (9);
    create table lender (id serial); create table borrower (id int default nextval('lender_id_seq'));
    insert into "Alone \i \! é" (t) select repeat('x', i) from generate_series(1, 100) as i;
    insert into identified default values; insert into forgetful default values; insert into empty_one default values;
    insert into seen values (1); insert into heir values (1, 2); insert into parts values (3); insert into borrower default values;
"""
ALONE = {"Alone \\i \\! é", "identified", "forgetful", "empty_one"}


def test_tables_that_their_loads_create_arrive(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, SCHEMA)

    for _ in range(2):
        copied(source, destination)

        assert_same(source_admin, destination_admin)
    ((kept,),) = rows_of(destination, "select archive from elt.staging")
    assert isinstance(kept, bytes)
    assert {table.name for table in Staging.unpacked(kept).alone} == ALONE


def test_no_load_creates_its_tables_where_functions_may_read_others(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        "create table b (n int); insert into b values (1);"
        "create function known(int) returns bool language plpgsql as"
        " 'begin return exists (select from pg_class where relname = ''b''); end';"
        "create table a (n int check (known(n))); insert into a values (1)",
    )

    copied(source, destination)

    assert_same(source_admin, destination_admin)


def test_a_load_whose_answer_was_lost_is_made_again(source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table a as select generate_series(1, 5) as n; create table b as table a")
    execute(destination, "create table b (n int)")
    with ThreadPoolExecutor(1) as mover, supervised(), one_moment(source) as (conn, _):
        copies = copies_of(read_relations(conn), {}, read_types(conn), lambda name: name, same_encoding=True)
        creates, creation = (TableName("public", "a"),), b"create table public.a (n int);"
        job = CopyJob(copies, False, "UTF8", "UTF8", creates=creates, creation=creation)
        snapshot = export_snapshot(conn, copies, 10)

        for _ in range(2):
            assert [one.rows for one in copy_rows(job, source, destination, snapshot, mover)] == [5, 5]

    assert rows_of(destination, "select count(*) from public.a union all select count(*) from public.b") == [
        (5,),
        (5,),
    ]
