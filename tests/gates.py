"""Gates: places where a run stands still until a test lets it go on, so that no test depends on luck.

A function of the source's own takes an advisory lock. At the source nobody holds it; at the destination the
test does. So whatever calls the function there waits: a load, an index, a materialized view.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from psycopg import sql

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection

COPY, INDEX, VIEW, LATE_VIEW, CHECK = range(1, 6)
PATIENCE_S = 60

GATED = f"""
    create function gate(n int, number int) returns int language plpgsql immutable as
        'begin perform pg_advisory_xact_lock_shared(number); return n; end';
    create table gated (n int primary key check (gate(n, {COPY}) = n));
    insert into gated select generate_series(1, 3);
    create index on gated (gate(n, {INDEX}));
    create table plain (n int, batch int);
    insert into plain select n, 1 from generate_series(1, 5) n;
    create materialized view seen as
        select n from gated where pg_advisory_xact_lock_shared({VIEW}) is not null;
    create materialized view seen_late as select gate(n, {LATE_VIEW}) as n from gated;
"""
GATED_CHECK = {"name": "gate", "sql": f"select 1 where pg_advisory_xact_lock_shared({CHECK}) is null"}


@contextmanager
def closed(destination: Endpoint, gate: int) -> Generator[Connection]:
    """Keep a gate closed while this block lasts."""
    with holding(destination, f"select pg_advisory_lock({gate})") as holder:
        yield holder


@contextmanager
def holding(endpoint: Endpoint, *statements: str) -> Generator[Connection]:
    """Be a session that has run statements in a transaction, which ends with this block."""
    with as_somebody(endpoint) as conn:
        for statement in statements:
            conn.execute(statement.encode())
        yield conn
        if not conn.closed:
            conn.rollback()


@contextmanager
def as_somebody(endpoint: Endpoint, *, autocommit: bool = False) -> Generator[Connection]:
    """Be a session that a test may end, of an application that is not ours."""
    conn = replace(endpoint, application="somebody").connect(autocommit=autocommit)
    try:
        yield conn
    finally:
        conn.close()


def waiting_for(holder: Connection, observer: Endpoint) -> list[int]:
    """Return the pids of the sessions that wait for a session."""
    return blocked_by(holder.info.backend_pid, observer)


def blocked_by(holder: int, observer: Endpoint) -> list[int]:
    """Return the pids of the sessions that wait for the session with a pid."""
    found = sql.SQL(
        "select pid from pg_stat_activity where {} = any(pg_blocking_pids(pid)) order by pid"
    ).format(sql.Literal(holder))
    with as_somebody(observer, autocommit=True) as conn:
        return [pid for (pid,) in conn.execute(found)]


def wait_for_waiter(holder: Connection, observer: Endpoint) -> int:
    """Wait until a session waits for another, and return its pid."""
    deadline = time.monotonic() + PATIENCE_S
    while not (pids := waiting_for(holder, observer)):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)
    return pids[0]


def terminate(admin: Endpoint, pid: int) -> None:
    """End a session from outside."""
    with as_somebody(admin, autocommit=True) as conn:
        conn.execute("select pg_terminate_backend(%s)", [pid])
