"""The command: settings from flags and environment, one order, one line at the end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console

from elt_script.config.value import read_secret
from elt_script.config.yaml import is_text
from elt_script.display.ending import Ending
from elt_script.display.events import LogFormat, configure
from elt_script.display.output import want_printed
from elt_script.errors import ConfigError, EltError, InterruptedRunError, defect
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import supervised
from elt_script.secret import leave_no_core
from elt_script.tables import TableName
from elt_script.wording import escaped
from source_db_init.dialect import Wishes
from source_db_init.seed import Order, seed
from source_db_init.target import IfExists

NAME_BYTES = 63
PATHS = ("address", "password_file", "sslrootcert")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DELIMITER_BYTES = 4  # DuckDB's limit
HELP = """Make a table of a CSV, in the source: every value as it is written, all of it or nothing.

The CSV's dialect, its encoding and its columns' types are found out from the whole file. A column gets a
type only where every value reads back as the same text; all else stays text. An empty value is null,
and an empty value in quotes is empty text. Without --csv, the data is UCI's accelerometer data or, where
that cannot be reached, generated data of its shape.

The password comes from POSTGRES_PASSWORD, or from a file. POSTGRES_USER_FILE and POSTGRES_DB_FILE name
files in the same way.

A table that is replaced is a new one: it keeps the old one's grants, and no keys or indexes.

\b
Example:
  POSTGRES_PASSWORD_FILE=/run/secrets/pg elt-seed --host db --db shop --csv orders.csv.gz --table orders

\b
Exit status:
  0    done: the table is there (or was, with --if-exists skip)
  1    a file here cannot be written, for want of room perhaps; or a defect
  2    the settings are wrong            4    a server does not answer, or lets nobody in
  3    the table cannot be made so       5    Postgres failed
  11   the CSV is faulty                 130  interrupted (143 by SIGTERM)
  Whatever fails, readers have the table as it was.
"""


@click.command(help=HELP, context_settings={"max_content_width": 110, "show_default": True})
@click.option(
    "--csv",
    "address",
    envvar="DATA_URL",
    show_envvar=True,
    metavar="PATH|URL",
    help="The CSV: a path, file://, http:// or https://; plain, .gz, or a .zip of one CSV.",
)
@click.option(
    "--offline",
    is_flag=True,
    envvar="SEED_OFFLINE",
    show_envvar=True,
    help="Generate data of the accelerometer's shape, and ask nobody for it.",
)
@click.option(
    "--table",
    default="accelerometer",
    envvar="POSTGRES_TABLENAME",
    show_envvar=True,
    help="The table's name, exactly: name (in public) or schema.name.",
)
@click.option(
    "--if-exists",
    type=click.Choice(["fail", "replace", "append", "skip"]),
    default="fail",
    envvar="SEED_IF_EXISTS",
    show_envvar=True,
    help="What to do with a table of that name.",
)
@click.option("--host", default="localhost", envvar="POSTGRES_HOST", show_envvar=True)
@click.option("--port", type=click.IntRange(1, 65535), default=5432, envvar="POSTGRES_PORT", show_envvar=True)
@click.option("--user", envvar="POSTGRES_USER", show_envvar=True, help="By default postgres.")
@click.option("--db", envvar="POSTGRES_DB", show_envvar=True, help="By default the user's name.")
@click.option("--password-file", envvar="POSTGRES_PASSWORD_FILE", show_envvar=True, metavar="PATH")
@click.option("--sslmode", envvar="POSTGRES_SSLMODE", show_envvar=True, help="As libpq knows it.")
@click.option("--sslrootcert", envvar="POSTGRES_SSLROOTCERT", show_envvar=True, metavar="PATH")
@click.option("--delimiter", envvar="SEED_DELIMITER", show_envvar=True, help="Between values, or tab.")
@click.option("--quote", envvar="SEED_QUOTE", show_envvar=True, help="Around values, or none.")
@click.option(
    "--header/--no-header",
    default=None,
    envvar="SEED_HEADER",
    show_envvar=True,
    help="Whether the first line is names.",
)
@click.option(
    "--skip-lines",
    type=click.IntRange(0, 1_000_000),
    envvar="SEED_SKIP_LINES",
    show_envvar=True,
    help="How many lines are above the header.",
)
@click.option("--encoding", envvar="SEED_ENCODING", show_envvar=True, help="Any that Python knows.")
@click.option(
    "--columns",
    envvar="SEED_COLUMNS",
    show_envvar=True,
    metavar="A,B,C",
    help="Names for all columns, in place of the header's.",
)
@click.option(
    "--max-retries",
    type=click.IntRange(0, 100_000),
    default=30,
    envvar="SEED_MAX_RETRIES",
    show_envvar=True,
    help="How often to ask again whether the server is ready.",
)
@click.option(
    "--delay-seconds",
    type=click.FloatRange(0, 3600),
    default=2.0,
    envvar="SEED_DELAY_SECONDS",
    show_envvar=True,
    help="How long to wait between.",
)
@click.option(
    "--bin-dir",
    type=click.Path(path_type=Path),
    envvar="SEED_BIN_DIR",
    show_envvar=True,
    help="The folder of psql and pg_isready; by default they are looked for.",
)
@click.option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    default="console",
    envvar="SEED_LOG_FORMAT",
    show_envvar=True,
)
def cli(
    address: str | None,
    offline: bool,
    table: str,
    if_exists: IfExists,
    host: str,
    port: int,
    user: str | None,
    db: str | None,
    password_file: str | None,
    sslmode: str | None,
    sslrootcert: str | None,
    delimiter: str | None,
    quote: str | None,
    header: bool | None,
    skip_lines: int | None,
    encoding: str | None,
    columns: str | None,
    max_retries: int,
    delay_seconds: float,
    bin_dir: Path | None,
    log_format: LogFormat,
) -> None:
    context = click.get_current_context()
    if ending := context.find_object(Ending):
        ending.log_format = log_format
    _want_text(context.params)
    user = _setting("POSTGRES_USER", user, os.environ.get("POSTGRES_USER_FILE")) or "postgres"
    db = _setting("POSTGRES_DB", db, os.environ.get("POSTGRES_DB_FILE")) or user
    password = _setting("POSTGRES_PASSWORD", os.environ.get("POSTGRES_PASSWORD"), password_file)
    said = {"host": host, "port": str(port), "user": user, "dbname": db}
    said |= {name: value for name, value in (("sslmode", sslmode), ("sslrootcert", sslrootcert)) if value}
    order = Order(
        endpoint=Endpoint("source", said, password or None),
        table=_table(table),
        address=address,
        offline=offline,
        if_exists=if_exists,
        wishes=Wishes(_delimiter(delimiter), _quote(quote), header, skip_lines),
        encoding=encoding,
        names=columns.split(",") if columns else (),
        max_retries=max_retries,
        delay_seconds=delay_seconds,
        bin_dir=bin_dir,
    )
    with configure(log_format):
        seeded = seed(order, Console(stderr=True))
    click.echo(escaped(str(seeded)))


def main() -> NoReturn:
    """Run the command: an error becomes words on stderr and an exit status."""
    leave_no_core()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who ignores it is told no status of a program's
    want_printed()
    os.umask(0o077)  # what is fetched or unpacked here is nobody else's to read
    caught: list[int] = []

    def interrupt(signum: int, _frame: FrameType | None) -> NoReturn:
        caught.append(signum)
        raise InterruptedRunError("interrupted: the table is as it was")

    for sign in SIGNALS:
        if signal.getsignal(sign) != signal.SIG_IGN:  # nohup
            signal.signal(sign, interrupt)
    ending = Ending("elt-seed", "seed", os.environ.get("SEED_LOG_FORMAT"))
    try:
        with supervised():
            status = cli.main(standalone_mode=False, obj=ending)
    except click.ClickException as error:
        status = ending.tell(error)
    except EltError as error:
        if caught:
            error.exit_status = 128 + caught[0]  # as a shell tells it
        status = ending.tell(error)
    except OSError as error:  # a full disk under the copies that are made here
        what = f"{error.filename or 'a file'} cannot be written or read"
        status = ending.tell(EltError(what, detail=error.strerror or str(error)))
    except Exception as error:  # noqa: BLE001  (Python would print what it holds, secrets too)
        status = ending.tell(defect(error))
    sys.exit(status)


def _setting(name: str, value: str | None, file: str | None) -> str | None:
    """Return a setting, given by itself or by the file that holds it; both is a fault, as for the image."""
    if value and file:
        raise ConfigError(f"both {name} and {name}_FILE are set", hint="Set one of them.")
    if not file:
        return value
    try:
        return read_secret(Path(file))
    except ValueError as error:
        raise ConfigError(f"{name}_FILE cannot be used", detail=f"{file}: {error}") from None


def _want_text(given: Mapping[str, object]) -> None:
    """Refuse bytes that are no text, which Python keeps as lone surrogates; a path may be any bytes."""
    texts = {"the password": os.environ.get("POSTGRES_PASSWORD"), **given}
    wrong = [
        name
        for name, value in texts.items()
        if name not in PATHS and isinstance(value, str) and not is_text(value)
    ]
    if wrong:
        options = (name if " " in name else f"--{name.replace('_', '-')}" for name in wrong)
        raise ConfigError(f"{', '.join(options)}: not UTF-8 text", hint="Give it in that encoding.")


def _table(text: str) -> TableName:
    schema, dot, name = text.rpartition(".")
    table = TableName(schema if dot else "public", name)
    parts = (table.schema, table.name)
    if "." in table.schema or not all(0 < len(part.encode()) <= NAME_BYTES for part in parts):
        raise ConfigError(
            f"{text!r} is no table's name",
            hint=f"Give name or schema.name (--table, POSTGRES_TABLENAME), each of 1 to {NAME_BYTES} bytes.",
        )
    return table


def _delimiter(text: str | None) -> str | None:
    found = {"tab": "\t", "\\t": "\t"}.get(text, text) if text else None
    if found and (len(found.encode()) > DELIMITER_BYTES or set(found) & set('\r\n"')):
        raise ConfigError(
            f"{text!r} cannot be a delimiter", hint=f"Give 1 to {DELIMITER_BYTES} bytes, or tab."
        )
    return found


def _quote(text: str | None) -> str | None:
    if text and text != "none" and (len(text) > 1 or text in "\r\n" or not text.isascii()):
        raise ConfigError(f"{text!r} cannot be a quote", hint="Give one character, or none.")
    return "" if text == "none" else text or None
