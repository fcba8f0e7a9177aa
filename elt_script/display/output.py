"""Where words go: stdout says so when they get lost, stderr ends nothing."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

from elt_script.errors import OutputError
from elt_script.secret import without_credentials

if TYPE_CHECKING:
    import click
    from _typeshed import ReadableBuffer


def want_printed() -> None:
    """Have what cannot be written to stdout raise OutputError, from now on."""
    if sys.stdout is None:  # our caller has closed it, and wants to hear nothing
        return
    bytes_ = io.BufferedWriter(_Stdout(sys.stdout.fileno(), "w", closefd=False))
    sys.stdout = io.TextIOWrapper(
        bytes_, sys.stdout.encoding, "backslashreplace", line_buffering=sys.stdout.isatty()
    )


def columns() -> int | None:
    """Return how wide the terminal is that stdout is, if it is one."""
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if on_terminal else None


def stderr() -> TextIO | None:
    """Return a stderr that can always be written to, if there is one."""
    return cast("TextIO", SteadyStream(sys.stderr)) if sys.stderr is not None else None


def misuse(error: click.ClickException) -> str:
    """Return what is said of a command line that cannot be used, without passwords that are in it."""
    told = io.StringIO()
    error.show(told)
    return without_credentials(told.getvalue())


def discard(stream: io.FileIO | TextIO) -> None:
    """Send the rest nowhere: what the buffer holds would fail again at exit, and turn status 0 to 120."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


class _Stdout(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            discard(self)
            raise OutputError(
                "what was to be printed could not be written to stdout",
                detail=error.strerror or str(error),
                hint="All else was done, as if it had been printed.",
            ) from error


class SteadyStream:
    """A text stream that ends nothing: not when its reader goes away, not for a character it lacks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding or "utf-8"  # a StringIO has none

    def write(self, text: str) -> int:
        safe = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        with self._ending_nothing():
            self._stream.write(safe)
        return len(text)

    def flush(self) -> None:
        with self._ending_nothing():
            self._stream.flush()

    def isatty(self) -> bool:
        return not self._stream.closed and self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @contextmanager
    def _ending_nothing(self) -> Generator[None]:
        try:
            yield
        except BlockingIOError:  # its reader is slow, and it is not ours to wait
            return
        except OSError:  # its reader has ended, the terminal was closed, the disk is full
            discard(self._stream)
        except ValueError:  # somebody has closed it
            return
