"""Readers of the destination, who hold every transaction to be of one generation, and count how long they wait."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from elt_script.pg.session import Connection
from tests.faults.world import World

BATCHES = """
    select array_agg(distinct batch) from (
        select batch from small union all select batch from child
        union all select max(batch) from large union all select min(batch) from large) b
"""
JOINED = "select array_agg(distinct b) from on_top, unnest(array[small, large, child]) b"
TOTALS = "select array_agg(distinct batch) from totals"
LONGEST_HOLD_S = 2.0


@dataclass(slots=True)
class Seen:
    """What readers saw."""

    transactions: int = 0
    longest_wait_s: float = 0.0
    anomalies: list[str] = field(default_factory=list[str])


@contextmanager
def readers(world: World, seed: int) -> Generator[Seen]:
    """Read while this block lasts, in plain and in repeatable read transactions, some of them long."""
    seen, over = Seen(), threading.Event()
    kinds = ("read committed", "repeatable read", "repeatable read")
    threads = [
        threading.Thread(
            target=_read, args=(world, isolation, random.Random(seed + n), seen, over), daemon=True
        )
        for n, isolation in enumerate(kinds)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _read(world: World, isolation: str, chance: random.Random, seen: Seen, over: threading.Event) -> None:
    while not over.is_set():
        try:
            with world.destination.with_settings(search_path="public").connect(autocommit=True) as conn:
                while not over.wait(chance.uniform(0.05, 0.4)):
                    conn.execute(f"begin isolation level {isolation}".encode())
                    _one_transaction(conn, isolation, chance, seen, over)
                    conn.execute("commit")
                    seen.transactions += 1
        except psycopg.errors.DeadlockDetected as error:
            seen.anomalies.append(f"a reader was killed by a deadlock: {error}")
        except psycopg.Error:  # the destination is being crashed
            over.wait(0.2)


def _one_transaction(
    conn: Connection,
    isolation: str,
    chance: random.Random,
    seen: Seen,
    over: threading.Event,
) -> None:
    found: list[list[int]] = []
    if chance.random() < 0.5:  # a snapshot that is older than what the transaction comes to see
        conn.execute("select 1")
        over.wait(chance.uniform(0, 0.3))
    for query in chance.sample((BATCHES, JOINED, TOTALS), 3):
        started = time.monotonic()
        row = conn.execute(query.encode()).fetchone()
        seen.longest_wait_s = max(seen.longest_wait_s, time.monotonic() - started)
        found.append(row[0] if row else [])
        pause = LONGEST_HOLD_S if chance.random() < 0.02 else 0.05
        over.wait(chance.uniform(0, pause))
    if len(found[0]) != 1 or found != [found[0]] * len(found):
        seen.anomalies.append(f"a {isolation} reader saw batches {found}")
