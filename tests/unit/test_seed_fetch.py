"""A file is fetched whole or not at all, and its address is shown without secrets."""

from __future__ import annotations

import base64
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tenacity import wait_none

from elt_script.errors import CannotConnectError, ConfigError
from source_db_init import fetch as fetch_module
from source_db_init.errors import CsvError
from source_db_init.fetch import fetch, shown
from tests.website import Answer, gives, hangs_up, in_turn, refuses, website


def no_report(_done: int, _total: int | None) -> None:
    """Take a report for nobody."""


def got(address: str, folder: Path) -> bytes:
    return fetch(address, folder, no_report).read_bytes()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "PAUSE", wait_none())
    monkeypatch.setenv("no_proxy", "*")


def test_a_download_is_whole_and_reported(tmp_path: Path) -> None:
    reports: list[tuple[int, int | None]] = []

    def report(done: int, total: int | None) -> None:
        reports.append((done, total))

    with website(gives(b"x" * 3_000_000)) as site, capture_logs() as logs:
        path = fetch(f"http://{site}/a.csv?signature=hush", tmp_path, report)

    assert path.stat().st_size == 3_000_000
    assert reports[-1] == (3_000_000, 3_000_000)
    assert logs == [
        {
            "event": "csv.downloaded",
            "address": f"http://{site}/a.csv",
            "bytes": 3_000_000,
            "log_level": "info",
        }
    ]


@pytest.mark.parametrize("first", [refuses(503), gives(b"half", promised=8), hangs_up])
def test_what_may_pass_is_tried_again(tmp_path: Path, first: Answer) -> None:
    with website(in_turn(first, gives(b"all of it"))) as site, capture_logs() as logs:
        assert got(f"http://{site}/a.csv", tmp_path) == b"all of it"

    assert [log["event"] for log in logs] == ["download.retried", "csv.downloaded"]


def test_half_a_file_is_none(tmp_path: Path) -> None:
    with website(gives(b"half", promised=8)) as site, pytest.raises(CannotConnectError) as raised:
        got(f"http://{site}/a.csv", tmp_path)

    assert raised.value.message == f"http://{site}/a.csv cannot be reached"
    assert raised.value.detail == "4 of 8 bytes came"


def test_a_full_disk_is_not_blamed_on_the_address(tmp_path: Path) -> None:
    (tmp_path / "download.csv").symlink_to("/dev/full")

    with website(gives(b"x")) as site, capture_logs() as logs, pytest.raises(OSError, match="No space left"):
        got(f"http://{site}/a.csv", tmp_path)

    assert logs == []


def test_a_file_that_is_not_there_is_final_at_once(tmp_path: Path) -> None:
    with website(refuses(404)) as site, capture_logs() as logs, pytest.raises(CsvError) as raised:
        got(f"http://{site}/a.csv", tmp_path)

    assert logs == []
    assert raised.value.detail == "the server said 404 Not Found"


def test_an_address_where_nobody_answers_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken, capture_logs() as logs:
        taken.bind(("127.0.0.1", 0))  # and not listened on
        with pytest.raises(CannotConnectError, match="Connection refused"):
            got(f"http://127.0.0.1:{taken.getsockname()[1]}/a.csv", tmp_path)

    assert len(logs) == fetch_module.ATTEMPTS - 1


def test_a_user_and_a_password_are_sent_and_not_shown(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        request.send_error(404)

    with website(answer) as site, pytest.raises(CsvError) as raised:
        got(f"http://ann:hu%40sh@{site}/a.csv", tmp_path)

    assert seen == [f"Basic {base64.b64encode(b'ann:hu@sh').decode()}"]
    assert "hu" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://ann:hush@site.org:8443/a.csv?key=hush#x", "https://site.org:8443/a.csv"),
        ("/data/a.csv", "/data/a.csv"),
        ("http://[hush", "?"),
        ("http//ann:hush@site.org/a.csv", "http//…@site.org/a.csv"),
    ],
)
def test_an_address_is_shown_without_secrets(address: str, expected: str) -> None:
    assert shown(address) == expected


def test_a_path_and_a_file_address_are_the_file_itself(tmp_path: Path) -> None:
    file = tmp_path / "a b.csv"
    file.write_bytes(b"x")

    assert got(str(file), tmp_path) == got(f"file://{tmp_path}/a%20b.csv", tmp_path) == b"x"
    for missing in (str(tmp_path / "b.csv"), "~no-such-user/b.csv"):
        with pytest.raises(CsvError, match=f"there is no file {missing}"):
            got(missing, tmp_path)


def test_an_address_is_asked_for_as_a_browser_does(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_error(404)

    with website(answer) as site, pytest.raises(CsvError):
        got(f"http://{site}/d%20ä t\udcff/a.csv?of=ö&x=%2F", tmp_path)

    assert asked == ["/d%20%C3%A4%20t%FF/a.csv?of=%C3%B6&x=%2F"]


@pytest.mark.parametrize(
    "address",
    [
        "ftp://site.org/a.csv",
        "s3://bucket/a.csv",
        "http://[hush",
        "http:ann:hush@site.org/a.csv",
        "http://ann:hush@site.org:x/a.csv",
        "http://ann:hush@a..b/a.csv",
        f"http://ann:hush@{'a' * 64}/a.csv",
    ],
)
def test_an_address_that_leads_nowhere_is_a_fault_of_the_settings(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        got(address, tmp_path)

    assert "hush" not in str(raised.value)
