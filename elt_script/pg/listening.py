"""Listen to a run's servers: whether they are at work for it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context

import psycopg
import structlog

from elt_script.pg import silence, stop
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.passing import is_full
from elt_script.pg.session import query

LISTEN_EVERY_S = 1.0
AWAKE_S = 3.0  # between two looks; what is longer, this machine or process was suspended
ANSWER_S = 10.0  # what a server is given to say who it works for

log = structlog.get_logger()

_lock = threading.Lock()
_blocks = Counter[str]()  # of each run in this process
_open: dict[str, ExitStack] = {}


@contextmanager
def listened(sides: Sequence[Endpoint], limit_seconds: float) -> Generator[None]:
    """Give up what no server is at work for, and whose rows do not move, for so long, while this block lasts.

    Both servers are asked every second, each by a thread and a session of its own, which the blocks of one
    run in this process share.
    """
    name = sides[0].application
    with _lock:
        _blocks[name] += 1
        if name not in _open:
            _open[name] = ExitStack()
            _open[name].enter_context(_listening(sides, limit_seconds))
    try:
        yield
    finally:
        with _lock:
            _blocks[name] -= 1
            over = ExitStack() if _blocks[name] else _open.pop(name)
            if not _blocks[name]:
                del _blocks[name]
        over.close()


@contextmanager
def _listening(sides: Sequence[Endpoint], limit_seconds: float) -> Generator[None]:
    done = threading.Event()
    with silence.limited(sides[0].application, limit_seconds) as silent:
        threads = [
            threading.Thread(target=copy_context().run, args=args, daemon=True)
            for args in ((_pass_time, silent, done), *((_listen, side, silent, done) for side in sides))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join(ANSWER_S)


def _pass_time(silent: silence.Silence, done: threading.Event) -> None:
    before = time.monotonic()
    while not done.wait(LISTEN_EVERY_S):
        now = time.monotonic()
        silent.pass_by(min(now - before, AWAKE_S))
        before = now


def _listen(side: Endpoint, silent: silence.Silence, done: threading.Event) -> None:
    marks: dict[int, str] = {}
    while not done.wait(LISTEN_EVERY_S):
        try:
            with stop.unstoppable(), side.connect(autocommit=True) as conn:
                while not done.wait(LISTEN_EVERY_S):
                    with silence.cut_after(conn, ANSWER_S):
                        found = conn.execute(query("at_work"), {"application": side.application}).fetchall()
                    _hear(found, side.role, silent, marks)
        except psycopg.Error as error:  # as long as it cannot be asked, it is silent
            if is_full(str(error)):  # but who answers that there is no room is not
                silent.hear_all()
            log.debug("watch.failed", error=str(error))


def _hear(
    found: Sequence[tuple[str, int, bool, bool, str]],
    side: str,
    silent: silence.Silence,
    marks: dict[int, str],
) -> None:
    if not any(own for _, _, own, _, _ in found):  # somebody between us changes names
        silent.hear_all()
    for name, pid, _, at_work, mark in found:
        if at_work or marks.get(pid) != mark:
            silent.hear(name)
            silent.hear(silence.name_of(side, pid))
        marks[pid] = mark
