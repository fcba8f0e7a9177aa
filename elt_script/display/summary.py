"""What a user reads after a run: the end table, the status, and both for machines. Values in, text out."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from elt_script.report import Generation, RunReport, RunRow, Status, TableReport
from elt_script.wording import counted, escaped, human_bytes, human_rate, human_seconds, safe_json

ALL_TABLES = 50  # up to so many tables, each has its line
LARGEST_TABLES = 40  # otherwise, so many have
WIDE = 4096  # columns, where no width is given: nothing is folded
FACTS = 12  # lines of what is told of the last run's failure
NAME_WIDTH = 12  # columns that a name keeps, however narrow the terminal


def summary(report: RunReport, width: int | None = None) -> str:
    """Return what a run did, as text of at most width columns; names are safe for a terminal."""
    what = f"{escaped(report.pipeline)}: generation {report.generation}"
    parts = [
        f"{what} published in {human_seconds(report.seconds)}\ndata as of {_moment(report.as_of)}",
        _tables(report.tables, width),
        _throughput(report),
        _steps(report, width),
        _profile(report, width),
        _named("left out", report.left_out),
        _named("warnings", report.warnings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def report_json(report: RunReport) -> str:
    """Return what a run did, as one JSON object; seconds and bytes are plain numbers, moments ISO 8601."""
    steps = [{"step": step, "seconds": seconds} for step, seconds in report.steps]
    return _json({**asdict(report), "steps": steps})


def status_text(status: Status, width: int | None = None, now: datetime | None = None) -> str:
    """Return what is live and what has run, as text.

    now  the moment from which the age of the data is told; without it no age is
    """
    lines = [f"pipeline  {escaped(status.pipeline)}"]
    lines += _generation("live", status.live, now) if status.live else ["live      nothing yet"]
    for generation in status.previous:
        lines += _generation("kept", generation, now)
    return "\n".join((*lines, "", *_runs(status.runs, width))) + "\n"


def status_json(status: Status) -> str:
    """Return what is live and what has run, as one JSON object."""
    return _json(asdict(status))


def _tables(tables: Sequence[TableReport], width: int | None) -> str:
    largest = sorted(tables, key=lambda table: (-table.bytes, table.table))
    shown = largest if len(tables) <= ALL_TABLES else largest[:LARGEST_TABLES]
    lines = [_line(escaped(table.table), [table]) for table in shown]
    if rest := largest[len(shown) :]:
        lines.append(_line(f"{len(rest):,} smaller tables", rest))
    head = ("table", "rows", "bytes", "copy", "index", "audit")
    return _grid(head, lines, width, foot=_line(counted(len(tables), "table"), tables))


def _line(label: str, tables: Sequence[TableReport]) -> tuple[str, ...]:
    return (
        label,
        f"{sum(table.rows for table in tables):,}",
        human_bytes(sum(table.bytes for table in tables)),
        human_seconds(sum(table.copy_seconds for table in tables)),
        human_seconds(sum(table.index_seconds for table in tables)),
        human_seconds(sum(table.audit_seconds for table in tables)),
    )


def _throughput(report: RunReport) -> str:
    """Say how fast the copy was by the clock: the tables' own seconds overlap."""
    seconds = dict(report.steps).get("copy", 0.0)
    rows = sum(table.rows for table in report.tables)
    if seconds <= 0 or rows == 0:
        return ""
    rate = human_rate(sum(table.bytes for table in report.tables) / seconds)
    return f"copied {rate}, {rows / seconds:,.0f} rows/s over {human_seconds(seconds)}"


def _steps(report: RunReport, width: int | None) -> str:
    lines = [(step, human_seconds(seconds)) for step, seconds in report.steps]
    return _grid(("step", "time"), lines, width, foot=("in all", human_seconds(report.seconds)))


def _profile(report: RunReport, width: int | None) -> str:
    """Say what the sessions of both sides did, the longest first: what of it took a hundredth of the run."""
    if report.profile is None:
        return ""
    passed: dict[tuple[str, str], float] = {}
    for one in report.profile.waits:
        key = (one.side, one.reason)
        passed[key] = passed.get(key, 0.0) + one.seconds
    shown = sorted(
        (
            (side, reason, seconds)
            for (side, reason), seconds in passed.items()
            if seconds * 100 >= report.seconds
        ),
        key=lambda line: (line[0] != "source", -line[2]),
    )
    lines = [
        (side, _done(side, reason), human_seconds(seconds), f"{seconds / report.seconds:.2f}")
        for side, reason, seconds in shown
    ]
    profile = report.profile
    lines += [
        ("here", what, human_seconds(seconds), f"{seconds / report.seconds:.2f}")
        for what, seconds in (
            ("Python computes", profile.python_cpu_seconds),
            ("programs compute", profile.programs_cpu_seconds),
        )
    ]
    return _grid(("side", "what its sessions did", "time", "at once"), lines, width, words=(0, 1))


def _done(side: str, reason: str) -> str:
    kind = reason.partition(":")[0]
    said = "waits for its rows to be taken" if side == "source" else "waits for rows to come"
    words = {"": "computes", "Client": said, "IO": "waits for the disk", "Lock": "waits for a lock"}
    return f"{words.get(kind, 'waits')} ({reason})" if reason else words[""]


def _named(title: str, lines: Sequence[str]) -> str:
    return "\n".join((f"{title} ({len(lines)})", *(f"  {escaped(line)}" for line in lines))) if lines else ""


def _generation(title: str, generation: Generation, now: datetime | None) -> list[str]:
    age = f", {human_seconds((now - generation.as_of).total_seconds())} ago" if now else ""
    size = f"{counted(generation.rows, 'row')}, {human_bytes(generation.bytes)}"
    return [
        f"{title:<10}generation {generation.number}, published {_moment(generation.published_at)}",
        f"{'':<10}data as of {_moment(generation.as_of)}{age}",
        f"{'':<10}{counted(generation.tables, 'table')}, {size}",
    ]


def _runs(runs: Sequence[RunRow], width: int | None) -> Iterable[str]:
    """Yield a line for each run, and below it what went wrong; of the last one, all of it."""
    if not runs:
        yield "no runs yet"
        return
    head = ("started (UTC)", "status", "time", "tables", "rows", "bytes")
    title, rule, *lines = _grid(head, [_run(run) for run in runs], width, words=(1,)).splitlines()
    yield from (title, rule)
    for index, (run, line) in enumerate(zip(runs, lines, strict=True)):
        yield line
        if run.status == "running" and run.step:
            yield f"    at {escaped(run.step)}"
        elif run.exit_status or run.error:
            reason, *facts = _reason(run)
            yield f"    {reason}"
            yield from (f"      {fact}" for fact in (facts if index == 0 else ()))


def _run(run: RunRow) -> tuple[str, ...]:
    return (
        run.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
        run.status,
        "" if run.seconds is None else human_seconds(run.seconds),
        "" if run.tables is None else f"{run.tables:,}",
        "" if run.rows is None else f"{run.rows:,}",
        "" if run.bytes is None else human_bytes(run.bytes),
    )


def _reason(run: RunRow) -> list[str]:
    """Say how a run ended: in one line, which names the object, and below it the facts."""
    status = f"exit status {run.exit_status}" if run.exit_status else ""
    where = f"at {run.step}" if run.step else ""
    error, *facts = (run.error or "").split("\n")
    reason = ": ".join(part for part in (", ".join(filter(None, (status, where))), error) if part)
    if len(facts) > FACTS:
        facts[FACTS - 1 :] = [f"… and {len(facts) - FACTS + 1} more lines: see `elt status --json`"]
    return [escaped(line.expandtabs(2)) for line in (reason, *facts)]


def _grid(
    head: tuple[str, ...],
    lines: Sequence[tuple[str, ...]],
    width: int | None,
    *,
    foot: tuple[str, ...] | None = None,
    words: Sequence[int] = (0,),
) -> str:
    """Return a plain table, in which the columns of words are folded where they must be.

    It is wider than width only where its numbers are.
    """
    from rich.box import Box  # noqa: PLC0415  (rich costs 80 ms, and `elt --help` draws no table)
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    widths = [
        max(map(cell_len, column)) for column in zip(head, *lines, *([foot] if foot else []), strict=True)
    ]
    least = sum(NAME_WIDTH if index in words else size for index, size in enumerate(widths)) + len(head)
    plain = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
    gap = 1 if width is None or sum(widths) + 2 * len(widths) <= width else 0
    table = Table(
        box=plain, show_edge=False, show_footer=foot is not None, padding=(0, gap, 0, 0), pad_edge=False
    )
    for index, title in enumerate(head):
        table.add_column(
            title,
            foot[index] if foot else "",
            justify="left" if index == 0 or index in words else "right",
            overflow="fold",
            no_wrap=index not in words,
        )
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))  # as text: a name may look like rich's markup
    written = io.StringIO()
    Console(file=written, width=max(width or WIDE, least), color_system=None).print(table)
    return "\n".join(row.rstrip() for row in written.getvalue().splitlines())


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _json(values: Mapping[str, Any]) -> str:
    return safe_json(json.dumps(values, indent=2, default=_as_json))


def _as_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
