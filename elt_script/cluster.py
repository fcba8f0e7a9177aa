"""A Dask cluster as an executor: its workers copy, and what they are told here reaches their programs."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog
from distributed import Client, get_worker

from elt_script import __version__, arrival
from elt_script.errors import (
    CannotConnectError,
    EltError,
    InterruptedRunError,
    PreflightError,
    WorkerError,
    concerning,
)
from elt_script.pg import stop
from elt_script.pg.endpoint import Endpoint

EVERY_S = 0.5  # how often the cluster is looked at
ANSWER_S = 10.0  # for the scheduler to answer, each time it is asked
FIT_S = 60.0  # for a worker to say whether it can do its part
PATIENCE_S = 60.0  # for a worker to come where none is left, for a scheduler to answer again
STOP_S = 15.0  # for workers to end what they were told to stop
OLD_DATA = "Nothing was published, the old data is still live. See the workers' logs, then run again."

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class Workers(Executor):
    """The cluster's own executor, whose futures never outlast the cluster.

    Dask does a lost worker's copies again on another, three times.
    """

    def __init__(self, client: Any) -> None:  # Dask's own annotations are too loose to check against
        self._client = client
        self._executor = client.get_executor(pure=False)
        self.lost = False  # whether the scheduler is gone, and with it all that workers were to do
        self._open: set[Future[Any]] = set()
        self._told: dict[str, float] = {}  # works that were told to stop, and when
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def threads(self) -> int:
        """How many copies all workers together can make at once."""
        return int(sum(self._client.nthreads().values()))

    def want_fit(self, source: Endpoint, destination: Endpoint) -> None:
        """Raise PreflightError that names each worker that lacks a password, programs, or a way."""
        ask = partial(self._client.run, _fault, source, destination, __version__, on_error="return")
        asked = {name: _begun(partial(ask, workers=[name])) for name in self._client.nthreads()}
        wait_for(asked.values(), FIT_S)
        if unfit := [f"worker {name}: {said}" for name, one in asked.items() if (said := _said(one))]:
            raise PreflightError(
                f"{len(unfit)} of {len(asked)} workers cannot move rows",
                detail="\n".join(unfit),
                hint="Nothing has been changed. Mend or stop these workers, then run again.",
            )

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a copy made by a worker, which is told when the work at hand is to stop."""
        stop.current().goes_on_elsewhere(self._tell)
        outer = Future[T]()
        outer.set_running_or_notify_cancel()
        with self._lock:
            self._open.add(outer)
        try:
            inner: Future[Any] = self._executor.submit(_by_worker, fn, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  (a client that is closed meanwhile has several ways to say it)
            self._fail(outer, error)
        else:
            inner.add_done_callback(partial(self._ended, outer))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End what workers still do for us, and leave nothing of it there."""
        del wait, cancel_futures
        self._closed.set()
        self._watcher.join(EVERY_S)  # it may wait for an answer that does not come
        if not self.lost:  # else there is nobody to tell them
            wait_for([_begun(partial(self._on_workers, _over, list(self._told)))], STOP_S)

    def _ended(self, outer: Future[Any], inner: Future[Any]) -> None:
        """Hand on a copy's end, once."""
        if inner.cancelled():  # which nobody does but a client that has lost its scheduler
            self._fail(outer, self._loss())
        elif (error := inner.exception()) is not None:
            self._fail(outer, error)
        elif self._is_first(outer):
            outer.set_result(inner.result())

    def _fail(self, outer: Future[Any], error: BaseException) -> None:
        if not isinstance(error, EltError):
            said = f"{type(error).__name__}: {error}".rstrip(": ")
            error = WorkerError("the workers did not copy", detail=said, hint=OLD_DATA)
        if self._is_first(outer):
            outer.set_exception(error)

    def _is_first(self, outer: Future[Any]) -> bool:
        with self._lock:
            known = outer in self._open
            self._open.discard(outer)
            return known

    def _tell(self, work: str, sign: signal.Signals) -> None:
        """Tell all workers to stop a work. Does not wait for it."""
        self._told.setdefault(work, time.monotonic())
        _begun(partial(self._on_workers, stop.told, work, int(sign)))

    def _on_workers(self, function: Callable[..., None], *args: object) -> None:
        try:
            self._client.run(function, *args, on_error="ignore")
        except Exception as error:  # noqa: BLE001  (whatever it is, their sessions are ended at the servers)
            log.debug("workers.lost", error=str(error))

    def _watch(self) -> None:
        """Fail what is open when nobody is left who could end it."""
        answered = seen = time.monotonic()
        while not self._closed.wait(EVERY_S):
            workers = self._number()
            now = time.monotonic()
            answered = answered if workers is None else now
            seen = seen if workers == 0 else now
            if self._client.status != "running":
                self._fail_all(self._loss())
            elif now - answered > PATIENCE_S:
                silent = f"the Dask scheduler has not answered for {PATIENCE_S:g} s"
                self._fail_all(WorkerError(silent, hint=OLD_DATA))
            elif now - seen > PATIENCE_S:
                self._fail_all(WorkerError(f"no worker is left since {PATIENCE_S:g} s", hint=OLD_DATA))
            if any(now - told > STOP_S for told in self._told.values()):
                self._fail_all(InterruptedRunError("workers did not stop in time"))

    def _number(self) -> int | None:
        """Return how many workers there are, and None where the scheduler does not answer."""
        asked = _begun(self._client.scheduler_info)
        wait_for([asked], ANSWER_S)
        answer: dict[str, Any] = asked.result() if asked.done() and asked.exception() is None else {}
        return len(answer["workers"]) if "workers" in answer else None  # a client that lost it says nothing

    def _loss(self) -> WorkerError:
        self.lost = True
        return WorkerError("the Dask scheduler is gone", hint=OLD_DATA)

    def _fail_all(self, error: EltError) -> None:
        with self._lock:
            left = list(self._open)
        for outer in left:
            self._fail(outer, error)


@contextmanager
def cluster(address: str, patience_seconds: float) -> Generator[Workers]:
    """Give the workers of a cluster while this block lasts.

    patience_seconds  for its scheduler to answer, and for a first worker
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what is wrong we say ourselves
    hint = "Nothing has been changed. See `executor.address`, and whether the scheduler and workers run."
    try:
        client: Any = Client(address, timeout=patience_seconds, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CannotConnectError(
            f"the Dask scheduler {address} cannot be reached", detail=str(error), hint=hint
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=patience_seconds)
        except TimeoutError as error:
            raise CannotConnectError(f"the Dask scheduler {address} has no workers", hint=hint) from error
        with Workers(client) as workers:
            log.info("workers.found", workers=len(client.nthreads()), threads=workers.threads)
            try:
                yield workers
            except WorkerError as error:
                error.transient = workers.lost  # the run may begin again, with another scheduler
                raise


def _begun(do: Callable[[], T]) -> Future[T]:
    """Have something done that may never end: Dask itself waits without a limit."""
    done = Future[T]()

    def attempt() -> None:
        try:
            done.set_result(do())
        except BaseException as error:  # noqa: BLE001  (for whoever asks)
            done.set_exception(error)

    threading.Thread(target=attempt, daemon=True).start()
    return done


def _said(asked: Future[dict[str, Any]]) -> str:
    """Return why a worker that was asked is unfit, and '' where it is not."""
    if not asked.done():
        return f"has not answered for {FIT_S:g} s"
    return str(asked.exception() or "".join(str(said) for said in asked.result().values()))


def _by_worker(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something on a worker, which errors then name."""
    worker = get_worker()
    name = worker.address if worker.name == worker.address else f"{worker.name} ({worker.address})"
    with concerning(f"worker {name}"):
        return function(*args, **kwargs)


async def _fault(source: Endpoint, destination: Endpoint, version: str) -> str:
    return await asyncio.to_thread(arrival.fault, source, destination, version)


def _over(works: list[str]) -> None:
    """Let go of works that are over, on a worker."""
    for work in works:
        stop.told(work, signal.SIGKILL)
        stop.forget(work)
