"""A server of the config → an Endpoint, or what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from elt_script.config.server import Server
from elt_script.errors import ConfigError
from elt_script.pg.endpoint import Endpoint


def server(**keys: object) -> Server:
    return Server.model_validate(keys)


def endpoint(**keys: object) -> Endpoint:
    return server(**keys).endpoint("source", "elt shop")


def faults(**keys: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        server(**keys)
    return {str(found["loc"][0]): found["msg"] for found in caught.value.errors()}


def test_keys_become_keywords() -> None:
    made = endpoint(
        host="/var/run/postgresql",
        dbname="it's a \\ shop",
        user="Reader",
        password="a b",
        sslsni=False,
        connect_timeout="5",
        require_auth="!password,!md5",
        target_session_attrs="read-write",
        ssl_min_protocol_version="TLSv1.3",
    )

    assert made.role == "source"
    assert made.application == "elt shop"
    assert made.password == "a b"
    assert made.parameters == {
        "host": "/var/run/postgresql",
        "dbname": "it's a \\ shop",
        "user": "Reader",
        "sslsni": "0",
        "connect_timeout": "5",
        "require_auth": "!password,!md5",
        "target_session_attrs": "read-write",
        "ssl_min_protocol_version": "TLSv1.3",
        "port": "5432",
    }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:p%40ss%2Fw%25@db.example:6543/shop?sslmode=require",
        "postgres://reader:p%40ss%2Fw%25@db.example:6543/shop?ssl=true",
        "host=db.example port=6543 dbname=shop user=reader password='p@ss/w%' sslmode=require",
    ],
)
def test_a_url_gives_its_password_away_to_nobody_else(url: str) -> None:
    made = endpoint(url=url)

    assert made.password == "p@ss/w%"
    assert made.parameters == {
        "host": "db.example",
        "port": "6543",
        "dbname": "shop",
        "user": "reader",
        "sslmode": "require",
    }


def test_several_hosts_and_a_socket() -> None:
    assert endpoint(url="postgresql://a:1,b:2/x").parameters["port"] == "1,2"
    assert endpoint(url="postgresql:///x?host=/tmp").parameters["host"] == "/tmp"


def test_keys_add_to_a_url_and_may_repeat_it() -> None:
    made = endpoint(url="postgresql://db:5432/x", port=5432, sslmode="verify-full", user="u", password="p")

    assert made.parameters == {
        "host": "db",
        "port": "5432",
        "dbname": "x",
        "sslmode": "verify-full",
        "user": "u",
    }
    assert made.password == "p"


def test_a_service_says_where_and_keys_say_the_rest() -> None:
    made = endpoint(service="shop", dbname="other", user="u")

    assert made.parameters == {"service": "shop", "dbname": "other", "user": "u"}
    assert endpoint(url="postgresql:///?service=shop", service="shop").parameters == {"service": "shop"}


def test_the_password_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    for content, password in (
        (b"a b\n", "a b"),
        (b"a\r\n", "a"),
        (b"a\n\n", "a"),  # as the postgres image does
        (b"\xef\xbb\xbfa\r\n", "a"),
        ("pä\tß".encode(), "pä\tß"),
    ):
        path.write_bytes(content)
        assert endpoint(host="h", dbname="x", password_file=path).password == password


def test_a_password_file_is_read_anew_and_may_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("old")
    made = server(host="h", dbname="x", password_file=path)

    path.write_text("new")
    assert made.endpoint("source", "elt").password == "new"

    path.unlink()
    with pytest.raises(ConfigError, match=r"^source\.password_file gives no password\n.*No such file"):
        made.endpoint("source", "elt")


def test_a_password_comes_from_a_pipe_too() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hush\n")
    os.close(writing)
    try:
        made = server(host="h", dbname="x", password_file=f"/dev/fd/{reading}")

        assert made.endpoint("source", "elt").password == "hush"
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"\xff", "the file is not UTF-8 text"),
        (b"a\0b", "the file holds a zero byte"),
    ],
)
def test_a_password_file_without_a_password(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)

    assert faults(host="h", dbname="x", password_file=path) == {"password_file": fault}


def test_what_contradicts_is_told_of_each_key() -> None:
    assert faults(
        url="postgresql://u:secret@db:5432/x?sslmode=require",
        service="shop",
        host="other",
        port=5433,
        dbname="y",
        user="v",
        password="else",
        sslmode="prefer",
    ) == {
        "service": "`url` says where the server is: leave out one of the two",
        **dict.fromkeys(
            ("host", "port", "dbname", "user", "password", "sslmode"),
            "`url` gives another value: give it in one place",
        ),
    }
    assert faults(service="shop", host="db", port=1) == dict.fromkeys(
        ("host", "port"), "`service` says where the server is: leave out one of the two"
    )


def test_one_password_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("x")

    assert faults(host="h", dbname="x", password="x", password_file=path) == {
        "password_file": "`password` is given too: leave out one of the two"
    }
    assert faults(url="postgresql://u:x@h/d", password_file=path) == {
        "password_file": "`url` holds a password too: leave out one of the two"
    }


def test_a_server_must_be_somewhere_by_its_own_words() -> None:
    nowhere = "nothing says where the server is: give host and dbname, or service, or url"
    no_database = "nothing says which database: give dbname, or a url that names it"

    assert faults() == {"host": nowhere, "dbname": no_database}
    assert faults(dbname="x") == {"host": nowhere}
    assert faults(host="h") == {"dbname": no_database}
    assert faults(url="postgresql://h") == {"dbname": no_database}
    assert faults(hostaddr="h", dbname="x") == {"hostaddr": "must be an IP address: give a name as `host`"}
    assert faults(host="", dbname="") == {"host": nowhere, "dbname": no_database}
    for address in ("127.0.0.1", "fe80::1%eth0,192.0.2.7"):
        assert endpoint(hostaddr=address, dbname="x").parameters["hostaddr"] == address


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://h/x", "must begin with postgresql://"),
        ("h", "must begin with postgresql://"),
        ("postgresql://u:p@ss@h/x", "has an @ or / where none can be: in a url, write %25 for %"),
        ("postgresql://u:1/2@h/x", "has an @ or / where none can be"),
        ("postgresql://u:%zz@h/x", "cannot be read: in a url, write %25 for %"),
        (
            "postgresql://h/x?sslmod=require",
            "has a parameter that libpq does not know: did you mean sslmode?",
        ),
        ("postgresql://h/x?sslpassword=p", "sslpassword would be seen in the list of processes"),
        ("postgresql://h/x?options=-c%20x%3Dy", "options is set by elt itself: leave it out of the url"),
        ("postgresql:///x", "names no host (a local socket's folder is given as ?host=/var/run/postgresql)"),
        ("postgresql://somebody:secret/x", "has a port that is no number"),
        ("postgresql://h/x?hostaddr=h", "has a hostaddr that is no IP address"),
        ("host=h dbname=postgresql://h/x", "dbname is a URL within the url"),
        ("host=h dbnam=x", "cannot be read: it must be a list of key=value"),
    ],
)
def test_a_url_that_would_not_mean_what_it_says(url: str, fault: str) -> None:
    assert faults(url=url)["url"].startswith(fault)


@pytest.mark.parametrize("mark", ["BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"])
def test_a_key_with_a_passphrase_is_refused(mark: str, tmp_path: Path) -> None:
    key = tmp_path / "client.key"
    key.write_text(f"-----{mark}\n", encoding="ascii")

    for given in ({"sslkey": key, "host": "h"}, {"url": f"postgresql://h/x?sslkey={key}"}):
        (said,) = faults(dbname="x", **given).values()
        assert said.startswith("the key has a passphrase, which elt cannot give: write one without")


def test_a_secret_without_an_end_is_refused() -> None:
    assert faults(host="h", dbname="x", password_file="/dev/zero") == {
        "password_file": "the file has more than 65536 bytes: it is no password's"
    }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"host": "db", "dbname": "x"}, {"url": "postgresql://u:p@DB/x"}, True),
        ({"host": "db", "dbname": "x"}, {"host": "db", "dbname": "x", "port": 5433}, False),
        ({"host": "db", "dbname": "x"}, {"host": "db", "dbname": "X"}, False),
        ({"host": "db", "dbname": "x"}, {"host": "db2", "dbname": "x"}, False),
        ({"host": "a", "hostaddr": "::1", "dbname": "x"}, {"hostaddr": "::1", "dbname": "x"}, True),
        ({"service": "a"}, {"service": "a"}, True),
        ({"service": "a"}, {"service": "a", "dbname": "y"}, False),
    ],
)
def test_one_place_by_two_names(one: dict[str, object], other: dict[str, object], *, same: bool) -> None:
    assert server(**one).is_at(server(**other)) is same
