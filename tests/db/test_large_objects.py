"""Large objects: in no schema, with numbers that columns hold, and the same at the destination after each run."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from elt_script.errors import AuditError, DestinationError, PreflightError
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from elt_script.run import plan
from tests.background import in_background
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.gates import CHECK, GATED_CHECK, as_somebody, closed, holding, wait_for_waiter
from tests.untouched import untouched

HOSTILE = """
    create table docs (id int primary key, doc oid);
    select lo_create(9001);
    select lo_from_bytea(9002, 'abc');
    select lo_from_bytea(9003, (select string_agg(sha256(int4send(n)), '') from generate_series(1, 98304) n));
    select lo_from_bytea(9004, decode(repeat('ff', 1048576), 'hex'));
    select lo_from_bytea(9005, decode('00' || repeat('ff', 3000) || repeat('00', 9000), 'hex'));
    select lo_create(9006), lo_put(9006, 2::bigint << 30, 'after a hole of 2 GB');
    select lo_create(9007), lo_truncate64(lo_open(9007, 131072), 4096);
    select lo_create(9008), lo_put(9008, 1048576 + 2048 * 5, 'here'), lo_put(9008, 4 * 1048576 - 2, 'over');
    select lo_from_bytea('4294967295', '\\x00');
    comment on large object 9002 is E'it''s %s {} \\\\ é';
    insert into docs select n, 9000 + n from generate_series(1, 8) n;
"""
CHANGED = """
    select lo_put(9002, 1, 'X'), lo_unlink(9003), lo_from_bytea(9009, 'new'), lo_unlink(9006), lo_put(9007, 5000, 'y');
    comment on large object 9002 is null; comment on large object 9001 is 'empty';
"""
SMALL = "create table t (); select lo_from_bytea(8000, 'one'), lo_from_bytea(8001, 'two')"
CONTENT = "select oid::bigint, lo_get(oid) from pg_largeobject_metadata order by 1"
WHO = """
    select oid::bigint, lomowner::regrole::text, array(select grantee::regrole::text || privilege_type from aclexplode(lomacl)
        where grantee <> lomowner order by 1)
    from pg_largeobject_metadata order by 1
"""


def test_large_objects_of_any_size_are_the_same_after_each_run_and_each_rollback(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, HOSTILE)
    config = config_of(source, destination)

    report = copied(source, destination)

    assert report.left_out == ()
    assert_same(source_admin, destination_admin)

    before = rows_of(destination, CONTENT.replace("lo_get(oid)", "lo_get(oid, 0, 5000)"))
    execute(source, CHANGED)
    with capture_logs() as logs:
        copied(source, destination)
    assert_same(source_admin, destination_admin)
    (replaced,) = (log for log in logs if log["event"] == "largeobjects.replaced")
    assert (replaced["new"], replaced["changed"], replaced["gone"]) == (1, 2, 2)

    rollback(config)
    assert rows_of(destination, CONTENT.replace("lo_get(oid)", "lo_get(oid, 0, 5000)")) == before
    assert rows_of(destination, "select obj_description(9002, 'pg_largeobject')") == [("it's %s {} \\ é",)]
    assert rows_of(destination, "select lo_get(9006, 2::bigint << 30, 100)") == [(b"after a hole of 2 GB",)]

    rollback(config)
    assert_same(source_admin, destination_admin)
    rollback(config)
    copied(source, destination)
    assert_same(source_admin, destination_admin)


def test_those_that_are_not_elts_stay_and_those_that_somebody_changed_are_mended(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, SMALL)
    execute(destination, "select lo_from_bytea(7, 'theirs')")
    copied(source, destination)
    execute(destination, "select lo_put(8000, 0, 'O'), lo_unlink(8001)")

    copied(source, destination)

    assert rows_of(destination, CONTENT) == [(7, b"theirs"), (8000, b"one"), (8001, b"two")]


def test_a_number_that_somebody_else_has_is_refused_or_adopted(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, SMALL)
    execute(destination, "select lo_from_bytea(8000, 'theirs')")

    with (
        untouched(destination_admin),
        pytest.raises(
            PreflightError,
            match="the destination has large object 8000, as the source has, which elt did not publish",
        ),
    ):
        copied(source, destination)

    adopting = {"publish": {"adopt": True}}
    planned, faults = plan(config_of(source, destination, **adopting))
    assert (faults, [str(taken) for taken in planned.adopted]) == ([], ["large object 8000"])
    copied(source, destination, **adopting)
    assert rows_of(destination, CONTENT) == [(8000, b"one"), (8001, b"two")]

    rollback(config_of(source, destination))
    assert rows_of(destination, CONTENT) == [(8000, b"theirs")]


def test_a_number_that_somebody_takes_while_a_run_is_at_work_ends_it(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, SMALL)
    keys = {"audit": {"checks": [GATED_CHECK]}}

    with closed(destination_admin, CHECK) as holder, in_background(source, destination, **keys) as run:
        wait_for_waiter(holder, destination_admin)
        execute(destination, "select lo_from_bytea(8001, 'theirs')")
        holder.execute("select pg_advisory_unlock_all()")
        with pytest.raises(
            DestinationError, match="large object 8001 at the destination: elt did not publish"
        ):
            run.future.result()

    assert rows_of(destination, CONTENT) == [(8001, b"theirs")]


def test_those_that_cannot_be_read_are_named_with_what_helps(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, "create table t ()")
    execute(source_admin, HOSTILE.replace("docs", "theirs") + "; drop table theirs")
    user = source.parameters["user"]

    with pytest.raises(PreflightError) as failure:
        copied(source, destination)

    grant = f"grant select on pg_largeobject to {user}"
    assert failure.value.message == (
        "source: large objects 9001, 9002, 9003, 9004, 9005 and 4 more: no select, nor `large_objects: none`: "
        + grant
    )
    execute(source_admin, grant)
    copied(source, destination)
    assert_same(source_admin, destination_admin)


def test_readers_see_the_old_ones_as_long_as_they_see_the_old_moment(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, SMALL)
    copied(source, destination)
    execute(source, "select lo_put(8000, 0, 'O'), lo_unlink(8001), lo_create(8002)")

    with holding(destination, "set transaction isolation level repeatable read", "select 1") as reader:
        copied(source, destination)
        assert reader.execute(CONTENT).fetchall() == [(8000, b"one"), (8001, b"two")]

    assert rows_of(destination, CONTENT) == [(8000, b"One"), (8002, b"")]


def test_they_are_ready_before_publish_waits_for_readers_and_unseen_until_it_commits(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, SMALL)
    copied(source, destination)
    execute(source, "select lo_put(8000, 0, 'O')")

    with in_background(source, destination) as run:
        with holding(destination, "select from public.t") as reader:
            run.wait_for("publish.waiting")
            assert [log["changed"] for log in run.logs if log["event"] == "largeobjects.replaced"] == [1]
            assert reader.execute(CONTENT).fetchall() == [(8000, b"one"), (8001, b"two")]
        run.future.result()

    assert rows_of(destination, CONTENT) == [(8000, b"One"), (8001, b"two")]


def test_a_run_that_fails_leaves_them_as_they_were(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source, SMALL)
    copied(source, destination)
    execute(source, "select lo_put(8000, 0, 'O'), lo_unlink(8001), lo_create(8002)")

    failing = {"audit": {"checks": [{"name": "never", "sql": "select 1"}]}}
    with untouched(destination_admin), pytest.raises(AuditError):
        copied(source, destination, **failing)

    assert rows_of(destination, "select nspname from pg_namespace where nspname like 'elt_next%'") == []
    copied(source, destination)
    assert rows_of(destination, CONTENT) == [(8000, b"One"), (8002, b"")]


def test_those_that_a_killed_run_had_still_to_remove_are_removed_by_the_next(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, SMALL)
    copied(source, destination)
    execute(destination, "select lo_create(8002); insert into elt.large_object_gone values (8002), (8003)")

    copied(source, destination)

    assert rows_of(destination, CONTENT) == [(8000, b"one"), (8001, b"two")]
    assert rows_of(destination, "select from elt.large_object_gone") == []


def test_more_than_a_transaction_may_lock_come_and_go(source: Endpoint, destination: Endpoint) -> None:
    count = "select count(*), sum(length(lo_get(oid))) from pg_largeobject_metadata"
    execute(
        source, "create table t (); select lo_from_bytea(0, int4send(n)) from generate_series(1, 20000) n"
    )

    copied(source, destination)
    assert rows_of(destination, count) == [(20000, 80000)]
    with source.connect() as conn:
        for _ in range(20):
            conn.execute("select lo_unlink(oid) from (select oid from pg_largeobject_metadata limit 1000) o")
            conn.commit()

    copied(source, destination)
    assert rows_of(destination, count) == [(0, None)]
    rollback(config_of(source, destination))
    assert rows_of(destination, count) == [(20000, 80000)]


def test_their_grants_stay_or_are_the_sources_or_none(
    source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    execute(source_admin, SMALL)
    execute(
        source_admin,
        "alter large object 8000 owner to pg_monitor; grant select on large object 8000 to pg_signal_backend;"
        "grant update on large object 8001 to public",
    )
    us = rows_of(destination_admin, "select current_user::regrole::text")[0][0]
    copied(source_admin, destination_admin)
    assert rows_of(destination_admin, WHO) == [(8000, us, []), (8001, us, [])]
    execute(destination_admin, "grant select on large object 8000 to pg_monitor")
    execute(source_admin, "select lo_put(8000, 0, 'O')")

    copied(source_admin, destination_admin)
    assert rows_of(destination_admin, WHO) == [(8000, us, ["pg_monitorSELECT"]), (8001, us, [])]

    copied(source_admin, destination_admin, privileges="copy", owners="copy")
    sources = [(8000, "pg_monitor", ["pg_signal_backendSELECT"]), (8001, us, ["-UPDATE"])]
    assert rows_of(destination_admin, WHO) == sources

    execute(source_admin, "select lo_unlink(8000), lo_unlink(8001)")
    copied(source_admin, destination_admin)
    rollback(config_of(source_admin, destination_admin))
    assert rows_of(destination_admin, WHO) == sources

    execute(source_admin, "select lo_from_bytea(8000, ''), lo_from_bytea(8001, '')")
    copied(source_admin, destination_admin, privileges="none")
    assert rows_of(destination_admin, WHO) == [(8000, us, []), (8001, us, [])]


@pytest.mark.parametrize(
    ("keys", "copies"),
    [
        ({}, True),
        ({"schemas": ["public", "more"]}, True),
        ({"schemas": ["public"]}, False),
        ({"schemas": ["public"], "large_objects": "copy"}, True),
        ({"large_objects": "none"}, False),
    ],
    ids=str,
)
def test_they_come_with_the_whole_database_or_as_the_config_says(
    source: Endpoint, destination: Endpoint, keys: dict[str, object], *, copies: bool
) -> None:
    execute(source, SMALL + "; create schema more; alter table t add doc oid")

    planned, faults = plan(config_of(source, destination, **keys))
    report = copied(source, destination, **keys)

    named = ("large objects 2: the config does not ask for them; columns that may hold some: public.t.doc",)
    assert faults == []
    assert (planned.large_objects and planned.large_objects.count) == (2 if copies else None)
    assert report.left_out == (() if copies else named)
    assert rows_of(destination, CONTENT) == ([(8000, b"one"), (8001, b"two")] if copies else [])


def test_they_go_with_the_run_that_does_not_want_them_and_come_back_by_a_rollback(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, SMALL)
    copied(source, destination)

    copied(source, destination, large_objects="none")

    assert rows_of(destination, CONTENT) == []
    rollback(config_of(source, destination))
    assert rows_of(destination, CONTENT) == [(8000, b"one"), (8001, b"two")]


def test_a_rollback_names_those_that_somebody_has_removed(source: Endpoint, destination: Endpoint) -> None:
    execute(source, SMALL)
    for _ in range(2):
        copied(source, destination)
    execute(destination, "select lo_unlink(8001)")

    said = rollback(config_of(source, destination))

    assert said.splitlines()[1:] == [
        "large object 8001: removed here by somebody, and no generation holds the content"
    ]
    with as_somebody(destination) as conn:
        assert conn.execute(CONTENT).fetchall() == [(8000, b"one")]
