"""Run the contenders, round by round, and write down what each run took."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import results, verify
from benchmarks.attempt import Made, Terms, attempt
from benchmarks.contenders import Contender
from benchmarks.datasets import DataSet, NotMadeError, fill
from benchmarks.installs import Installed, NotInstalledError, said
from benchmarks.results import Results, Run, Session
from benchmarks.servers import Database, Servers, tables


@dataclass(frozen=True, slots=True)
class Order:
    """What a session is to do; file is where results go, say is where progress is told."""

    data_sets: Sequence[tuple[DataSet, Sequence[Contender]]]
    rounds: int
    terms: Terms
    file: Path
    say: Callable[[str], None]


def carry_out(order: Order, servers: Servers) -> None:
    """Do what is not done yet: each line of the results is there as soon as its run has ended."""
    wanted = {contender.name: contender for _, contenders in order.data_sets for contender in contenders}
    installed, reasons = _installed(list(wanted.values()), servers, order.say)
    results.append(order.file, _session(wanted, servers))
    for data, contenders in order.data_sets:
        for contender in contenders:
            if contender.name in reasons:
                _absent(order, data, contender, reasons[contender.name])
        present = [contender for contender in contenders if contender.name in installed]
        _data_set(order, servers, data, present, installed)


def _absent(order: Order, data: DataSet, contender: Contender, why: str) -> None:
    absent = Run(data.name, order.terms.scale, contender.name, 0, "not installed", why)
    results.append(order.file, absent)


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
        return not results.read(order.file).done(data.name, order.terms.scale, contender.name, number)

    if not any(todo(contender, number) for contender in contenders for number in range(1, order.rounds + 1)):
        order.say(f"{data.name}: all done before")
        return
    try:
        with _made(order, servers, data) as made:
            failed: set[str] = set()
            for number in range(1, order.rounds + 1):
                turn = (number - 1) % max(1, len(contenders))  # so that none always comes after the same
                for contender in (*contenders[turn:], *contenders[:turn]):
                    if todo(contender, number) and contender.name not in failed:
                        run = attempt(
                            order.terms, servers, made, contender, installed[contender.name], number
                        )
                        results.append(order.file, run)
                        order.say(_told(run, results.read(order.file)))
                        failed |= {contender.name} if run.status == "failed" else set()
    except NotMadeError as error:
        order.say(f"{data.name}: left out: {error}")
        for contender in contenders:
            _absent(order, data, contender, f"no data: {error}")


@contextmanager
def _made(order: Order, servers: Servers, data: DataSet) -> Generator[Made]:
    """Hold a data set in a source database for as long as this block lasts."""
    started = time.monotonic()
    database = Database(servers.source, f"source_{data.name}")
    database.make()
    try:
        fill(database, data, order.terms.scale)
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
        servers.drop_copies()


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
        f", {script / run.wall:.2f} times as fast as the script"
        if script and run.contender != "script"
        else ""
    )
    left_out = f"; leaves out {', '.join(run.left_out)}" if run.left_out else ""
    return f"{place}: {run.wall:.2f} s{ratio}{left_out}"


def _session(wanted: dict[str, Contender], servers: Servers) -> Session:
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
        versions=versions,
        settings=servers.settings(),
        contenders={name: contender.says for name, contender in wanted.items()},
    )


def _commit() -> str:
    try:
        return said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")
    except NotInstalledError:
        return "unknown"
