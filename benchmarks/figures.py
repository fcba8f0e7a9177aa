"""From runs to the figures of the report: medians, spreads, ratios of runs of the same round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.results import Run

SCRIPT = "script"
PGCOPYDB = "pgcopydb"  # how the names of all its modes begin


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the least and the greatest beside it."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """Return the spread of values; None of no values."""
        found = sorted(values)
        return cls(median(found), found[0], found[-1]) if found else None


@dataclass(frozen=True, slots=True)
class Row:
    """What a contender's runs of one data set come to.

    runs      those that went well
    failure   the run that says why there are none
    """

    contender: str
    runs: tuple[Run, ...]
    failure: Run | None
    wall: Spread | None
    to_script: Spread | None  # how many times as fast as the script, round by round
    to_pgcopydb: Spread | None  # the same, of pgcopydb's best mode

    def median(self, of: Callable[[Run], float]) -> float:
        """Return the median of something over the runs."""
        return median(map(of, self.runs))


@dataclass(frozen=True, slots=True)
class Table:
    """All contenders' rows of one data set."""

    label: str
    rows: tuple[Row, ...]
    best_pgcopydb: str  # the name of its best mode, or ''

    def row(self, contender: str) -> Row | None:
        """Return a contender's row, if it has one."""
        return next((row for row in self.rows if row.contender == contender), None)


def tables(runs: Sequence[Run], order: Sequence[str] = ()) -> list[Table]:
    """Return a table for each data set, in the order of the runs.

    order  the contenders' names in the order of the rows; unknown ones come last
    """
    labels = dict.fromkeys(run.label for run in runs)
    return [_table(label, [run for run in runs if run.label == label], order) for label in labels]


def _table(label: str, runs: Sequence[Run], order: Sequence[str]) -> Table:
    names = sorted(
        dict.fromkeys(run.contender for run in runs),
        key=lambda name: order.index(name) if name in order else len(order),
    )
    best = best_mode(runs)
    return Table(label, tuple(_row(name, runs, best) for name in names), best)


def _row(name: str, runs: Sequence[Run], best: str) -> Row:
    own = [run for run in runs if run.contender == name]
    good = tuple(run for run in own if run.status == "ok")
    return Row(
        name,
        good,
        None if good else own[-1],
        Spread.of(run.wall for run in good),
        Spread.of(ratios(runs, name, SCRIPT)),
        Spread.of(ratios(runs, name, best)),
    )


def ratios(runs: Sequence[Run], name: str, base: str) -> list[float]:
    """Return how many times as fast as the base a contender was, in each round that has both."""
    walls = {(run.contender, run.round): run.wall for run in runs if run.status == "ok"}
    return [
        walls[base, number] / wall
        for (contender, number), wall in walls.items()
        if contender == name and (base, number) in walls
    ]


def best_mode(runs: Sequence[Run]) -> str:
    """Return the name of the fastest mode of pgcopydb, and '' where there is none."""
    walls: dict[str, list[float]] = {}
    for run in runs:
        if run.status == "ok" and run.contender.startswith(PGCOPYDB):
            walls.setdefault(run.contender, []).append(run.wall)
    return min(walls, key=lambda name: median(walls[name]), default="")


@dataclass(frozen=True, slots=True)
class Series:
    """Data sets of one kind that differ in size alone.

    prefix  how their names begin
    group   what grows: rows or tables
    per     for how many of these the time is told, in words: unit
    """

    prefix: str
    group: str
    per: int
    unit: str

    def lines(self, found: Iterable[Table]) -> dict[str, list[tuple[int, float]]]:
        """Return each contender's sizes and medians, smallest first; of those that have two at least."""
        lines: dict[str, list[tuple[int, float]]] = {}
        for table in found:
            for row in table.rows:
                if row.wall and row.runs[0].dataset.startswith(self.prefix):
                    point = (int(getattr(row.runs[0], self.group)), row.wall.median)
                    lines.setdefault(row.contender, []).append(point)
        return {name: sorted(points) for name, points in lines.items() if len(points) > 1}


SERIES = (
    Series("accel", "rows", 1_000_000, "s per million rows"),
    Series("small", "tables", 1, "s per table"),
)
