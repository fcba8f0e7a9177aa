"""How far the work is: a bar on a terminal, a line in the log every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import structlog
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

EVERY_S = 5.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Report(Protocol):
    """Takes what is done so far, and what there is to do where that is known."""

    def __call__(self, done: int, total: int | None, rows: int | None = None) -> None:
        """done and total are bytes."""


@contextmanager
def progress(event: str, console: Console) -> Generator[Report]:
    """Show progress until this block ends.

    event  what the log calls it; a terminal shows the part before the dot
    """
    if not console.is_terminal:
        yield _Logged(event)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        SpeedColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(event.partition(".")[0], total=None, rows="")

        def report(done: int, total: int | None, rows: int | None = None) -> None:
            counted = "" if rows is None else f"{rows:,} rows"
            bar.update(task, completed=done, total=total, rows=counted)

        yield report


class _Logged:
    def __init__(self, event: str) -> None:
        self._event = event
        self._last = time.monotonic()

    def __call__(self, done: int, total: int | None, rows: int | None = None) -> None:
        now = time.monotonic()
        if now - self._last >= EVERY_S:
            self._last = now
            counted = {} if rows is None else {"rows": rows}
            _log.info(self._event, bytes=done, of_bytes=total, **counted)
