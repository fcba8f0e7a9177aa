"""Sample: what a run's sessions wait for, on both sides, and what this machine's processes compute."""

from __future__ import annotations

import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context

import psycopg
import structlog

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import query
from elt_script.report import Profile, Waited

EVERY_S = 0.1  # a sample takes the server about a millisecond

log = structlog.get_logger()


@contextmanager
def sampled(endpoints: Sequence[Endpoint], step: Callable[[], str]) -> Generator[Callable[[], Profile]]:
    """Look at a run's sessions ten times a second while this block lasts; what it gives returns the profile.

    step  says which one is at work
    """
    done = threading.Event()
    seconds: dict[str, Counter[tuple[str, str | None]]] = {one.role: Counter() for one in endpoints}
    before = _cpu()
    with ExitStack() as stack:
        for endpoint in endpoints:
            take = (endpoint, step, seconds[endpoint.role], done)
            thread = threading.Thread(target=copy_context().run, args=(_sample, *take), daemon=True)
            thread.start()
            stack.callback(thread.join)
        stack.callback(done.set)
        yield lambda: _profile(seconds, before)


def _sample(
    endpoint: Endpoint,
    step: Callable[[], str],
    seconds: Counter[tuple[str, str | None]],
    done: threading.Event,
) -> None:
    """Add to seconds, of a step and a reason, what passes between two looks."""
    try:
        with endpoint.connect(autocommit=True) as conn:
            last = time.monotonic()
            while not done.wait(EVERY_S):
                found = conn.execute(query("waits"), {"application": endpoint.application}).fetchall()
                now = time.monotonic()
                for reason, sessions in found:
                    seconds[step(), reason] += sessions * (now - last)
                last = now
    except psycopg.Error as error:  # a run must not fail because nobody can watch it
        log.debug("watch.failed", error=str(error))


def _profile(seconds: dict[str, Counter[tuple[str, str | None]]], before: tuple[float, float]) -> Profile:
    waits = [
        Waited(side, step, reason or "", round(passed, 3))
        for side, found in seconds.items()
        for (step, reason), passed in found.copy().most_common()
    ]
    python, programs = (now - then for now, then in zip(_cpu(), before, strict=True))
    return Profile(python, programs, tuple(waits))


def _cpu() -> tuple[float, float]:
    """Return the CPU seconds of this process, and of programs that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, children = (one.ru_utime + one.ru_stime for one in used)
    return own, children
