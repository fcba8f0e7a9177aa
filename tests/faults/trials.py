"""Trials: a run, a fault at a random moment of it, a verdict, a second run that heals, another verdict."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.faults.faults import FAULTS, NEEDS_A_DISK, Trial, heal, start
from tests.faults.readers import Seen, readers
from tests.faults.verdict import Live, agrees, left_over, live, processes_of, wholly_one
from tests.faults.world import World, build_on

STEPS = ("wait", "preflight", "snapshot", "stage", "stage", "copy", "copy", "copy", "finish", "audit")
STEPS_AND_PUBLISH = (*STEPS, "publish", "publish", "publish")
LONGEST_RUN_S = 150  # what the time-outs of this world's config add up to, with three attempts
LONGEST_READ_S = 5 + 3  # publish's locks end with a runner that is silent, and a busy machine is slow
LOCKED = 8
FROM_THE_START = ("network delayed", "network throttled", "byte flipped", "destination's disk full")


@dataclass(slots=True)
class Report:
    """What was done, how it ended, and what should not have been."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    anomalies: list[str] = field(default_factory=list[str])
    runs: int = 0
    longest_run_s: float = 0.0
    seen: Seen = field(default_factory=Seen)

    def __str__(self) -> str:
        lines = [f"{'fault':<36} {'readers see, exit status':<28} times"]
        lines += [
            f"{fault:<36} {end:<28} {times:>5}" for (fault, end), times in sorted(self.outcomes.items())
        ]
        lines += [
            f"{self.runs} runs, {self.outcomes.total()} faults; the longest run took {self.longest_run_s:.1f} s",
            f"{self.seen.transactions} transactions of readers; the longest wait {self.seen.longest_wait_s:.2f} s",
            f"{len(self.anomalies)} anomalies",
        ]
        return "\n".join((*lines, *(f"ANOMALY {one}" for one in self.anomalies)))


def held(world: World, seed: int, seconds: float, wanted: Iterable[str] = ()) -> Report:
    """Hold trials for so many seconds, or one of each fault that is wanted; the same seed plans the same."""
    report, chance = Report(), random.Random(seed)
    possible = [name for name in FAULTS if world.disk is not None or name not in NEEDS_A_DISK]
    plan = first = list(wanted)
    _healing_run(world, report, "the first run")
    build_on(world)
    until = time.monotonic() + seconds
    with readers(world, seed) as report.seen:
        number = 0
        while number < len(first) or time.monotonic() < until:
            if not plan:
                plan = chance.sample(possible, len(possible))
            number += 1
            _trial(world, plan[0], f"{seed}.{number}", report)
            plan = plan[1:]
    report.anomalies += report.seen.anomalies
    if report.seen.longest_wait_s > LONGEST_READ_S:
        report.anomalies.append(f"a reader waited {report.seen.longest_wait_s:.1f} s")
    return report


def _trial(world: World, fault: str, mark: str, report: Report) -> None:
    chance = random.Random(mark)
    before = live(world)
    said = world.folder / "said"
    process = start(world, mark, said, full=fault == "runner's temporary directory full")
    trial = Trial(world, chance, process, mark)
    other = start(world, mark, world.folder / "other") if fault == "two runs at once" else None
    if fault not in FROM_THE_START:
        _come_to_a_moment(trial, said)
    FAULTS[fault](trial)
    faults = _ended(process, report)
    for thread in trial.others:
        thread.join()
    statuses = [process.returncode]
    if other is not None:
        faults += _ended(other, report)
        statuses.append(other.returncode)
    heal(world)
    faults += _judged(world, before, statuses, said, fault, mark)
    after = live(world)
    seen = "new data" if after != before else "old data"
    report.outcomes[fault, f"{seen}, {', '.join(map(str, statuses))}"] += 1
    faults += _healing_run(world, report, mark)
    report.anomalies += [f"{mark} {fault}: {one}" for one in faults]
    words = "; ".join((*_words(said).splitlines()[:1], *faults))
    click.echo(f"{mark:<8} {fault:<36} {seen}, {statuses} {words}")
    if faults:
        click.echo(said.read_text("utf-8", "replace"))


def _come_to_a_moment(trial: Trial, said: Path) -> None:
    step = trial.chance.choice(STEPS_AND_PUBLISH)
    while trial.process.poll() is None:
        if f"step={step}" in said.read_text("utf-8", "replace"):
            time.sleep(trial.chance.uniform(0, 0.5))
            return
        time.sleep(0.01)


def _ended(process: subprocess.Popen[bytes], report: Report) -> list[str]:
    """Wait for a run's end, and make it one where it does not come."""
    started = time.monotonic()
    report.runs += 1
    try:
        process.wait(LONGEST_RUN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return [f"it did not end within {LONGEST_RUN_S} s"]
    finally:
        report.longest_run_s = max(report.longest_run_s, time.monotonic() - started)
    return []


def _judged(world: World, before: Live, statuses: list[int], said: Path, fault: str, mark: str) -> list[str]:
    """Judge what a fault has left: readers see one generation, and the exit status says which."""
    after = live(world)
    faults = wholly_one(world)
    if fault == "two runs at once":
        if not set(statuses) <= {0, LOCKED} or 0 not in statuses:
            faults.append(f"exit statuses {statuses}")
    else:
        faults += agrees(statuses[0], before, after, _words(said))
    if statuses[0] != -signal.SIGKILL:
        time.sleep(0.2)
        faults += [f"process left: {one.pid} {one.name()}" for one in processes_of(mark)]
    return faults


def _words(said: Path) -> str:
    text = said.read_text("utf-8", "replace")
    at = text.find("\nelt: ")
    return text[at + 1 :].strip() if at >= 0 else text[-2000:] if "Traceback" in text else ""


def _healing_run(world: World, report: Report, mark: str) -> list[str]:
    """Run once more, without a fault: it must succeed, and nothing may be left."""
    said = world.folder / "healing"
    process = start(world, mark, said)
    late = _ended(process, report)
    if process.returncode == LOCKED:
        time.sleep(3)  # a killed run's session may be at work until its server looks for its client
        process = start(world, mark, said)
        late = _ended(process, report)
    if late:
        return late
    if process.returncode != 0:
        click.echo(said.read_text("utf-8", "replace"))
        return [f"the next run ends with status {process.returncode}: {_words(said)}"]
    return [*wholly_one(world), *left_over(world, mark)]
