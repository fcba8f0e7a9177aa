"""Rows that are easily lost: hidden by row security, in tables of odd shapes, and values that name objects."""

from __future__ import annotations

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.endpoint import Endpoint
from tests.copying import assert_same, copied, execute, rows_of

FORCED = """
    create table k (id int primary key, o text); create table f (id int references k); create table t (id int, o text);
    insert into k values (1, 'x'); insert into f values (1); insert into t values (1, 'a'), (2, 'b');
    create policy mine on t using (o = 'b'); create policy none on k using (false); create policy none on f using (false);
    comment on policy mine on t is 'mine';
    create materialized view m as select t.*, k.o as other from t, k;
    alter table t enable row level security; alter table t force row level security;
    alter table k enable row level security; alter table k force row level security;
    alter table f enable row level security; alter table f force row level security;
"""
LONG_NAME = "{:04}" + "x" * 59
SHAPES = f"""
    create table widest ({", ".join(f'"{LONG_NAME.format(number)}" int' for number in range(1600))});
    insert into widest select {", ".join("i" for _ in range(1600))} from generate_series(1, 200) as i;
    create table no_columns (); insert into no_columns select from generate_series(1, 1000);
    create table no_rows (id int primary key);
    create table only_computed (a int generated always as identity, b text generated always as ('x') stored);
    insert into only_computed default values;
    create table remade (a int, b text, c int); insert into remade values (1, 'x', 2);
    alter table remade drop a; alter table remade add a text default 'new'; alter table remade drop c;
    create unlogged table forgetful (i int); insert into forgetful values (1);
    create table parent (id int, t text); create table heir (t text, extra int) inherits (parent);
    insert into parent values (1, 'of the parent'); insert into heir values (2, 'of the heir', 3);
    create table big_value (t text, b bytea, a text[]);
    insert into big_value values (repeat('x\\\\y' || chr(10), 1000000), decode(repeat('5c2e0a', 1000000), 'hex'), array[repeat('"', 1000000)]);
"""
OBJECTS = """
    create domain relation as regclass;
    create table t (id int); create schema other;
    create type mood as enum ('a');
    create function f(int) returns int language sql return 1;
    create table r (c regclass, p regproc, pp regprocedure, t regtype, ca regclass[], d relation, n regnamespace, ro regrole);
    insert into r values ('pg_class', 'now', 'abs(int)', 'int4[]', '{pg_class,null,-}', 'pg_type', 'pg_catalog', 'pg_monitor');
"""


def test_row_security_that_hides_rows_is_told(source: Endpoint, destination: Endpoint) -> None:
    execute(source, FORCED)

    with pytest.raises(PreflightError) as caught:
        copied(source, destination)

    for table in "ktf":
        assert f"source: table public.{table}: row security would hide rows from" in caught.value.detail


def test_row_security_arrives_and_hides_no_rows_from_the_copy(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, FORCED)

    for _ in range(2):
        copied(source_admin, destination)

        assert_same(source_admin, destination_admin)
    assert rows_of(destination.with_settings(row_security="on"), "select * from public.t") == [(2, "b")]
    assert rows_of(destination_admin, "select * from public.m order by id") == [(1, "a", "x"), (2, "b", "x")]


def test_tables_of_odd_shapes_arrive(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, SHAPES)

    copied(source, destination)

    assert_same(source_admin, destination_admin)


def test_fields_of_hundreds_of_megabytes_arrive(source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table t (b bytea, t text)")
    execute(source, "insert into t (b) values (decode(repeat('00ff5c0a', 100000000), 'hex'))")
    execute(source, r"insert into t (t) values (repeat(E'\\\t', 200000000))")
    copied(source, destination)

    fields = "select octet_length(b), md5(b), octet_length(t), md5(t) from public.t order by 1"
    assert [row[::2] for row in rows_of(source, fields)] == [(400_000_000, None), (None, 400_000_000)]
    assert rows_of(destination, fields) == rows_of(source, fields)


def test_names_of_what_ships_with_postgres_arrive(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, OBJECTS)

    copied(source, destination)

    assert_same(source_admin, destination_admin)


def test_values_that_name_objects_of_the_source_are_refused(source: Endpoint, destination: Endpoint) -> None:
    # By their names they would be found, in the generation that is put aside next.
    execute(source, OBJECTS)
    copied(source, destination)
    execute(
        source,
        """
        insert into r (c, p, pp, t, ca, d, n)
        values ('t', 'f', 'f(int)', 'mood', array[null, 't'::regclass], 't', 'other')
        """,
    )

    with pytest.raises(PreflightError) as caught:
        copied(source, destination)

    for shown in (
        "c of public.r (regclass) holds an object, public.t,",
        "p of public.r (regproc) holds an object, public.f,",
        "pp of public.r (regprocedure) holds an object, public.f(integer),",
        "t of public.r (regtype) holds an object, public.mood,",
        "ca of public.r (regclass[]) holds an object, public.t,",
        "d of public.r (public.relation) holds an object, public.t,",
        "n of public.r (regnamespace) holds an object, other,",
    ):
        assert f"source: column {shown}" in caught.value.detail


def test_values_that_name_objects_within_others_are_refused(source: Endpoint, destination: Endpoint) -> None:
    execute(
        source,
        """
        create table t (id int); create domain relation as regclass; create type named as (n int, "the table" relation);
        create type deep as (parts named[], one named); create domain deeper as deep;
        create table r (ds relation[], c named, cs named[][], d deep, dd deeper[], "none" deep);
        insert into r values ('{pg_class}', row(1, 'pg_type'), array[array[row(1, null), null]::named[]], null, array[null::deeper]);
        """,
    )
    copied(source, destination)
    execute(
        source,
        """
        insert into r (ds) values ('{null,t}'); insert into r (c) values (row(2, 't'));
        insert into r (cs) values (array[array[null, row(3, 't')::named]]);
        insert into r (d) values (row(null, row(4, 't')::named)::deep);
        insert into r (dd) values (array[row(array[row(5, 't')::named], null)::deep::deeper]);
        """,
    )

    with pytest.raises(PreflightError) as caught:
        copied(source, destination)

    assert [line.partition(", by a")[0] for line in caught.value.detail.splitlines()] == [
        f"- source: column {column} of public.r ({type_}) holds an object, public.t"
        for column, type_ in (
            ("ds", "public.relation[]"),
            ("c", "public.named"),
            ("cs", "public.named[]"),
            ("d", "public.deep"),
            ("dd", "public.deeper[]"),
        )
    ]


def test_generated_columns_name_the_objects_of_their_own_database(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source,
        """
        create table g (id int, o oid generated always as (tableoid) stored,
            c regclass generated always as (tableoid) stored);
        insert into g values (1)
        """,
    )

    copied(source, destination)

    assert rows_of(destination, "select id, o = 'public.g'::regclass, c::text from public.g") == [
        (1, True, "public.g")
    ]


def test_a_materialized_view_arrives_with_rows_though_the_one_it_reads_has_none_any_more(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        """
        create table t (id int); insert into t values (1); create materialized view emptied as select * from t;
        create view between as select * from emptied; create materialized view filled as select * from between;
        create materialized view never as select * from emptied with no data;
        refresh materialized view emptied with no data;
        """,
    )

    copied(source, destination)

    assert_same(source_admin, destination_admin)
    assert rows_of(destination, "select * from public.filled") == [(1,)]
