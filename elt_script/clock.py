"""The clock of a run: which step is at work, and how long each has taken."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from elt_script.pg import stop

log = structlog.get_logger()


@dataclass(slots=True)
class Clock:
    """Which step is at work, and how long each has taken, in seconds."""

    step: str = ""
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def at(self, step: str) -> Generator[None]:
        """Be in a step while this block lasts; none begins once the run is to stop."""
        stop.current().heed()
        self.step = step
        log.info("step.started", step=step)
        started = time.monotonic()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - started
        log.info("step.finished", step=step, seconds=self.seconds[step])

    def now(self) -> str:
        """Return the step that is at work."""
        return self.step

    @property
    def passed(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self.started
