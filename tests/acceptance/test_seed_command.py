"""The installed seeding command, as a user and as compose run it."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.programs import PROGRAMS
from source_db_init.errors import CsvError
from tests.seeds import accelerometer, rows
from tests.website import gives, refuses, website

ELT_SEED = str(Path(sys.executable).with_name("elt-seed"))
PATIENCE_S = 60

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def settings(source: Endpoint, tmp_path: Path) -> dict[str, str]:
    """The environment that compose gives: the server's address, and nothing to look up on this machine."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "POSTGRES_HOST": source.parameters["host"],
        "POSTGRES_PORT": source.parameters["port"],
        "POSTGRES_USER": source.parameters["user"],
        "POSTGRES_DB": source.parameters["dbname"],
        "POSTGRES_PASSWORD": str(source.password),
        "SEED_MAX_RETRIES": "1",
        "SEED_DELAY_SECONDS": "0",
        "TMPDIR": str(temporary),
        "no_proxy": "127.0.0.1",
    }


Seed = Callable[..., Ran]


@pytest.fixture
def seed(settings: dict[str, str], tmp_path: Path) -> Seed:
    """Run the command with more flags, or with other settings; it leaves no temporary files."""

    def run(*arguments: str, **changed: str) -> Ran:
        ran = subprocess.run(
            [ELT_SEED, *arguments],
            env={**settings, **changed},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert "Traceback" not in ran.stderr
        assert settings["POSTGRES_PASSWORD"] not in ran.stdout + ran.stderr
        assert list((tmp_path / "temporary").iterdir()) == []
        return ran

    return run


def test_compose_seeds_by_the_environment_alone_and_a_second_time(
    seed: Seed, source: Endpoint, tmp_path: Path
) -> None:
    data = accelerometer(tmp_path)

    first = seed(DATA_URL=str(data.path), SEED_IF_EXISTS="skip")
    second = seed(DATA_URL=str(data.path), SEED_IF_EXISTS="skip")

    assert (first.returncode, second.returncode) == (0, 0)
    line = r"public\.accelerometer: 153,000 rows in \d+\.\d s \([\d,]+ rows/s\)\n"
    assert re.fullmatch(line, first.stdout)
    assert second.stdout == "public.accelerometer is there already, and was left alone\n"
    assert rows(source, "select count(*) from public.accelerometer") == [(data.rows,)]
    assert rows(source, "select * from public.accelerometer order by ctid desc limit 1") == [data.last]


def test_the_log_is_json_if_asked_for(seed: Seed, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a;b\n1;x\n", encoding="utf-8")

    ran = seed("--csv", str(tmp_path / "a.csv"), "--table", "t", "--log-format", "json")

    events = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [event["event"] for event in events] == ["server.ready", "csv.inferred", "table.loaded"]
    assert events[1] | {"timestamp": "", "csv": ""} == {
        "event": "csv.inferred",
        "level": "info",
        "timestamp": "",
        "csv": "",
        "bytes": 8,
        "rows": 1,
        "encoding": "utf-8",
        "delimiter": ";",
        "header": True,
        "columns": {"a": "integer", "b": "text"},
    }


def test_a_packed_csv_comes_from_a_web_server(seed: Seed, source: Endpoint) -> None:
    with website(gives(gzip.compress(b"a,b\r\n007,\r\n"))) as site:
        ran = seed("--csv", f"http://{site}/data.csv.gz?signature=hush", "--table", "t")

    assert ran.returncode == 0
    assert "hush" not in ran.stdout + ran.stderr
    assert rows(source, "select * from public.t") == [("007", None)]


def test_where_the_default_cannot_be_reached_data_is_generated_and_said_to_be(
    seed: Seed, source: Endpoint
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and not listened on
        ran = seed(https_proxy=f"http://127.0.0.1:{nobody.getsockname()[1]}")

    assert ran.returncode == 0
    assert "153,000 generated rows" in ran.stdout
    assert re.search(r"warning.*data\.generated.*archive\.ics\.uci\.edu.*Connection refused", ran.stderr)
    assert rows(source, "select count(*) from public.accelerometer") == [(153_000,)]


def test_an_address_that_was_given_is_never_replaced_by_generated_data(seed: Seed, source: Endpoint) -> None:
    with website(refuses(404)) as site:
        ran = seed(DATA_URL=f"http://{site}/accelerometer.csv")

    assert ran.returncode == CsvError.exit_status == 11
    assert f"elt-seed: http://{site}/accelerometer.csv cannot be had" in ran.stderr
    assert rows(source, "select to_regclass('public.accelerometer')") == [(None,)]


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"POSTGRES_PASSWORD_FILE": "/x"}, 2, "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set"),
        ({"POSTGRES_PORT": "0"}, 2, "0 is not in the range 1<=x<=65535"),
        ({"DATA_URL": "ftp://site.org/a.csv"}, 2, "a CSV cannot be fetched by ftp://"),
        ({"SEED_OFFLINE": "1", "DATA_URL": "a.csv"}, 2, "Give --csv (DATA_URL) or --offline, not both."),
        ({"POSTGRES_TABLENAME": "nowhere.t"}, 3, "has no schema nowhere"),
        ({"POSTGRES_TABLENAME": 'no"where.t'}, 3, '(create schema "no""where")'),
        ({"SEED_BIN_DIR": "/nowhere"}, 3, "/nowhere has no psql"),
        ({"POSTGRES_PASSWORD": "guessed"}, 4, "password authentication failed"),
        ({"POSTGRES_PORT": "1"}, 4, "could not be reached in 2 attempts"),
        ({"DATA_URL": "/nowhere.csv"}, 11, "there is no file /nowhere.csv"),
    ],
)
def test_what_is_wrong_has_its_exit_status(
    seed: Seed, changed: dict[str, str], status: int, said: str
) -> None:
    ran = seed(**changed)

    assert ran.returncode == status
    assert said in ran.stderr
    assert ran.stdout == ""
    assert "guessed" not in ran.stderr


def test_a_faulty_line_is_named_and_the_old_table_stays(seed: Seed, source: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    assert seed("--csv", str(file), "--table", "t").returncode == 0
    file.write_text("a,b\n1,2\n3,4,5\n", encoding="utf-8")

    ran = seed("--csv", str(file), "--table", "t", "--if-exists", "replace")

    assert ran.returncode == 11
    assert ran.stderr.splitlines()[-3:] == [
        "elt-seed: line 3 of the CSV does not fit",
        "  3 of 2 columns",
        "Correct the line; or say how to read the file: --delimiter, --quote, --skip-lines.",
    ]
    assert rows(source, "select * from public.t") == [(1, 2)]


def _signal_beside_the_main_thread(pid: int, sign: signal.Signals) -> None:
    """Send a signal that breaks off no call of the main thread's, like one that comes just before the call."""
    tasks = (int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
    other = next(task for task in tasks if task != pid)
    assert ctypes.CDLL(None).tgkill(pid, other, sign) == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["reading", "loading"])
def test_who_is_interrupted_leaves_nothing(
    settings: dict[str, str], source: Endpoint, tmp_path: Path, sign: signal.Signals, moment: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with source.connect() as conn:
        conn.execute("create table public.t (a int)")
        conn.commit()
        conn.execute("lock table public.t in access exclusive mode")
        command = [ELT_SEED, "--csv", str(pipe), "--table", "t", "--if-exists", "append"]
        with (
            subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True) as process,
            pipe.open("w", encoding="ascii") as writer,  # once the command opens it to read
        ):
            if moment == "loading":
                writer.write("a\n1\n")
                writer.close()
                _wait_for_the_load(source)
                process.send_signal(sign)
            else:
                _wait_until(lambda: list((tmp_path / "temporary").rglob("received")))
                _signal_beside_the_main_thread(process.pid, sign)
            said = process.communicate(timeout=PATIENCE_S)[1]

    assert process.returncode == 128 + sign
    assert said.splitlines()[-1].startswith("elt-seed: ")
    assert "Traceback" not in said
    assert list((tmp_path / "temporary").iterdir()) == []
    assert rows(source, "select * from public.t") == []


def test_who_is_interrupted_while_programs_are_looked_for_is_not_ignored(seed: Seed, tmp_path: Path) -> None:
    for name in PROGRAMS:
        program = tmp_path / name
        program.write_text("#!/bin/sh\nkill -TERM $PPID\nexec sleep 600\n", encoding="ascii")
        program.chmod(0o755)

    ran = seed("--bin-dir", str(tmp_path), POSTGRES_PORT="1")

    assert (ran.returncode, ran.stderr) == (143, "elt-seed: interrupted: the table is as it was\n")


def _wait_for_the_load(source: Endpoint) -> None:
    waiting = "select count(*) from pg_stat_activity where query like 'copy %' and wait_event_type = 'Lock'"
    _wait_until(lambda: rows(source, waiting) != [(0,)])


def _wait_until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_help_shows_an_example_and_every_exit_status(seed: Seed) -> None:
    ran = seed("--help")
    module = subprocess.run(
        [sys.executable, "-m", "source_db_init", "--help"], capture_output=True, text=True, check=True
    )

    assert ran.returncode == 0
    assert module.stdout.splitlines()[1:] == ran.stdout.splitlines()[1:]
    assert "elt-seed --host db --db shop --csv orders.csv.gz --table orders" in ran.stdout
    assert all(re.search(rf"\b{status}  +\w", ran.stdout) for status in (0, 2, 3, 4, 5, 11, 130))
