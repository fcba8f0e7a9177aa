"""A Dask cluster of processes: a scheduler that knows no password, and workers that have them in files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from elt_script.pg.endpoint import Endpoint

PATIENCE_S = 60
WRITABLE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")


@dataclass(slots=True)
class Cluster:
    """A scheduler and its workers, two threads each; what they say is in files of the folder."""

    folder: Path
    settings: Mapping[str, str]  # the scheduler's, as Dask's variables
    scheduler: subprocess.Popen[bytes]
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, subprocess.Popen[bytes]])

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        (found,) = set(re.findall(r"Scheduler at: +(tcp://[0-9.:]+)", self.said("scheduler")))
        return str(found)

    def said(self, who: str) -> str:
        """Return what the scheduler or a worker has said."""
        return (self.folder / f"{who}.log").read_text()

    def give(self, *endpoints: Endpoint) -> None:
        """Give the workers the passwords of endpoints, of both roles."""
        for endpoint in endpoints:
            (self.folder / endpoint.role).write_text(f"{endpoint.password}\n")

    def start_worker(self, name: str) -> None:
        """Start a worker, and wait until the scheduler knows it."""
        secrets = {
            f"ELT_{role.upper()}_PASSWORD_FILE": str(self.folder / role) for role in ("source", "destination")
        }
        once = self.said("scheduler").count(f"name: {name}")
        options = ("--no-nanny", "--nthreads=2", f"--name={name}", f"--local-directory={self.folder}")
        self.workers[name] = _started(self.folder, name, secrets, "worker", self.address, *options)
        _wait(self.folder / "scheduler.log", f"name: {name}", once + 1, self.workers[name])

    def kill(self, name: str) -> None:
        """End a worker at once."""
        victim = self.workers.pop(name)
        victim.kill()
        victim.wait()

    def programs(self, name: str) -> list[psutil.Process]:
        """Return the programs that a worker has at work."""
        return psutil.Process(self.workers[name].pid).children(recursive=True)

    def restart_scheduler(self) -> None:
        """Start the scheduler that has ended again, where it was; its workers have ended with it."""
        for worker in self.workers.values():
            worker.wait(PATIENCE_S)
        self.workers.clear()
        port = self.address.rpartition(":")[2]
        times = self.said("scheduler").count("Scheduler at:")
        self.scheduler = _scheduler(self.folder, self.settings, port)
        _wait(self.folder / "scheduler.log", "Scheduler at:", times + 1, self.scheduler)


@contextmanager
def dask_cluster(folder: Path, **settings: str) -> Generator[Cluster]:
    """Have a scheduler, without workers yet, while this block lasts."""
    scheduler = _scheduler(folder, settings, "0")
    made = Cluster(folder, settings, scheduler)
    try:
        _wait(folder / "scheduler.log", "Scheduler at:", 1, scheduler)
        yield made
    finally:
        for process in (*made.workers.values(), made.scheduler):
            process.kill()
            process.wait()


def memory(pid: int) -> Generator[bytes]:
    """Yield what a process has in its memory, region by region."""
    with Path(f"/proc/{pid}/mem").open("rb") as content:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if match := WRITABLE.match(line):
                start, end = (int(one, 16) for one in match.groups())
                content.seek(start)
                try:
                    yield content.read(end - start)
                except OSError:  # it was given back meanwhile
                    continue


def _scheduler(folder: Path, settings: Mapping[str, str], port: str) -> subprocess.Popen[bytes]:
    return _started(folder, "scheduler", settings, "scheduler", "--host=127.0.0.1", f"--port={port}")


def _started(folder: Path, name: str, own: Mapping[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-m", "dask", *arguments, "--no-dashboard", "--dashboard-address=127.0.0.1:0")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ELT_", "PG"))}
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command, env={**kept, **own}, stdout=log, stderr=log, cwd=folder)


def _wait(log: Path, words: str, times: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while log.read_text().count(words) < times:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
