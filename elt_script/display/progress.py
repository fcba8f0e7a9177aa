"""What a run is doing right now, as its events tell it: the live display without its screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from elt_script.wording import (
    counted,
    escaped,
    human_bytes,
    human_rate,
    human_seconds,
    key_values,
)

WINDOW_S = 10.0  # a rate is that of the last seconds
SAMPLE_S = 0.1  # a burst of small tables is one sample
KNOWN_S = 0.5  # what is seen of a shorter time is chance

Phase = Literal["copy", "index", "audit"]
PHASES: Mapping[str, Phase] = {"copy": "copy", "finish": "index", "audit": "audit"}  # by step
TROUBLE = {"warning": "!", "error": "✖", "critical": "✖"}

Event = Mapping[str, Any]


class Said(NamedTuple):
    """A line that stays on the screen: ✔ done, ✖ failed, ! look here, │ what a program wrote."""

    mark: str
    text: str


class Speed:
    """How fast an amount grows."""

    def __init__(self, amount: float, now: float) -> None:
        self._seen = deque([(now, amount)])

    def saw(self, amount: float, now: float) -> None:
        """Remember the amount at a moment."""
        if len(self._seen) > 1 and now - self._seen[-2][0] < SAMPLE_S:
            self._seen.pop()
        self._seen.append((now, amount))
        while len(self._seen) > 1 and now - self._seen[1][0] > WINDOW_S:
            self._seen.popleft()

    def per_second(self, now: float) -> float:
        """Return the growth in a second; 0 until it is known well enough to be shown."""
        since, least = self._seen[0]
        return (self._seen[-1][1] - least) / (now - since) if now - since >= KNOWN_S else 0.0


@dataclass(slots=True)
class Work:
    """One table now at work. done and total are bytes of the source's table on disk."""

    table: str
    phase: Phase
    since: float
    speed: Speed
    total: int = 0
    rows_estimate: int = -1
    rows: int = 0
    done: float = 0.0


@dataclass(slots=True)
class Pass:
    """What of the tables one phase has behind it."""

    tables: int = 0
    rows: int = 0
    bytes: int = 0


@dataclass
class Progress:
    """What a run is doing right now. Moments are seconds of one monotonic clock."""

    steps: dict[str, float] = field(default_factory=dict[str, float])  # at work, and since when
    doing: str = ""  # what the step waits for
    planned: Pass = field(default_factory=Pass)
    passed: dict[Phase, Pass] = field(
        default_factory=lambda: {"copy": Pass(), "index": Pass(), "audit": Pass()}
    )
    at_work: dict[str, Work] = field(default_factory=dict[str, Work])
    speed: Speed = field(default_factory=lambda: Speed(0, 0))
    _facts: list[str] = field(default_factory=list[str])  # what the step's last line will say
    _sizes: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, event: Event, now: float) -> list[Said]:
        """Learn from an event, and return the lines that it leaves on the screen."""
        name = str(event["event"])
        if handler := _HANDLERS.get(name):
            return handler(self, event, now) or []
        if mark := TROUBLE.get(str(event.get("level"))):
            fields = {key: value for key, value in event.items() if key not in _UNSAID}
            return [Said(mark, f"{escaped(name)}  {key_values(fields)}".rstrip())]
        return []

    @property
    def phase(self) -> Phase | None:
        """What the step at work does to the tables."""
        return next((PHASES[step] for step in self.steps if step in PHASES), None)

    @property
    def done(self) -> float:
        """How many bytes of all tables the phase at work has behind it."""
        phase = self.phase
        if phase is None:
            return 0.0
        moving = sum(work.done for work in self.at_work.values() if work.phase == phase)
        return self.passed[phase].bytes + moving

    def give_up(self, now: float) -> list[Said]:
        """Return a line for each step that will not finish."""
        left = [
            Said("✖", f"{step:<10} {human_seconds(now - since):>6}") for step, since in self.steps.items()
        ]
        self.steps.clear()
        self.at_work.clear()
        return left

    def step_started(self, event: Event, now: float) -> None:
        """Begin to count anew: a rate belongs to a step."""
        self.steps[escaped(str(event["step"]))] = now
        self.doing = ""
        self.speed = Speed(self.done, now)

    def step_finished(self, event: Event, now: float) -> list[Said]:
        """Sum the step up."""
        step, seconds = escaped(str(event["step"])), float(event["seconds"])
        if phase := PHASES.get(step):
            self._facts += self._summed(phase, seconds)
            for table in [work.table for work in self.at_work.values() if work.phase == phase]:
                del self.at_work[table]
        line = f"{step:<10} {human_seconds(seconds):>6}  {', '.join(self._facts)}"
        self.steps.pop(step, None)
        self._facts.clear()
        self.doing = ""
        self.speed = Speed(self.done, now)
        return [Said("✔", line.rstrip())]

    def server_waiting(self, event: Event, _now: float) -> None:
        """Say for whom we wait, and why."""
        self.doing = escaped(f"{event['role']}, attempt {event['attempt']}: {event['error']}")

    def server_ready(self, event: Event, _now: float) -> None:
        """Remember who has answered."""
        self.doing = ""
        self._facts.append(escaped(f"{event['role']} {event['version']}"))

    def copy_planned(self, event: Event, now: float) -> None:
        """Learn how much there is to do."""
        self.planned = Pass(int(event["tables"]), int(event["rows"]), int(event["bytes"]))
        self.speed = Speed(self.done, now)

    def table_copying(self, event: Event, now: float) -> None:
        """Give a table a line."""
        work = self._begin("copy", event, now)
        work.total = self._sizes[work.table] = int(event["bytes"])
        work.rows_estimate = int(event["rows_estimate"])

    def table_progressed(self, event: Event, now: float) -> None:
        """Move a table on: by rows where their number is known, for the bytes on the wire are others."""
        work = self.at_work.get(escaped(str(event["table"])))
        if work is None or work.phase != "copy":
            return
        work.rows = int(event["rows"])
        by_bytes = int(event["bytes"]) / (work.total or 1)
        share = work.rows / work.rows_estimate if work.rows_estimate > 0 else by_bytes
        work.done = work.total * min(share, 1.0)
        work.speed.saw(work.done, now)
        self.speed.saw(self.done, now)

    def table_copied(self, event: Event, now: float) -> None:
        """Count a table's rows as there: its indexes are next, until they too are reported."""
        self._pass("copy", event, now)
        self._begin("index", event, now)

    def table_indexed(self, event: Event, now: float) -> None:
        """Count a table as indexed."""
        self._pass("index", event, now)

    def table_audited(self, event: Event, now: float) -> None:
        """Count a table as audited."""
        self._pass("audit", event, now)

    def table_indexing(self, event: Event, now: float) -> None:
        """Show that a table's indexes are built."""
        self._begin("index", event, now)

    def table_auditing(self, event: Event, now: float) -> None:
        """Show that a table is compared."""
        self._begin("audit", event, now)

    def publish_waiting(self, event: Event, _now: float) -> None:
        """Say who holds us up."""
        blockers = event["blockers"]
        who = blockers if isinstance(blockers, str) else "; ".join(map(str, blockers))
        self.doing = escaped(f"attempt {event['attempt']}, blocked by {who}")

    def run_published(self, event: Event, _now: float) -> None:
        """Remember what readers now see."""
        self._facts.append(f"generation {event['generation']}")

    def publish_done(self, event: Event, _now: float) -> None:
        """Remember for how long readers had to wait."""
        self._facts.append(f"locks held for {human_seconds(float(event['held_seconds']))}")

    def transform_started(self, event: Event, _now: float) -> None:
        """Say which one is at work."""
        self.doing = escaped(str(event["name"]))

    def transform_output(self, event: Event, _now: float) -> list[Said]:
        """Let the user's own program speak."""
        return [Said("│", escaped(f"{event['name']}: {event['line']}"))]

    def transform_finished(self, event: Event, _now: float) -> None:
        """Remember how long it took."""
        self.doing = ""
        self._facts.append(f"{escaped(str(event['name']))} {human_seconds(float(event['seconds']))}")

    def run_finished(self, event: Event, _now: float) -> list[Said]:
        """Say the last word."""
        status, seconds = escaped(str(event["status"])), human_seconds(float(event["seconds"]))
        return [Said("✔", f"{status:<10} {seconds:>6}  in all")]

    def _begin(self, phase: Phase, event: Event, now: float) -> Work:
        table = escaped(str(event["table"]))
        work = Work(table, phase, now, Speed(0, now), self._sizes.get(table, 0))
        self.at_work[table] = work
        return work

    def _pass(self, phase: Phase, event: Event, now: float) -> None:
        table = escaped(str(event["table"]))
        self.at_work.pop(table, None)
        passed = self.passed[phase]
        passed.tables += 1
        passed.rows += int(event.get("rows", 0))
        passed.bytes += self._sizes.get(table, int(event.get("bytes", 0)))
        if phase == self.phase:
            self.speed.saw(self.done, now)

    def _summed(self, phase: Phase, seconds: float) -> list[str]:
        passed = self.passed[phase]
        if not passed.tables:
            return []
        facts = [counted(passed.tables, "table")]
        if passed.rows:
            facts.append(counted(passed.rows, "row"))
        if phase == "copy":
            facts += [human_bytes(passed.bytes), human_rate(passed.bytes / seconds if seconds else 0)]
        return facts


_UNSAID = ("event", "level", "timestamp", "run_id", "pipeline")
_HANDLERS: Mapping[str, Callable[[Progress, Event, float], list[Said] | None]] = {
    "step.started": Progress.step_started,
    "step.finished": Progress.step_finished,
    "server.waiting": Progress.server_waiting,
    "server.ready": Progress.server_ready,
    "copy.planned": Progress.copy_planned,
    "table.copying": Progress.table_copying,
    "table.progressed": Progress.table_progressed,
    "table.copied": Progress.table_copied,
    "table.indexing": Progress.table_indexing,
    "table.indexed": Progress.table_indexed,
    "table.auditing": Progress.table_auditing,
    "table.audited": Progress.table_audited,
    "publish.waiting": Progress.publish_waiting,
    "publish.done": Progress.publish_done,
    "run.published": Progress.run_published,
    "transform.started": Progress.transform_started,
    "transform.output": Progress.transform_output,
    "transform.finished": Progress.transform_finished,
    "run.finished": Progress.run_finished,
}
