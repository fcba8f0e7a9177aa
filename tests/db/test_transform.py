"""The T, after publish: files and commands, in order, at the destination; and what is live when one fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from elt_script.errors import PreflightError, TransformError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import Command, run
from tests.copying import copied, execute, rows_of
from tests.untouched import untouched

SHOUT = ["sh", "-c", 'echo "to $PGUSER of $PGDATABASE"; echo aside >&2; test -n "$PGPASSWORD"']


@pytest.fixture(autouse=True)
def _shop(source: Endpoint) -> None:
    execute(
        source,
        "create table orders (id int primary key, amount int); insert into orders values (1, 10), (2, 20)",
    )


def file(folder: Path, name: str, script: str) -> str:
    (folder / name).write_text(script, encoding="utf-8")
    return str(folder / name)


def test_steps_run_in_their_order_on_the_new_data_and_their_output_is_logged(
    source: Endpoint, destination: Endpoint, tmp_path: Path
) -> None:
    steps = [
        {
            "sql": file(
                tmp_path, "total.sql", "create table total as select sum(amount) from orders;\n\\echo one"
            )
        },
        {"name": "shout", "command": SHOUT},
        {"sql": file(tmp_path, "more.sql", "insert into total values (0); select count(*) from total;")},
    ]

    with capture_logs() as logs:
        copied(source, destination, transform=steps)

    said = [(log["name"], log["line"]) for log in logs if log["event"] == "transform.output"]
    known = destination.parameters
    assert said == [
        ("total.sql", "one"),
        ("shout", f"to {known['user']} of {known['dbname']}"),
        ("shout", "aside"),
        ("more.sql", "2"),
    ]
    assert [log["name"] for log in logs if log["event"] == "transform.finished"] == [
        "total.sql",
        "shout",
        "more.sql",
    ]
    assert rows_of(destination, "select sum::int from public.total order by 1") == [(0,), (30,)]


@pytest.mark.parametrize("fails", ["sql", "command"])
def test_a_step_that_fails_fails_the_run_and_the_data_is_published(
    source: Endpoint, destination: Endpoint, tmp_path: Path, fails: str
) -> None:
    half = file(tmp_path, "half.sql", "create table half (n int);\nselect 1 / 0;\n")
    step = (
        {"sql": half}
        if fails == "sql"
        else {"name": "half.sql", "command": ["sh", "-c", "echo no luck >&2; exit 3"]}
    )
    never = {"sql": file(tmp_path, "never.sql", "create table never (n int)")}

    with pytest.raises(TransformError) as raised:
        copied(source, destination, transform=[step, never])

    assert raised.value.exit_status == 10
    assert raised.value.message == "transform half.sql failed"
    assert ("division by zero" if fails == "sql" else "no luck") in raised.value.detail
    assert "was published and is live" in raised.value.hint
    assert rows_of(destination, "select count(*) from public.orders") == [(2,)]
    assert rows_of(destination, "select to_regclass('public.half'), to_regclass('public.never')") == [
        (None, None)
    ]
    assert rows_of(destination, "select status, step, exit_status from elt.run") == [
        ("published", "transform", 10)
    ]


def test_what_a_step_that_fails_has_said_is_logged_and_told(source: Endpoint, destination: Endpoint) -> None:
    step = {"name": "build", "command": "echo '1 of 2 OK'; echo '2 of 2 ERROR no such column'; exit 1"}

    with capture_logs() as logs, pytest.raises(TransformError) as raised:
        copied(source, destination, transform=[step])

    said = ["1 of 2 OK", "2 of 2 ERROR no such column"]
    assert [log["line"] for log in logs if log["event"] == "transform.output"] == said
    assert raised.value.detail.splitlines() == [
        "build ended with status 1",
        f"build said: {said[0]}",
        said[1],
    ]


def test_what_a_program_says_is_heard_while_it_works(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []

    def answer(line: str) -> None:
        heard.append(line)
        if line == "begun":
            pipe.write_text("go on\n")  # it waits for this

    script = f"echo begun; read word < {pipe}; echo $word >&2; printf 'end\\r\\nless'"
    run(Command("it", ("sh", "-c", script), os.environ), hear=answer)

    assert (heard[0], sorted(heard[1:])) == ("begun", ["end", "go on", "less"])


def test_a_program_that_is_not_there_is_told_before_anything_is_touched(
    source: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    steps = [{"command": "no-such-program --now"}, {"sql": "/etc"}]
    with untouched(destination_admin), pytest.raises(PreflightError) as raised:
        copied(source, destination, transform=steps)

    assert "transform no-such-program --now: there is no program no-such-program" in str(raised.value)
    assert "transform etc: /etc is no file that can be read" in str(raised.value)
