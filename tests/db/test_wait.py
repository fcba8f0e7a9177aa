"""A server is waited for while waiting helps, and no longer."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from structlog.testing import capture_logs

from elt_script.errors import CannotConnectError
from elt_script.pg import cluster
from elt_script.pg.endpoint import Endpoint
from elt_script.steps.wait import wait
from tests.answering import answering, refusal
from tests.databases import Database
from tests.proxy import proxied


def changed(endpoint: Endpoint, **parameters: str) -> Endpoint:
    return replace(endpoint, parameters={**endpoint.parameters, **parameters})


def without_time(logs: list[MutableMapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [{key: value for key, value in log.items() if key != "seconds"} for log in logs]


def test_a_server_that_answers_is_ready_and_known_by_its_major_version(
    source: Endpoint, destination: Endpoint
) -> None:
    with capture_logs() as logs:
        versions = [wait(endpoint, max_retries=0, delay_seconds=0) for endpoint in (source, destination)]

    assert versions == [16, 18]
    assert without_time(logs) == [
        {"event": "server.ready", "role": "source", "version": 16, "log_level": "info"},
        {"event": "server.ready", "role": "destination", "version": 18, "log_level": "info"},
    ]


def test_a_server_that_comes_up_later_is_waited_for() -> None:
    folder = Path(tempfile.mkdtemp(prefix="elt-test-"))
    folder.chmod(0o755)
    try:
        server = cluster.start(folder / "server", cluster.embedded()[16], password="hush")
        cluster.stop(server.folder)
        rising = threading.Timer(0.3, cluster.resume, [server])
        rising.start()
        with capture_logs() as logs:
            version = wait(server.endpoint("source", "postgres"), max_retries=100, delay_seconds=0.1)
        rising.join()
    finally:
        cluster.remove(folder / "server")
        shutil.rmtree(folder)

    assert version == 16
    assert [log["event"] for log in logs][-2:] == ["server.waiting", "server.ready"]
    assert logs[0]["attempt"] == 1
    assert "no response" in logs[0]["error"]


def test_where_nobody_listens_the_attempts_are_counted_and_libpq_says_why(source: Endpoint) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listened on
        nowhere = changed(source, port=str(taken.getsockname()[1]))
        with capture_logs() as logs, pytest.raises(CannotConnectError) as raised:
            wait(nowhere, max_retries=2, delay_seconds=0.01)

    assert raised.value.message == f"{nowhere} could not be reached in 3 attempts"
    assert "Connection refused" in raised.value.detail
    assert "host and port are right" in raised.value.hint
    assert [(log["event"], log["attempt"]) for log in logs] == [("server.waiting", 1), ("server.waiting", 2)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("57P03", "the database system is starting up"), "rejecting connections"),
        (b"", "no response"),
    ],
)
def test_a_server_that_starts_up_or_hangs_up_is_asked_again(
    source: Endpoint, answer: bytes, error: str
) -> None:
    with answering(answer) as port, capture_logs() as logs, pytest.raises(CannotConnectError):
        wait(changed(source, port=str(port), sslmode="disable"), max_retries=1, delay_seconds=0)

    assert [log["error"] for log in logs] == [f"127.0.0.1:{port} - {error}"]


def test_a_pooler_is_refused_at_once(source: Endpoint) -> None:
    """PgBouncer refuses the settings of a session; or it ignores them, if it was told to."""
    answer = refusal("08P01", "unsupported startup parameter: options")
    with answering(answer) as port, pytest.raises(CannotConnectError) as refused:
        wait(changed(source, port=str(port), sslmode="disable"), max_retries=100, delay_seconds=60)
    with proxied(changed(source, sslmode="disable")) as (ignoring, proxy):
        proxy.say(b"\0options\0", b"\0elt.opt\0")  # a setting that means nothing
        with pytest.raises(CannotConnectError) as ignored:
            wait(ignoring, max_retries=100, delay_seconds=60)

    assert ignored.value.message == f"{ignoring} drops the settings of our sessions"
    for failure in (refused.value, ignored.value):
        assert failure.hint.startswith("Give the server's own address: no pooler, such as PgBouncer")


def test_a_server_that_is_full_is_asked_again(source_database: Database) -> None:
    role = sql.Identifier(source_database.name)
    with source_database.admin.connect(autocommit=True) as conn:
        conn.execute(sql.SQL("alter role {} connection limit 0").format(role))

    with capture_logs() as logs, pytest.raises(CannotConnectError) as failure:
        wait(source_database.owner, max_retries=1, delay_seconds=0)

    assert len(logs) == 1
    assert "too many connections for role" in failure.value.detail
    assert failure.value.hint.startswith("Allow the role, the database or the server more connections")


@pytest.mark.parametrize(
    ("wrong", "said", "hint"),
    [
        ({"dbname": "no such"}, 'database "no such" does not exist', "create the database"),
        ({"user": "nobody"}, 'password authentication failed for user "nobody"', "the password"),
        ({"sslmode": "require"}, "SSL", "sslmode"),
        ({"channel_binding": "require"}, "channel binding required", "channel_binding"),
        ({"require_auth": "md5"}, "authentication method requirement", "require_auth"),
        ({"service": "nowhere"}, 'definition of service "nowhere" not found', "PGSERVICEFILE"),
    ],
)
def test_what_waiting_does_not_cure_is_final_at_once(
    source: Endpoint, wrong: dict[str, str], said: str, hint: str
) -> None:
    with capture_logs() as logs, pytest.raises(CannotConnectError) as raised:
        wait(changed(source, **wrong), max_retries=100, delay_seconds=60)

    assert logs == []
    assert raised.value.message == f"{changed(source, **wrong)} does not let us in"
    assert said in raised.value.detail
    assert hint in raised.value.hint


@pytest.mark.parametrize("password", ["guessed", None])
def test_a_wrong_password_is_final_at_once_and_is_not_told(source: Endpoint, password: str | None) -> None:
    with capture_logs() as logs, pytest.raises(CannotConnectError) as raised:
        wait(replace(source, password=password), max_retries=100, delay_seconds=60)

    assert logs == []
    assert "password" in raised.value.detail
    assert "guessed" not in str(raised.value)
