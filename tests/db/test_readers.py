"""Readers of the destination go on reading while it is published: no error, hardly a wait, one generation."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from structlog.testing import capture_logs

from elt_script.errors import PublishTimeoutError
from elt_script.pg import locks
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection
from tests.background import in_background
from tests.copying import copied, execute, rows_of
from tests.gates import as_somebody, holding
from tests.worlds import SHOP, World

RUNS = 5
DEADLOCK_TIMEOUT_S = 1.0
NEXT = """
    update customers set batch = batch + 1;
    update orders set batch = batch + 1;
    update days set batch = batch + 1;
    refresh materialized view order_totals;
"""
THEIRS = """
    create schema theirs;
    create view theirs.both as
        select o.batch as of_orders, c.batch as of_customers
        from orders o join customers c on c.id = o.customer_id;
    create view theirs.above as select * from theirs.both;
    create materialized view theirs.totals as
        select customer_id, max(batch) as batch from orders group by customer_id;
    create index on theirs.totals (customer_id);
    create materialized view theirs.on_totals as select max(batch) as batch from theirs.totals;
    create table theirs.marks (id int references orders);
    insert into theirs.marks values (1);
"""
JOINED = "select min(o.batch), max(c.batch), count(*) from orders o join customers c on c.id = o.customer_id"
OUR_VIEWS = """
    select min(v.batch), max(t.batch), 10 * count(distinct t.customer_id)
    from order_names v cross join order_totals t
"""
THEIR_VIEWS = "select min(of_orders), max(of_customers), count(*) from theirs.above"
THEIR_COPIES = """
    select least(min(o.batch), min(t.batch)), greatest(max(n.batch), max(o.batch)), count(*)
    from orders o join theirs.totals t using (customer_id) cross join theirs.on_totals n
"""
PARTS = (
    "select batch from days limit 1",
    "select batch from customers limit 1",
    "select max(batch) from theirs.totals",
)


@dataclass(slots=True)
class Reader:
    """Somebody who reads in a loop: what he saw that must not be, and his longest wait in seconds."""

    reads: int = 0
    wrong: list[object] = field(default_factory=list[object])
    longest: float = 0.0

    def once(self, conn: Connection, question: Callable[[Connection], object]) -> None:
        """Ask once; the answer is None if all is well."""
        started = time.monotonic()
        try:
            answer = question(conn)
        except psycopg.Error as error:
            conn.rollback()
            answer = error
        self.longest = max(self.longest, time.monotonic() - started)
        self.reads += 1
        if answer is not None:
            self.wrong.append(answer)


def one_generation(query: str) -> Callable[[Connection], object]:
    """Ask for the least and the largest batch, and a count, in one statement."""

    def ask(conn: Connection) -> object:
        row = conn.execute(query.encode()).fetchone()
        return None if row is not None and row[0] == row[1] and row[2] == 30 else row

    return ask


def one_generation_in_a_transaction(conn: Connection) -> object:
    """Ask for the batch of several tables, one after the other."""
    with conn.transaction():
        found = [conn.execute(query.encode()).fetchone() for query in PARTS]
    return None if len(set(found)) == 1 and None not in found else found


QUESTIONS: Mapping[str, Callable[[Connection], object]] = {
    "a join": one_generation(JOINED),
    "our views": one_generation(OUR_VIEWS),
    "their views": one_generation(THEIR_VIEWS),
    "their materialized views": one_generation(THEIR_COPIES),
    "a transaction": one_generation_in_a_transaction,
}


@contextmanager
def reading(
    destination: Endpoint, questions: Mapping[str, Callable[[Connection], object]]
) -> Generator[dict[str, Reader]]:
    """Read in a loop while this block lasts, each question in a session of its own."""
    readers = {name: Reader() for name in questions}
    over = threading.Event()

    def read(name: str) -> None:
        with as_somebody(destination.with_settings(search_path="public"), autocommit=True) as conn:
            while not over.is_set():
                readers[name].once(conn, questions[name])
                time.sleep(0.002)

    threads = [threading.Thread(target=read, args=(name,)) for name in questions]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def world(new_world: World) -> World:
    """A world after its first run, with views of others."""
    execute(new_world.source, SHOP)
    copied(new_world.source, new_world.destination)
    execute(new_world.destination, THEIRS)
    return new_world


def test_readers_see_one_generation_and_hardly_wait(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    with capture_logs() as logs, reading(world.destination, QUESTIONS) as readers:
        for _ in range(RUNS):
            execute(world.source, NEXT)
            copied(world.source, world.destination)

    assert [reader.wrong for reader in readers.values()] == [[]] * len(QUESTIONS)
    assert min(reader.reads for reader in readers.values()) > RUNS
    longest = max(reader.longest for reader in readers.values())
    held = [log["held_seconds"] for log in logs if log["event"] == "publish.done"]
    record_property("longest_wait_seconds", round(longest, 3))
    record_property("locks_held_seconds", [round(seconds, 3) for seconds in held])
    assert longest < DEADLOCK_TIMEOUT_S


def test_a_snapshot_that_is_older_than_the_load_sees_all_of_the_new_data(world: World) -> None:
    for _ in range(2):
        execute(world.source, NEXT)
        with as_somebody(world.destination.with_settings(search_path="public")) as conn:
            conn.execute("set transaction isolation level repeatable read")
            conn.execute("select count(*) from pg_class")  # the snapshot is taken
            copied(world.source, world.destination)
            answers = [
                QUESTIONS[name](conn)
                for name in ("a join", "our views", "their views", "their materialized views")
            ]
            days = conn.execute("select count(*), min(batch) = max(batch) from days").fetchone()

        assert answers == [None] * 4
        assert days == (10, True)


def test_who_has_begun_to_read_the_old_data_reads_it_to_his_end(world: World) -> None:
    execute(world.source, NEXT)
    seen: list[object] = []
    with in_background(world.source, world.destination) as run:
        with as_somebody(world.destination.with_settings(search_path="public")) as conn:
            seen.append(conn.execute("select max(batch) from orders").fetchone())
            run.wait_for("publish.waiting")
            seen.append(conn.execute("select max(batch) from customers").fetchone())
            seen.append(conn.execute("select max(batch) from theirs.totals").fetchone())
        run.future.result()

    assert seen == [(1,)] * 3
    assert rows_of(world.destination, "select max(batch) from public.orders") == [(2,)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let publish wait for as long as it ever does, from its second try on."""
    monkeypatch.setattr(locks, "FIRST_WAIT_MS", 3_600_000)
    monkeypatch.setattr(locks, "LONGEST_PAUSE_S", 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("order", [("orders", "customers"), ("customers", "orders"), ("days", "customers")])
def test_a_reader_who_waits_for_us_is_never_taken_for_a_deadlock(
    world: World, order: tuple[str, str]
) -> None:
    """He holds what we wait for, and wants what we may hold already."""
    execute(world.source, NEXT)
    with in_background(world.source, world.destination) as run:
        with as_somebody(world.destination.with_settings(search_path="public")) as conn:
            conn.execute(f"select from {order[0]}".encode())
            run.wait_for("publish.waiting")
            until = time.monotonic() + 2 * DEADLOCK_TIMEOUT_S
            while time.monotonic() < until:
                with conn.transaction(force_rollback=True):  # a savepoint: what it locks is let go with it
                    conn.execute(f"select from {order[1]}".encode())
        run.future.result()


@pytest.mark.usefixtures("impatient")
def test_while_publish_waits_nobody_waits_behind_it_for_long(world: World) -> None:
    with holding(world.destination, "select from public.orders") as holder:
        with reading(world.destination, QUESTIONS) as readers, pytest.raises(PublishTimeoutError) as failure:
            copied(world.source, world.destination, publish={"patience_seconds": 2})
        pid = holder.info.backend_pid

    user = world.destination.parameters["user"]
    first = failure.value.detail.splitlines()[0]
    assert re.fullmatch(
        rf"pid {pid} \({user} somebody\), idle in transaction for 0:00:\d\d: select from public.orders", first
    )
    assert failure.value.exit_status == 9
    assert [reader.wrong for reader in readers.values()] == [[]] * len(QUESTIONS)
    assert max(reader.longest for reader in readers.values()) < DEADLOCK_TIMEOUT_S
