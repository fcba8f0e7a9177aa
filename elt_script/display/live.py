"""The live display of a terminal: a few lines at the bottom that move, and above them those that stay."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import NoReturn, TextIO

import structlog
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from structlog.typing import EventDict, WrappedLogger

from elt_script.display.progress import Progress, Said, Work
from elt_script.wording import counted, human_bytes, human_part, human_rate, human_seconds

TABLE_LINES = 8  # so many tables at work have their line
WIDE = 80  # columns from which all figures find room
NARROW = 56  # columns from which the most important ones do
REFRESHES_PER_SECOND = 5
COLOURS = {"✔": "green", "✖": "bold red", "!": "yellow", "│": "dim"}


class LiveDisplay:
    """Events in, a moving picture out.

    The lock guards the state alone. Nothing is printed under it: rich's own locks are held while it draws,
    and drawing needs ours.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._console = console
        self._progress = Progress()
        self._spinner = Spinner("dots", style="cyan")
        self._lock = threading.RLock()  # a signal handler may log in the middle of an event

    def consume(self, _logger: WrappedLogger, _method: str, event: EventDict) -> NoReturn:
        """Take an event in, as the last of structlog's processors."""
        with self._lock:
            said = self._progress.take(event, self._clock())
        self._say(said)
        raise structlog.DropEvent

    def give_up(self) -> None:
        """Mark the steps that are at work as failed."""
        with self._lock:
            said = self._progress.give_up(self._clock())
        self._say(said)

    def draw(self) -> RenderableType:
        """Return the moving lines."""
        with self._lock:
            return Group(*self._lines(self._clock()))

    def _say(self, said: Iterable[Said]) -> None:
        for mark, text in said:
            line = Table.grid(padding=(0, 1))  # a long text goes on below itself
            line.add_row(Text(mark, COLOURS[mark]), Text(text, overflow="fold"))
            self._console.print(line)

    def _lines(self, now: float) -> Iterable[RenderableType]:
        progress, width = self._progress, self._console.width
        for step, since in progress.steps.items():
            line = Text(no_wrap=True, overflow="ellipsis")
            spinner = self._spinner.render(self._console.get_time())
            line.append_text(spinner if isinstance(spinner, Text) else Text())
            line.append(f" {step:<10} {human_seconds(now - since):>6}  ")
            yield line.append(progress.doing, "dim")
        if progress.phase and progress.planned.tables:
            yield _overall(progress, now, width)
        room = min(TABLE_LINES, max(1, self._console.height - len(progress.steps) - 4))
        at_work = sorted(progress.at_work.values(), key=lambda work: (work.phase != "copy", work.since))
        if at_work:
            yield _tables(at_work[:room], now, width)
        if len(at_work) > room:
            more = counted(len(at_work) - room, "more table")
            yield Text(f"  … and {more}", "dim", no_wrap=True, overflow="ellipsis")


def _overall(progress: Progress, now: float, width: int) -> RenderableType:
    """Draw the bar of the phase at work: bytes, for they cost the time, or tables where all are empty."""
    assert progress.phase is not None  # noqa: S101  (asked before)
    passed, planned, done = progress.passed[progress.phase], progress.planned, progress.done
    share = done / planned.bytes if planned.bytes else passed.tables / planned.tables
    rate = progress.speed.per_second(now)
    figures = (
        f"{passed.tables:,}/{planned.tables:,}{' tables' if width >= WIDE else ''}",
        human_part(done, planned.bytes),
        human_rate(rate) if rate > 0 else "",
        _left(planned.bytes - done, rate, width),
    )
    grid = _grid((0, 18, 10, 12) if width >= WIDE else (0, 0, 0, 4) if width >= NARROW else (0,))
    grid.add_row(ProgressBar(total=1.0, completed=min(share, 1.0)), *figures[-len(grid.columns) + 1 :])
    return grid


def _tables(at_work: Iterable[Work], now: float, width: int) -> RenderableType:
    grid = _grid((16, 10, 10, 12) if width >= WIDE else (11, 10, 4) if width >= NARROW else (4,))
    for work in at_work:
        figures = _copying(work, now, width) if work.phase == "copy" else _other(work, now, width)
        shown = figures if width >= WIDE else (*figures[:2], figures[3]) if width >= NARROW else figures[3:]
        grid.add_row(Text(f"  {work.phase:<6}{work.table}"), *shown)
    return grid


def _copying(work: Work, now: float, width: int) -> tuple[str, str, str, str]:
    rate = work.speed.per_second(now)
    rows = counted(work.rows, "row") if width >= WIDE else f"{work.rows:,}"
    return (
        rows,
        human_bytes(work.done),
        human_rate(rate) if rate > 0 else "",
        _left(work.total - work.done, rate, width),
    )


def _other(work: Work, now: float, width: int) -> tuple[str, str, str, str]:
    """Return the size, and since when: of indexes and checksums nobody knows how far they are."""
    passed = human_seconds(now - work.since)
    return "", human_bytes(work.total), "", f"for {passed}" if width >= WIDE else passed


def _grid(widths: Iterable[int]) -> Table:
    """Return a table of one column that takes what is left, and figures that keep their place."""
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for width in widths:
        grid.add_column(no_wrap=True, justify="right", min_width=width)
    return grid


def _left(amount: float, rate: float, width: int) -> str:
    """Return how long it will go on, in whole seconds, where that can be known."""
    if rate <= 0:
        return ""
    seconds = max(amount, 0) / rate
    whole = human_seconds(seconds) if seconds >= 60 else f"{seconds:.0f}s"  # noqa: PLR2004  (a minute)
    return f"{whole} left" if width >= WIDE else whole


@contextmanager
def live_display(stream: TextIO) -> Generator[LiveDisplay]:
    """Keep the display on a terminal while this block lasts; the lines that stay, stay."""
    console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
    display = LiveDisplay(console)
    with Live(
        console=console,
        get_renderable=display.draw,
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        try:
            yield display
        finally:
            display.give_up()
