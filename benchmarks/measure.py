"""Start what a contender is made of, wait for its end, and say what it took."""

from __future__ import annotations

import os
import re
import resource
import select
import subprocess
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes
from benchmarks.servers import Servers

INTERVAL_S = 0.1  # between two looks at the memory
LOOKS_PER_WALK = 5  # looks at the memory for each walk through the temporary files
MESSAGE_CHARS = 400
SETTLED_S = 0.2  # what a session takes to end after its client
INSIDE = re.compile(r"^bench: ([\d.]+) ([\d.]+) ([\d.]+)$", re.MULTILINE)


class ContenderError(Exception):
    """A contender failed, or took too long; log is all that it said."""

    def __init__(self, message: str, *, timeout: bool = False) -> None:
        super().__init__(message)
        self.timeout = timeout
        self.log = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Programs to start.

    pipelines  one after the other; each is programs of which one reads what the one before it writes
    container  the name of the container that the only program starts, and that is measured in its place
    """

    pipelines: tuple[tuple[tuple[str, ...], ...], ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    container: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a job took, in seconds and bytes; stdout is that of the last program."""

    wall: float
    client_cpu: float
    source_cpu: float
    destination_cpu: float
    others: float
    memory: int
    main_memory: int
    temporary: int
    stdout: str


class Sampler(threading.Thread):
    """Looks at a job's memory and files again and again, and keeps the greatest sizes."""

    def __init__(self, job: Job, servers: Servers, scratch: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._job, self._servers, self._scratch = job, servers, scratch
        self._done = threading.Event()
        self.memory = self.main_memory = self.temporary = 0

    def run(self) -> None:
        """Look until `stop`."""
        root = _container_pid(self._job.container) if self._job.container else os.getpid()
        looks = 0
        while root and not self._done.wait(INTERVAL_S):
            own = [root] if self._job.container else []
            pids = [*own, *processes.descendants(root, self._servers.pids)]
            self.memory = max(self.memory, sum(map(processes.memory_bytes, pids)))
            first = own or processes.children(root)
            self.main_memory = max(self.main_memory, *map(processes.peak_bytes, first), 0)
            looks += 1
            if looks % LOOKS_PER_WALK == 0:
                self._walk()

    def stop(self) -> None:
        """Take the last look."""
        self._done.set()
        self.join()
        self._walk()

    def _walk(self) -> None:
        self.temporary = max(self.temporary, processes.folder_bytes(self._scratch))


def measure(job: Job, servers: Servers, scratch: Path, log: Path, timeout_s: float) -> Measured:
    """Do a job, and say what it took.

    scratch  the folder that the job may write to
    log      the folder for what its programs print

    Raises ContenderError; nothing of the job is left running then, or whenever it ends otherwise.
    """
    processes.adopt_orphans()
    sampler = Sampler(job, servers, scratch)
    before, busy, own = servers.cpu_seconds(), processes.busy_seconds(), _own_cpu()
    sampler.start()
    try:
        started = time.monotonic()
        do(job, servers, scratch, log, timeout_s)
        wall = time.monotonic() - started
        busy = processes.busy_seconds() - busy
    finally:
        sampler.stop()
    time.sleep(SETTLED_S)
    processes.reap(servers.pids)
    source, destination = (
        after - at_first for after, at_first in zip(servers.cpu_seconds(), before, strict=True)
    )
    client = _own_cpu() - own
    elapsed = wall
    if job.container:
        wall, client = _inside(log)
    others = (busy - client - source - destination) / (elapsed * (os.cpu_count() or 1))
    return Measured(
        *(wall, client, source, destination, max(0.0, others)),
        *(sampler.memory, sampler.main_memory, sampler.temporary),
        (log / "stdout").read_text("utf-8", "replace"),
    )


def do(job: Job, servers: Servers, scratch: Path, log: Path, timeout_s: float) -> None:
    """Do a job, pipeline by pipeline. Raises ContenderError."""
    deadline = time.monotonic() + timeout_s
    try:
        with _ended(job, servers):
            for pipeline in job.pipelines:
                _pipeline(pipeline, job.env, scratch, log, deadline)
    except ContenderError as error:
        error.log = "".join((log / name).read_text("utf-8", "replace") for name in ("stdout", "stderr"))
        raise


@contextmanager
def _ended(job: Job, servers: Servers) -> Generator[None]:
    """When this block ends, however it ends, so has everything that was started in it."""
    try:
        yield
    finally:
        if job.container:
            subprocess.run(("docker", "kill", job.container), capture_output=True, check=False)  # noqa: S607
        processes.end_all(servers.pids)


def _pipeline(
    programs: Sequence[Sequence[str]], env: Mapping[str, str], scratch: Path, log: Path, deadline: float
) -> None:
    with ExitStack() as stack:
        stdin: int | None = subprocess.DEVNULL
        stdout = stack.enter_context((log / "stdout").open("wb"))
        stderr = stack.enter_context((log / "stderr").open("wb"))
        started: list[subprocess.Popen[bytes]] = []
        for number, argv in enumerate(programs, 1):
            process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout if number == len(programs) else subprocess.PIPE,
                stderr=stderr,
                env=dict(env),
                cwd=scratch,
                process_group=0,  # Ctrl-C is for us, who end all of them
            )
            if started and started[-1].stdout:
                started[-1].stdout.close()  # or its writer would not notice the reader's end
            started.append(process)
            stdin = process.stdout.fileno() if process.stdout else None
        for process in started:
            _wait(process, deadline)
    failed = [
        (Path(argv[0]).name, each) for argv, each in zip(programs, started, strict=True) if each.returncode
    ]
    if failed:
        said = _tail((log / "stderr").read_text("utf-8", "replace"))
        names = ", ".join(f"{name} ended with {each.returncode}" for name, each in failed)
        raise ContenderError(f"{names}: {said}" if said else names)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Wait for a process' end to the millisecond: Popen.wait looks only every 50 when it has a limit."""
    handle = os.pidfd_open(process.pid)
    try:
        ended = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0]
    finally:
        os.close(handle)
    if not ended:
        raise ContenderError("it had not ended when the time was up", timeout=True)
    process.wait()


def _own_cpu() -> float:
    """Return the CPU seconds of all our descendants that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _inside(log: Path) -> tuple[float, float]:
    """Return wall and CPU seconds as bash measured them in the container, without the container's start."""
    found = INSIDE.search((log / "stderr").read_text("utf-8", "replace"))
    if not found:
        raise ContenderError("the container did not say how long it took")
    wall, user, system = map(float, found.groups())
    return wall, user + system


def _container_pid(name: str) -> int:
    """Return the first process of a container that is just being started, as this machine sees it."""
    for _ in range(100):
        argv = ("docker", "inspect", "--format", "{{.State.Pid}}", name)
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
        with suppress(ValueError):
            if pid := int(said):
                return pid
        time.sleep(0.05)
    return 0


def _tail(text: str) -> str:
    """Return the last words of a program, on one line, without what bash measured."""
    words = " ".join(INSIDE.sub("", text).split())
    return words if len(words) <= MESSAGE_CHARS else f"… {words[-MESSAGE_CHARS:]}"
