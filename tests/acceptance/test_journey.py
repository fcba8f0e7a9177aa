"""The plain journey: seed, plan, run, run again, look, go back; by a file, and by the environment alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from elt_script.pg.endpoint import Endpoint
from tests.commands import Ran
from tests.seeds import Accelerometer, accelerometer
from tests.shell import elt, typed, url

ELT_SEED = str(Path(sys.executable).with_name("elt-seed"))
EXAMPLE = Path(__file__).parents[2] / "config.yaml"
PATIENTLY = "wait: {max_retries: 1, delay_seconds: 0.05}"


@pytest.fixture
def data(source: Endpoint, tmp_path: Path) -> Accelerometer:
    """The accelerometer data in the source, brought there by the seeding command."""
    data = accelerometer(tmp_path)
    known = source.parameters
    ran = typed(
        tmp_path,
        ELT_SEED,
        *("--csv", str(data.path), "--host", known["host"], "--port", known["port"]),
        POSTGRES_USER=known["user"],
        POSTGRES_DB=known["dbname"],
        POSTGRES_PASSWORD=str(source.password),
    )
    assert ran.returncode == 0, ran.stderr
    return data


@pytest.fixture
def servers(source: Endpoint, destination: Endpoint) -> dict[str, str]:
    """The environment that names both, and leads astray whoever looks at libpq's own variables."""
    return {
        "ELT_SOURCE_URL": url(source, password=True),
        "ELT_DESTINATION_URL": url(destination, password=True),
        "PGHOST": "nowhere.invalid",
        "PGDATABASE": "postgres",
        "PGUSER": "nobody",
        "PGPASSWORD": "hush",
    }


def written(folder: Path, source: Endpoint, destination: Endpoint, *more: str) -> Path:
    """Write a config file as users do, with the passwords in files."""
    for endpoint in (source, destination):
        (folder / endpoint.role).write_text(f"{endpoint.password}\n", encoding="utf-8")
    lines = [
        f"{endpoint.role}: {{host: {known['host']}, port: {known['port']}, dbname: {known['dbname']},"
        f" user: {known['user']}, password_file: {endpoint.role}}}"
        for endpoint in (source, destination)
        for known in (endpoint.parameters,)
    ]
    path = folder / "config.yaml"
    path.write_text("\n".join((*lines, *more)), encoding="utf-8")
    return path


def want_copied(destination: Endpoint, data: Accelerometer) -> None:
    with destination.connect() as conn:
        table = "public.accelerometer"
        assert conn.execute(f"select count(*) from {table}".encode()).fetchone() == (data.rows,)
        for place, row in (("asc", data.first), ("desc", data.last)):
            found = conn.execute(f"select * from {table} order by ctid {place} limit 1".encode()).fetchone()
            assert found == row


def succeeded(ran: Ran) -> str:
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout


def test_the_real_data_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    data = accelerometer(tmp_path)

    assert data.rows == 153_000
    if data.path.parent != tmp_path:  # else the real file is not at hand, and a generated one stands in
        assert data.last == (3, 100, 1.199, -0.176, 0.109)


def test_the_journey_by_a_config_file(
    source: Endpoint, destination: Endpoint, data: Accelerometer, tmp_path: Path
) -> None:
    written(tmp_path, source, destination)

    planned = succeeded(elt(tmp_path, "plan"))
    with destination.connect() as conn:
        there = conn.execute("select to_regclass('public.accelerometer'), to_regnamespace('elt')").fetchone()
    checked = succeeded(elt(tmp_path, "check"))
    first = succeeded(elt(tmp_path, "run"))
    want_copied(destination, data)
    second = json.loads(succeeded(elt(tmp_path, "run", "--json")))
    want_copied(destination, data)

    assert "create public.accelerometer: about 153,000 rows" in planned
    assert planned.endswith(
        "audit rows of 1 table, and the content of 1\npublish within 1m00s; keep 1 generation to roll back to\n"
    )
    assert there == (None, None)
    assert checked == "ready: 1 table of 1 schema can be copied\n"
    assert "default: generation 1 published in" in first
    assert "public.accelerometer  153,000" in first
    assert second["generation"] == 2
    assert [(table["table"], table["rows"]) for table in second["tables"]] == [
        ("public.accelerometer", 153_000)
    ]


def test_what_is_live_can_be_seen_and_taken_back(
    source: Endpoint, destination: Endpoint, data: Accelerometer, tmp_path: Path
) -> None:
    written(tmp_path, source, destination, "pipeline: shaking")
    succeeded(elt(tmp_path, "run"))
    with source.connect() as conn:
        conn.execute("delete from public.accelerometer where wconfid = 1")
    succeeded(elt(tmp_path, "run"))

    before = json.loads(succeeded(elt(tmp_path, "status", "--json")))
    rolled_back = succeeded(elt(tmp_path, "rollback"))
    after = json.loads(succeeded(elt(tmp_path, "status", "--json", "--last", "1")))

    assert before["pipeline"] == "shaking"
    assert (before["live"]["number"], before["live"]["rows"]) == (2, 102_000)
    assert [(kept["number"], kept["rows"]) for kept in before["previous"]] == [(1, 153_000)]
    assert [run["status"] for run in before["runs"]] == ["published", "published"]
    assert "generation 1 of run " in rolled_back
    assert (after["live"]["number"], after["live"]["rows"]) == (1, 153_000)
    assert len(after["runs"]) == 1
    want_copied(destination, data)
    assert "live      generation 1, published" in succeeded(elt(tmp_path, "status"))


def test_the_journey_by_the_environment_alone(
    destination: Endpoint, data: Accelerometer, servers: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()

    for command in ("plan", "check", "run", "run", "status", "rollback"):
        succeeded(elt(folder, command, **servers))

    want_copied(destination, data)
    assert list(folder.iterdir()) == []


def test_the_config_of_this_repository_serves_any_servers(
    destination: Endpoint, data: Accelerometer, servers: dict[str, str], tmp_path: Path
) -> None:
    succeeded(elt(tmp_path, "--config", str(EXAMPLE), "run", **servers))

    want_copied(destination, data)
    status = json.loads(succeeded(elt(tmp_path, "status", "--json", ELT_CONFIG=str(EXAMPLE), **servers)))
    assert status["pipeline"] == "accelerometer"


def test_a_log_of_json_is_one_object_a_line(
    source: Endpoint, destination: Endpoint, data: Accelerometer, tmp_path: Path
) -> None:
    written(tmp_path, source, destination)

    ran = elt(tmp_path, "--log-format", "json", "run", "--json")

    events = [json.loads(line) for line in ran.stderr.splitlines()]
    names = [event["event"] for event in events]
    assert json.loads(succeeded(ran))["generation"] == 1
    assert names[0] == "run.started"
    assert names[-1] == "run.finished"
    assert {"table.copied", "run.published"} <= set(names)
    assert {event["run_id"] for event in events} == {json.loads(ran.stdout)["run_id"]}
    assert all({"timestamp", "level", "pipeline"} <= event.keys() for event in events)
    assert [event["rows"] for event in events if event["event"] == "table.copied"] == [data.rows]


def test_a_run_that_fails_is_an_event_in_a_log_of_json(
    source: Endpoint, destination: Endpoint, tmp_path: Path
) -> None:
    with source.connect() as conn:
        conn.execute("create table public.t (n int); insert into public.t values (7)")
    written(tmp_path, source, destination, "audit: {checks: [{name: none, sql: table t}]}")

    ran = elt(tmp_path, "--log-format", "json", "run", "--json")

    events = [json.loads(line) for line in ran.stderr.splitlines()]
    failed = {key: value for key, value in events[-1].items() if key not in ("timestamp", "hint")}
    assert (ran.returncode, ran.stdout) == (7, "")
    assert failed == {
        "level": "error",
        "event": "run.failed",
        "exit_status": 7,
        "error": "the copy failed 1 check of the audit",
        "detail": "check none: it found 1 row, and must find none",
        "pipeline": "default",
        "run_id": events[0]["run_id"],
    }
    assert [event["event"] for event in events].count("run.failed") == 1


@pytest.mark.parametrize(
    ("arguments", "event", "error"),
    [
        (("run",), "run.failed", "missing.yaml does not exist"),
        (("check",), "check.failed", "missing.yaml does not exist"),
        (("run", "--quick"), "run.failed", "No such option '--quick'."),
    ],
)
def test_what_fails_before_it_begins_is_an_event_too(
    tmp_path: Path, arguments: tuple[str, ...], event: str, error: str
) -> None:
    ran = elt(tmp_path, "--config", "missing.yaml", *arguments, ELT_LOG_FORMAT="json")

    (line,) = ran.stderr.splitlines()
    told = json.loads(line)
    assert (ran.returncode, told["exit_status"], told["event"], told["error"]) == (2, 2, event, error)
    assert told["hint"]


@pytest.mark.parametrize("role", ["source", "destination"])
def test_a_wrong_password_is_told_at_once(
    source: Endpoint, destination: Endpoint, role: str, tmp_path: Path
) -> None:
    written(tmp_path, source, destination)
    (tmp_path / role).write_text("guessed 4711", encoding="utf-8")

    ran = elt(tmp_path, "run")

    message = ran.stderr[ran.stderr.index("elt: ") :]
    assert ran.returncode == 4
    assert message.startswith(f"elt: {source if role == 'source' else destination} does not let us in\n")
    assert "password authentication failed for user" in message
    assert message.endswith("Correct the user or the password.\n")
    assert "4711" not in ran.stderr
    assert "server.waiting" not in ran.stderr


@pytest.mark.parametrize("command", ["run", "plan", "check"])
def test_a_server_that_is_not_there_is_waited_for_as_long_as_it_is_said(
    source: Endpoint, destination: Endpoint, command: str, tmp_path: Path
) -> None:
    path = written(tmp_path, source, destination, PATIENTLY)
    port = destination.parameters["port"]
    path.write_text(path.read_text(encoding="utf-8").replace(f"port: {port}", "port: 9"), encoding="utf-8")

    ran = elt(tmp_path, command)

    message = ran.stderr[ran.stderr.index("elt: ") :]
    assert ran.returncode == 4
    assert ran.stderr.count("server.waiting") == 1
    assert "destination 127.0.0.1:9/" in message
    assert "could not be reached in 2 attempts" in message
    assert "Connection refused" in message
    assert message.endswith("that no firewall is in the way.\n")


def test_status_waits_for_nobody(tmp_path: Path) -> None:
    urls = {
        "ELT_SOURCE_URL": "postgresql://r@127.0.0.1:9/a",
        "ELT_DESTINATION_URL": "postgresql://w@127.0.0.1:9/b",
    }

    ran = elt(tmp_path, "status", **urls)

    assert ran.returncode == 4
    assert ran.stderr.splitlines() == [
        "elt: destination 127.0.0.1:9/b could not be reached in 1 attempt",
        '  connection failed: connection to server at "127.0.0.1", port 9 failed: Connection refused',
        "    Is the server running on that host and accepting TCP/IP connections?",
        "See that the server runs, that host and port are right, and that no firewall is in the way.",
    ]
    assert ran.stdout == ""


def test_without_any_configuration_both_ways_are_told(tmp_path: Path) -> None:
    ran = elt(tmp_path, "run")

    assert ran.returncode == 2
    assert "ELT_SOURCE_URL" in ran.stderr
    assert "ELT_DESTINATION_URL" in ran.stderr
    assert ran.stderr.endswith("or let `elt init` write a config.yaml.\n")
    assert ran.stdout == ""


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = elt(tmp_path, "--config", "shop.yaml", "run")

    assert ran.returncode == 2
    assert ran.stderr.startswith("elt: shop.yaml does not exist\n")


def test_a_variable_that_nobody_knows_is_named_and_stops_nobody(
    source: Endpoint, servers: dict[str, str], tmp_path: Path
) -> None:
    with source.connect() as conn:
        conn.execute("create table public.t (n int)")

    ran = elt(tmp_path, "check", **servers, ELT_TEAM="data", ELT_SERVICE_HOST="10.0.0.1")

    assert ran.returncode == 0, ran.stderr
    assert "warning: the environment has ELT_TEAM: elt has no such settings\n" in ran.stdout
    assert "variable.unknown   names=ELT_TEAM\n" in ran.stderr
