"""Names, sizes and durations as people read them, safe to print on any terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast


def escaped(text: str) -> str:
    r"""Return text as one line, with nothing in it that a terminal obeys: \n, \x1b, \u202e.

    A name in a database may hold any character. Its line breaks must not look like lines of ours, and its
    control, direction and unassigned characters must not move the cursor or turn the text around.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        character
        if character.isprintable() and character != "\\"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def safe_json(text: str) -> str:
    """Return ASCII-only JSON without the one control character that it may hold as it is."""
    return text.replace("\x7f", "\\u007f")


IEC = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
RATES = ("B/s", "kB/s", "MB/s", "GB/s", "TB/s")


def human_bytes(amount: float) -> str:
    """Return a size in IEC units: 1.5 MiB."""
    return _scaled(amount, *_unit(amount, 1024, IEC))


def human_part(done: float, total: float) -> str:
    """Return how much of a size is done, both in the unit of the whole: 0.5 of 1.5 MiB."""
    size, unit = _unit(total, 1024, IEC)
    return f"{_scaled(done, size, '')}of {_scaled(total, size, unit)}"


def human_rate(bytes_per_second: float) -> str:
    """Return a throughput in the units that disks and networks are sold in: 1.5 MB/s."""
    return _scaled(bytes_per_second, *_unit(bytes_per_second, 1000, RATES))


def human_seconds(seconds: float) -> str:
    """Return a duration with as much of it as matters: 0.04s, 12.3s, 1m05s, 2h00m."""
    if seconds < 9.995:  # noqa: PLR2004  (would be rounded to 10.00)
        return f"{seconds:.2f}s"
    if seconds < 59.95:  # noqa: PLR2004  (would be rounded to 60.0)
        return f"{seconds:.1f}s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004  (minutes in an hour)
        return f"{minutes}m{left:02}s"
    return f"{minutes // 60}h{minutes % 60:02}m"


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: 1 table, 1,200 tables."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def key_values(fields: Mapping[str, Any]) -> str:
    """Return fields as `key=value key="two words"`, on one line, each value where it began and ended."""
    return " ".join(f"{escaped(key)}={_value(value)}" for key, value in fields.items())


def plain(value: object) -> object:
    """Return a field's value in the form that logs show: milliseconds are exact enough."""
    if isinstance(value, datetime):
        return value.isoformat()
    return round(value, 3) if isinstance(value, float) else value


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = "; ".join(map(str, cast("Iterable[object]", value)))
    text = escaped(str(plain(value)))
    if text and not any(character in text for character in ' "='):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _unit(amount: float, base: int, units: Sequence[str]) -> tuple[int, str]:
    """Return the size and name of the largest unit of which there is at least one."""
    size = 1
    for unit in units[:-1]:
        if amount < (base - 0.05) * size:  # from there it would be rounded to 1024.0
            return size, unit
        size *= base
    return size, units[-1]


def _scaled(amount: float, size: int, unit: str) -> str:
    return f"{amount:.0f} {unit}" if size == 1 else f"{amount / size:,.1f} {unit}"
