"""Silence: for how long no server has been at work for what we wait for.

A network that stands still says nothing, and whoever waits cannot tell a server that works from one whose
answer is lost. The server can: it is asked (pg/sql/at_work.sql) on another session, by pg/listening.py.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import structlog
from psycopg.pq import TransactionStatus

Session = psycopg.Connection[Any]

log = structlog.get_logger()


class Silence:
    """How long each session of a run has not been heard of, in seconds that we have been awake."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.passed = 0.0
        self._heard: dict[str, float] = {}
        self._all = 0.0
        self._sessions = WeakKeyDictionary[Session, str]()
        self._asked = WeakKeyDictionary[Session, float]()
        self._lock = threading.Lock()

    def hear(self, name: str) -> None:
        """Take note that a server is at work for a session, or was since we last heard."""
        self._heard[name] = self.passed

    def hear_all(self) -> None:
        """Take note that we cannot hear: of no session is it known that it stands still."""
        self._all = self.passed

    def opened(self, session: Session, side: str) -> None:
        """Take note of a session of our own."""
        with self._lock:
            self._sessions[session] = side

    def lasts(self, names: Iterable[str], since: float) -> bool:
        """Whether there was nothing but silence of all of these for too long."""
        heard = max(self._heard.get(name, 0.0) for name in names)
        return self.passed - max(since, self._all, heard) > self.limit_s

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and cut our own sessions off that have waited in silence for too long."""
        self.passed += seconds
        with self._lock:
            sessions = list(self._sessions.items())
        for session, side in sessions:
            if session.closed or session.pgconn.transaction_status != TransactionStatus.ACTIVE:
                self._asked.pop(session, None)
                continue
            asked = self._asked.setdefault(session, self.passed)
            if self.lasts([name_of(side, session.info.backend_pid)], asked):
                log.warning("session.stalled", role=side, pid=session.info.backend_pid)
                cut(session)


_run: dict[str, Silence] = {}


def of(session: str) -> Silence | None:
    """Return the silence of the run that a session's name belongs to."""
    return _run.get(session) or _run.get(session.rpartition("/")[0])


def limit_of(session: str) -> float:
    """Return how long the silence of a run may last, in seconds."""
    silent = of(session)
    return silent.limit_s if silent else math.inf


@contextmanager
def limited(application: str, limit_s: float) -> Generator[Silence]:
    """Bound the silence of a run's sessions while this block lasts."""
    silence = _run[application] = Silence(limit_s)
    try:
        yield silence
    finally:
        if of(application) is silence:
            del _run[application]


def name_of(side: str, pid: int) -> str:
    """Return what a session is called that has no name of its own."""
    return f"{side} {pid}"


def cut(session: Session) -> None:
    """Break a session off, whatever it waits for: whoever waits gets an error."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(session.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_after(session: Session, seconds: float) -> Generator[None]:
    """Break a session off if this block lasts longer."""
    timer = threading.Timer(seconds, cut, [session])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
