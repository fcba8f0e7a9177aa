"""A run in a thread, beside which a test does what others do while a run is at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from structlog.testing import capture_logs

from elt_script.pg.endpoint import Endpoint
from elt_script.report import RunReport
from tests.copying import copied

PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Background:
    """A run at work, and what it has said so far."""

    future: Future[RunReport]
    logs: list[MutableMapping[str, Any]]

    def wait_for(self, event: str) -> None:
        """Wait until the run has said something."""
        self.wait_until(lambda: any(log["event"] == event for log in self.logs))

    def wait_until(self, ready: Callable[[], object]) -> None:
        """Wait until ready, and fail if the run ends before, or nothing happens."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            if self.future.done():
                raise AssertionError("the run ended too early") from self.future.exception()
            assert time.monotonic() < deadline, "nothing happens"
            time.sleep(0.01)


@contextmanager
def in_background(source: Endpoint, destination: Endpoint, **keys: object) -> Generator[Background]:
    """Have a run at work while this block lasts, and wait for its end; keys as in config.yaml."""
    with ThreadPoolExecutor(1) as executor, capture_logs() as logs:
        yield Background(executor.submit(copied, source, destination, **keys), logs)
