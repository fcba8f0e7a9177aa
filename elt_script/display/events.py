"""What a run says while it works: events as JSON, as plain lines, or on a live display.

Whoever has something to say emits a structlog event, and does not know which of the three it becomes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.processors import JSONRenderer
from structlog.typing import EventDict, Processor, WrappedLogger

from elt_script.display.output import SteadyStream
from elt_script.errors import InterruptedRunError
from elt_script.secret import redacted_value
from elt_script.wording import escaped, key_values, plain, safe_json

LogFormat = Literal["auto", "json", "console"]

FIRST = ("timestamp", "level", "event")
BOUND_ONCE = ("pipeline", "run_id")  # the same on every line: at its end
FOR_EYES_ONLY = ("table.progressed",)  # twice a second: a display moves on, a log is told the result


@contextmanager
def configure(log_format: LogFormat = "auto", stream: TextIO | None = None) -> Generator[None]:
    """Show the events that are emitted while this block lasts on stream (stderr).

    auto  a live display on a terminal that can move its cursor, else lines for people

    Nothing that goes wrong with showing an event reaches the work that emitted it.
    """
    before = structlog.get_config() if structlog.is_configured() else None
    with ExitStack() as stack:
        shown_on = stream or sys.stderr or stack.enter_context(open(os.devnull, "w"))  # noqa: PTH123
        file = cast("TextIO", SteadyStream(shown_on))
        _configure_structlog(_shower(log_format, file, stack), file)
        try:
            yield
        finally:
            structlog.reset_defaults()
            if before is not None:
                structlog.configure(**before)


def _configure_structlog(show: Processor, file: TextIO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            _never_raising(show),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(file),
        cache_logger_on_first_use=False,  # another block has another stream
    )


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets out of all but what is ours: a password that is a common word names no event."""
    ours = (*FIRST, *BOUND_ONCE)
    return {key: value if key in ours else redacted_value(value) for key, value in event.items()}


def _shower(log_format: LogFormat, file: TextIO, stack: ExitStack) -> Processor:
    if log_format == "json":
        return _as_json
    if log_format == "console" or not _moves_its_cursor(file):
        return _as_line
    from elt_script.display.live import live_display  # noqa: PLC0415  (rich is for terminals alone, and slow to import)

    return stack.enter_context(live_display(file)).consume


def _moves_its_cursor(stream: TextIO) -> bool:
    terminal = os.environ.get("TERM", "") not in {"", "dumb", "unknown"}
    return terminal and stream.isatty() and stream.encoding.lower().startswith("utf")


def _never_raising(show: Processor) -> Processor:
    """Return show, so that an event which cannot be shown is reported in its place, or dropped."""

    def shown(logger: WrappedLogger, method: str, event: EventDict) -> Any:
        name, timestamp = event.get("event"), event.get("timestamp")
        try:
            return show(logger, method, event)
        except (structlog.DropEvent, InterruptedRunError):  # the latter by a signal that came meanwhile
            raise
        except Exception as error:  # whatever it is, the copy goes on
            unreadable = {"event": "event.unreadable", "of": str(name), "error": type(error).__name__}
            with suppress(Exception):
                return show(logger, method, {"timestamp": timestamp, "level": "warning", **unreadable})
            raise structlog.DropEvent from error

    return shown


def _as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    fields = {key: plain(value) for key, value in _ordered(event).items()}
    return safe_json(str(_json(logger, method, fields)))


_json = JSONRenderer(default=str)


def _as_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Return `when level event key=value …`, aligned; nothing in it can end the line or move the cursor."""
    fields = _ordered(event)
    timestamp, level, name = (str(fields.pop(key)) for key in FIRST)
    return f"{timestamp[:19]}Z {level:<7} {escaped(name):<18} {key_values(fields)}".rstrip()


def _ordered(event: EventDict) -> dict[str, Any]:
    """Return the fields of an event, in the order in which they are read."""
    if event["event"] in FOR_EYES_ONLY:
        raise structlog.DropEvent
    own = {key: value for key, value in event.items() if key not in (*FIRST, *BOUND_ONCE)}
    return {key: event[key] for key in FIRST} | own | {key: event[key] for key in BOUND_ONCE if key in event}
