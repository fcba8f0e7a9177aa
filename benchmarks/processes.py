"""What /proc knows of processes: who descends from whom, their CPU time, and their memory."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36
GONE = (OSError, ValueError, IndexError)  # what reading of a process gives that has just ended
PATIENCE_S = 5.0


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none is lost, nor its CPU time."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> list[int]:
    """Return a process' children, whichever of its threads started them."""
    found: list[int] = []
    with suppress(*GONE):
        for task in (PROC / str(pid) / "task").iterdir():
            with suppress(*GONE):
                found += map(int, (task / "children").read_text("ascii").split())
    return found


def descendants(pid: int, without: Iterable[int] = ()) -> Iterator[int]:
    """Return all that descends from a process, but for the trees that begin at `without`."""
    for child in children(pid):
        if child not in without:
            yield child
            yield from descendants(child, without)


def tree_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a server: of its first process, and of its children, those that ended too."""
    return sum(map(_cpu_seconds, (pid, *children(pid))))


def _cpu_seconds(pid: int) -> float:
    """Return a process' own CPU seconds, and those of its children that have ended."""
    try:
        # the name, in parentheses, may hold spaces; utime, stime, cutime and cstime are fields 14 to 17
        fields = (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    except GONE:
        return 0.0


def busy_seconds() -> float:
    """Return the CPU seconds that all cores have spent on anything, with what the hypervisor took."""
    user, nice, system, _idle, _iowait, *rest = map(
        int, (PROC / "stat").read_text("ascii").partition("\n")[0].split()[1:9]
    )
    return (user + nice + system + sum(rest)) / TICKS


def memory_bytes(pid: int) -> int:
    """Return a process' memory, with its share of what it has in common with others (PSS)."""
    return _kilobytes(pid, "smaps_rollup", "Pss:") or _kilobytes(pid, "status", "VmRSS:")


def peak_bytes(pid: int) -> int:
    """Return the most memory that a running process has had, with all that it shares (RSS)."""
    return _kilobytes(pid, "status", "VmHWM:")


def _kilobytes(pid: int, file: str, key: str) -> int:
    with suppress(*GONE):
        for line in (PROC / str(pid) / file).read_text("ascii", "replace").splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0


def end_all(without: Iterable[int] = ()) -> None:
    """Kill all that descends from us, and wait for its end."""
    deadline = time.monotonic() + PATIENCE_S
    while left := list(descendants(os.getpid(), without)):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap(without)
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)


def reap(without: Iterable[int] = ()) -> None:
    """Take note of our children's end, adopted ones too: only then does their CPU time count as ours."""
    for pid in children(os.getpid()):
        if pid not in without:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def folder_bytes(folder: Path) -> int:
    """Return what a folder's files take up on the disk."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118  (thousands of files)
    return total
