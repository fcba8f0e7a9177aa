"""The command: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from benchmarks import results
from benchmarks.attempt import Terms
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.datasets import ALL, DATA_SETS, GROWTH, DataSet
from benchmarks.report import report
from benchmarks.rounds import Order, carry_out
from benchmarks.servers import programs, running
from elt_script.errors import EltError

LISTED, NONE = "all", "none"


def _chosen(_: click.Context, option: click.Parameter, value: str) -> list[str]:
    """Return the names of a comma-separated list, each of which must be known."""
    known = [each.name for each in (CONTENDERS if option.name == "contenders" else ALL.values())]
    names = [name.strip() for name in value.split(",") if name.strip()]
    if unknown := sorted(set(names) - {*known, LISTED, NONE}):
        raise click.BadParameter(f"no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return names


@click.command(context_settings={"max_content_width": 110, "show_default": True})
@click.option(
    "--datasets",
    default=LISTED,
    callback=_chosen,
    help="Which, by name, with commas; or none, for --growth alone.",
)
@click.option("--contenders", default=LISTED, callback=_chosen, help="Which, by name, with commas.")
@click.option("--rounds", default=3, type=click.IntRange(1), help="How often each copies each data set.")
@click.option("--scale", default=1.0, type=click.FloatRange(0, min_open=True), help="Part of each data set.")
@click.option("--growth", is_flag=True, help="Also measure how time grows with rows and with tables.")
@click.option(
    "--jobs", default=os.cpu_count() or 1, type=click.IntRange(1), help="For contenders that take it."
)
@click.option("--timeout", default=1800.0, help="Seconds after which a run is ended, and said to be.")
@click.option("--settle", default=60.0, help="Seconds to wait before each run for a quiet machine.")
@click.option(
    "--results",
    "folder",
    default=Path("build/benchmark"),
    type=click.Path(path_type=Path),
    help="Folder of the report, and of the runs it is made from: what is there is not run again.",
)
@click.option("--report-only", is_flag=True, help="Write the report from what is there, and run nothing.")
@click.option(
    "--bin-dir", type=click.Path(path_type=Path), help="The Postgres to measure; by default the newest."
)
@click.option(
    "--work",
    default=Path("/var/tmp"),  # noqa: S108  (a folder with a name of our own is made in it)
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the servers' files go: about three times a data set's size.",
)
@click.option(
    "--list", "only_list", is_flag=True, help="Show the data sets and the contenders, and run nothing."
)
def cli(
    datasets: list[str],
    contenders: list[str],
    rounds: int,
    scale: float,
    growth: bool,
    jobs: int,
    timeout: float,
    settle: float,
    folder: Path,
    report_only: bool,
    bin_dir: Path | None,
    work: Path,
    only_list: bool,
) -> None:
    """Copy the same data by elt and by others, check each copy, and write one report.

    Example: python -m benchmarks --datasets accel100,tpch --contenders elt,script --rounds 3
    """
    if only_list:
        _show()
        return
    if not report_only:
        with ExitStack() as stack:
            own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="elt-benchmarks-", dir=work)))
            own.chmod(0o755)  # where we are root, the servers run as somebody else
            servers = stack.enter_context(running(own, programs(bin_dir)))
            order = Order(
                _wanted(datasets, contenders, growth=growth),
                rounds,
                Terms(scale, jobs, timeout, settle, own, folder),
                folder / "runs.jsonl",
                lambda line: click.echo(line, err=True),
            )
            carry_out(order, servers)
    for path in report(results.read(folder / "runs.jsonl"), folder):
        click.echo(path)


def _wanted(
    datasets: list[str], contenders: list[str], *, growth: bool
) -> list[tuple[DataSet, Sequence[Contender]]]:
    """Return which contenders copy which data sets, each data set once."""
    chosen = [each for each in CONTENDERS if LISTED in contenders or each.name in contenders]
    named = {*datasets, *(each.name for each in DATA_SETS if LISTED in datasets)}
    sets = [each for name, each in ALL.items() if name in named]
    more = [each for each in GROWTH if growth and each not in sets]
    growing = [each for each in chosen if each.growing or LISTED not in contenders]
    return [*((data, chosen) for data in sets), *((data, growing) for data in more)]


def _show() -> None:
    def lines(rows: Iterable[tuple[str, str]]) -> None:
        for name, says in rows:
            click.echo(f"  {name:24}{says}")

    click.echo("Data sets:")
    lines((data.name, data.says) for data in DATA_SETS)
    click.echo("Beyond these, with --growth:")
    lines((data.name, data.says) for data in GROWTH if data not in DATA_SETS)
    click.echo("Contenders:")
    lines((contender.name, contender.says) for contender in CONTENDERS)


def main() -> NoReturn:
    """Be the command: SIGTERM and a terminal's end stop it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        cli.main(standalone_mode=False)
    except EltError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was measured is kept, and is not measured again", err=True)
        sys.exit(130)
    sys.exit(0)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
