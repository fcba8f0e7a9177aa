"""What a user sees while a run works: as JSON, as lines, on a terminal."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from rich.console import Console
from structlog.contextvars import bound_contextvars

from elt_script.display.events import LogFormat, configure
from elt_script.display.live import LiveDisplay
from elt_script.tables import TableName

HOSTILE = "public.a\nb\r\x1b[2J\x1b]0;x\x07\u202e\x9b1A\x7f rows=7"
ESCAPED = r"public.a\nb\r\x1b[2J\x1b]0;x\x07\u202e\x9b1A\x7f rows=7"

EVENTS: list[tuple[str, str, dict[str, Any]]] = [
    ("info", "run.started", {"run_id": "r-1", "pipeline": "shop", "source": "s", "destination": "d"}),
    ("info", "step.started", {"step": "wait"}),
    ("info", "server.waiting", {"role": "source", "attempt": 1, "error": "refused\nreally"}),
    ("info", "server.ready", {"role": "source", "version": "16.4", "seconds": 0.1}),
    ("info", "step.finished", {"step": "wait", "seconds": 0.1}),
    ("info", "step.started", {"step": "copy"}),
    ("info", "copy.planned", {"tables": 1, "rows": 10, "bytes": 1000}),
    ("info", "table.copying", {"table": HOSTILE, "rows_estimate": 10, "bytes": 1000}),
    ("info", "table.progressed", {"table": HOSTILE, "rows": 5, "bytes": 500}),
    ("info", "table.copied", {"table": HOSTILE, "rows": 10, "bytes": 1000, "seconds": 0.5}),
    ("info", "table.indexed", {"table": HOSTILE, "seconds": 0.5}),
    ("info", "step.finished", {"step": "copy", "seconds": 0.5}),
    ("info", "table.audited", {"table": HOSTILE, "rows": 10, "seconds": 0.5}),
    ("warning", "object.left_out", {"object": HOSTILE, "reason": "no"}),
    ("info", "dependant.repointed", {"object": HOSTILE}),
    ("info", "publish.waiting", {"attempt": 1, "blockers": ["pid 5"]}),
    ("info", "publish.done", {"held_seconds": 0.01}),
    ("info", "run.published", {"generation": 7, "as_of": datetime(2026, 1, 2, tzinfo=UTC)}),
    ("info", "transform.started", {"name": "dbt"}),
    ("info", "transform.output", {"name": "dbt", "line": HOSTILE}),
    ("info", "transform.finished", {"name": "dbt", "seconds": 1.0}),
    ("info", "run.finished", {"status": "published", "seconds": 1.0}),
    ("error", "run.failed", {"error": "x\ny", "exit_status": 5}),
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Broken(Terminal):
    """A terminal that is gone."""

    def write(self, s: str, /) -> int:
        raise BrokenPipeError(32, s)

    def flush(self) -> None:
        raise BrokenPipeError(32, "flush")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal of 60 columns and 20 lines, with colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def emit(events: list[tuple[str, str, dict[str, Any]]] = EVENTS) -> None:
    log = structlog.get_logger()
    for level, event, fields in events:
        getattr(log, level)(event, **fields)


def shown(log_format: LogFormat, work: Callable[[], object] = emit) -> str:
    stream = io.StringIO()
    with configure(log_format, stream):
        work()
    return stream.getvalue()


def test_json_is_one_object_a_line_with_what_is_bound() -> None:
    with bound_contextvars(run_id="r-1", pipeline="shop"):
        lines = shown(
            "json",
            lambda: structlog.get_logger().info("table.copied", table=TableName("s", "t"), seconds=1.23456),
        )

    line = json.loads(lines)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert lines.endswith("}\n")
    assert line == {
        "level": "info",
        "event": "table.copied",
        "table": "s.t",
        "seconds": 1.235,
        "pipeline": "shop",
        "run_id": "r-1",
    }


def test_json_survives_every_event_and_every_name() -> None:
    lines = shown("json")

    read = [json.loads(line) for line in lines.splitlines()]
    assert lines.replace("\n", "").isprintable()
    assert [line["event"] for line in read] == [
        event for _, event, _ in EVENTS if event != "table.progressed"
    ]
    assert next(line for line in read if "table" in line)["table"] == HOSTILE
    assert next(line["as_of"] for line in read if "as_of" in line) == "2026-01-02T00:00:00+00:00"


def test_a_line_is_aligned_and_says_what_is_bound_last() -> None:
    def work() -> None:
        structlog.get_logger().info("table.copied", table="public.orders", rows=5)
        structlog.get_logger().warning("object.left_out", object="a b")
        structlog.get_logger().debug("nobody.asked")

    with bound_contextvars(run_id="r-1"):
        lines = shown("console", work).splitlines()

    assert [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in lines] == [
        "info    table.copied       table=public.orders rows=5 run_id=r-1",
        'warning object.left_out    object="a b" run_id=r-1',
    ]


def test_a_hostile_name_forges_no_line_and_moves_no_cursor() -> None:
    lines = shown("console")

    assert lines.replace("\n", "").isprintable()
    assert lines.count("\n") == len(EVENTS) - 1  # without table.progressed
    assert f'table="{ESCAPED}" rows=10 bytes=1000 seconds=0.5\n' in lines


def test_auto_writes_lines_where_there_is_no_terminal() -> None:
    assert "step.started" in shown("auto")


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("TERM", "")])
def test_auto_writes_lines_on_a_terminal_that_cannot_move(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with configure("auto", terminal):
        emit()

    assert "\x1b" not in terminal.getvalue()
    assert "info    step.started" in terminal.getvalue()


def test_a_terminal_shows_finished_steps_and_what_is_wrong(terminal: Terminal) -> None:
    with configure("auto", terminal):
        emit()

    left = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "✔ wait        0.10s  source 16.4" in left
    assert "✔ copy        0.50s  1 table, 10 rows" in left
    assert "! object.left_out" in left
    assert "✔ published   1.00s  in all" in left
    assert "dependant" not in left
    assert terminal.getvalue().rstrip("\r").endswith("\x1b[?25h")  # the cursor is back


def test_a_terminal_obeys_no_name(terminal: Terminal) -> None:
    with configure("auto", terminal):
        emit()

    assert not set("\x07\x9b\u202e\x7f") & set(terminal.getvalue())
    assert "\x1b[2J" not in terminal.getvalue()
    assert "\x1b]" not in terminal.getvalue()


def test_no_color_means_none(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    with configure("auto", terminal):
        emit()

    assert "✔ copy" in terminal.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.getvalue())


def test_a_step_that_an_exception_ends_is_marked(terminal: Terminal) -> None:
    def interrupted() -> None:
        with configure("auto", terminal):
            emit(EVENTS[:9])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert "✖" in terminal.getvalue()


@pytest.mark.parametrize("log_format", ["auto", "json", "console"])
def test_a_terminal_that_is_gone_ends_nothing(terminal: Terminal, log_format: LogFormat) -> None:
    assert terminal.isatty()
    with configure(log_format, Broken()):
        emit()


@pytest.mark.parametrize("log_format", ["auto", "json", "console"])
def test_a_closed_stream_ends_nothing(log_format: LogFormat) -> None:
    stream = io.StringIO()
    stream.close()

    with configure(log_format, stream):
        emit()


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_event_that_cannot_be_shown_is_named(log_format: LogFormat) -> None:
    lines = shown(log_format, lambda: structlog.get_logger().info("odd.thing", what=Unprintable()))

    assert lines.count("\n") == 1
    for part in ("event.unreadable", "odd.thing", "RuntimeError"):
        assert part in lines


def test_a_terminal_names_an_event_that_lacks_a_field(terminal: Terminal) -> None:
    with configure("auto", terminal):
        structlog.get_logger().info("step.started")

    assert "! event.unreadable  of=step.started error=KeyError" in re.sub(
        r"\x1b\[[0-9;]*m", "", terminal.getvalue()
    )


def test_an_exception_is_one_line() -> None:
    def work() -> None:
        try:
            int(HOSTILE)
        except ValueError:
            structlog.get_logger().exception("odd.thing")

    assert json.loads(shown("json", work))["exception"].startswith("Traceback")
    assert shown("console", work).count("\n") == 1


def test_characters_that_the_stream_lacks_are_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    with configure("console", stream):
        structlog.get_logger().info("table.copied", table="public.Ünïcode")

    assert rb"table=public.\xdcn\xefcode" in raw.getvalue()


def test_what_was_configured_before_is_configured_again() -> None:
    inner, outer = io.StringIO(), io.StringIO()
    before = structlog.is_configured()
    with configure("json", outer):
        with configure("console", inner):
            structlog.get_logger().info("a.b")
        structlog.get_logger().info("c.d")

    assert "a.b" in inner.getvalue()
    assert json.loads(outer.getvalue())["event"] == "c.d"
    assert structlog.is_configured() == before


def drawn(tables: int, width: int, height: int = 24) -> list[str]:
    """Return the moving lines of a run that copies so many tables at once."""
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None, markup=False
    )
    moments = itertools.count()
    display = LiveDisplay(console, clock=lambda: next(moments))
    events: list[dict[str, Any]] = [
        {"event": "step.started", "step": "copy"},
        {"event": "copy.planned", "tables": tables, "rows": 10, "bytes": 3 * 1024**3 * tables},
    ]
    for i in range(tables):
        name = f"public.orders_[red]_{i}" if i else HOSTILE
        events.append({"event": "table.copying", "table": name, "rows_estimate": 10**7, "bytes": 3 * 1024**3})
        events.append({"event": "table.progressed", "table": name, "rows": 1_234_567, "bytes": 10**9})
    for event in events:
        with pytest.raises(structlog.DropEvent):
            display.consume(None, "info", event)
    with console.capture() as captured:
        console.print(display.draw())
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40, 20])
def test_hundreds_of_tables_take_a_dozen_lines_of_any_terminal(width: int) -> None:
    lines = drawn(300, width)

    assert len(lines) == 11  # the step, the bar, eight tables, the others
    assert lines[-1].strip() == ("… and 292 more tables" if width > 20 else "… and 292 more ta…")
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() for line in lines)


def test_a_low_terminal_shows_fewer_tables() -> None:
    assert len(drawn(300, 80, height=8)) == 6


def test_a_terminal_of_100_columns_shows_every_figure() -> None:
    step, overall, first, second = drawn(2, 100)

    assert step.startswith("⠋ copy        6.00s")
    assert overall.split()[1:] == ["0/2", "tables", "0.7", "of", "6.0", "GiB", "159.1", "MB/s", "36s", "left"]
    assert r"  copy  public.a\nb\r\x1b[2J" in first
    assert re.search(r"copy  public\.orders_\[red\]_1 +1,234,567 rows +379\.3 MiB ", second)
    assert second.rstrip().endswith(" left")


def test_a_terminal_of_60_columns_shows_the_figures_that_matter() -> None:
    _, overall, first, _ = drawn(2, 60)

    assert "0/2  0.7 of 6.0 GiB" in overall
    assert "  1,234,567   379.3 MiB  " in first


def test_many_threads_may_speak_at_once(terminal: Terminal) -> None:
    def table(number: int) -> None:
        log = structlog.get_logger()
        log.info("table.copying", table=f"t{number}", rows_estimate=10, bytes=10)
        log.info("table.copied", table=f"t{number}", rows=10, bytes=10, seconds=0.0)

    with configure("auto", terminal), ThreadPoolExecutor(8) as pool:
        emit(EVENTS[5:7])
        for done in [pool.submit(copy_context().run, table, number) for number in range(500)]:
            done.result()
        emit([("info", "step.finished", {"step": "copy", "seconds": 1.0})])

    assert "500 tables, 5,000 rows" in terminal.getvalue()
