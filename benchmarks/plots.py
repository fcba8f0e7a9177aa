"""Draw the figures: what took how long, and how that grows."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import SERIES, Row, Table

OURS, OTHERS = "#1f6f8b", "#b8b8b8"
LINES = ("#555555", "#e0871b", "#a33b8c", "#5f9e3c", "#c0392b", "#8c6d31")
COLUMNS = 2


def walls(found: Sequence[Table], path: Path) -> Path | None:
    """Draw each data set's contenders, the fastest first; return None where there is nothing to draw."""
    found = [table for table in found if any(row.wall for row in table.rows)]
    if not found:
        return None
    lines = -(-len(found) // COLUMNS)
    most = max(len(table.rows) for table in found)
    figure = _figure(12, lines * (1.2 + 0.28 * most))
    for place, table in enumerate(found, 1):
        _bars(figure.add_subplot(lines, min(COLUMNS, len(found)), place), table)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    return path


def _bars(axes: Any, table: Table) -> None:
    timed = [(row, row.wall) for row in table.rows if row.wall]
    timed.sort(key=lambda pair: pair[1].median)
    names = [_name(row) for row, _ in timed]
    middle = [wall.median for _, wall in timed]
    errors = [[wall.median - wall.least for _, wall in timed], [wall.most - wall.median for _, wall in timed]]
    colours = [OURS if row.contender.startswith("elt") else OTHERS for row, _ in timed]
    bars = axes.barh(names, middle, xerr=errors, color=colours, ecolor="#555555", height=0.7)
    axes.bar_label(bars, fmt="%.3g", padding=4, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(f"{table.label}: seconds", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _name(row: Row) -> str:
    """Return a contender's name, with a star where it leaves something out."""
    whole = all(run.same_content and not run.left_out for run in row.runs)
    return row.contender if whole else f"{row.contender} *"


def growth(found: Sequence[Table], path: Path) -> Path | None:
    """Draw how the time for each row, and for each table, changes with their number."""
    drawn = [(series, lines) for series in SERIES if (lines := series.lines(found))]
    if not drawn:
        return None
    figure = _figure(6 * len(drawn), 4.5)
    for place, (series, lines) in enumerate(drawn, 1):
        axes = figure.add_subplot(1, len(drawn), place)
        axes.set_prop_cycle(color=LINES)
        for name, points in lines.items():
            sizes = [size for size, _ in points]
            style = (
                {"color": OURS, "linestyle": "-" if name == "elt" else "--"} if name.startswith("elt") else {}
            )
            axes.plot(
                sizes, [wall / size * series.per for size, wall in points], marker="o", label=name, **style
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(series.group)
        axes.set_ylabel(series.unit)
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    return path


def _figure(width: float, height: float) -> Any:
    """Return an empty figure. matplotlib is not among the tools that check our types."""
    return importlib.import_module("matplotlib.figure").Figure(figsize=(width, height))
