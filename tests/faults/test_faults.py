"""A minute of faults at random moments: readers see one generation, and the next run heals. By hand, for a night."""

from __future__ import annotations

from tests.faults.trials import held
from tests.faults.world import world

SECONDS = 60
SEED = 20
FIRST = (
    "destination's disk full",
    "network stalled",
    "runner SIGKILL",
    "destination crashes",
    "byte flipped",
)


def test_no_fault_leaves_anything_amiss() -> None:
    with world() as made:
        report = held(made, SEED, SECONDS, FIRST)

    assert not report.anomalies, str(report)
    assert report.outcomes.total() >= len(FIRST)
    assert report.seen.transactions > 0
