"""Watch a command: every program that it starts, every file that it opens for writing, every process there is."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Put on PYTHONPATH, Python runs this before anything else. No program is too short-lived for it: Python itself
# tells it of each one before it is started, and of each file before it is opened.
HOOK = r"""
import os, sys
log = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND)
starts = {"subprocess.Popen": 1, "os.exec": 1, "os.posix_spawn": 1, "os.system": 0}  # where argv stands
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def hook(event, values):
    if event in starts:
        told = f"started {values[starts[event]]!r}"
    elif event == "open" and isinstance(values[0], (str, bytes)) and (values[2] or 0) & writing:
        told = f"wrote {values[0]!r}"
    elif event in ("os.mkdir", "os.rename", "os.symlink", "os.link"):
        told = f"{event} {values!r}"
    else:
        return
    os.write(log, (told + "\n").encode("utf-8", "backslashreplace"))

sys.addaudithook(hook)
os.write(log, b"watching\n")
"""


@dataclass(slots=True)
class Watched:
    """What was seen."""

    log: Path
    folders: tuple[Path, ...]
    hook: Path
    processes: set[str] = field(default_factory=set[str])
    contents: set[bytes] = field(default_factory=set[bytes])  # of files that came after the start
    made: set[Path] = field(default_factory=set[Path])

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to be watched."""
        return {"PYTHONPATH": str(self.hook), "WATCHED": str(self.log), "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def told(self) -> list[str]:
        """What the commands did."""
        return self.log.read_text(encoding="utf-8").splitlines()

    def everything(self) -> str:
        """Return all that was seen, as text."""
        files = (content.decode(errors="replace") for content in self.contents)
        return "\n".join((*self.told, *self.processes, *files, *map(str, self.made)))

    def look(self, there: set[Path]) -> None:
        """Look at all processes, and at the files that were not there at first."""
        for argv in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.processes.add(argv.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:  # it has ended
                continue
        for path in _found(self.folders) - there:
            self.made.add(path)
            try:
                self.contents.add(path.read_bytes())
            except OSError:
                continue


def _found(folders: tuple[Path, ...]) -> set[Path]:
    """Return all that is in folders; one that goes meanwhile is passed over, where `rglob` would raise."""
    walks = (os.walk(folder) for folder in folders)
    return {Path(top, name) for walk in walks for top, inner, files in walk for name in (*inner, *files)}


@contextmanager
def watched(place: Path, *folders: Path) -> Generator[Watched]:
    """Watch commands that run with the environment that this gives, until the block ends.

    place    for the watcher's own files
    folders  all that the commands may write to: home, temporary and working directory
    """
    hook = place / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    seen = Watched(place / "log", folders, hook)
    seen.log.touch()
    there = _found(folders)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            seen.look(there)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()
        seen.look(there)
