"""Functions that a table's own definition calls, and that look for others by a search_path."""

from __future__ import annotations

import pytest

from elt_script.errors import EltError
from elt_script.pg.endpoint import Endpoint
from tests.copying import copied, execute, rows_of

INNER = "create function inner_one(t text) returns text language sql immutable as 'select lower(t)';"
OUTER = "create function outer_one(t text) returns text language plpgsql immutable as 'begin return inner_one(t); end';"
CASES = {
    "index": (
        "create table t (a text); create index by_function on t (outer_one(a))",
        "CREATE INDEX by_function",
    ),
    "check": ("create table t (a text check (outer_one(a) = 'x'))", "COPY t, line 1"),
    "generated": (
        "create table t (a text, b text generated always as (outer_one(a)) stored)",
        "COPY t, line 1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_needs_a_search_path_is_refused_by_name_and_nothing_is_changed(
    source: Endpoint, destination: Endpoint, name: str
) -> None:
    script, named = CASES[name]
    execute(source, INNER + OUTER + script + "; insert into t values ('X')")

    with pytest.raises(EltError) as caught:
        copied(source, destination)

    assert "function inner_one(text) does not exist" in caught.value.detail
    assert named in caught.value.detail
    left = "select nspname from pg_namespace where nspname like 'elt\\_next%' or nspname like 'elt\\_prev%'"
    assert rows_of(destination, left) == []
    assert rows_of(destination, "select 1 from pg_class where relnamespace = 'public'::regnamespace") == []


def test_a_materialized_view_that_needs_a_search_path_is_refused_by_name(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(
        source,
        "create table t (a int); create function n() returns bigint language sql as 'select count(*) from t'",
    )
    execute(source, "create materialized view counted as select n()")

    with pytest.raises(EltError) as caught:
        copied(source, destination)

    assert "public.counted" in str(caught.value)
    assert 'relation "t" does not exist' in caught.value.detail
    assert rows_of(destination, "select 1 from pg_class where relnamespace = 'public'::regnamespace") == []


def test_functions_that_need_no_search_path_work(source: Endpoint, destination: Endpoint) -> None:
    execute(
        source,
        """
        create function short(t text) returns text language sql immutable return left(lower(t), 3);
        create function shorter(t text) returns text language sql immutable return left(short(t), 2);
        create table t (
            a text check (shorter(a) <> ''), b text generated always as (shorter(a)) stored, exclude using btree (short(a) with =)
        );
        create index on t (shorter(a));
        insert into t values ('ABCDE');
        """,
    )

    copied(source, destination)

    assert rows_of(destination, "select * from public.t") == [("ABCDE", "ab")]
