"""Tables that are copied in parts: exact, whatever is lost on the way, and whole for every reader."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from elt_script import ledger
from elt_script.copies import copies_of, jobs_of
from elt_script.display.describe import plan_text
from elt_script.errors import PublishTimeoutError
from elt_script.pg.catalog import read_children, read_relations, read_types
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import supervised
from elt_script.pg.session import export_snapshot, one_moment
from elt_script.run import plan
from elt_script.steps.copy import attempt, copy_rows
from elt_script.tables import CopyJob
from tests.background import in_background
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.gates import as_somebody
from tests.proxy import MUCH, proxied
from tests.untouched import untouched

IN_PARTS = {"split_bytes": 1 << 20, "jobs": 3}
LARGE = """
    create type pair as (n int, "Odd one" text);
    create table binary_rows (n int primary key, padding text, twice int generated always as (n * 2) stored);
    create table text_rows (n int, of_both pair);
    create table months (at date, padding text) partition by range (at);
    create table january partition of months for values from ('2026-01-01') to ('2026-02-01');
    create table heirs (extra int) inherits (text_rows);
    insert into binary_rows select n, repeat(chr(64 + n % 60), 300 + n % 7) from generate_series(1, 9000) n;
    insert into text_rows select n, row(n, repeat(E'\\t\\\\', 150))::pair from generate_series(1, 9000) n;
    insert into january select '2026-01-07', repeat('x', 300) from generate_series(1, 9000) n;
    insert into heirs select n, null, 1 from generate_series(1, 10) n;
    delete from binary_rows where n between 3000 and 5000;
    update text_rows set n = n + 1 where n % 3 = 0;
    create index on text_rows (n);
"""


@pytest.fixture
def large(source: Endpoint) -> Endpoint:
    execute(source, LARGE)
    return source


def jobs_for(conn: psycopg.Connection, split_bytes: int | None, workers: int) -> tuple[CopyJob, ...]:
    relations, children, types = read_relations(conn), read_children(conn), read_types(conn)
    copies = copies_of(relations, children, types, lambda name: name, same_encoding=True)
    return jobs_of(copies, workers, "UTF8", "UTF8", split_bytes)


def test_every_row_of_every_part_arrives_once(large: Endpoint, destination: Endpoint) -> None:
    copied(large, destination, **IN_PARTS)
    assert_same(large, destination)
    report = copied(large, destination, **IN_PARTS)
    assert_same(large, destination)

    rows = {table.table: table.rows for table in report.tables}
    assert rows["public.binary_rows"] == 6999
    assert rows_of(destination, "select count(*) from elt.part") == [(9,)]


def test_heaps_alone_are_copied_in_parts_where_there_is_somebody_to_do_it(large: Endpoint) -> None:
    def parts(split_bytes: int | None, workers: int) -> Counter[str]:
        jobs = jobs_for(conn, split_bytes, workers)
        return Counter(str(job.copies[0].table.name) for job in jobs if job.part)

    with large.connect() as conn:
        asked = parts(1 << 20, 3)
        assert asked == {"public.binary_rows": 3, "public.text_rows": 3, "public.january": 3}
        assert parts(1 << 40, 3) == {}
        assert parts(None, 2) == {}
        assert parts(None, 64) == {}  # all of it is too little


def test_a_plan_tells_a_table_of_parts_once(large: Endpoint, destination: Endpoint) -> None:
    config = config_of(large, destination, **IN_PARTS)
    planned, _ = plan(config)

    lines = [line for line in plan_text(planned, config).splitlines() if "public.binary_rows:" in line]

    assert len(lines) == 1
    assert lines[0].endswith("MiB, binary, in 3 parts")


def test_a_part_that_lost_its_connection_is_done_again(large: Endpoint, destination: Endpoint) -> None:
    execute(large, "insert into binary_rows select n, repeat('x', 900) from generate_series(10000, 40000) n")

    with proxied(destination) as (way, proxy):
        proxy.after(MUCH, proxy.lose)
        with in_background(large, way, **{**IN_PARTS, "jobs": 2}) as run:
            run.future.result(timeout=60)
        assert proxy.broken.is_set()

    assert "copy.retried" in [log["event"] for log in run.logs]
    assert_same(large, destination)


def test_a_part_whose_source_broke_off_is_done_again_although_what_came_was_committed(
    large: Endpoint, destination: Endpoint
) -> None:
    execute(large, "insert into binary_rows select n, repeat('x', 900) from generate_series(10000, 40000) n")

    with proxied(large) as (way, proxy):
        proxy.after(MUCH, proxy.reset)
        with in_background(way, destination, **{**IN_PARTS, "jobs": 2}, audit={"checksum": "none"}) as run:
            run.future.result(timeout=60)
        assert proxy.broken.is_set()

    assert "copy.retried" in [log["event"] for log in run.logs]
    assert_same(large, destination)


def test_a_part_whose_commit_nobody_was_told_of_is_not_loaded_twice(
    large: Endpoint, destination: Endpoint
) -> None:
    execute(destination, "create table binary_rows (n int, padding text, twice int)")
    with destination.connect(autocommit=True) as conn:
        ledger.install(conn)
        ledger.begin(conn, "run", "pipeline")
        ledger.expect_parts(conn)

    with one_moment(large) as (conn, _), supervised(), ThreadPoolExecutor(1) as movers:
        snapshot = export_snapshot(conn, (), 10)
        jobs = [job for job in jobs_for(conn, 1 << 20, 3) if "binary" in str(job.copies[0].table.name)]
        named = replace(destination, application="elt/pipeline/run")
        first = [attempt(job, large, named, snapshot, stall_seconds=60) for job in jobs]
        again = [copy_rows(job, large, named, snapshot, movers)[0].rows for job in jobs]

    assert [read for ((read,), _) in first] == again
    assert rows_of(destination, "select count(*) from public.binary_rows") == [(6999,)]


def test_publish_waits_for_readers_that_are_older_than_the_rows(
    large: Endpoint, destination: Endpoint
) -> None:
    copied(large, destination, **IN_PARTS)
    execute(large, "insert into binary_rows values (0, 'new')")
    counting = "select count(*) from public.binary_rows"

    with in_background(large, destination, **IN_PARTS) as run:
        with as_somebody(destination) as conn:
            conn.execute("set transaction isolation level repeatable read")
            conn.execute("select count(*) from pg_class")  # the snapshot is taken
            run.wait_for("publish.waiting")
            assert conn.execute(counting).fetchone() == (6999,)
        run.future.result()

    assert "publish.outwaited" in [log["event"] for log in run.logs]
    assert rows_of(destination, counting) == [(7000,)]


def test_an_old_reader_who_does_not_end_is_named(
    large: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    copied(large, destination, **IN_PARTS)
    with untouched(destination_admin), as_somebody(destination) as conn:
        conn.execute("set transaction isolation level repeatable read")
        conn.execute("select 1 as of_old")
        with pytest.raises(PublishTimeoutError) as failure:
            copied(large, destination, **IN_PARTS, publish={"patience_seconds": 0.1})
        pid = conn.info.backend_pid

    assert failure.value.message == "readers older than the staged rows did not end within 0.1 s"
    assert f"pid {pid} " in failure.value.detail
    assert "select 1 as of_old" in failure.value.detail
