"""When to run, one at a time: `elt run` in a process of its own, at the times of a cron expression.

A run that fails, is killed or runs out of memory is a line in the log here, and the next one comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal

import structlog
from cronsim import CronSim

from elt_script import health
from elt_script.errors import ConfigError
from elt_script.health import Outcome, State

LATE = timedelta(seconds=60)  # a start that is later than this was slept through: the machine was asleep
NAP_S = 30.0  # how long to sleep at most: a clock that is set, or a machine that slept, is noticed by then
WORDS_BYTES = 16_384  # of a run's messages, the last are kept
LINE = 500
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last: its terminal is closed
KILLED = 128  # as a shell counts: a signal's number more than this

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timetable:
    """When runs are due."""

    cron: str
    zone: tzinfo
    jitter_seconds: float = 0

    def after(self, moment: datetime) -> datetime:
        """Return the first due time after a moment, in UTC.

        A time of day that the clock's change leaves out or repeats is due once, as in Debian's cron; an
        expression with seconds goes by the clock as it is.
        """
        return next(CronSim(self.cron, moment.astimezone(self.zone))).astimezone(UTC)

    def start(self, due: datetime, chance: float) -> datetime:
        """Return when to start what is due: up to jitter_seconds later, and before the next is due.

        chance  from 0 to less than 1
        """
        bound = min(self.jitter_seconds, (self.after(due) - due).total_seconds())
        return due + timedelta(seconds=chance * bound)


@dataclass(frozen=True, slots=True)
class Order:
    """What to run, when, and what to do where that does not work out."""

    command: Sequence[str]
    timetable: Timetable
    missed: Literal["skip", "run_once"]
    stop_seconds: float
    state_file: Path
    at_once: bool = False


def schedule(order: Order) -> int:
    """Run for as long as nobody stops us by SIGTERM, Ctrl-C or the end of our terminal.

    Return 0 where that came between two runs, else the exit status of the run that it ended.
    """
    return asyncio.run(_Scheduler(order).serve())


class _Scheduler:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._stop = asyncio.Event()
        self._signal = 0
        before = health.read(order.state_file)
        self._state = State(_now()) if before is None else replace(before, started_at=_now())
        self._state = replace(self._state, running_since=None, seen_at=_now())

    async def serve(self) -> int:
        loop = asyncio.get_running_loop()
        for sign in SIGNALS:
            if signal.getsignal(sign) != signal.SIG_IGN or sign != signal.SIGHUP:  # nohup
                loop.add_signal_handler(sign, self._note, sign)
        order, timetable = self._order, self._order.timetable
        due = _now() if order.at_once else timetable.after(_now())
        start = due if order.at_once else self._start(due)
        self._first_state(start)
        log.info("schedule.started", cron=timetable.cron, time_zone=str(timetable.zone), next=start)
        while not await self._stopped_before(start):
            if _now() - start > LATE and order.missed == "skip":
                log.warning("run.missed", due=due, reason="nobody was awake to start it")
                due = timetable.after(_now())
                start = self._start(due)
                continue
            outcome, missed = await self._run(due)
            if self._stop.is_set():
                self._write(running_since=None, next_at=None)
                self._say_goodbye(outcome.exit_status)
                return outcome.exit_status
            again = missed and order.missed == "run_once"
            due = _now() if again else timetable.after(_now())
            start = due if again else self._start(due)
            self._report(outcome, start)
        self._say_goodbye(0)
        return 0

    async def _run(self, due: datetime) -> tuple[Outcome, bool]:
        """Run once; return how that ended, and whether another run was due meanwhile."""
        started = _now()
        self._write(running_since=started, next_at=None)
        log.info("run.due", due=due)
        process = await asyncio.create_subprocess_exec(
            *self._order.command,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,  # a terminal's Ctrl-C is for us, who then stop the run in order
        )
        ended = asyncio.create_task(_ended(process))
        missed, following = False, self._order.timetable.after(max(due, started))
        while not ended.done() and not self._stop.is_set():
            await self._awake(min(NAP_S, _seconds_until(following)), ended)
            self._write()
            if not ended.done() and _now() >= following:
                missed = True
                log.warning("run.missed", due=following, reason=f"a run is at work since {started:%H:%M:%S}")
                following = self._order.timetable.after(_now())
        if not ended.done():
            await self._end(process, ended)
        words = await ended
        status = _status(process)
        return Outcome(started, _now(), status, _complaint(words, status)), missed

    async def _end(self, process: asyncio.subprocess.Process, ended: asyncio.Task[bytes]) -> None:
        log.info("run.stopping", signal=signal.Signals(self._signal).name, seconds=self._order.stop_seconds)
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sign)
            await asyncio.wait({ended}, timeout=self._order.stop_seconds)
            if ended.done():
                return

    def _report(self, outcome: Outcome, start: datetime) -> None:
        good = outcome.exit_status == 0
        success = outcome.finished_at if good else self._state.last_success_at
        self._write(running_since=None, next_at=start, last=outcome, last_success_at=success)
        seconds = round((outcome.finished_at - outcome.started_at).total_seconds(), 3)
        fields = {"exit_status": outcome.exit_status, "error": outcome.error, "seconds": seconds}
        if good:
            log.info("run.ended", **fields, next=start)
        else:
            log.error("run.ended", **fields, next=start)

    async def _stopped_before(self, moment: datetime) -> bool:
        """Wait for a moment; return whether somebody stopped us before it."""
        self._write(next_at=moment)
        while not self._stop.is_set() and (left := _seconds_until(moment)) > 0:
            await self._awake(min(NAP_S, left))
            self._write()
        return self._stop.is_set()

    async def _awake(self, seconds: float, *others: asyncio.Task[bytes]) -> None:
        """Sleep until the time is up, somebody stops us, or another task is done."""
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopped, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    def _start(self, due: datetime) -> datetime:
        return self._order.timetable.start(due, random.random())  # noqa: S311  (to spread load, not to hide)

    def _note(self, sign: int) -> None:
        self._signal = sign
        self._stop.set()

    def _say_goodbye(self, exit_status: int) -> None:
        log.info("schedule.stopped", signal=signal.Signals(self._signal).name, exit_status=exit_status)

    def _first_state(self, start: datetime) -> None:
        self._state = replace(self._state, next_at=start)
        try:
            health.write(self._order.state_file, self._state)
        except OSError as error:
            raise ConfigError(
                f"{self._order.state_file} cannot be written",
                detail=error.strerror or "",
                hint="Name another file: schedule.state_file, or ELT_SCHEDULE_STATE_FILE.",
            ) from error

    def _write(self, **changes: datetime | Outcome | None) -> None:
        """Note changes, and that we are alive."""
        self._state = replace(self._state, **{"seen_at": _now(), **changes})
        try:
            health.write(self._order.state_file, self._state)
        except OSError as error:  # a full disk must not end us
            log.warning("state.lost", file=str(self._order.state_file), error=error.strerror)


async def _ended(process: asyncio.subprocess.Process) -> bytes:
    """Pass a run's messages on until it has ended, and return the last of them."""
    assert process.stderr is not None  # noqa: S101  (we asked for a pipe)
    words = b""
    while piece := await process.stderr.read(1 << 16):
        words = (words + piece)[-WORDS_BYTES:]
        with contextlib.suppress(OSError, ValueError):  # nobody listens any more
            sys.stderr.buffer.write(piece)
            sys.stderr.buffer.flush()
    await process.wait()
    return words


def _status(process: asyncio.subprocess.Process) -> int:
    status = process.returncode or 0
    return KILLED - status if status < 0 else status


def _complaint(words: bytes, status: int) -> str:
    """Return what a run said when it failed: its last event, or the lines from the last `elt: …` on."""
    if not status:
        return ""
    text = "\n" + words.decode(errors="replace")
    _, found, complaint = text.rpartition("\nelt: ")
    last_line = text.strip().rpartition("\n")[2]
    if complaint := complaint.strip() if found else _logged(last_line):
        return complaint
    if status > KILLED:
        return f"was ended by signal {status - KILLED}"
    return last_line[:LINE]  # what Python says of a fault before elt's own beginning


def _logged(line: str) -> str:
    """Return what a line says that is the event run.failed, or nothing."""
    try:
        event: dict[str, Any] = json.loads(line)
        fields = [str(event[key]) for key in ("event", "error", "detail", "hint")]
    except (ValueError, TypeError, KeyError, IndexError):
        return ""
    return "\n".join(filter(None, fields[1:])) if fields[0] == "run.failed" else ""


def _seconds_until(moment: datetime) -> float:
    return max(0.0, (moment - _now()).total_seconds())


def _now() -> datetime:
    return datetime.now(UTC)


def run_command(config: Path | None, log_format: str, bin_dir: Path | None) -> tuple[str, ...]:
    """Return the command for one run, with the options that the scheduler itself was given."""
    options = [("--config", config), ("--log-format", log_format), ("--bin-dir", bin_dir)]
    given = (word for name, value in options if value for word in (name, os.fspath(value)))
    return (sys.executable, "-P", "-m", "elt_script", *given, "run")
