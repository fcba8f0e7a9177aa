"""Write the report: Markdown with tables, and the plots beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import plots
from benchmarks.contenders import CONTENDERS
from benchmarks.datasets import ALL
from benchmarks.figures import SERIES, Row, Spread, Table, tables
from benchmarks.results import Results, Run, Session
from elt_script.wording import counted

INTRODUCTION = """\
Seconds from a contender's start to its end. Each copies into a fresh database; `elt` replaces an earlier
generation, which an unmeasured run has made. Contenders take turns, round by round. Medians, with the least
and the greatest in brackets; speed is that of two runs of the same round. A star: something is left out.

Bound is the time that the CPU work of both servers would take on all cores. Memory is the greatest sum over
all of a contender's processes at one time (PSS), and the peak of elt's Python alone (RSS). Others is the
greatest share of all cores that neither the contender nor the servers used: what the kernel does for them,
what it takes to measure, and the neighbours.
"""
OURS = "elt"  # how the names of all our modes begin
COLUMNS = (
    "contender",
    "wall s",
    "speed / script",
    "speed / pgcopydb",
    "CPU s",
    "client",
    "source",
    "destination",
    "wall ÷ bound",
    "memory MB",
    "Python MB",
    "temporary MB",
    "WAL MB",
    "destination MB",
    "others %",
    "complete",
)


def report(results: Results, folder: Path) -> list[Path]:
    """Write report.md and its plots into a folder, and return their paths."""
    order = [contender.name for contender in CONTENDERS]
    found = tables(results.runs, order)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [plots.walls(found, folder / "walls.png"), plots.growth(found, folder / "growth.png")]
    images = [path for path in drawn if path]
    path = folder / "report.md"
    path.write_text(text(results.sessions, found, [image.name for image in images]), "utf-8")
    return [path, *images]


def text(sessions: Sequence[Session], found: Sequence[Table], images: Sequence[str]) -> str:
    """Return the report."""
    parts = ["# Benchmark", INTRODUCTION, *(f"![{name}]({name})\n" for name in images), overview(found)]
    for table in found:
        parts += [f"## {table.label}", _about(table), details(table), *_notes(table), steps(table)]
    parts += [
        "## Growth",
        growth(found),
        "## Contenders",
        contenders(sessions, found),
        "## Machine and settings",
    ]
    parts += [machine(sessions)]
    return "\n".join(part for part in parts if part)


def overview(found: Sequence[Table]) -> str:
    """Return one table of all data sets: seconds, and how many times as fast as the script."""
    names = dict.fromkeys(row.contender for table in found for row in table.rows)
    rows = [[name, *(_short(table.row(name)) for table in found)] for name in names]
    return grid(["", *(table.label for table in found)], rows)


def _short(row: Row | None) -> str:
    if row is None:
        return ""
    if row.failure or not row.wall:
        return row.failure.status if row.failure else ""
    ratio = f" ({row.to_script.median:.2f}x)" if row.to_script else ""
    return f"{number(row.wall.median)}{ratio}{'' if _complete(row) else ' *'}"


def details(table: Table) -> str:
    """Return all that was measured of one data set."""
    return grid(COLUMNS, [_cells(row) for row in table.rows])


def _cells(row: Row) -> list[str]:
    if row.failure or not row.wall:
        return [row.contender, row.failure.status if row.failure else ""]

    def megabytes(of: Callable[[Run], float]) -> str:
        return f"{row.median(of) / 1e6:,.0f}"

    return [
        row.contender,
        spread(row.wall),
        spread(row.to_script),
        spread(row.to_pgcopydb),
        number(row.median(lambda run: run.client_cpu + run.source_cpu + run.destination_cpu)),
        number(row.median(lambda run: run.client_cpu)),
        number(row.median(lambda run: run.source_cpu)),
        number(row.median(lambda run: run.destination_cpu)),
        number(row.median(lambda run: run.wall / run.bound if run.bound else 0.0)),
        megabytes(lambda run: run.memory),
        megabytes(lambda run: run.main_memory) if row.contender.startswith(OURS) else "",
        megabytes(lambda run: run.temporary),
        megabytes(lambda run: run.wal),
        megabytes(lambda run: run.destination_size),
        f"{max(run.others for run in row.runs):.0%}",
        "yes" if _complete(row) else "content" if all(run.same_content for run in row.runs) else "no",
    ]


def _complete(row: Row) -> bool:
    return all(run.same_content and not run.left_out for run in row.runs)


def _about(table: Table) -> str:
    run = next((run for row in table.rows for run in row.runs), None)
    data = ALL.get(run.dataset) if run else None
    if run is None or data is None:
        return ""
    best = f" pgcopydb's best mode: {table.best_pgcopydb}." if table.best_pgcopydb else ""
    size = f"{counted(run.tables, 'table')}, {run.rows:,} rows, {run.source_size / 1e6:,.0f} MB with indexes"
    rounds = max(len(row.runs) for row in table.rows)
    return f"{data.says}. Here: {size}; rounds: {rounds}.{best}\n"


def _notes(table: Table) -> list[str]:
    """Return a list of what is left out, added, or has failed."""
    lines: list[str] = []
    for row in table.rows:
        if row.failure:
            lines.append(f"- {row.contender}: {row.failure.status}: {row.failure.note}")
        left_out = _distinct(run.left_out for run in row.runs)
        if left_out:
            lines.append(f"- {row.contender} leaves out {'; '.join(left_out)}.")
        added = _distinct(run.added for run in row.runs)
        if added:
            lines.append(f"- {row.contender} adds {', '.join(added)}.")
    return ["\n".join((*lines, ""))] if lines else []


def _distinct(texts: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(text for some in texts for text in some))


def steps(table: Table) -> str:
    """Return where elt's time goes, step by step."""
    rows = [row for row in table.rows if row.runs and row.runs[0].steps]
    names = dict.fromkeys(step for row in rows for run in row.runs for step in run.steps)
    if not rows:
        return ""

    def seconds(row: Row, step: str) -> float:
        return row.median(lambda run: run.steps.get(step, 0.0))

    def waited(row: Row) -> str:
        return f"{max(run.reader_wait for run in row.runs):.3f}"

    def rest(row: Row) -> float:
        return row.median(lambda run: run.wall - sum(run.steps.values()))

    cells = [
        [row.contender, *(f"{seconds(row, step):.2f}" for step in names), f"{rest(row):.2f}", waited(row)]
        for row in rows
    ]
    return grid(["seconds in the step", *names, "start and end", "a reader's longest wait"], cells)


def growth(found: Sequence[Table]) -> str:
    """Return the time per million rows, and per table, of the series that grow."""
    rows = [
        [name, f"{size:,} {series.group}", number(wall), f"{wall / size * series.per:.3g} {series.unit}"]
        for series in SERIES
        for name, points in series.lines(found).items()
        for size, wall in points
    ]
    return grid(["contender", "size", "wall s", "each"], rows) if rows else "Not measured.\n"


def contenders(sessions: Sequence[Session], found: Sequence[Table]) -> str:
    """Return what was started, and which version it had."""
    says = {name: words for session in sessions for name, words in session.contenders.items()}
    versions: dict[str, dict[str, None]] = {}
    for table in found:
        for row in table.rows:
            versions.setdefault(row.contender, {}).update({run.version: None for run in row.runs})
    rows = [[name, says.get(name, ""), ", ".join(versions[name])] for name in versions]
    return grid(["", "what is started", "version"], rows)


def machine(sessions: Sequence[Session]) -> str:
    """Return where the runs were made; of what changed between sessions, all of it."""
    facts: dict[str, dict[str, None]] = {}
    for session in sessions:
        for key, value in {**session.machine, **session.versions, **session.settings}.items():
            facts.setdefault(key, {})[value] = None
    days = sorted({session.at.partition(" ")[0] for session in sessions})
    rows = [["measured", ", ".join(days)], *([key, "; ".join(values)] for key, values in facts.items())]
    return grid(["", ""], rows)


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a line break or a bar in a cell does not break it."""

    def line(cells: Sequence[str]) -> str:
        filled = [*cells, *([""] * (len(head) - len(cells)))]
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in filled) + " |"

    return "\n".join((line(head), "|" + "---|" * len(head), *map(line, rows), ""))


def spread(value: Spread | None) -> str:
    """Return a median with the least and the greatest, where they differ."""
    if value is None:
        return ""
    middle, least, most = map(number, (value.median, value.least, value.most))
    return middle if least == most else f"{middle} ({least} to {most})"


def number(value: float) -> str:
    """Return a figure with as many digits as matter."""
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004  (digits)
