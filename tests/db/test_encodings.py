"""Databases of other encodings: characters arrive, and what cannot arrive stops the run."""

from __future__ import annotations

import pytest

from elt_script.errors import DestinationError, PreflightError
from elt_script.pg.catalog import as_table, read_relations, read_types
from elt_script.pg.cluster import Server
from elt_script.pg.digest import digest_query
from elt_script.pg.endpoint import Endpoint
from tests.copying import assert_same, copied, execute, rows_of
from tests.databases import MakeDatabase

PUBLIC = {"public": "public"}
LATIN = """
    create type "früh" as enum ('frü', 'späß');
    create type "paar" as ("ä" text, n int);
    create table "größe" (
        id int primary key, "é" text, v varchar(9), c char(5), n name, a text[], j jsonb, m "früh", p "paar",
        b bytea, check ("é" <> 'ß')
    );
    insert into "größe" values
        (1, 'é ÿ', 'ü', 'é', 'é', '{é,"ü ü"}', '{"é": "é"}', 'späß', row('é', 1), '\\xe9'),
        (2, '', null, null, null, null, null, null, null, null);
    comment on table "größe" is 'Größe';
    create view "überblick" as select "é" || 'ä' as "ö" from "größe";
    create table big (id int, t text);
    insert into big select i, repeat('é', 40) || i from generate_series(1, 20000) as i;
"""
XML = """
    create domain dx as xml;
    create table t (id int primary key, x xml, xs xml[], d dx) partition by list (id);
    create table t_1 partition of t for values in (1, 2); create table t_3 partition of t default;
    insert into t values
        (1, '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>', array['<?xml version="1.0" encoding="UTF-8"?><é/>'::xml, 'é'], null),
        (2, '<!DOCTYPE a><a/>', '{}', '<?xml version="1.1" encoding="UTF-16" standalone="yes"?><a/>'),
        (3, '', null, E'<a>\n\\.\n</a>');
"""
HASHED = """
    create table hashed (t text) partition by hash (t);
    create table hashed_0 partition of hashed for values with (modulus 2, remainder 0);
    create table hashed_1 partition of hashed for values with (modulus 2, remainder 1);
    insert into hashed select 'é' || i from generate_series(1, 100) as i;
"""
LONG_NAMES = """
    create table t ("{0}" int, "{1}" int, n int constraint "{2}" check (n > 0)); create table skipped ("{1}" int);
    create policy "{3}" on t using (true); create rule "{4}" as on delete to t do also nothing;
    create trigger "{5}" before update on t for each row execute function suppress_redundant_updates_trigger();
    create type e as enum ('a', '{6}'); create type "{7}" as (n int); create domain d as int constraint "{8}" check (value > 0);
    create function f("{9}" int) returns int language sql return 1; create index "{10}" on t (n);
    create schema "{11}";
"""


def test_characters_of_latin1_arrive_in_utf8_and_those_of_utf8_in_latin1(
    source_server: Server, destination_server: Server, make_database: MakeDatabase
) -> None:
    for ours, theirs in (("LATIN1", "UTF8"), ("UTF8", "LATIN1")):
        source = make_database(source_server, "source", ours).admin
        destination = make_database(destination_server, "destination", theirs).admin
        execute(source, LATIN)

        copied(source, destination)
        copied(source, destination)

        assert_same(source, destination, PUBLIC)


def test_xml_keeps_the_encoding_that_it_says_it_has(old_server: Server, make_database: MakeDatabase) -> None:
    values = "select x::text, xs::text[], d::text from public.t order by id"
    for ours, theirs in (("UTF8", "UTF8"), ("LATIN1", "UTF8")):
        source = make_database(old_server, "source", ours).owner
        destination = make_database(old_server, "destination", theirs).owner
        execute(source, XML)

        copied(source, destination)
        copied(source, destination)

        assert rows_of(destination, values) == rows_of(source, values)
        assert "ISO-8859-1" in str(rows_of(destination, values))


def test_xml_that_arrives_without_its_encoding_is_found_out(
    old_server: Server, make_database: MakeDatabase
) -> None:
    table = make_database(old_server, "source").owner
    execute(table, "create table a (x xml); create table b (x xml)")
    execute(table, """insert into a values ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>')""")
    execute(table, """insert into b values ('<?xml version="1.0" standalone="yes"?><a/>')""")
    with table.connect() as conn:
        types = read_types(conn)
        (a, b) = (as_table(one, types, same_encoding=True) for one in read_relations(conn))
        first, second = (conn.execute(digest_query(t.columns, t.name.quoted)).fetchone() for t in (a, b))

    assert first != second


def test_rows_go_to_the_partition_that_their_hash_says_in_the_other_encoding(
    source_server: Server, destination: Endpoint, make_database: MakeDatabase
) -> None:
    source = make_database(source_server, "source", "LATIN1").owner
    execute(source, HASHED)

    report = copied(source, destination)

    assert [(table.table, table.rows) for table in report.tables] == [("public.hashed", 100)]
    everything = 'select t from public.hashed order by t collate "C"'
    assert rows_of(destination, everything) == rows_of(source, everything)


def test_rows_hashed_by_sort_keys_of_a_library_are_shared_out_anew(
    old_server: Server, destination: Endpoint, make_database: MakeDatabase
) -> None:
    source = make_database(old_server, "source").owner
    execute(source, "create collation b (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    execute(source, HASHED.replace("t text", "t text collate b"))

    with pytest.raises(PreflightError, match=r"public\.hashed_1 cannot be left out alone"):
        copied(source, destination, tables={"*": {}, "hashed_1": {"skip": True}})


def test_names_that_the_other_encoding_would_cut_are_refused(
    source_server: Server, destination: Endpoint, make_database: MakeDatabase
) -> None:
    source = make_database(source_server, "source", "LATIN1").owner
    long = [f"{sign}{'é' * 32}" for sign in "ABCDEFGHIJK"]
    execute(source, LONG_NAMES.format("é" * 31, *long))

    with pytest.raises(PreflightError) as caught:
        copied(source, destination, tables={"*": {}, "skipped": {"skip": True}})

    refused = caught.value.detail.splitlines()
    assert [line for line in refused if line.startswith("- public.t: ")] == [
        f"- public.t: the name {name} has more than 63 bytes in UTF8" for name in long[:5]
    ]
    assert all(any(f" {name} has" in line for line in refused) for name in long)
    assert not any("skipped" in line for line in refused)


def test_a_partition_whose_siblings_rows_would_belong_to_it_cannot_be_left_out(
    source_server: Server, destination: Endpoint, make_database: MakeDatabase
) -> None:
    source = make_database(source_server, "source", "LATIN1").owner
    execute(source, HASHED)

    with pytest.raises(PreflightError, match=r"public\.hashed_1 cannot be left out alone") as caught:
        copied(source, destination, tables={"*": {}, "hashed_1": {"skip": True}})

    assert rows_of(destination, "select 1 from pg_namespace where nspname like 'elt%'") == []
    assert caught.value.exit_status == 3


def test_a_character_that_the_destination_does_not_have_is_shown_with_its_place(
    source: Endpoint, destination_server: Server, make_database: MakeDatabase
) -> None:
    destination = make_database(destination_server, "destination", "LATIN1").owner
    execute(source, "create table smile (t text); insert into smile values ('é'), ('😀')")

    with pytest.raises(DestinationError) as caught:
        copied(source, destination)

    assert 'no equivalent in encoding "LATIN1"' in caught.value.detail
    assert "COPY smile, line 2" in caught.value.detail


@pytest.mark.parametrize("rows", [1, 20_000], ids=["small", "large"])
def test_bytes_that_are_no_text_are_refused_where_texts_are_wanted(
    source_server: Server, destination: Endpoint, make_database: MakeDatabase, rows: int
) -> None:
    source = make_database(source_server, "source", "SQL_ASCII").owner
    execute(source, "create table t (v text)")
    execute(source, f"insert into t select E'caf\\351' || repeat('x', 80) from generate_series(1, {rows})")

    with pytest.raises(DestinationError) as caught:
        copied(source, destination)

    assert 'invalid byte sequence for encoding "UTF8": 0xe9' in caught.value.detail
    assert "COPY t, line 1" in caught.value.detail


def test_bytes_that_are_no_text_arrive_where_everything_is_taken(
    source_server: Server, destination_server: Server, make_database: MakeDatabase
) -> None:
    source = make_database(source_server, "source", "SQL_ASCII").owner
    destination = make_database(destination_server, "destination", "SQL_ASCII").owner
    execute(source, "create type pair as (t text); create table t (v text, c char(5), j json, p pair)")
    execute(source, """insert into t values (E'caf\\351', E'\\351', E'"\\351"', row(E'\\351'))""")

    copied(source, destination)

    assert rows_of(destination, "select v::bytea, length(c) from public.t") == [(b"caf\xe9", 1)]


def test_a_destination_without_an_encoding_is_refused_for_texts_of_another_one(
    source_server: Server, destination_server: Server, make_database: MakeDatabase
) -> None:
    source = make_database(source_server, "source", "LATIN1").owner
    destination = make_database(destination_server, "destination", "SQL_ASCII").owner
    execute(source, "create table t (v text)")

    with pytest.raises(PreflightError, match="the destination's SQL_ASCII, which is none"):
        copied(source, destination)
