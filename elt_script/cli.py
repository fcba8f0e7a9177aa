"""Commands: parse, call one function, print. main() alone turns an error into text and an exit status."""

from __future__ import annotations

import gc
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from elt_script.display.ending import Ending
from elt_script.display.output import columns, want_printed
from elt_script.errors import EltError, InterruptedRunError, defect
from elt_script.secret import leave_no_core
from elt_script.wording import counted

if TYPE_CHECKING:
    from elt_script.config.model import Config
    from elt_script.display.events import LogFormat

LOG_FORMATS = ("auto", "console", "json")
SELDOM = 100_000  # objects between two looks for cycles: few of ours are, and looking took a tenth of a start


class Settings:
    """What the options before the command say."""

    def __init__(self, config: Path | None, log_format: LogFormat, bin_dir: Path | None) -> None:
        self.path = config
        self.log_format: LogFormat = log_format
        self.bin_dir = bin_dir

    def load(self) -> Config:
        """Read the configuration."""
        from elt_script.config.file import load

        config = load(self.path, os.environ)
        return config.model_copy(update={"bin_dir": self.bin_dir}) if self.bin_dir else config


def _example(*lines: str) -> str:
    r"""Return the end of a help text: lines to be copied. Click leaves a paragraph after \b as it is."""
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_example(
        "export ELT_SOURCE_URL=postgresql://reader@shop/shop",
        "export ELT_DESTINATION_URL=postgresql://elt@warehouse/warehouse",
        "elt plan",
        "elt run",
    ),
)
@click.version_option(package_name="elt-script", prog_name="elt")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="ELT_CONFIG",
    show_envvar=True,
    help="The configuration; by default config.yaml here, else the environment alone.",
)
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    default="auto",
    envvar="ELT_LOG_FORMAT",
    show_envvar=True,
    help="How progress is told: a live display on a terminal (auto), or a line an event.",
)
@click.option(
    "--bin-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="ELT_BIN_DIR",
    show_envvar=True,
    help="The folder of psql, pg_dump and the others; by default the best that is found.",
)
@click.pass_context
def cli(context: click.Context, config: Path | None, log_format: LogFormat, bin_dir: Path | None) -> None:
    """Copy a Postgres database into another one, so that its readers never notice."""
    ending = context.find_object(Ending)
    if ending and context.invoked_subcommand:
        ending.command, ending.log_format = context.invoked_subcommand, log_format
    context.obj = Settings(config, log_format, bin_dir)


@cli.command(epilog=_example("elt run", "elt --config shop.yaml --log-format json run --json"))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--profile", is_flag=True, help="Also report what both servers' sessions waited for.")
@click.pass_obj
def run(settings: Settings, as_json: bool, profile: bool) -> None:
    """Copy, audit and publish, then transform."""
    from structlog.contextvars import bind_contextvars

    from elt_script.display.events import configure
    from elt_script.display.summary import report_json, summary
    from elt_script.run import new_run_id
    from elt_script.run import run as run_pipeline

    config = settings.load()
    run_id = new_run_id()
    bind_contextvars(run_id=run_id, pipeline=config.pipeline)  # to the end, which may be an event, too
    with configure(settings.log_format):
        report = run_pipeline(config, run_id, profile=profile)
    click.echo(report_json(report) if as_json else summary(report, columns()))


@cli.command(short_help="Show what a run would do, and change nothing.", epilog=_example("elt plan"))
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.pass_obj
def plan(settings: Settings, as_json: bool) -> None:
    """Show what a run would do, in full, and change nothing.

    Tries the source's schema in a scratch database at the destination, which is dropped again.
    """
    from elt_script.display.describe import plan_json, plan_text
    from elt_script.display.events import configure
    from elt_script.run import plan as make_plan
    from elt_script.steps.preflight import demand

    config = settings.load()
    with configure(settings.log_format):
        planned, faults = make_plan(config)
    try:
        click.echo(plan_json(planned, config, faults) if as_json else plan_text(planned, config))
    finally:  # also where nobody can read it
        demand(faults)


@cli.command(
    short_help="Say every reason why a run could not succeed.", epilog=_example("elt check && elt run")
)
@click.pass_obj
def check(settings: Settings) -> None:
    """Wait for both servers, and say every reason why a run could not succeed."""
    from elt_script.display.events import configure
    from elt_script.run import plan as make_plan
    from elt_script.steps.preflight import demand
    from elt_script.wording import escaped

    config = settings.load()
    with configure(settings.log_format):
        planned, faults = make_plan(config)
    demand(faults)
    for warning in planned.warnings:
        click.echo(f"warning: {escaped(warning)}")
    tables, schemas = counted(len(planned.copies), "table"), counted(len(planned.schemas), "schema")
    click.echo(f"ready: {tables} of {schemas} can be copied")


@cli.command(epilog=_example("elt status --json | jq .live.as_of"))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--last", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many runs.")
@click.pass_obj
def status(settings: Settings, as_json: bool, last: int) -> None:
    """Show what is live, as of when, and the last runs."""
    from elt_script.display.summary import status_json, status_text
    from elt_script.rollback import status as read_status

    found = read_status(settings.load(), last)
    click.echo(status_json(found) if as_json else status_text(found, columns(), datetime.now(UTC)))


@cli.command(
    short_help="Make the generation before the live one live again.", epilog=_example("elt rollback")
)
@click.pass_obj
def rollback(settings: Settings) -> None:
    """Make the generation before the live one live again; a second time goes forward again."""
    from elt_script.display.events import configure
    from elt_script.rollback import rollback as roll_back

    config = settings.load()
    with configure(settings.log_format):
        done = roll_back(config)
    click.echo(done)


@cli.command(epilog=_example("elt schema > config.schema.json"))
@click.pass_obj
def schema(settings: Settings) -> None:
    """Print the configuration's JSON Schema."""
    del settings
    import json

    from elt_script.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@cli.command(
    short_help="Write a commented config.yaml for a source.",
    epilog=_example(
        "elt init --source postgresql://reader@shop:5432/shop",
        "ELT_SOURCE_PASSWORD_FILE=~/.shop elt --config shop.yaml init --source 'host=db dbname=shop' --force",
    ),
)
@click.option("--source", metavar="URL", help="Where the source is; by default ELT_SOURCE_URL says it.")
@click.option("--destination", metavar="URL", help="As much as is known of it: nobody connects to it.")
@click.option("--force", is_flag=True, help="Overwrite the file that is there.")
@click.pass_obj
def init(settings: Settings, source: str | None, destination: str | None, force: bool) -> None:
    """Write a commented config.yaml for a source, which is only read. No password goes into it."""
    from elt_script.config.file import USUAL
    from elt_script.display.events import configure
    from elt_script.init import init as write
    from elt_script.init import warn_of_arguments

    options = {"ELT_SOURCE_URL": source, "ELT_DESTINATION_URL": destination}
    environ = {**os.environ, **{name: url for name, url in options.items() if url}}
    with configure(settings.log_format):
        written = write(settings.path or USUAL, environ, settings.bin_dir, force=force)
        warn_of_arguments(source=source, destination=destination)
    click.echo(written)


@cli.command(
    short_help="Show two runs on throw-away servers, and what a reader saw.",
    epilog=_example("elt demo", "elt demo --keep", "elt demo --stop"),
)
@click.option("--keep", is_flag=True, help="Leave the servers running, and say how to reach them.")
@click.option("--stop", is_flag=True, help="Stop what --keep left running, and remove its files.")
@click.pass_obj
def demo(settings: Settings, keep: bool, stop: bool) -> None:
    """Show the main job on two throw-away servers: seed, run, change, run again, and what a reader saw.

    Takes ten seconds and needs neither a network nor a configuration.
    """
    from elt_script.demo import demo as tell
    from elt_script.playground import stop_all

    if keep and stop:
        raise click.UsageError("--keep and --stop exclude each other")
    if stop:
        stopped = [f"stopped the servers in {folder}, and removed it" for folder in stop_all()]
        click.echo("\n".join(stopped or ["no demo's servers were left running"]))
    else:
        tell(keep=keep, log_format=settings.log_format)


@cli.command(
    short_help="Run again and again, at the times of a cron expression.",
    epilog=_example('ELT_SCHEDULE="*/15 * * * *" elt schedule --now'),
)
@click.option("--now", is_flag=True, help="Run once at the start, too.")
@click.pass_obj
def schedule(settings: Settings, now: bool) -> int:
    """Run again and again, at the times of `schedule` in the configuration, until somebody stops it.

    SIGTERM, Ctrl-C or the end of its terminal ends it with status 0, or with the status of the run that it
    had to stop.
    """
    from elt_script.display.events import configure
    from elt_script.errors import ConfigError
    from elt_script.health import state_file
    from elt_script.schedule import Order, Timetable, run_command
    from elt_script.schedule import schedule as serve

    config = settings.load()
    wanted = config.schedule
    if wanted.cron is None:
        raise ConfigError(
            "nothing says when to run",
            hint="Give `schedule: {cron: ...}` in the configuration, or ELT_SCHEDULE in the environment.",
        )
    order = Order(
        command=run_command(settings.path, settings.log_format, settings.bin_dir),
        timetable=Timetable(wanted.cron, wanted.zone, wanted.jitter_seconds),
        missed=wanted.missed,
        stop_seconds=wanted.stop_seconds,
        state_file=state_file(config, os.environ),
        at_once=now,
    )
    with configure("console" if settings.log_format == "auto" else settings.log_format):
        return serve(order)


@cli.command(short_help="Say whether `elt schedule` does its work.", epilog=_example("elt healthcheck"))
@click.pass_obj
def healthcheck(settings: Settings) -> None:
    """Say whether `elt schedule` does its work: exit status 1 if not.

    It does not where the last run failed, where none has succeeded for schedule.max_age_seconds, where one
    that was due was not started, and where nothing was heard of it for two minutes.
    """
    from elt_script.health import demand

    state = demand(settings.load(), os.environ)
    success = state.last_success_at
    click.echo(f"healthy: the last run succeeded at {success:%Y-%m-%d %H:%M:%S %Z}" if success else "healthy")


def main() -> NoReturn:
    """Be the program `elt`."""
    leave_no_core()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who ignores it is told no status of a program's
    want_printed()
    gc.set_threshold(SELDOM)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGINT, signal.default_int_handler)
    ending = Ending("elt", "elt", os.environ.get("ELT_LOG_FORMAT"))
    try:
        status: object = cli.main(standalone_mode=False, obj=ending)
    except (EltError, click.ClickException) as error:
        status = ending.tell(error)
    except (KeyboardInterrupt, click.Abort):
        status = ending.tell(InterruptedRunError("interrupted"))
    except Exception as error:  # noqa: BLE001  (Python would print what it holds, secrets too)
        status = ending.tell(defect(error))
    if "duckdb" not in sys.modules:  # which complains of what is left at its end
        gc.freeze()  # all of it goes with the process
    sys.exit(status if isinstance(status, int) else 0)


def _interrupt(signum: int, _frame: FrameType | None) -> NoReturn:
    error = InterruptedRunError(
        f"stopped by {signal.Signals(signum).name}", hint="See `elt status` for what is live."
    )
    error.exit_status = 128 + signum
    raise error
