"""Run the contenders, round by round, and write down what each run took."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import results, verify
from benchmarks.contenders import Contender, Task
from benchmarks.datasets import DataSet, NotMadeError, fill
from benchmarks.installs import Installed, NotInstalledError, said
from benchmarks.measure import ContenderError, Job, Measured, do, measure
from benchmarks.processes import busy_seconds
from benchmarks.results import Results, Run, Session
from benchmarks.servers import Database, Servers, environment, tables

QUIET = 0.1  # of all cores' time, at most this may be busy for the machine to count as quiet
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a session is to do.

    settle_s  how long to wait, before each run, for the machine to be quiet
    say       where progress is told
    """

    data_sets: Sequence[tuple[DataSet, Sequence[Contender]]]
    rounds: int
    scale: float
    jobs: int
    timeout_s: float
    settle_s: float
    file: Path
    work: Path
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A data set in its source, and what is to be found in each copy."""

    data: DataSet
    database: Database
    picture: verify.Picture
    tables: Sequence[str]
    size: int


def carry_out(order: Order, servers: Servers) -> None:
    """Do what is not done yet: each line of the results is there as soon as its run has ended."""
    wanted = {contender.name: contender for _, contenders in order.data_sets for contender in contenders}
    installed, reasons = _installed(list(wanted.values()), servers, order.say)
    results.append(order.file, _session(wanted, installed, servers))
    for data, contenders in order.data_sets:
        for contender in contenders:
            if contender.name in reasons:
                absent = Run(
                    data.name, order.scale, contender.name, 0, "not installed", reasons[contender.name]
                )
                results.append(order.file, absent)
        present = [contender for contender in contenders if contender.name in installed]
        _data_set(order, servers, data, present, installed)


def _installed(
    contenders: Sequence[Contender], servers: Servers, say: Callable[[str], None]
) -> tuple[dict[str, Installed], dict[str, str]]:
    """Return those contenders that are there, and why the others are not."""
    found: dict[str, Installed] = {}
    reasons: dict[str, str] = {}
    for contender in contenders:
        started = time.monotonic()
        try:
            found[contender.name] = contender.install(servers.bin)
            what = found[contender.name].version
        except NotInstalledError as error:
            reasons[contender.name] = what = str(error)
        say(f"{contender.name}: {what} ({time.monotonic() - started:.1f} s)")
    return found, reasons


def _data_set(
    order: Order,
    servers: Servers,
    data: DataSet,
    contenders: Sequence[Contender],
    installed: dict[str, Installed],
) -> None:
    def todo(contender: Contender, number: int) -> bool:
        return not results.read(order.file).done(data.name, order.scale, contender.name, number)

    if not any(todo(contender, number) for contender in contenders for number in range(1, order.rounds + 1)):
        order.say(f"{data.name}: all done before")
        return
    try:
        with _made(order, servers, data) as made:
            for number in range(1, order.rounds + 1):
                turn = (number - 1) % max(1, len(contenders))  # so that none always comes after the same
                for contender in (*contenders[turn:], *contenders[:turn]):
                    if todo(contender, number):
                        run = _run(order, servers, made, contender, installed[contender.name], number)
                        results.append(order.file, run)
                        order.say(_told(run, results.read(order.file)))
    except NotMadeError as error:
        order.say(f"{data.name}: left out: {error}")
        for contender in contenders:
            absent = Run(data.name, order.scale, contender.name, 0, "not installed", f"no data: {error}")
            results.append(order.file, absent)


@contextmanager
def _made(order: Order, servers: Servers, data: DataSet) -> Generator[Made]:
    """Hold a data set in a source database for as long as this block lasts."""
    started = time.monotonic()
    database = Database(servers.source, f"source_{data.name}")
    database.make()
    try:
        fill(database, data, order.scale)
        picture = verify.look(
            database
        )  # which also reads all of it into memory, for the first as for the last
        with database.connect() as conn:
            names = tables(conn)
        made = Made(data, database, picture, names, database.size())
        order.say(
            f"{data.name}: {len(names):,} tables, {picture.rows:,} rows, {made.size / 1e6:,.0f} MB,"
            f" made in {time.monotonic() - started:.0f} s"
        )
        yield made
    finally:
        database.drop()


def _run(
    order: Order, servers: Servers, made: Made, contender: Contender, installed: Installed, number: int
) -> Run:
    """Let a contender copy into a fresh database, and look at what it made."""
    run = Run(made.data.name, order.scale, contender.name, number, "ok", version=installed.version)
    run = replace(run, tables=len(made.tables), rows=made.picture.rows, source_size=made.size)
    destination = Database(servers.destination, "copy")
    destination.make()
    try:
        try:
            taken = _measured(order, servers, made, contender, installed, destination)
        except ContenderError as error:
            made.database.end_sessions()
            password = servers.source.password
            log = order.file.with_name(f"{made.data.name}-{contender.name}-{number}.log")
            log.write_text(error.log.replace(password, "***"), "utf-8")
            note = str(error).replace(password, "***")
            return replace(run, status="timeout" if error.timeout else "failed", note=note)
        size = destination.size()
        verdict = verify.compare(made.picture, verify.look(destination, made.picture))
    finally:
        destination.drop()
    measured, wal = taken
    return replace(
        run,
        **{name: getattr(measured, name) for name in Measured.__slots__ if name != "stdout"},
        cores=os.cpu_count() or 1,
        wal=wal,
        destination_size=size,
        same_content=verdict.same_content,
        left_out=verdict.left_out,
        added=verdict.added,
        steps=_steps(measured.stdout) if contender.earlier else {},
    )


def _measured(
    order: Order,
    servers: Servers,
    made: Made,
    contender: Contender,
    installed: Installed,
    destination: Database,
) -> tuple[Measured, int]:
    """Return what a run took, and the WAL that the destination wrote meanwhile."""

    def job() -> Job:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        env = environment(servers.bin, scratch, servers.source.password)
        task = Task(made.database, destination, made.tables, servers.bin, scratch, env, order.jobs)
        return contender.job(installed, task)

    folder = order.work / f"run-{secrets.token_hex(4)}"
    scratch = folder / "scratch"
    try:
        if contender.earlier:
            do(job(), servers, scratch, folder, order.timeout_s)
        started = job()
        made.database.checkpoint()
        destination.checkpoint()
        _settle(order.settle_s)
        written = destination.written()
        measured = measure(started, servers, scratch, folder, order.timeout_s)
        return measured, destination.written() - written
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def _told(run: Run, so_far: Results) -> str:
    """Return a line of progress."""
    place = f"{run.label}, round {run.round}, {run.contender}"
    if run.status != "ok":
        return f"{place}: {run.status}: {run.note}"
    script = next(
        (
            other.wall
            for other in so_far.runs
            if other.status == "ok"
            and (other.label, other.round, other.contender) == (run.label, run.round, "script")
        ),
        0.0,
    )
    ratio = (
        f", {script / run.wall:.2f} times the script's speed" if script and run.contender != "script" else ""
    )
    left_out = f"; leaves out {', '.join(run.left_out)}" if run.left_out else ""
    return f"{place}: {run.wall:.2f} s{ratio}{left_out}"


def _session(wanted: dict[str, Contender], installed: dict[str, Installed], servers: Servers) -> Session:
    processor = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = {"elt": version("elt-script"), "commit": _commit(), "Python": platform.python_version()}
    return Session(
        at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine={
            "processor": f"{len(processor)} x {processor[0] if processor else platform.machine()}",
            "memory": f"{memory / 2**30:.1f} GiB",
            "kernel": platform.release(),
        },
        versions=versions | {name: one.version for name, one in installed.items()},
        settings=servers.settings(),
        contenders={name: contender.says for name, contender in wanted.items()},
    )


def _commit() -> str:
    try:
        return said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")
    except NotInstalledError:
        return "unknown"
