"""What the config file leaves out, the environment fills; and what is said of a variable's fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from elt_script.config.file import load
from elt_script.errors import ConfigError

URLS = {
    "ELT_SOURCE_URL": "postgresql://reader@source.example:5432/shop",
    "ELT_DESTINATION_URL": "postgresql://writer@destination.example:5432/copy",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> Path:
    path = Path("config.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_environment_alone_is_enough() -> None:
    config = load(None, URLS)

    assert config.pipeline == "default"
    assert config.source.endpoint("source", "elt").parameters["host"] == "source.example"
    assert config.destination.endpoint("destination", "elt").parameters["dbname"] == "copy"


def test_the_environment_fills_what_the_file_leaves_out() -> None:
    path = write(
        "source: {host: db, dbname: shop, user: '${NOBODY:-}'}\ndestination: {url: 'postgresql://x/y'}\n"
    )
    environ = {
        "ELT_SOURCE_HOST": "ignored: the file gives it",
        "ELT_SOURCE_USER": "reader",
        "ELT_SOURCE_PORT": "6543",
        "ELT_SOURCE_SSLMODE": "require",
        "ELT_DESTINATION_USER": "",
        "ELT_PIPELINE": "nightly",
        "ELT_JOBS": "3",
    }

    config = load(path, environ)

    assert config.source.endpoint("source", "elt").parameters == {
        "host": "db",
        "dbname": "shop",
        "user": "reader",
        "port": "6543",
        "sslmode": "require",
    }
    assert "user" not in config.destination.endpoint("destination", "elt").parameters
    assert (config.pipeline, config.jobs) == ("nightly", 3)


def test_a_file_may_hold_what_a_variable_would(folder: Path) -> None:
    (folder / "url").write_text(URLS["ELT_SOURCE_URL"] + "\n")
    (folder / "password").write_text("  it's \\ \n")
    environ = {
        "ELT_SOURCE_URL_FILE": str(folder / "url"),
        "ELT_SOURCE_PASSWORD_FILE": "password",
        "ELT_DESTINATION_URL": URLS["ELT_DESTINATION_URL"],
    }

    source = load(None, environ).source.endpoint("source", "elt")

    assert source.parameters["user"] == "reader"
    assert source.password == "  it's \\ "


def test_a_variable_and_its_file_are_one_too_many(folder: Path) -> None:
    (folder / "secret").write_text("hush")
    environ = {
        **URLS,
        "ELT_SOURCE_USER": "a",
        "ELT_SOURCE_USER_FILE": "secret",
        "ELT_SOURCE_PASSWORD": "hush",
        "ELT_SOURCE_PASSWORD_FILE": "secret",
    }
    with pytest.raises(ConfigError) as caught:
        load(None, environ)

    assert caught.value.message == "the environment has 2 faults"
    assert caught.value.detail.splitlines() == [
        "environment: ELT_SOURCE_USER_FILE: ELT_SOURCE_USER is set too: leave out one of the two",
        "environment: ELT_SOURCE_PASSWORD_FILE: ELT_SOURCE_PASSWORD is given too: leave out one of the two",
    ]


def test_faults_of_the_environment_name_its_variables() -> None:
    environ = {
        "ELT_SOURCE_HOST": "db",
        "ELT_SOURCE_PORT": "many",
        "ELT_SOURCE_DATABASE": "shop",
        "ELT_DESTINATION_URL": "postgresql://h/x",
        "ELT_DESTINATION_HOST": "other",
        "ELT_DESTINATION_SERVICE_HOST": "10.0.0.1",  # Kubernetes sets such names for its services
        "ELT_DESTINATION_USER": b"caf\xe9".decode(errors="surrogateescape"),
        "ELT_DESTINATION_DBNAME_FILE": "missing",
        "ELT_JOBS": "0",
    }
    with pytest.raises(ConfigError) as caught:
        load(None, environ)

    said = dict(
        line.removeprefix("environment: ").split(": ", 1) for line in caught.value.detail.splitlines()
    )
    assert said == {
        "ELT_SOURCE_PORT": "must be a whole number (1 to 65535, by default 5432)",
        "ELT_SOURCE_DATABASE": "is not a name that elt knows: did you mean ELT_SOURCE_DBNAME?",
        "ELT_SOURCE_DBNAME": "nothing says which database: give dbname, or a url that names it "
        "(in the environment, ELT_SOURCE_URL)",
        "ELT_DESTINATION_HOST": "ELT_DESTINATION_URL gives another value: give it in one place",
        "ELT_DESTINATION_USER": "is not UTF-8 text",
        "ELT_DESTINATION_DBNAME_FILE": "the file cannot be read: No such file or directory",
        "ELT_JOBS": "must be greater than or equal to 1 (tables to copy at once, 1 to 256, by default by "
        "cores, or by the executor's threads)",
    }


def test_nothing_at_all_says_how_to_begin() -> None:
    nowhere = "nothing says where the server is: give host and dbname, or service, or url"

    with pytest.raises(ConfigError) as caught:
        load(None, {"PGHOST": "db", "PGDATABASE": "shop", "PGPASSWORD": "hush"})

    assert caught.value.detail.splitlines() == [
        f"environment: ELT_{side}_HOST: {nowhere} (in the environment, ELT_{side}_URL)"
        for side in ("SOURCE", "DESTINATION")
    ]
    assert "elt init" in caught.value.hint
