"""What a run did, as one value: for the ledger, for the summary, for machines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
