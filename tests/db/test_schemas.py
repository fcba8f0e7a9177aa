"""Schemas under other names, some of many, and by names that are easily misread."""

from __future__ import annotations

import pytest
from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from elt_script.run import plan
from tests.copying import assert_same, config_of, copied, execute, rows_of

# Three schemas that need one another: types, partitions, keys, views, sequences, functions, materialized views.
CROSSWISE = """
    create schema s2; create schema s3;
    comment on schema s2 is 'the second';
    create type s2.mood as enum ('a', 'b');
    create domain s3.some as s2.mood check (value <> 'b');
    create table public.p (id int, m s2.mood, d s3.some) partition by list (m);
    create table s2.p_a partition of p for values in ('a');
    create table s3."p b" partition of p for values in ('b');
    insert into p values (1, 'a', 'a'), (2, 'b', 'a');
    create table s3.referred (id int primary key, m s2.mood default 'a', unique (id, m));
    create table s2.referring (id int references s3.referred);
    insert into s3.referred values (1); insert into s2.referring values (1), (null);
    create view s2.v as select p.*, r.id as other from p, s2.referring as r;
    create sequence s2.shared; select nextval('s2.shared');
    create table public.numbered (id int default nextval('s2.shared'));
    create function s3.tr() returns trigger language plpgsql as 'begin return new; end';
    create trigger t before insert on p for each row execute function s3.tr();
    create index on p (m);
    create materialized view s3.mv as select * from s2.v;
    create function s2.moods(s2.mood, out s3.some) returns setof s3.some language sql begin atomic select d from public.p; end;
"""
HOSTILE = (
    *(
        "x%s",
        "%(name)s",
        "{x}",
        "a\"b'c\\d\ne",
        "-n",
        "--help",
        ":v",
        ':"v"',
        "$$",
        "$1",
        "*?[a]",
        "a.b",
        " ",
        "é",
        "e\u0301",
    ),
    *(
        "x" * 63,
        "x" * 62 + "y",
        "é" * 31,
        "select",
        "Public",
        "eltx",
        "\\q",
        "`id`",
        ";--",
        "/*",
        "pgx_",
        "\u200b",
    ),
)
OF_EACH = """
    create schema {0};
    create type {0}.m as enum ('a');
    create table {0}.t (id int primary key, m {0}.m, u {0}.m[], up int references {0}.t);
    create view {0}.v as select * from {0}.t;
    create index on {0}.t (m);
    create function {0}.f({0}.t) returns {0}.m language sql begin atomic select ($1).m; end;
    insert into {0}.t values (1, 'a', '{{a}}', 1);
    comment on schema {0} is {1};
"""


def test_schemas_arrive_under_the_names_that_the_config_gives_them(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, CROSSWISE)
    names = {"public": "raw", "s2": "s3", "s3": "s2"}

    for _ in range(2):
        copied(source, destination, schemas=names)

        assert_same(source_admin, destination_admin, names)


def test_routines_whose_text_may_name_a_renamed_schema_are_named(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source,
        """
        create schema kept; create schema "odd ""s"; create schema republic;
        create table kept.t (public int); create table republic.t (n int); create table t (n int); create table "odd ""s".t (n int);
        create function named() returns bigint language sql as 'select count(*) from Public . t';
        create function quoted() returns bigint language sql as 'select count(*) from "odd ""s".t';
        create procedure found() language plpgsql set search_path = pg_catalog, public as 'begin end';
        create function parsed() returns bigint language sql begin atomic select count(*) from public.t; end;
        create function of_another() returns bigint language sql as
            'select count(kept.t.public) from kept.t, republic.t';
        create function by_path() returns int language sql set search_path = kept as 'select 1';
        """,
    )

    report = copied(source, destination, schemas={"public": "shop", "kept": "kept", 'odd "s': "odd"})

    says = "its text stays as it is, and may name"
    assert [one for one in report.left_out if says in one] == [
        f"names of schemas in public.found(): {says} public, which is shop at the destination",
        f"names of schemas in public.named(): {says} public, which is shop at the destination",
        f'names of schemas in public.quoted(): {says} odd "s, which is odd at the destination',
    ]


def test_strings_that_may_name_a_renamed_schema_are_named(source: Endpoint, destination: Endpoint) -> None:
    execute(
        source,
        """
        create sequence public.numbers; create domain plain as text default 'public';
        create domain tabled as text default 'public.t';
        create table t (id int default nextval('public.numbers'), n int default nextval('public.numbers'::text), "it's public.t" text);
        create table quiet (a text default 'it''s public', check (a <> 'republic.t' and "a" <> 'public'));
        create view of_others as select tablename from pg_tables where schemaname = 'public';
        create view said as select 'public' as one, '"public".t' as two;
        create view quiet_too as select * from quiet, public.t where id > nextval('public.numbers'::regclass);
        create function parsed() returns text begin atomic select 'public.t'; end;
        create function noted() returns trigger language plpgsql as 'begin return null; end';
        create trigger by_name after insert on t execute function noted('public', 't');
        create trigger quiet after insert on t execute function noted('t');
        create policy by_text on t using ("it's public.t" <> 'x public.t');
        create rule by_rule as on insert to t do also notify t, 'public.t';
        create index by_string on t ((n || 'public.t'));
        alter table t add constraint checked check (n::text <> 'public.t');
        """,
    )

    report = copied(source, destination, schemas={"public": "shop"})

    assert [named for one in report.left_out if (named := one.partition("names of schemas in ")[2])] == [
        f"{one}: its text stays as it is, and may name public, which is shop at the destination"
        for one in (
            *("constraint checked on public.t", "index public.by_string", "policy by_text on public.t"),
            *("public.of_others", "public.parsed()", "public.said", "rule by_rule on public.t"),
            *("the default of public.t.n", "the default of public.tabled", "trigger by_name on public.t"),
        )
    ]


def test_a_schema_that_is_held_as_an_object_is_there_in_time_and_refused_where_it_is_renamed(
    source: Endpoint, destination: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(
        source,
        """
        create schema s; create table s.t (of regnamespace default 's'::regnamespace);
        create view s.tables as select relname from pg_class where relnamespace = 's'::regnamespace;
        """,
    )

    with pytest.raises(PreflightError) as failure:
        copied(source, destination, schemas={"s": "r"})
    for _ in range(2):
        copied(source, destination)

    assert_same(source_admin, destination_admin)
    says = "holds schema s, which is r at the destination, as an object: let it hold the name, as text"
    assert failure.value.detail == f"- s.tables {says}\n- the default of s.t.of {says}"


def test_comments_on_schemas_are_the_sources_until_somebody_says_something_else(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create schema s; create table s.t (n int); comment on schema public is 'ours'")
    said = "select obj_description(n::regnamespace, 'pg_namespace') from unnest(array['s', 'public']) n"
    seen: list[object] = []

    for comment in ("'one'", "'two'", "null", "'three'"):
        execute(source, f"comment on schema s is {comment}")
        copied(source, destination)
        seen.append(rows_of(destination, said)[0][0])
    rollback(config_of(source, destination))
    seen.append(rows_of(destination, said)[0][0])
    execute(destination, "comment on schema s is 'theirs'")
    copied(source, destination)

    assert seen == ["one", "two", None, "three", None]
    assert rows_of(destination, said) == [("theirs",), ("ours",)]


def test_a_schema_that_is_not_listed_stays_away_with_what_needs_it(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source, "create schema other; create table other.t (id int); create view v as select * from other.t"
    )
    execute(source, "create table t (id int)")

    report = copied(source, destination, schemas=["public"])

    assert report.left_out == ("view public.v: it needs table other.t, which is left out",)
    there = "select oid::regclass::text from pg_class where relnamespace in ('public'::regnamespace, to_regnamespace('other'))"
    assert rows_of(destination, there) == [("public.t",)]


def test_partitions_and_heirs_in_a_schema_that_is_not_listed_are_named(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source,
        """
        create schema other; create table whole (n int) partition by list (n); create table part_1 partition of whole for values in (1);
        create table other.part_2 partition of whole for values in (2) partition by list (n);
        create table other.part_2_2 partition of other.part_2 for values in (2);
        create table top (n int); create table other.heir () inherits (top); create table other.alone (n int);
        insert into whole values (1), (2); insert into top values (1); insert into other.heir values (2);
        """,
    )

    planned, faults = plan(config_of(source, destination, schemas=["public"]))
    report = copied(source, destination, schemas=["public"])

    assert faults == []
    assert report.left_out == (
        "table other.heir: its schema is not copied: public.top lacks its rows",
        "table other.part_2: its schema is not copied: public.whole lacks its rows",
    )
    assert tuple(f"{what}: {why}" for what, why in planned.left_out) == report.left_out
    execute(source, "create type mood as enum ('a', 'b'); create table hashed (m mood) partition by hash (m)")
    execute(
        source, "create table other.all_of_it partition of hashed for values with (modulus 1, remainder 0)"
    )
    _, faults = plan(config_of(source, destination, schemas=["public"]))
    assert [fault.partition(": ")[0] for fault in faults] == ["other.all_of_it cannot be left out alone"]


def test_a_table_that_needs_a_schema_that_is_not_listed_is_refused(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source,
        """
        create schema other; create type other.mood as enum ('a');
        create function other.ok(int) returns bool language sql immutable return $1 > 0;
        create table by_type (m other.mood);
        create table by_check (n int check (other.ok(n)));
        create table by_default (m text default 'a'::other.mood::text);
        """,
    )

    with pytest.raises(PreflightError) as caught:
        copied(source, destination, schemas=["public"])

    for table, need in (
        ("by_type", "type other.mood"),
        ("by_check", "function other.ok(integer)"),
        ("by_default", "type other.mood"),
    ):
        assert f"table public.{table} needs {need}, which is left out" in caught.value.detail


def test_a_schema_that_the_source_does_not_have_is_refused(source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table t (id int)")

    with pytest.raises(PreflightError, match="the source has no schema shop: it has public"):
        copied(source, destination, schemas=["public", "shop"])


def test_schemas_of_hostile_names_arrive(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    with source.connect() as conn:
        for name in HOSTILE:
            conn.execute(sql.SQL(OF_EACH).format(sql.Identifier(name), sql.Literal(f"it's \\ {name}")))

    for _ in range(2):
        copied(source, destination)

        assert_same(source_admin, destination_admin)


def test_schemas_of_hostile_names_arrive_under_other_hostile_names(
    source: Endpoint, destination: Endpoint
) -> None:
    names = dict(zip(HOSTILE, (*HOSTILE[1:], HOSTILE[0]), strict=True))
    with source.connect() as conn:
        for name in HOSTILE:
            conn.execute(sql.SQL(OF_EACH).format(sql.Identifier(name), sql.Literal(name)))

    report = copied(source, destination, schemas=names)

    assert sorted(table.table for table in report.tables) == sorted(f"{name}.t" for name in HOSTILE)
    comments = rows_of(
        destination,
        "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace where nspname <> 'elt' and nspname !~ '^elt_|^pg_|^information_schema$|^public$'",
    )
    assert sorted((str(final), str(name)) for final, name in comments) == sorted(
        (final, name) for name, final in names.items()
    )
