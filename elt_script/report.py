"""What a run did, as one value: for the ledger, for the summary, for machines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RunStatus = Literal["running", "published", "failed", "interrupted", "rolled back"]


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table's way: what was copied, and how long each part took."""

    table: str
    rows: int
    bytes: int  # of the source's table on disk, without its indexes
    copy_seconds: float
    index_seconds: float
    audit_seconds: float


@dataclass(frozen=True, slots=True)
class Waited:
    """How long a run's sessions on one side did one thing in one step, summed over sessions."""

    side: str  # source, destination
    step: str
    reason: str  # what Postgres says is waited for, "IO: DataFileRead"; empty: the session computed
    seconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    """What bounded a run, as far as looking on tells: ten looks a second."""

    python_cpu_seconds: float  # of the runner itself
    programs_cpu_seconds: float  # of the programs that it started here
    waits: tuple[Waited, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did."""

    run_id: str
    pipeline: str
    generation: int
    as_of: datetime  # the snapshot's moment at the source
    seconds: float
    steps: tuple[tuple[str, float], ...]  # each step's name and seconds, in order
    tables: tuple[TableReport, ...]
    left_out: tuple[str, ...]  # "foreign table public.remote: …", one line for each object
    warnings: tuple[str, ...]
    profile: Profile | None = None  # where it was asked for


@dataclass(frozen=True, slots=True)
class Generation:
    """One published copy that the destination still holds."""

    number: int
    run_id: str
    as_of: datetime  # the snapshot's moment at the source
    published_at: datetime
    state: Literal["live", "previous"]  # readers see it, or rollback can return to it
    tables: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the ledger remembers it; None is what is not known, or not known yet."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    exit_status: int | None
    step: str | None  # the last step that began
    error: str | None
    seconds: float | None
    tables: int | None
    rows: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """What is live at the destination, what it can go back to, and the last runs, newest first."""

    pipeline: str
    live: Generation | None
    previous: tuple[Generation, ...]
    runs: tuple[RunRow, ...]
