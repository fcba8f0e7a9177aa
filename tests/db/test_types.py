"""How values of each kind of type travel, and what of them is compared."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import pytest

from elt_script.pg.catalog import Type, digest, portable, read_types
from elt_script.pg.cluster import Server, embedded
from elt_script.tables import Digest
from tests.copying import execute, rows_of
from tests.databases import Database, databases

TYPES = """
    create type mood as enum ('sad', 'happy');
    create type pair as (a int, m mood);
    create domain positive as int check (value > 0);
    create domain even as positive check (value % 2 = 0);
    create domain price as numeric(9, 2);
    create domain code as varchar(3);
    create domain feeling as mood;
    create domain numbers as int[];
    create domain feelings as mood[];
    create domain couple as pair;
    create domain span as int4range;
    create domain kind as regtype;
    create type mood_range as range (subtype = mood);
    create type price_range as range (subtype = price);
    create type pair_range as range (subtype = pair);
    create type raw;
    create function raw_in(cstring) returns raw language internal immutable strict as 'textin';
    create function raw_out(raw) returns cstring language internal immutable strict as 'textout';
    create function raw_send(raw) returns bytea language internal immutable strict as 'textsend';
    create function raw_recv(internal) returns raw language internal immutable strict as 'textrecv';
    create type raw (input = raw_in, output = raw_out, send = raw_send, receive = raw_recv);
    create extension if not exists vector;
    create table rows_of_it (n int);
"""
BINARY, TEXT = True, False
EXPECTED = {
    "int4": (BINARY, Digest.VALUE),
    "text": (BINARY, Digest.VALUE),
    "timestamptz": (BINARY, Digest.VALUE),
    '"char"': (BINARY, Digest.VALUE),
    "bytea": (BINARY, Digest.VALUE),
    "numeric": (BINARY, Digest.SEND),  # 1.0 = 1.00
    "float8": (BINARY, Digest.SEND),  # -0 = 0
    "interval": (BINARY, Digest.SEND),  # 1 mon = 30 days
    "bpchar": (BINARY, Digest.SEND),  # 'a' = 'a '
    "jsonb": (BINARY, Digest.SEND),  # 1.0 = 1.00
    "json": (BINARY, Digest.SEND),  # has no equality
    "point": (BINARY, Digest.SEND),
    "tid": (BINARY, Digest.SEND),
    "int4[]": (BINARY, Digest.SEND),
    "numeric[]": (BINARY, Digest.SEND),
    "int4range": (BINARY, Digest.SEND),
    "nummultirange": (BINARY, Digest.SEND),
    "int4range[]": (BINARY, Digest.SEND),
    "mood": (BINARY, Digest.SEND),
    "mood_range": (BINARY, Digest.SEND),
    "mood_multirange": (BINARY, Digest.SEND),
    "price_range": (BINARY, Digest.SEND),
    "positive": (BINARY, Digest.VALUE),
    "even": (BINARY, Digest.VALUE),
    "price": (BINARY, Digest.SEND),
    "code": (BINARY, Digest.VALUE),
    "feeling": (BINARY, Digest.TEXT),
    "numbers": (BINARY, Digest.TEXT),
    "span": (BINARY, Digest.TEXT),
    "information_schema.sql_identifier": (BINARY, Digest.VALUE),
    # Their binary form holds OIDs of this database.
    "mood[]": (TEXT, Digest.TEXT),
    "positive[]": (TEXT, Digest.TEXT),
    "mood_range[]": (TEXT, Digest.TEXT),
    "information_schema.sql_identifier[]": (TEXT, Digest.TEXT),
    "feelings": (TEXT, Digest.TEXT),
    "pair": (TEXT, Digest.TEXT),
    "pair[]": (TEXT, Digest.TEXT),
    "couple": (TEXT, Digest.TEXT),
    "pair_range": (TEXT, Digest.TEXT),
    "rows_of_it": (TEXT, Digest.TEXT),
    "pg_class": (TEXT, Digest.TEXT),
    "regclass": (TEXT, Digest.TEXT),
    "regtype[]": (TEXT, Digest.TEXT),
    "kind": (TEXT, Digest.TEXT),
    # They have no binary form, none that they can be asked for, or none that is promised.
    "int2vector": (TEXT, Digest.TEXT),  # an empty one is not taken back
    "tsquery": (TEXT, Digest.TEXT),
    "int2vector[]": (TEXT, Digest.TEXT),
    "oidvector": (TEXT, Digest.TEXT),
    "aclitem": (TEXT, Digest.TEXT),
    "refcursor": (TEXT, Digest.TEXT),
    "xml": (TEXT, Digest.TEXT),
    "raw": (TEXT, Digest.TEXT),
    "vector": (TEXT, Digest.TEXT),
}


@pytest.fixture(scope="module")
def database(source_server: Server) -> Generator[Database]:
    with databases(embedded()[18]) as make:
        made = make(source_server, "source")
        execute(made.admin, TYPES)
        yield made


@pytest.fixture(scope="module")
def types(database: Database) -> Mapping[int, Type]:
    with database.owner.connect() as conn:
        return read_types(conn)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_type_travels_in_binary_only_where_that_means_the_same_elsewhere(
    database: Database, types: Mapping[int, Type], name: str
) -> None:
    ((oid,),) = rows_of(
        database.owner.with_settings(search_path="public"), f"select '{name}'::regtype::oid::bigint"
    )
    assert isinstance(oid, int)

    assert (portable(oid, types), digest(oid, types, same_encoding=True)) == EXPECTED[name]


@pytest.mark.parametrize("name", ["text", "varchar", "name", "code"])
def test_texts_are_compared_as_the_session_gets_them_where_the_databases_encodings_differ(
    database: Database, types: Mapping[int, Type], name: str
) -> None:
    ((oid,),) = rows_of(
        database.owner.with_settings(search_path="public"), f"select '{name}'::regtype::oid::bigint"
    )
    assert isinstance(oid, int)

    assert digest(oid, types, same_encoding=False) is Digest.SEND
