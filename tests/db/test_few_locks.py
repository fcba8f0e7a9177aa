"""A server has room for so many locks, and a transaction must not need more of them than that."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from elt_script.pg.cluster import Server, cluster, embedded
from elt_script.pg.endpoint import Endpoint
from tests.copying import copied, execute, rows_of
from tests.databases import databases

FEW = {
    "max_locks_per_transaction": "10",
    "max_connections": "20",
    "max_worker_processes": "2",
    "max_wal_senders": "0",
}
TABLES = 120


@pytest.fixture
def cramped_server() -> Generator[Server]:
    """A server that has room for few locks."""
    folder = Path(tempfile.mkdtemp(prefix="elt-test-"))
    with cluster(folder, embedded()[18], password="hush of the superuser", settings=FEW) as running:
        yield running


def test_a_generation_of_more_tables_than_a_transaction_may_lock_is_dropped(
    source: Endpoint, cramped_server: Server
) -> None:
    execute(source, "".join(f"create table t{n} (id int primary key, s text unique);" for n in range(TABLES)))

    with databases(embedded()[18]) as make_database:
        destination = make_database(cramped_server, "destination").owner
        warnings = [copied(source, destination).warnings for _ in range(3)]
        kept = rows_of(destination, "select place from elt.generation order by place")

    assert warnings == [()] * 3
    assert kept == [(0,), (1,)]
