"""What was measured, as values, and as lines of JSON that a later session adds to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "failed", "timeout", "not installed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's copy of one data set, once; sizes are bytes, times seconds."""

    dataset: str
    scale: float
    contender: str
    round: int
    status: Status
    note: str = ""  # why it is not ok
    version: str = ""
    tables: int = 0
    rows: int = 0
    wall: float = 0.0
    client_cpu: float = 0.0  # of all the contender's processes
    source_cpu: float = 0.0
    destination_cpu: float = 0.0
    others: float = 0.0  # the share of all cores that was used by nobody of these
    cores: int = 0
    memory: int = 0  # the most that all the contender's processes had at one time
    main_memory: int = 0  # the most that its first process ever had
    temporary: int = 0  # the most that was in its folder for temporary files
    wal: int = 0  # written by the destination
    source_size: int = 0  # of the database
    destination_size: int = 0  # of the database, afterwards
    reader_wait: float = 0.0  # the longest that a reader waited, in a run of its own
    same_content: bool = False
    left_out: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    steps: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def label(self) -> str:
        """The data set's name, with its scale where that is not the whole."""
        return self.dataset if self.scale == 1 else f"{self.dataset} at {self.scale:g}"

    @property
    def bound(self) -> float:
        """The seconds that the servers' work takes when it is spread over all cores."""
        return (self.source_cpu + self.destination_cpu) / max(1, self.cores)


@dataclass(frozen=True, slots=True)
class Session:
    """What was the same for the runs that follow it."""

    at: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    contenders: dict[str, str] = field(default_factory=dict[str, str])  # what is started, in words


@dataclass(frozen=True, slots=True)
class Results:
    """All that a file of results holds, in the order of its lines."""

    sessions: tuple[Session, ...]
    runs: tuple[Run, ...]

    def done(self, dataset: str, scale: float, contender: str, number: int) -> bool:
        """Tell whether a run is there, or need not be tried again: who takes too long once will again."""
        return any(
            run.status == "timeout" or (run.status == "ok" and run.round == number)
            for run in self.runs
            if (run.dataset, run.scale, run.contender) == (dataset, scale, contender)
        )


def append(path: Path, value: Run | Session) -> None:
    """Write one line, after whatever a killed session left of its last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        cut_off = not f"\n{file.read()}".endswith("\n")
        line = json.dumps({type(value).__name__.lower(): asdict(value)}, ensure_ascii=False)
        file.write("\n" * cut_off + line + "\n")


def read(path: Path) -> Results:
    """Read what is there; a line that was cut off is not."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    values = [value for line in lines if (value := _parsed(line))]
    return Results(
        tuple(Session(**value["session"]) for value in values if "session" in value),
        tuple(_run(value["run"]) for value in values if "run" in value),
    )


def _parsed(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError:
        return {}


def _run(value: dict[str, Any]) -> Run:
    texts: dict[str, Any] = {name: tuple(value.get(name, ())) for name in ("left_out", "added")}
    return Run(**{**value, **texts})
