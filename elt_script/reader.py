"""Somebody who reads the copy again and again, and remembers what they saw: for the demo and for tests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection

PAUSE_S = 0.01  # between two reads


@dataclass(frozen=True, slots=True)
class Question:
    """What one read asks, in one transaction of two statements.

    told     a query of one row: which version of the data it is, and how many rows it says there are
    counted  a query of one row: how many rows there are, in another table
    """

    told: LiteralString
    counted: LiteralString


@dataclass(slots=True)
class Seen:
    """What a reader saw. One read is one transaction; reads counts those of each whole version."""

    reads: Counter[int] = field(default_factory=Counter[int])
    rows: dict[int, int] = field(default_factory=dict[int, int])  # of each version
    seconds: list[float] = field(default_factory=list[float])  # of each read
    errors: list[str] = field(default_factory=list[str])
    empty: int = 0
    mixed: int = 0  # one table of one version, another of the next

    @property
    def undisturbed(self) -> bool:
        """Whether every read saw whole data of one version."""
        return not (self.errors or self.empty or self.mixed)


@contextmanager
def reading(endpoint: Endpoint, question: Question) -> Generator[Seen]:
    """Read for as long as this block lasts, in a thread and with a session of its own."""
    seen, done = Seen(), threading.Event()
    thread = threading.Thread(target=_read_on, args=(endpoint, question, seen, done), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def wait_for(seen: Seen, version: int, reads: int, patience_s: float = 10.0) -> None:
    """Wait until so many reads saw this version, or until patience ends."""
    deadline = time.monotonic() + patience_s
    while seen.reads[version] < reads and time.monotonic() < deadline:
        time.sleep(PAUSE_S)


def _read_on(endpoint: Endpoint, question: Question, seen: Seen, done: threading.Event) -> None:
    while not done.is_set():
        try:
            with endpoint.connect() as conn:
                while not done.wait(PAUSE_S):
                    _read(conn, question, seen)
        except psycopg.Error as error:  # a reader that is thrown out comes again, and does not forget it
            seen.errors.append(str(error).strip())
            done.wait(PAUSE_S)


def _read(conn: Connection, question: Question, seen: Seen) -> None:
    started = time.monotonic()
    with conn.transaction():
        version, told = conn.execute(question.told).fetchone() or (0, 0)
        (counted,) = conn.execute(question.counted).fetchone() or (0,)
    seen.seconds.append(time.monotonic() - started)
    if not told or not counted:
        seen.empty += 1
    elif told != counted:
        seen.mixed += 1
    else:
        seen.rows[version] = counted
        seen.reads[version] += 1
