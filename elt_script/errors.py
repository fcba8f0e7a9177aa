"""The tree of errors: each leaf has an exit status, and says what state the world is in."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Generator
from contextlib import contextmanager

from elt_script.secret import redacted
from elt_script.wording import escaped

SHORT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN))
MORE_ROOM = (
    "Allow elt more memory, processes and open files (ulimit, its container's limits), or lower `jobs`."
)


class EltError(Exception):
    """Something that stops the command.

    message  lower case, no full stop, names the object
    detail   the facts: what a program or a server said, what was found instead
    hint     a whole sentence: what to do now

    No secret is in it, whoever quoted one.
    """

    exit_status = 1
    transient = False  # it passes, as a lost connection does: the same may work in a moment
    run_id = ""  # of the run that it ended, where it ended one

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        self.message = redacted(message)
        self.detail = redacted(detail)
        self.hint = redacted(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        parts = [self.message, self.detail, self.hint]
        return "\n".join(part for part in parts if part)


def complaint(program: str, error: EltError) -> str:
    """Return what a program says of an error; nothing in it moves a cursor, or looks like a line of ours."""
    detail = (f"  {escaped(line.expandtabs(2))}" for line in error.detail.splitlines())
    hint = (escaped(line) for line in error.hint.splitlines())
    return "\n".join((f"{program}: {escaped(error.message)}", *detail, *hint))


def is_short(error: BaseException) -> bool:
    """Whether this machine gave us less than we need: memory, processes, threads, open files."""
    if isinstance(error, OSError):
        return error.errno in SHORT
    return isinstance(error, MemoryError) or "start new thread" in str(error)


def defect(error: Exception) -> EltError:
    """Return what stands for an error that nobody foresaw: Python's own words, without secrets."""
    if is_short(error):
        return EltError(
            "this machine gives elt too little to work with",
            detail=str(error) or type(error).__name__,
            hint=f"{MORE_ROOM} `elt status` says what is live.",
        )
    return EltError(
        f"a defect of elt: {type(error).__name__}",
        detail="".join(traceback.format_exception(error)),
        hint="Please report it. `elt status` says what is live.",
    )


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
    """What comes after publish failed, such as a transform: the data is new, but not what derives from it."""

    exit_status = 10


class WorkerError(EltError):
    """The workers that rows move through failed in the middle of the run: the readers have the old data."""

    exit_status = 12


class OutputError(EltError):
    """What the command had to print is lost: it did its work, and the readers see what comes of that."""

    exit_status = 13


class InterruptedRunError(EltError):
    """Somebody stopped the command (Ctrl-C, SIGTERM) before publish: the old data is still live."""

    exit_status = 130
