"""Work off tasks in a pool, the longest first, where one task's end may bring more of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any


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

    The first failure is raised once what is running has ended; nothing new starts after it.
    """
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
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            task = running.pop(future)
            error = future.exception()
            if error is not None:
                failure = failure or error
            elif failure is None:
                add(task.then(future.result()))
    if failure is not None:
        raise failure
