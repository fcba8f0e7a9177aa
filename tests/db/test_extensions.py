"""Extensions: members stay where the extension is, and what rests on them arrives."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from tests.copying import assert_same, copied, execute, rows_of
from tests.databases import MakeDatabase

VECTOR = (
    "create schema if not exists {0}; grant usage on schema {0} to public; create extension vector schema {0}"
)
EMBEDDED = """
    create table embedded (id int primary key, v {0}.vector(3), a {0}.vector[], h {0}.halfvec(2));
    insert into embedded values (1, '[1,2,3]', array['[1]', null]::{0}.vector[], '[-0,0.1]'), (2, null, null, null);
    create index on embedded using hnsw (v {0}.vector_l2_ops);
    create view near as select id, v operator({0}.<->) '[1,1,1]' as distance from embedded;
    create materialized view nearest as select * from near order by distance limit 1;
    create function longer({0}.vector) returns {0}.vector language sql begin atomic select $1 operator({0}.+) $1; end;
"""
WHERE = "select nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = 'vector'"


@contextmanager
def in_template1(server: Server, script: str, undo: str) -> Generator[None]:
    endpoint = server.endpoint("destination", "template1")
    execute(endpoint, script)
    try:
        yield
    finally:
        execute(endpoint, undo)


@pytest.mark.parametrize("schema", ["public", "ext"])
def test_an_extension_is_created_where_the_source_has_it(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint, schema: str
) -> None:
    execute(source_admin, VECTOR.format(schema))
    execute(source, EMBEDDED.format(schema))

    report = copied(source, destination_admin)

    assert_same(source_admin, destination_admin)
    assert report.left_out == ()
    assert rows_of(destination_admin, WHERE) == [(schema,)]


def test_what_rests_on_an_extension_finds_it_where_the_destination_has_it(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source_admin, VECTOR.format("ext"))
    execute(source, EMBEDDED.format("ext"))
    execute(destination_admin, VECTOR.format("theirs"))

    copied(source, destination_admin, schemas={"public": "raw"})
    copied(source, destination_admin, schemas={"public": "raw"})

    assert rows_of(destination_admin, WHERE) == [("theirs",)]
    assert rows_of(destination_admin, "select id, distance from raw.nearest") == [(1, 2.23606797749979)]
    assert rows_of(destination_admin, "select raw.longer('[1,2]')::text") == [("[2,4]",)]


NEEDS_A_LITTLE = {
    "statistics": "create table t (n real[]); create statistics s on (vector_norm(n::vector)), (n[1]) from t",
    "a cast": "create table t (n int); create type pair as (a int); create cast (pair as vector) with inout",
    "an operator class": "create table t (n int); create operator class mine for type bit using gist as operator 15 <%> (bit, bit) for order by pg_catalog.float_ops",
}


@pytest.mark.parametrize("what", NEEDS_A_LITTLE)
def test_an_extension_that_only_some_part_needs_comes_along(
    source_admin: Endpoint, destination_admin: Endpoint, what: str
) -> None:
    execute(source_admin, VECTOR.format("public"))
    execute(source_admin, NEEDS_A_LITTLE[what])

    assert copied(source_admin, destination_admin).left_out == ()

    assert_same(source_admin, destination_admin)


def test_partitions_keys_by_operators_of_an_extension_stay_attached(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source_admin, VECTOR.format("public"))
    execute(
        source,
        "create table parts (n int, v vector(2), constraint k primary key (n, v)) partition by list (n)",
    )
    execute(
        source,
        "create table part partition of parts for values in (1); insert into parts values (1, '[1,2]')",
    )

    copied(source, destination_admin)

    assert_same(source_admin, destination_admin)
    assert rows_of(
        destination_admin, "select indisvalid from pg_index where indexrelid = 'public.k'::regclass"
    ) == [(True,)]


def test_an_extension_that_nothing_needs_is_named(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint
) -> None:
    execute(source_admin, VECTOR.format("public"))
    execute(source, "create table t (id int)")

    report = copied(source, destination)

    assert report.left_out == ("extension vector: nothing that is copied needs it",)


def test_an_extension_that_a_text_names_comes_along_where_the_destination_offers_it(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source_admin, VECTOR.format("public"))
    execute(
        source,
        """
        create table t (id int);
        create function near(t text) returns float8 language plpgsql as
            $$ begin return L2_Distance(t::public.vector, '[1,1]'); end $$;
        create function counted() returns bigint language sql as 'select count(*) from t';
        """,
    )

    report = copied(source, destination, pipeline="ordinary")

    assert report.left_out == (
        "extension vector: the destination does not offer it, and public.near(text) may need it",
    )

    execute(destination_admin, "drop schema elt cascade; drop table t; drop function near(text), counted()")
    report = copied(source, destination_admin)

    assert report.left_out == ()
    assert_same(source_admin, destination_admin)


def test_an_extension_that_only_a_superuser_may_create_is_told_before_anything_is_changed(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint
) -> None:
    execute(source_admin, VECTOR.format("ext"))
    execute(source, EMBEDDED.format("ext"))

    with pytest.raises(
        PreflightError, match="extension vector cannot be created at the destination"
    ) as caught:
        copied(source, destination)

    assert "Must be superuser" in caught.value.detail
    assert "in template1 too, in schema ext" in caught.value.hint
    assert (
        rows_of(destination, "select 1 from pg_namespace where nspname in ('ext', 'elt_next_public')") == []
    )


def test_an_ordinary_role_can_use_what_an_administrator_created_there_and_in_template1(
    source: Endpoint,
    source_admin: Endpoint,
    destination: Endpoint,
    destination_admin: Endpoint,
    destination_server: Server,
) -> None:
    execute(source_admin, VECTOR.format("ext"))
    execute(source, EMBEDDED.format("ext"))
    execute(destination_admin, VECTOR.format("ext"))

    with in_template1(destination_server, VECTOR.format("ext"), "drop schema ext cascade"):
        copied(source, destination)

        assert_same(source_admin, destination_admin)

    execute(source, "create table more ()")  # so that it has to be drawn anew
    with (
        in_template1(
            destination_server,
            VECTOR.format("ext") + "; create table junk ()",
            "drop schema ext cascade; drop table junk",
        ),
        pytest.raises(PreflightError, match="extension vector cannot be created"),
    ):
        copied(source, destination)


def test_an_extension_that_only_its_owner_can_move_is_told(
    source: Endpoint,
    source_admin: Endpoint,
    destination: Endpoint,
    destination_admin: Endpoint,
    destination_server: Server,
) -> None:
    execute(source_admin, VECTOR.format("ext"))
    execute(source, EMBEDDED.format("ext"))
    execute(destination_admin, VECTOR.format("theirs"))

    with (
        in_template1(destination_server, VECTOR.format("ext"), "drop schema ext cascade"),
        pytest.raises(
            PreflightError, match="vector is in schema ext at the source, in theirs at the destination"
        ),
    ):
        copied(source, destination)


@contextmanager
def offered(server: Server, name: str, script: str) -> Generator[None]:
    """Have a server of version 18 offer its superuser an extension that makes what a script says."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "extension")
        place.mkdir()
        (place / f"{name}.control").write_text("default_version = '1'")
        (place / f"{name}--1.sql").write_text(script)
        for path in (Path(folder), place):
            path.chmod(0o755)
        with in_template1(
            server,
            f"alter role {server.superuser} set extension_control_path = '$system:{folder}'",
            f"alter role {server.superuser} reset extension_control_path",
        ):
            yield


def test_what_users_have_in_a_schema_that_an_extension_made_is_copied(
    destination_server: Server, make_database: MakeDatabase
) -> None:
    source, destination = (make_database(destination_server, role) for role in ("source", "destination"))
    made = "create schema made; create schema bare; create table made.its (n int)"
    with offered(destination_server, "maker", made):
        execute(source.admin, "create extension maker; create table made.t (id int primary key)")
        execute(source.admin, "insert into made.t values (1); create table t (id int references made.t)")
        execute(source.admin, "insert into t values (1)")

        reports = [copied(source.admin, destination.admin) for _ in range(2)]

        assert_same(source.admin, destination.admin)
        assert [report.left_out for report in reports] == [(), ()]
        assert rows_of(destination.admin, "select id from made.t") == [(1,)]
