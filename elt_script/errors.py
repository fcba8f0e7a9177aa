"""The tree of errors: each leaf has an exit status, and says what state the world is in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class EltError(Exception):
    """Something that stops the command.

    message  lower case, no full stop, names the object
    detail   the facts: what a program or a server said, what was found instead
    hint     a whole sentence: what to do now
    """

    exit_status = 1
    transient = False  # a lost connection: the same may work in a moment

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message, self.detail, self.hint]
        return "\n".join(part for part in parts if part)


@contextmanager
def concerning(what: str) -> Generator[None]:
    """Let an error that leaves this block say first what it is about."""
    try:
        yield
    except InterruptedRunError:
        raise
    except EltError as error:
        error.message = f"{what}: {error.message}"
        raise


class ConfigError(EltError):
    """The configuration cannot be used: nothing was contacted, nothing has been changed."""

    exit_status = 2


class PreflightError(EltError):
    """A database is not ready for the run: nothing has been changed."""

    exit_status = 3


class CannotConnectError(EltError):
    """A server did not let us in, within the time the config gives it: nothing has been changed."""

    exit_status = 4


class SourceError(EltError):
    """The source failed in the middle of the run: the destination's readers still have the old data."""

    exit_status = 5


class DestinationError(EltError):
    """The destination failed in the middle of the run: its readers still have the old data."""

    exit_status = 6


class AuditError(EltError):
    """The staged copy is not what may be published: the destination's readers still have the old data."""

    exit_status = 7


class LockedError(EltError):
    """Another run of the same pipeline is at work: this one has changed nothing."""

    exit_status = 8


class PublishTimeoutError(EltError):
    """Others held locks for longer than publish waits: the destination's readers still have the old data."""

    exit_status = 9


class TransformError(EltError):
    """A transform failed after the data was published: the new data is live, its derived data may not be."""

    exit_status = 10


class InterruptedRunError(EltError):
    """Somebody stopped the command (Ctrl-C, SIGTERM) before publish: the old data is still live."""

    exit_status = 130
