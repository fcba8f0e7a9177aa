"""Work off tasks in a pool, the longest first, where one task's end may bring more of them."""

from __future__ import annotations

import heapq
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from elt_script.pg import stop


def _nothing_more(_: Any) -> Iterable[Task]:
    return ()


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do: how long it will take, in any unit, and what its result brings."""

    weight: int
    do: Callable[[], Any]
    then: Callable[[Any], Iterable[Task]] = field(default=_nothing_more)


def work_off(executor: Executor, limit: int, tasks: Iterable[Task]) -> None:
    """Do all tasks, and those they bring, at most `limit` at a time; `then` runs in this thread.

    The first failure ends the others' programs, and is raised once all have ended.
    """
    work = stop.current().part()
    with stop.within(work):
        failure = _worked_off(executor, limit, tasks, work)
    if failure is not None:
        raise failure


def _worked_off(
    executor: Executor, limit: int, tasks: Iterable[Task], work: stop.Work
) -> BaseException | None:
    queue: list[tuple[int, int, Task]] = []
    running: dict[Future[Any], Task] = {}
    count = 0

    def add(more: Iterable[Task]) -> None:
        nonlocal count
        for task in more:
            heapq.heappush(queue, (-task.weight, count, task))
            count += 1

    add(tasks)
    failure: BaseException | None = None
    while running or (queue and failure is None):
        while queue and failure is None and len(running) < limit:
            task = heapq.heappop(queue)[2]
            running[executor.submit(copy_context().run, task.do)] = task
        ended, _ = wait(running, stop.PATIENCE_S if failure else None, FIRST_COMPLETED)
        if not ended:
            work.signal(signal.SIGKILL)
        for future in ended:
            task = running.pop(future)
            error = future.exception()
            if error is not None and failure is None:
                failure = error
                work.stop()
            elif failure is None:
                add(task.then(future.result()))
    return failure
