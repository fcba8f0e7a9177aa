"""A published enum that columns of others' tables are of stays what it is, for as long as its labels are the same."""

from __future__ import annotations

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from tests.copying import assert_same, config_of, copied, execute, rows_of

ORDERS = """
    create type status as enum ('new', 'paid', 'sent');
    comment on type status is 'of an order';
    create domain open_status as status check (value <> 'sent');
    create function is_open(status) returns boolean language sql return $1 <> 'sent';
    create table orders (id int primary key, status status not null default 'new', before status[], open open_status);
    create index on orders (status) where is_open(status);
    create view by_status as select status, count(*) from orders group by 1;
    insert into orders select n, (enum_range(null::status))[n % 3 + 1], '{new,paid}', 'paid' from generate_series(1, 9) n;
"""
MODELS = """
    create schema models;
    create table models.totals as select status, count(*) as orders from public.orders group by status;
    create index on models.totals (status) where status <> 'sent';
    create table models.histories as select id, before from public.orders;
    create type models.step as (at timestamptz, status public.status);
    create domain models.paid as public.status check (value = 'paid');
    create table models.steps as select 'now'::timestamptz as at, 'paid'::models.paid as paid;
    create view models.compared as
        select o.id, t.orders, o.status = 'new'::public.status as is_new
        from public.orders o join models.totals t using (status) join models.histories h using (before);
"""
COMPARED = "select count(*), count(distinct orders) from models.compared where is_new"
TYPES = "select distinct format_type(atttypid, null) from pg_attribute where attrelid = 'models.totals'::regclass and attnum > 0"
STATUS = "select 'public.status'::regtype::oid"


def modelled(source: Endpoint, destination: Endpoint) -> object:
    """Publish, and build tables of what was published; return the type's OID."""
    execute(source, ORDERS)
    copied(source, destination)
    execute(destination, MODELS)
    return rows_of(destination, STATUS)


def test_tables_of_others_go_on_as_they_are_run_after_run(source: Endpoint, destination: Endpoint) -> None:
    status = modelled(source, destination)
    execute(destination, "grant usage on type public.status to public")

    for batch in range(3):
        execute(
            source,
            f"update orders set before = null where id = {batch}; create table added_{batch} (s status)",
        )
        copied(source, destination, publish={"keep": 2})

        assert_same(source, destination, {"public": "public"})
        assert rows_of(destination, STATUS) == status
        assert rows_of(destination, COMPARED) == [(27, 1)]
    config = config_of(source, destination)
    for is_back in (True, False):  # and forward again
        rollback(config)
        assert rows_of(destination, "select to_regclass('public.added_2') is null") == [(is_back,)]
        assert rows_of(destination, COMPARED) == [(27, 1)]
    copied(source, destination)
    assert rows_of(destination, STATUS) == status
    assert_same(source, destination, {"public": "public"})


def test_labels_that_the_source_adds_are_added(source: Endpoint, destination: Endpoint) -> None:
    status = modelled(source, destination)
    for label in ("'first' before 'new'", "'between' after 'new'", "'it''s last'"):
        execute(source, f"alter type status add value {label}")
    execute(
        source,
        "insert into orders select 20 + n, s from unnest(enum_range(null::status)) with ordinality u (s, n)",
    )

    copied(source, destination)

    assert_same(source, destination, {"public": "public"})
    assert rows_of(destination, STATUS) == status
    assert rows_of(destination, COMPARED) == [(27, 1)]


def test_labels_that_differ_stop_the_run_by_the_tables_name(source: Endpoint, destination: Endpoint) -> None:
    modelled(source, destination)
    execute(source, "alter type status rename value 'sent' to 'gone'")

    with pytest.raises(PreflightError) as raised:
        copied(source, destination)

    assert "table models.totals cannot come along: its status is of a published type" in str(raised.value)
    execute(destination, "drop schema models cascade")
    copied(source, destination)
    assert_same(source, destination, {"public": "public"})


def test_an_enum_that_nobody_else_has_is_made_anew_and_goes_with_its_generation(
    source: Endpoint, destination: Endpoint
) -> None:
    status = modelled(source, destination)
    copied(source, destination)
    execute(destination, "drop schema models cascade")

    copied(source, destination, publish={"keep": 2})
    of_before = "select 'elt_prev_public.status'::regtype::oid"
    assert rows_of(destination, of_before) == status != rows_of(destination, STATUS)
    copied(source, destination, publish={"keep": 2})
    report = copied(source, destination)

    assert report.warnings == ()
    assert_same(source, destination, {"public": "public"})


def test_it_stays_where_the_copy_has_another_schema(source: Endpoint, destination: Endpoint) -> None:
    execute(source, ORDERS)
    schemas = {"public": "shop"}
    copied(source, destination, schemas=schemas)
    execute(destination, MODELS.replace("public.", "shop."))

    execute(source, "insert into orders values (10)")
    copied(source, destination, schemas=schemas)

    assert_same(source, destination, schemas)
    assert rows_of(destination, TYPES) == [("bigint",), ("shop.status",)]
