"""Let one contender copy one data set once, and look at what it made."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks import verify
from benchmarks.contenders import Contender, Task
from benchmarks.datasets import DataSet
from benchmarks.installs import Installed
from benchmarks.measure import ContenderError, Job, Measured, do, measure
from benchmarks.processes import busy_seconds
from benchmarks.results import Run
from benchmarks.servers import COPY, Database, Servers, environment

QUIET = 0.1  # of all cores' time, at most this may be busy for the machine to count as quiet
LOOK_S = 1.0
READ_EVERY_S = 0.005
# Smaller copies stay until the data set is done: a file system may be slow to make thousands of files where
# as many were deleted a moment ago (ext4 without a journal), and whoever comes next would pay for it.
DROPPED_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all attempts.

    jobs      how much is done at once, where a contender can be told
    settle_s  how long to wait, before each run, for the machine to be quiet
    work      the folder for what contenders write
    logs      the folder for what failed contenders said
    """

    scale: float
    jobs: int
    timeout_s: float
    settle_s: float
    work: Path
    logs: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A data set in its source, and what is to be found in each copy."""

    data: DataSet
    database: Database
    picture: verify.Picture
    tables: Sequence[str]
    size: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One contender on its way from one data set to one fresh database; folder is its own."""

    terms: Terms
    servers: Servers
    made: Made
    contender: Contender
    installed: Installed
    destination: Database
    folder: Path

    @property
    def scratch(self) -> Path:
        """Where the contender may write."""
        return self.folder / "scratch"

    def job(self) -> Job:
        """Return what is to be started, with nothing left from before."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        folder, made = self.servers.bin, self.made
        env = environment(folder, self.scratch, self.servers.source.password)
        task = Task(made.database, self.destination, made.tables, folder, self.scratch, env, self.terms.jobs)
        return self.contender.job(self.installed, task)

    def copy(self) -> None:
        """Copy once, unmeasured."""
        do(self.job(), self.servers, self.scratch, self.folder, self.terms.timeout_s)

    def measured(self) -> tuple[Measured, int]:
        """Copy once; return what it took, and the WAL that the destination wrote meanwhile."""
        job = self.job()
        self.made.database.checkpoint()
        self.destination.checkpoint()
        _settle(self.terms.settle_s)
        written = self.destination.written()
        taken = measure(job, self.servers, self.scratch, self.folder, self.terms.timeout_s)
        return taken, self.destination.written() - written


def attempt(
    terms: Terms, servers: Servers, made: Made, contender: Contender, installed: Installed, number: int
) -> Run:
    """Let a contender copy into a fresh database, and return what that took and what it made."""
    run = Run(made.data.name, terms.scale, contender.name, number, "ok", version=installed.version)
    run = replace(run, tables=len(made.tables), rows=made.picture.rows, source_size=made.size)
    destination = Database(servers.destination, f"{COPY}{secrets.token_hex(4)}")
    folder = terms.work / f"run-{secrets.token_hex(4)}"
    one = Attempt(terms, servers, made, contender, installed, destination, folder)
    destination.make()
    try:
        return _judged(one, run)
    except ContenderError as error:
        made.database.end_sessions()
        log = terms.logs / f"{made.data.name}-{contender.name}-{number}.log"
        log.write_text(error.log.replace(servers.source.password, "***"), "utf-8")
        note = str(error).replace(servers.source.password, "***")
        return replace(run, status="timeout" if error.timeout else "failed", note=note)
    finally:
        if made.size > DROPPED_BYTES:
            destination.drop()
        shutil.rmtree(folder, ignore_errors=True)


def _judged(one: Attempt, run: Run) -> Run:
    if one.contender.earlier:
        one.copy()
    measured, wal = one.measured()
    size = one.destination.size()
    verdict = verify.compare(one.made.picture, verify.look(one.destination, one.made.picture))
    run = replace(
        run,
        **{name: getattr(measured, name) for name in Measured.__slots__ if name != "stdout"},
        cores=os.cpu_count() or 1,
        wal=wal,
        destination_size=size,
        same_content=verdict.same_content,
        left_out=verdict.left_out,
        added=verdict.added,
    )
    if not one.contender.earlier:
        return run
    run = replace(run, steps=_steps(measured.stdout))
    if run.round > 1:
        return run
    with _reading(one.destination, one.made.tables[-1]) as waits:
        one.copy()
    return replace(run, reader_wait=max(waits))


@contextmanager
def _reading(database: Database, table: str) -> Generator[list[float]]:
    """Read a table again and again while this block lasts; give the seconds that each read took.

    One table is enough to meet the locks of a publish, which takes all of them at once.
    """
    waits, errors, done = [0.0], list[psycopg.Error](), threading.Event()
    statement = sql.SQL("select from {} limit 1").format(sql.Identifier("public", table))

    def read() -> None:
        try:
            with database.connect() as conn:
                while not done.wait(READ_EVERY_S):
                    started = time.monotonic()
                    conn.execute(statement)
                    waits.append(time.monotonic() - started)
        except psycopg.Error as error:
            errors.append(error)

    thread = threading.Thread(target=read, name="reader")
    thread.start()
    try:
        yield waits
    finally:
        done.set()
        thread.join()
    for error in errors:
        raise ContenderError(f"a reader of the copy was disturbed: {error}")


def _settle(patience_s: float) -> None:
    """Wait until the machine is quiet, or until patience ends."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        busy = busy_seconds()
        time.sleep(LOOK_S)
        if busy_seconds() - busy < QUIET * LOOK_S * (os.cpu_count() or 1):
            return


def _steps(stdout: str) -> dict[str, float]:
    """Return the seconds of each step of `elt run --json`."""
    try:
        report = json.loads(stdout)
    except ValueError:
        return {}
    return {one["step"]: round(one["seconds"], 3) for one in report.get("steps", [])}
