"""The faults: what is done to a run, to its programs, to the servers, to the network, to the disks."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import psycopg

from elt_script.pg.endpoint import Endpoint
from tests.commands import ELT, INHERITED
from tests.faults.verdict import processes_of
from tests.faults.world import Server, World
from tests.proxy import Proxy

OURS = "from pg_stat_activity where application_name like 'elt/%' order by random() limit 1"


@dataclass(slots=True)
class Trial:
    """A run that is at work, and what a fault may need to know of it."""

    world: World
    chance: random.Random
    process: subprocess.Popen[bytes]
    mark: str
    others: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def beside(self, do: Callable[[], object]) -> None:
        """Do something while the run goes on; it may fail."""

        def suppressed() -> None:
            with contextlib.suppress(psycopg.Error):
                do()

        self.others.append(threading.Thread(target=suppressed, daemon=True))
        self.others[-1].start()

    def side(self) -> tuple[Server, Proxy, Endpoint]:
        """Return one of both sides."""
        world = self.world
        return self.chance.choice(
            [
                (world.source_server, world.source_way, world.source),
                (world.destination_server, world.destination_way, world.destination),
            ]
        )


REDEFINED = (
    "create or replace view passing as select id from small",
    "create or replace function passing(n int) returns int language sql as 'select $1'",
    "create sequence if not exists passing_numbers",
    "drop sequence passing_numbers",
    "drop function passing(int)",
    "drop view passing",
)
ROWS_BYTES = 1_000_000  # no session but one that moves rows passes so much
Inject = Callable[[Trial], None]


def signalled(sign: signal.Signals, trial: Trial) -> None:
    """Send the runner a signal."""
    trial.process.send_signal(sign)


def suspended(trial: Trial) -> None:
    """Stop the runner for a while."""
    trial.process.send_signal(signal.SIGSTOP)
    time.sleep(trial.chance.uniform(0.2, 9))
    trial.process.send_signal(signal.SIGCONT)


def child_signalled(sign: signal.Signals, trial: Trial) -> None:
    """Send one of the runner's programs a signal; stopped, it stays so."""
    deadline = time.monotonic() + 2
    while trial.process.poll() is None and time.monotonic() < deadline:
        children = [one for one in processes_of(trial.mark) if one.pid != trial.process.pid]
        if children:
            with contextlib.suppress(psutil.Error):
                trial.chance.choice(children).send_signal(sign)
            return
        time.sleep(0.01)


def crashed(which: str, sign: signal.Signals, trial: Trial) -> None:
    """End a server, and start it again a little later."""
    server: Server = getattr(trial.world, f"{which}_server")
    server.stop(sign=sign)
    time.sleep(trial.chance.uniform(0, 2))
    server.resume()


def backend_killed(trial: Trial) -> None:
    """Kill one server process of ours, which makes its server end all of them."""
    _, _, endpoint = trial.side()
    with contextlib.suppress(psycopg.Error, ProcessLookupError), endpoint.connect(autocommit=True) as conn:
        row = conn.execute(f"select pid {OURS}".encode()).fetchone()
        if row:
            os.kill(int(row[0]), signal.SIGKILL)


def backend(function: str, trial: Trial) -> None:
    """End a session of ours, or cancel what it does."""
    _, _, endpoint = trial.side()
    with contextlib.suppress(psycopg.Error), endpoint.connect(autocommit=True) as conn:
        conn.execute(f"select {function}(pid) {OURS}".encode())


def network(what: str, trial: Trial) -> None:
    """Let one side's network fail: for good, as far as this run is concerned, or for a while."""
    _, way, _ = trial.side()
    if what == "flip":
        way.after(ROWS_BYTES, way.flip)  # what is smaller may be a catalog's, of which nobody keeps anything
    elif what == "delay":
        way.delay(trial.chance.uniform(0.001, 0.05))
    elif what == "throttle":
        way.throttle(trial.chance.randint(1_000_000, 20_000_000))
    else:
        getattr(way, what)()
        if what in ("stall", "blackhole") and trial.chance.random() < 0.5:
            time.sleep(trial.chance.uniform(0.2, 12))
            way.heal()


def disk_full(trial: Trial) -> None:
    """Leave the destination's disk next to no room."""
    if trial.world.disk is not None:
        room = os.statvfs(trial.world.disk)
        left = trial.chance.randint(0, 6_000_000)
        size = max(0, room.f_bavail * room.f_frsize - left)
        with contextlib.suppress(OSError):
            (trial.world.disk / "filler").write_bytes(bytes(size))


def altered(trial: Trial) -> None:
    """Alter a table of the source."""
    patience = trial.chance.choice(["500ms", "3s", "0"])

    def alter() -> None:
        endpoint = trial.world.source.with_settings(search_path="public", lock_timeout=patience)
        with endpoint.connect(autocommit=True) as conn:
            conn.execute("alter table heavy add column more int")
            conn.execute("alter table heavy drop column more")
            with conn.transaction():  # emptied for good, the audit would rightly refuse it
                conn.execute("truncate heavy")
                conn.execute("insert into heavy values (0)")

    trial.beside(alter)


def redefined(trial: Trial) -> None:
    """Create and drop, again and again, what no lock of a run's holds at the source."""
    until = time.monotonic() + trial.chance.uniform(1, 4)

    def redefine() -> None:
        endpoint = trial.world.source.with_settings(search_path="public")
        with endpoint.connect(autocommit=True) as conn:
            while time.monotonic() < until:
                for statement in REDEFINED:
                    conn.execute(statement.encode())
                    time.sleep(0.05)

    trial.beside(redefine)


def held(trial: Trial) -> None:
    """Read a published table at the destination, and keep the lock."""
    seconds = trial.chance.uniform(1, 20)

    def hold() -> None:
        with trial.world.destination.connect() as conn:
            conn.execute("select count(*) from public.large")
            time.sleep(seconds)

    trial.beside(hold)


def nothing(trial: Trial) -> None:
    """Do nothing: a run is to succeed."""
    del trial


FAULTS: dict[str, Inject] = {
    "none": nothing,
    "runner SIGKILL": partial(signalled, signal.SIGKILL),
    "runner SIGTERM": partial(signalled, signal.SIGTERM),
    "runner SIGINT": partial(signalled, signal.SIGINT),
    "runner SIGSTOP, SIGCONT": suspended,
    "child SIGKILL": partial(child_signalled, signal.SIGKILL),
    "child SIGTERM": partial(child_signalled, signal.SIGTERM),
    "child SIGINT": partial(child_signalled, signal.SIGINT),
    "child SIGSTOP": partial(child_signalled, signal.SIGSTOP),
    "source crashes": partial(crashed, "source", signal.SIGQUIT),
    "source restarts": partial(crashed, "source", signal.SIGINT),
    "destination crashes": partial(crashed, "destination", signal.SIGQUIT),
    "destination restarts": partial(crashed, "destination", signal.SIGINT),
    "server process SIGKILL": backend_killed,
    "session terminated": partial(backend, "pg_terminate_backend"),
    "statement cancelled": partial(backend, "pg_cancel_backend"),
    "network reset": partial(network, "reset"),
    "network closed": partial(network, "close"),
    "network stalled": partial(network, "stall"),
    "network blackholed": partial(network, "blackhole"),
    "network delayed": partial(network, "delay"),
    "network throttled": partial(network, "throttle"),
    "byte flipped": partial(network, "flip"),
    "destination's disk full": disk_full,
    "runner's temporary directory full": nothing,  # from its start; see trials.py
    "two runs at once": nothing,
    "source altered": altered,
    "source redefined": redefined,
    "long reader": held,
}
NEEDS_A_DISK = ("destination's disk full", "runner's temporary directory full")


def heal(world: World) -> None:
    """Undo what faults have done and do not undo themselves."""
    for way in (world.source_way, world.destination_way):
        way.heal()
    if world.disk is not None:
        (world.disk / "filler").unlink(missing_ok=True)


def start(world: World, mark: str, said: Path, *, full: bool = False) -> subprocess.Popen[bytes]:
    """Start `elt run`; what it says goes to a file. Its temporary directory may be full."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    temporary = {"TMPDIR": "/dev/full"} if full else {}
    argv = (ELT, "--config", str(world.config), "--log-format", "console", "run")
    with said.open("wb") as file:
        return subprocess.Popen(
            argv,
            env={**kept, **temporary, "ELT_FAULTS": mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
