"""CSVs for tests of the seeding step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from source_db_init import generated

SHARED = Path(__file__).parents[2] / "shared" / "data"
Row = tuple[int, int, float, float, float]


@dataclass(frozen=True, slots=True)
class Accelerometer:
    """The accelerometer data: the real file, or one of its shape where it is not at hand."""

    path: Path
    first: Row
    last: Row
    rows: int = 153_000


def accelerometer(folder: Path) -> Accelerometer:
    """Return the data: the real file (ELT_TEST_DATA names its folder), or else a generated one in folder."""
    real = Path(os.environ.get("ELT_TEST_DATA", SHARED)) / "accelerometer.csv"
    if real.exists():
        return Accelerometer(real, (1, 20, 1.004, 0.09, -0.125), (3, 100, 1.199, -0.176, 0.109))
    path = folder / "accelerometer.csv"
    generated.write(path)
    lines = path.read_text(encoding="ascii").splitlines()
    return Accelerometer(path, _row(lines[1]), _row(lines[-1]))


def _row(line: str) -> Row:
    weight, speed, x, y, z = line.split(",")
    return int(weight), int(speed), float(x), float(y), float(z)
