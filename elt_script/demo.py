"""The main job on two throw-away servers: seed, run, change, and run again while somebody reads the copy."""

from __future__ import annotations

import io
import shlex
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from textwrap import indent
from typing import LiteralString
from urllib.parse import quote

from rich.console import Console
from rich.text import Text
from structlog.contextvars import bound_contextvars

from elt_script import playground
from elt_script.config.file import load
from elt_script.config.model import Config
from elt_script.display.events import LogFormat, configure
from elt_script.display.summary import status_text, summary
from elt_script.errors import EltError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import supervised
from elt_script.playground import Playground
from elt_script.reader import Question, Seen, reading, wait_for
from elt_script.report import RunReport
from elt_script.rollback import status
from elt_script.run import new_run_id
from elt_script.run import run as run_pipeline
from elt_script.tables import TableName
from elt_script.wording import counted, human_bytes, human_seconds
from source_db_init.seed import Order, seed

READS = 10  # before the second run, and after it
WIDTH = 78  # columns of a summary

MEASURED: tuple[LiteralString, ...] = (
    "create table public.campaign (id int primary key, title text not null, samples bigint not null)",
    "insert into public.campaign select 1, 'weights 1 to 3', count(*) from public.accelerometer",
    "create index on public.accelerometer (wconfid, pctid)",
)
BUILT: tuple[LiteralString, ...] = (
    "create schema reports",
    "grant usage on schema reports to analyst",
    """create view reports.shaking as
  select wconfid, pctid, count(*) as samples, stddev(z)
  from public.accelerometer group by wconfid, pctid""",
    "grant select on reports.shaking, public.campaign to analyst",
)
CHANGED: tuple[LiteralString, ...] = (
    """insert into public.accelerometer
  select 4, pctid, y, x, z from public.accelerometer where wconfid = 3""",
    """insert into public.campaign
  select 2, 'weight 4', count(*) from public.accelerometer where wconfid = 4""",
    """alter table public.accelerometer
  add g float8 generated always as (|/(x^2 + y^2 + z^2)) stored""",
)
QUESTION = Question(
    told="select max(id), sum(samples)::bigint from public.campaign",
    counted="select sum(samples)::bigint from reports.shaking",
)


@dataclass(slots=True)
class Teller:
    """Tells the story on stdout, one numbered step after the other; the runs' own display is on stderr."""

    console: Console
    step: int = 0

    def title(self, text: str) -> None:
        """Begin the next step."""
        self.step += 1
        self._print(f"\n{self.step}. {text}", "bold")

    def fact(self, text: str, style: str = "") -> None:
        """Say something about this step."""
        self._print(indent(text, "  "), style)

    def quote(self, text: str) -> None:
        """Show what people write."""
        self.fact(text, "cyan")

    def end(self, text: str) -> None:
        """Say the last words."""
        self._print(f"\n{text}")

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style), soft_wrap=True)


def demo(*, keep: bool, log_format: LogFormat) -> None:
    """Tell the whole story: about ten seconds.

    keep  leave the servers running, and say how to reach and how to stop them

    Raises EltError where the reader of the copy noticed the copying, or anything else failed; then nothing
    is left.
    """
    started = time.monotonic()
    teller = Teller(Console(highlight=False))
    with ExitStack() as stack, _ended_by_hangup():
        ground = _start(stack, teller)
        _seed(ground, teller)
        config = _configured(ground, teller)
        teller.fact(_in_short(_run("elt run", config, teller, log_format)))
        _build(ground, teller)
        with reading(ground.warehouse("analyst"), QUESTION) as seen:
            wait_for(seen, 1, READS)
            _change(ground, teller)
            report = _run("elt run, while the analyst goes on reading", config, teller, log_format)
            wait_for(seen, 2, READS)
            teller.fact(summary(report, WIDTH).rstrip())
        _judge(seen, teller)
        teller.title("elt status")
        with supervised():
            teller.fact(status_text(status(config, 2)).rstrip())
        seconds = human_seconds(time.monotonic() - started)
        if keep:
            stack.pop_all()
            teller.end(_kept(ground, seconds))
            return
    teller.end(
        f"All this took {seconds}. The servers are stopped, and their files are gone.\n"
        f"To go on from here yourself: {_program()} demo --keep"
    )


@contextmanager
def _ended_by_hangup() -> Generator[None]:
    """Let a terminal that is closed end the demo as Ctrl-C would, while this block lasts."""
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_DFL:  # nohup ignores it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _start(stack: ExitStack, teller: Teller) -> Playground:
    teller.title("Two throw-away Postgres servers")
    ground = playground.make(stack)
    source, destination = ground.source, ground.destination
    teller.fact(f"source       Postgres {source.major}, port {source.port}, database lab")
    teller.fact(f"destination  Postgres {destination.major}, port {destination.port}, database warehouse")
    return ground


def _seed(ground: Playground, teller: Teller) -> None:
    """Fill the source by the seeding step's own function."""
    teller.title("elt-seed --offline: a CSV becomes a table of the source")
    lab = ground.lab("lab")
    with supervised(), configure(stream=io.StringIO()):
        seeded = seed(Order(lab, TableName("public", "accelerometer"), offline=True), Console(stderr=True))
    teller.fact(f"{seeded}")
    teller.fact("made up, in the shape of UCI's accelerometer data: the demo asks no network")
    _execute(lab, MEASURED)


def _configured(ground: Playground, teller: Teller) -> Config:
    teller.title("config.yaml: all that elt is told")
    teller.quote(ground.config.read_text(encoding="utf-8").rstrip())
    return load(ground.config, {})


def _run(title: str, config: Config, teller: Teller, log_format: LogFormat) -> RunReport:
    """Do what `elt run` does."""
    teller.title(title)
    told = log_format != "auto" or sys.stderr.isatty()  # a line an event is no story
    run_id = new_run_id()
    with (
        configure(log_format, None if told else io.StringIO()),
        bound_contextvars(run_id=run_id, pipeline=config.pipeline),
    ):
        return run_pipeline(config, run_id)


def _in_short(report: RunReport) -> str:
    rows = counted(sum(table.rows for table in report.tables), "row")
    size = human_bytes(sum(table.bytes for table in report.tables))
    return (
        f"generation {report.generation} is live: {counted(len(report.tables), 'table')}, {rows}, {size}"
        f" in {human_seconds(report.seconds)}"
    )


def _build(ground: Playground, teller: Teller) -> None:
    """Build something on the copy, as people do."""
    teller.title("Somebody builds a view on the copy, and an analyst reads both in a loop")
    _execute(ground.warehouse("elt"), BUILT)
    teller.quote(";\n".join(BUILT[-2:]))


def _change(ground: Playground, teller: Teller) -> None:
    teller.title("The source changes: more rows, and one more column")
    _execute(ground.lab("lab"), CHANGED)
    teller.quote(";\n".join(CHANGED))


def _execute(endpoint: Endpoint, statements: Iterable[LiteralString]) -> None:
    with endpoint.connect() as conn:  # one transaction
        for statement in statements:
            conn.execute(statement)


def _judge(seen: Seen, teller: Teller) -> None:
    """Tell what the reader saw, and want it to be what we promise."""
    teller.title("What the analyst saw")
    for version, reads in sorted(seen.reads.items()):
        teller.fact(f"generation {version}: {counted(reads, 'read')} of all {seen.rows[version]:,} rows")
    if seen.seconds:
        usual, longest = 1000 * statistics.median(seen.seconds), 1000 * max(seen.seconds)
        teller.fact(f"a read took {usual:.0f} ms as a rule, the longest one {longest:.0f} ms")
    good = seen.undisturbed and {1, 2} <= seen.reads.keys()
    sums = f"{len(seen.errors)} errors, {seen.empty} empty, {seen.mixed} of mixed generations"
    teller.fact(sums, "green" if good else "red")
    if not good:
        raise EltError(
            "the reader of the copy noticed the copying",
            detail="\n".join(seen.errors[:3]),
            hint="This must never happen: please report it.",
        )


def _kept(ground: Playground, seconds: str) -> str:
    """Return how to go on with servers that are left running."""
    psql = "psql" if shutil.which("psql") else str(ground.destination.bin / "psql")
    places = [
        f"postgresql://{user}@{server.host}:{server.port}/{dbname}?passfile={quote(str(ground.passfile))}"
        for server, dbname, user in (
            (ground.source, "lab", "lab"),
            (ground.destination, "warehouse", "analyst"),
        )
    ]
    program = _program()
    return "\n".join(
        (
            f"All this took {seconds}. The servers are left running; go on from here yourself:",
            "",
            *(f"  {shlex.quote(psql)} '{place}'" for place in places),
            f"  {program} --config {shlex.quote(str(ground.config))} run  # or plan, status, rollback",
            f"  {program} demo --stop  # stops the servers, and removes all of it",
        )
    )


def _program() -> str:
    """Return the command that started us, to be copied."""
    started = sys.argv[0]
    if not started.endswith("/elt"):
        return f"{shlex.quote(sys.executable)} -m elt_script"
    return "elt" if shutil.which("elt") == started else shlex.quote(started)
