"""Start Postgres' programs, joined by pipes, and leave none of them behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from elt_script.errors import MORE_ROOM, EltError, is_short
from elt_script.pg import silence, stop
from elt_script.pg.passing import is_said_to_pass, plainly

PIPE_BYTES = 1 << 20  # the kernel's default limit for an unprivileged user, 16 times a pipe's default
KILLED = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # by somebody, or for want of memory
LOOK_S = 1.0  # how often a program that says nothing is looked after, and a signal that came just before
STDERR_BYTES = 16384  # of each program's messages, the last are kept
LINE_BYTES = 65536  # what is longer is told in pieces

Hear = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start. argv is public (logs, ps); secrets go in env, which is never shown."""

    label: str  # who this is in messages: "psql (source)"
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    error: type[EltError] = EltError  # what it means when it fails
    files: tuple[int, ...] = ()  # open file descriptors that argv names as /dev/fd/N
    lost_status: int | None = None  # the exit status by which the program says that it lost its server
    session: str = ""  # what its session is called at the server, and no other


@dataclass(frozen=True, slots=True)
class Finished:
    """What a pipeline left: the last program's stdout, and the end of every program's stderr."""

    stdout: bytes
    stderr: tuple[str, ...]


def run(*commands: Command, script: bytes = b"", hear: Hear | None = None) -> Finished:
    """Run commands as one pipeline, without a shell, and want status 0 from every one of them.

    script  what the first command reads as its stdin
    hear    is told each line that they say, as it comes; of stdout, the end alone is kept then

    Raises the failed command's own error with its last words. Where both sides of a pipe fail, the one
    to blame is the one that did not die of the other's end.
    """
    processes, finished = _finish(commands, script, hear)
    said = finished.stderr
    if hear and not any(said):
        said = (*said[:-1], finished.stdout.decode(errors="replace").strip())
    _want_success(commands, processes, said)
    return finished


def status(command: Command) -> tuple[int, Finished]:
    """Run a program whose exit status is its answer: pg_isready."""
    (process,), finished = _finish([command], b"")
    return process.returncode, finished


def _finish(
    commands: Sequence[Command], script: bytes, hear: Hear | None = None
) -> tuple[list[stop.Program], Finished]:
    processes: list[stop.Program] = []
    try:
        with in_memory(script) as stdin:
            source: IO[bytes] = stdin
            for command in commands:
                process = _start(command, source)
                if processes:
                    source.close()  # the reader has it now, and the writer must notice when the reader ends
                processes.append(process)
                source = _stdout(process)
        stdout, stderr = _drain(processes, commands, hear)
        for process in processes:
            process.wait()
    except BaseException:
        stop.end(processes)
        raise
    finally:
        stop.current().forget(processes)
        for process in processes:
            _stdout(process).close()
            _stderr(process).close()
    stop.current().heed()
    return processes, Finished(stdout, stderr)


@contextlib.contextmanager
def supervised() -> Generator[None]:
    """Have programs for this block alone: when it ends, however it ends, none of them is left."""
    work = stop.current().part()
    try:
        with stop.within(work):
            yield
    finally:
        work.end()


def _start(command: Command, stdin: IO[bytes]) -> stop.Program:
    def begin() -> stop.Program:
        return subprocess.Popen(
            command.argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(command.env),
            process_group=0,  # a terminal's Ctrl-C is for us, who then stop the programs in order
            bufsize=0,
            pass_fds=command.files,
        )

    try:
        process = stop.current().start(begin)
    except OSError as error:
        hint = MORE_ROOM if is_short(error) else ""
        raise command.error(f"{command.label} could not be started", detail=str(error), hint=hint) from error
    # Gains, never needs: a larger pipe, and no switch to a program for each row that reaches it.
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(_stdout(process), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))
    return process


def _stdout(process: stop.Program) -> IO[bytes]:
    assert process.stdout is not None  # noqa: S101  (we asked for a pipe)
    return process.stdout


def _stderr(process: stop.Program) -> IO[bytes]:
    assert process.stderr is not None  # noqa: S101  (we asked for a pipe)
    return process.stderr


def in_memory(script: bytes) -> IO[bytes]:
    """Return a file to read script from, that is on no disk where the system has such files."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("elt"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    file.write(script)
    file.seek(0)
    return file


class _Stream:
    """What comes of one stream of a program: kept, all of it or its end; and told line by line, if wanted."""

    def __init__(self, hear: Hear | None, most: int | None) -> None:
        self.kept = bytearray()
        self._hear = hear
        self._most = most
        self._begun = b""  # a line that has not ended yet

    def take(self, chunk: bytes) -> None:
        """Take what has come; nothing means that the stream has ended."""
        self.kept += chunk
        if self._most:
            del self.kept[: -self._most]
        if self._hear is None:
            return
        *lines, begun = (self._begun + chunk).split(b"\n")
        if begun and (not chunk or len(begun) > LINE_BYTES):
            lines, begun = [*lines, begun], b""
        self._begun = begun
        for line in lines:
            self._hear(line.decode(errors="replace").rstrip("\r"))


def _drain(
    processes: Sequence[stop.Program], commands: Sequence[Command], hear: Hear | None
) -> tuple[bytes, tuple[str, ...]]:
    """Read the last program's stdout, and the end of every stderr, until all of them are closed."""
    heard = [command for command in commands if command.session]  # the others have no server
    silent = silence.of(heard[0].session) if heard else None
    since = silent.passed if silent else 0.0
    stdout = _Stream(hear, STDERR_BYTES if hear else None)
    stderr = [_Stream(hear, STDERR_BYTES) for _ in processes]
    with selectors.DefaultSelector() as selector:
        selector.register(_stdout(processes[-1]), selectors.EVENT_READ, stdout)
        for process, stream in zip(processes, stderr, strict=True):
            selector.register(_stderr(process), selectors.EVENT_READ, stream)
        while selector.get_map():
            if silent and silent.lasts([command.session for command in heard], since):
                raise _stalled(heard, silent.limit_s)
            stop.send(filter(stop.is_killed, processes), signal.SIGTERM)  # of pg_restore others may be left
            for key, _ in selector.select(LOOK_S):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                key.data.take(chunk)
    return bytes(stdout.kept), tuple(stream.kept.decode(errors="replace").strip() for stream in stderr)


def _stalled(commands: Sequence[Command], limit_s: float) -> EltError:
    labels = " and ".join(command.label for command in commands)
    failure = commands[0].error(
        f"{labels} stood still for {limit_s:g} s",
        detail="no row moved, and no server was at work for them",
        hint="See what is between us and the servers. Where that may take longer, raise `run.stall_seconds`.",
    )
    failure.transient = True
    return failure


def _want_success(
    commands: Sequence[Command], processes: Sequence[stop.Program], stderr: Sequence[str]
) -> None:
    failed = [index for index, process in enumerate(processes) if process.returncode != 0]
    if not failed:
        return
    causes = [i for i in failed if processes[i].returncode != -signal.SIGPIPE] or failed
    killed = [i for i in causes if processes[i].returncode < 0]  # says nothing, and makes others complain
    blamed = killed or [i for i in causes if stderr[i]] or causes
    first, status = commands[blamed[0]], processes[blamed[0]].returncode
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    said = (f"{commands[i].label} said: {plainly(stderr[i])}" for i in blamed if stderr[i])
    failure = first.error(f"{first.label} {how}", detail="\n".join(said))
    failure.transient = any(
        -processes[i].returncode in KILLED
        or commands[i].lost_status == processes[i].returncode
        or is_said_to_pass(stderr[i])
        for i in failed
    )
    raise failure
