"""Stop in order: what is at work for a command, and how Ctrl-C, SIGTERM and SIGHUP end all of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from contextvars import ContextVar, copy_context
from functools import wraps
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4
from weakref import WeakSet, WeakValueDictionary

import psycopg
import structlog

from elt_script.errors import InterruptedRunError

PATIENCE_S = 3.0  # what programs are given to end after each signal
CANCEL_S = 0.2  # how often the sessions' statements are cancelled until all is over
CANCEL_PATIENCE_S = 2.0  # what a server is given to take a request to cancel
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HARDER = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)  # SIGINT: programs cancel what their server does

Program = subprocess.Popen[bytes]
log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")


_named = WeakValueDictionary[str, "Work"]()
_naming = threading.RLock()
_told = dict[str, "Work"]()  # works of other processes that are to stop, until they are over


class Work:
    """What is at work for a command, or for a part of it: its programs, sessions, and parts of its own."""

    def __init__(self, name: str = "") -> None:
        self.name = name or uuid4().hex
        self.stopped = threading.Event()
        self._signum = 0  # what stopped it
        self._lock = threading.Lock()
        self._programs: set[Program] = set()
        self._sessions = WeakSet[psycopg.Connection[Any]]()
        self._parts = WeakSet[Work]()
        self._elsewhere = set[Callable[[str, signal.Signals], None]]()
        self._shields = 0
        with _naming:
            _named[self.name] = self

    def part(self) -> Work:
        """Return a part, which ends with the whole; the whole goes on when the part ends."""
        part = Work()
        with self._lock:
            self._parts.add(part)
            if self.stopped.is_set():
                part._mark(self._signum)
        return part

    def interruption(self, message: str = "stopped", hint: str = "") -> InterruptedRunError:
        """Return the error that says what stopped this work."""
        by = f" by {signal.Signals(self._signum).name}" if self._signum else ""
        error = InterruptedRunError(f"{message}{by}", hint=hint)
        if self._signum:
            error.exit_status = 128 + self._signum  # as a shell tells it
        return error

    def heed(self) -> None:
        """Raise InterruptedRunError if this work is to stop."""
        if self.stopped.is_set():
            raise self.interruption()

    def start(self, begin: Callable[[], Program]) -> Program:
        """Start a program, unless this work is to stop."""
        with self._lock:  # or a program that starts now would be missed by who stops all of them
            self.heed()
            program = begin()
            self._programs.add(program)
            return program

    def forget(self, programs: Iterable[Program]) -> None:
        """Take note that programs have ended."""
        with self._lock:
            self._programs.difference_update(programs)

    def opened(self, session: psycopg.Connection[Any]) -> None:
        """Take note of a session whose statements are to be cancelled with this work."""
        with self._lock:
            self._sessions.add(session)

    def goes_on_elsewhere(self, tell: Callable[[str, signal.Signals], None]) -> None:
        """Take note of who tells other processes, by this work's name, of the signals to its programs."""
        with self._lock:
            self._elsewhere.add(tell)

    @contextlib.contextmanager
    def shielded(self) -> Generator[None]:
        """Let statements come to their end while this block lasts: what has begun must be written down."""
        with self._lock:
            self._shields += 1
        try:
            yield
        finally:
            with self._lock:
                self._shields -= 1

    def stop(self, signum: int = 0) -> None:
        """Let nothing more start, and ask all that runs to end. Does not wait for it."""
        self._mark(signum)
        self.signal(signal.SIGINT)
        self.cancel()

    def _mark(self, signum: int) -> None:
        with self._lock:
            self._signum = self._signum or signum
            self.stopped.set()
        for part in self._own_parts():
            part._mark(signum)  # noqa: SLF001  (its own kind)

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal to every program, and to what those have started."""
        with self._lock:
            programs, elsewhere = list(self._programs), list(self._elsewhere)
        send(programs, sign)
        for tell in elsewhere:
            tell(self.name, sign)
        for part in self._own_parts():
            part.signal(sign)

    def cancel(self) -> None:
        """Cancel the sessions' statements, but for those that are shielded."""
        with self._lock:
            for session in [] if self._shields else list(self._sessions):
                with contextlib.suppress(psycopg.Error):
                    session.cancel_safe(timeout=CANCEL_PATIENCE_S)
        for part in self._own_parts():
            part.cancel()

    def end(self) -> None:
        """Let nothing more start, and wait until every program has ended: it is made to."""
        with self._lock:
            self.stopped.set()
            programs = list(self._programs)
        end(programs)

    def _own_parts(self) -> list[Work]:
        with self._lock:
            return list(self._parts)


_ROOT = Work()
_current: ContextVar[Work] = ContextVar("elt_work", default=_ROOT)


def current() -> Work:
    """Return the work that this thread is part of."""
    return _current.get()


@contextlib.contextmanager
def within(work: Work) -> Generator[None]:
    """Be part of work while this block lasts."""
    token = _current.set(work)
    try:
        yield
    finally:
        _current.reset(token)


def named(name: str) -> Work:
    """Return the work of this name, which another process may have begun."""
    with _naming:
        return _named.get(name) or Work(name)


def submit(executor: Executor, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> Future[T]:
    """Have a function done by executor as part of the work at hand: in a thread, or in another process.

    function  a module's own, and its arguments values: all of it may have to be pickled
    """
    return executor.submit(do, current().name, function, *args, **options)


def do(work: str, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Do something as part of the work of this name."""
    with within(named(work)):
        return function(*args, **options)


def told(work: str, signum: int) -> None:
    """Stop what of a work is done in this process, or may still come to it: another process says so."""
    stopped = _told.setdefault(work, named(work))
    stopped.stop()
    stopped.signal(signal.Signals(signum))


def forget(work: str) -> None:
    """Forget a work that is over."""
    _told.pop(work, None)


@contextlib.contextmanager
def unstoppable() -> Generator[None]:
    """Be nobody's work while this block lasts: what cleans up must run when all is stopped."""
    with within(_ROOT):
        yield


def pause(seconds: float) -> None:
    """Sleep, unless this work is to stop. Raises InterruptedRunError then."""
    current().stopped.wait(seconds)
    current().heed()


def is_killed(program: Program) -> bool:
    """Whether a signal has ended a program, which then could not end what it had started."""
    return (program.poll() or 0) < 0


def send(programs: Iterable[Program], sign: signal.Signals) -> None:
    """Send a signal to programs that run, and to what they have started: each leads a group of its own."""
    for program in programs:
        if program.poll() is None or is_killed(program):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(program.pid, sign)


def end(programs: Iterable[Program]) -> None:
    """End programs: first politely, then not."""
    left = list(programs)
    for sign in HARDER:
        left = [program for program in left if program.poll() is None or is_killed(program)]
        send(left, sign)
        for program in left:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(PATIENCE_S)


def interruptible(function: Callable[P, T]) -> Callable[P, T]:
    """Make Ctrl-C, SIGTERM and SIGHUP stop a function in order, wherever it is.

    It runs in a thread of its own, so that no handler of a signal raises in the middle of it: its programs
    are ended, its statements cancelled, and it cleans up as after any failure. A second signal is for who
    will not wait: the programs are killed, and the cleaning is left to the next run.

    Raises InterruptedRunError.
    """

    @wraps(function)
    def stoppable(*args: P.args, **options: P.kwargs) -> T:
        if threading.current_thread() is not threading.main_thread():
            return function(*args, **options)
        work, result = current().part(), Future[T]()
        events = SimpleQueue[int]()  # whose put() may be called by a signal's handler

        def do() -> None:
            try:
                with within(work):
                    result.set_result(function(*args, **options))
            except BaseException as error:  # noqa: BLE001  (raised again where the result is asked for)
                result.set_exception(error)
            finally:
                events.put(0)

        with _caught(events):
            threading.Thread(target=copy_context().run, args=(do,), daemon=True).start()
            signum = _first(events)
            if signum:
                _stop(work, signum, events)
        error = result.exception()
        if signum and error is not None and not isinstance(error, InterruptedRunError):
            raise work.interruption() from error
        return result.result()

    return stoppable


def _first(events: SimpleQueue[int]) -> int:
    """Return the first event, looking up now and then: a signal may be given to another of our threads.

    Python's handler runs when the main thread next does, and while that waits it does not.
    """
    while True:
        with contextlib.suppress(Empty):
            return events.get(timeout=CANCEL_S)


@contextlib.contextmanager
def _caught(events: SimpleQueue[int]) -> Generator[None]:
    """Put signals among the events while this block lasts, but for those that our caller ignores (nohup)."""
    before = {sign: signal.getsignal(sign) for sign in SIGNALS}
    caught = [sign for sign, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for sign in caught:
        signal.signal(sign, lambda signum, _frame: events.put(signum))
    try:
        yield
    finally:
        for sign in caught:
            signal.signal(sign, before[sign])


def _stop(work: Work, signum: int, events: SimpleQueue[int]) -> None:
    """Stop work, and wait for its end."""
    started = time.monotonic()
    log.warning("run.stopping", signal=signal.Signals(signum).name)
    work.stop(signum)
    while True:
        try:
            again = events.get(timeout=CANCEL_S)
        except Empty:
            work.cancel()
            if patience := int((time.monotonic() - started) / PATIENCE_S):
                work.signal(HARDER[min(patience, len(HARDER) - 1)])
            continue
        if again:
            work.signal(signal.SIGKILL)
            raise work.interruption(
                "stopped at once", "What was staged may be left behind; the next run removes it."
            )
        return
