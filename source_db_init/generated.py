"""A data set of the accelerometer's shape, the same every time, for where the real one cannot be had."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

WEIGHTS = (1, 2, 3)
SPEEDS = tuple(range(20, 101, 5))  # per cent
SAMPLES = 3000  # of each weight at each speed
COLUMNS = ["wconfid", "pctid", "x", "y", "z"]
STEP = 256  # the sensor's steps in one g, as the real data shows
SEED = 611


def write(path: Path) -> None:
    """Write the data set as the real one is written: comma, CRLF, no line end at the end; 4 MB."""
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(",".join(COLUMNS))
        for line in _lines():
            file.write("\r\n")
            file.write(line)


def _lines() -> Iterator[str]:
    chance = random.Random(SEED)  # noqa: S311  (the same every time is what we want)
    for weight in WEIGHTS:
        for speed in SPEEDS:
            reach = weight * (speed / 100) ** 2 * STEP / 8  # a heavier and faster fan shakes more
            for sample in range(SAMPLES):
                angle = sample * speed / 37
                x = 1 + (reach * math.sin(angle) + 4 * chance.random()) // 1 / STEP
                y = (reach * math.cos(angle) + 24 * chance.random() - 12) // 1 / STEP
                z = (reach * math.sin(angle / 2) + 8 * chance.random() - 36) // 1 / STEP
                yield f"{weight},{speed},{_shown(x)},{_shown(y)},{_shown(z)}"


def _shown(value: float) -> str:
    return f"{round(value, 3) + 0.0:g}"  # + 0.0: there is no -0
