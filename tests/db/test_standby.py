"""A hot standby: a source as good as any, and no destination."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from elt_script.errors import PreflightError, SourceError
from elt_script.pg import cluster
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from tests.background import in_background
from tests.copying import assert_same, copied, execute, rows_of
from tests.databases import Database
from tests.gates import COPY, GATED, closed, wait_for_waiter
from tests.untouched import untouched

PATIENCE_S = 30
CONFLICTS = "select sum(confl_snapshot)::int from pg_stat_database_conflicts"


@pytest.fixture
def standby(source_database: Database, source_server: Server) -> Generator[Endpoint]:
    """The source's owner at a standby of its server, once it has a table there."""
    execute(source_database.owner, GATED)
    folder = Path(tempfile.mkdtemp(prefix="elt-standby-"))
    try:
        admin = source_database.admin.using(source_server.bin, source_server.major)
        backup = admin.program(
            "pg_basebackup", "--pgdata", str(folder / "data"), "--write-recovery-conf", "--checkpoint=fast"
        )
        place = ("--host", source_server.host, "--port", str(source_server.port), "--username", "postgres")
        subprocess.run((*backup.argv, *place), env=dict(backup.env), check=True, capture_output=True)
        owner = source_server.folder.stat()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        running = cluster.resume(replace(source_server, folder=folder.resolve(), port=free_port()))
        owned = source_database.owner
        at_standby = replace(owned, parameters={**owned.parameters, "port": str(running.port)})
        deadline = time.monotonic() + PATIENCE_S
        while rows_of(at_standby, "select to_regclass('public.seen_late')") == [(None,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield at_standby
    finally:
        cluster.stop(folder.resolve())
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_standby_is_copied_from_and_not_into(
    standby: Endpoint, source_database: Database, destination_database: Database
) -> None:
    assert rows_of(standby, "select pg_is_in_recovery()") == [(True,)]

    copied(standby, destination_database.owner)
    copied(standby, destination_database.owner)

    assert_same(source_database.admin, destination_database.admin, {"public": "public"})
    with pytest.raises(PreflightError) as failure:
        copied(destination_database.owner, replace(standby, role="destination"))
    assert "is a standby, in recovery: it cannot be written to" in failure.value.message


def test_a_standby_whose_primary_ends_what_is_read_says_what_would_help(
    standby: Endpoint, source_database: Database, destination_database: Database
) -> None:
    admin, destination = destination_database.admin, destination_database.owner
    there = {**source_database.admin.parameters, "port": standby.parameters["port"]}
    at_standby = replace(source_database.admin, parameters=there)
    with at_standby.connect(autocommit=True) as conn:
        conn.execute("alter system set max_standby_streaming_delay = 0")
        conn.execute("select pg_reload_conf()")
    with untouched(admin), in_background(standby, destination, run={"retries": 0}) as run:
        with closed(destination, COPY) as gate:
            wait_for_waiter(gate, admin)
            with source_database.admin.connect(autocommit=True) as conn:
                conn.execute("delete from public.plain")
                conn.execute("vacuum public.plain")
            run.wait_until(lambda: rows_of(at_standby, CONFLICTS) != [(0,)])
        failure = run.future.exception()

    assert isinstance(failure, SourceError)
    assert "conflict with recovery" in failure.detail
    assert "hot_standby_feedback = on" in failure.hint
