"""What anybody says goes on without the secrets that we know, in whatever way it quotes them."""

from __future__ import annotations

import errno
import io
import json
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import structlog
from psycopg.conninfo import make_conninfo

from elt_script.display.events import LogFormat, configure
from elt_script.errors import EltError, complaint, defect
from elt_script.pg.endpoint import Endpoint
from elt_script.secret import redacted
from elt_script.wording import escaped

# One that no other test knows: secrets are remembered for as long as the process lives.
NASTY = "\\'pa\"ss%41 $HOME `id` wörd\n{second} line\tend "
SERVER = {"host": "db.example.com", "user": "somebody"}

QUOTED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "stripped": str.strip,
    "for libpq": lambda secret: make_conninfo(password=secret),
    "in a URL": lambda secret: f"postgresql://u:{quote(secret, safe='')}@h/d",
    "in a URL's query": lambda secret: f"?password={quote_plus(secret)}",
    "in SQL": lambda secret: "alter role x password '" + secret.replace("'", "''") + "'",
    "in SQL with escapes": lambda secret: "e'" + secret.replace("\\", "\\\\").replace("'", "''") + "'",
    "as a name": lambda secret: '"' + secret.replace('"', '""') + '"',
    "by a shell": shlex.quote,
    "by Python": repr,
    "in JSON": json.dumps,
    "in JSON of UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "for a terminal": escaped,
    "line by line": lambda secret: "AT 1: " + secret.splitlines()[1],
}


@pytest.fixture(autouse=True)
def known() -> None:
    Endpoint("source", SERVER, password=NASTY)


@pytest.mark.parametrize("way", QUOTED)
def test_a_secret_is_found_however_it_is_quoted(way: str) -> None:
    said = redacted(f"FATAL: before {QUOTED[way](NASTY)} after")

    assert "***" in said
    assert said.startswith("FATAL: before ")
    assert said.endswith("after")
    assert not [word for word in ("41", "HOME", "id", "second", "line", "end") if word in said]


def test_names_stay_and_so_do_words_that_hold_a_very_short_password() -> None:
    Endpoint("source", SERVER, password="somebody")
    Endpoint("source", SERVER, password="abc")

    assert redacted('role "somebody" knows the abc') == 'role "somebody" knows the abc'


def test_an_error_quotes_no_secret_and_nothing_in_it_looks_like_a_line_of_ours() -> None:
    error = EltError(
        f"no {NASTY}",
        detail=f"it said {NASTY}\n2026-01-01T00:00:00Z info run.published\r\x1b[2J\u202e",
        hint="Mend it.",
    )

    assert complaint("elt", error).splitlines() == [
        "elt: no ***",
        "  it said ***",
        "  2026-01-01T00:00:00Z info run.published",
        r"  \x1b[2J\u202e",
        "Mend it.",
    ]
    assert "second" not in repr(error) + str(error)


def test_a_defect_is_told_without_what_it_holds() -> None:
    said = complaint("elt", defect(KeyError(NASTY)))

    assert said.startswith("elt: a defect of elt: KeyError\n  KeyError: ")
    assert "second" not in said


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("can't start new thread"), OSError(errno.EMFILE, "Too many open files")],
)
def test_a_machine_that_gives_too_little_is_no_defect(error: Exception) -> None:
    said = complaint("elt", defect(error))

    assert said.startswith("elt: this machine gives elt too little to work with\n  ")
    assert "Traceback" not in said
    assert said.endswith("`elt status` says what is live.")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_event_holds_no_secret_and_is_one_line(log_format: LogFormat) -> None:
    stream = io.StringIO()

    with configure(log_format, stream):
        log = structlog.get_logger()
        log.warning("odd.seen", error=NASTY, lines=[NASTY], inner={"a": (NASTY,)}, cause=ValueError(NASTY))

    (line,) = stream.getvalue().splitlines()
    assert line.count("***") == 4
    assert "second" not in line


def test_a_password_that_is_a_common_word_changes_no_name_of_an_event() -> None:
    for password in ("table", "info", "default"):
        Endpoint("source", SERVER, password=password)
    stream = io.StringIO()

    with configure("json", stream):
        structlog.get_logger().info("table.copied", table="public.table", pipeline="default", run_id="table1")

    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["table"]) == ("table.copied", "info", "public.***")
    assert (line["pipeline"], line["run_id"]) == ("default", "table1")


def test_a_command_that_crashes_leaves_no_memory_on_the_disk() -> None:
    crash = "import elt_script.cli as c; c.cli.main = lambda **_: print(limit()); c.main()"
    limit = "from resource import *; limit = lambda: getrlimit(RLIMIT_CORE)[0];"
    ran = subprocess.run(
        [sys.executable, "-c", limit + crash],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    )

    assert ran.stdout == "0\n"
