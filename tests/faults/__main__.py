"""Hold trials for an hour, or a night: `python -m tests.faults --seconds 3600 --seed 1`."""

from __future__ import annotations

import argparse
import signal
import sys

import click

from tests.faults.faults import FAULTS
from tests.faults.trials import held
from tests.faults.world import world


def main() -> int:
    """Hold them, print the report, and fail if anything was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--fault", action="append", default=[], choices=FAULTS, help="these first, in this order"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops this means the servers too
    with world() as made:
        report = held(made, given.seed, given.seconds, given.fault)
    click.echo(report)
    return 1 if report.anomalies else 0


if __name__ == "__main__":
    sys.exit(main())
