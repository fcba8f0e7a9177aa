"""What the config file leaves out, the environment fills; and what is said of a variable's fault."""

from __future__ import annotations

from collections.abc import Mapping
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


def said_of(environ: Mapping[str, str]) -> str:
    """Return the faults that variables beside the URLs bring, or else the names that nobody knows."""
    try:
        return ", ".join(load(None, {**URLS, **environ}).unknown)
    except ConfigError as error:
        return error.detail


def test_every_key_of_one_value_has_a_variable() -> None:
    environ = {
        "ELT_WAIT_MAX_RETRIES": "3",
        "ELT_RUN_STALL_SECONDS": "5",
        "ELT_SPLIT_BYTES": "1048576",
        "ELT_PRIVILEGES": "copy",
        "ELT_EXECUTOR_KIND": "dask",
        "ELT_EXECUTOR_ADDRESS": "tcp://s:1",
        "ELT_AUDIT_MAX_SHRINK": "0.5",
        "ELT_PUBLISH_ADOPT": "true",
        "ELT_PUBLISH_KEEP": "",
    }

    config = load(write("publish: {patience_seconds: 7}\nrun: {stall_seconds: 8}"), {**URLS, **environ})

    assert (config.wait.max_retries, config.run.stall_seconds, config.split_bytes) == (3, 8, 1 << 20)
    assert (config.privileges, config.executor.address, config.audit.max_shrink) == ("copy", "tcp://s:1", 0.5)
    assert (config.publish.patience_seconds, config.publish.adopt, config.publish.keep) == (7, True, 1)
    assert said_of({"ELT_RUN_RETRIES": "many"}).startswith("environment: ELT_RUN_RETRIES: must be a whole")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ELT_SOURCE_PASWORD", "did you mean ELT_SOURCE_PASSWORD?"),
        ("ELT_SOURCE_PASSWD_FILE", "did you mean ELT_SOURCE_PASSWORD_FILE?"),
        ("ELT_DESTINATON_SSLMODE", "did you mean ELT_DESTINATION_SSLMODE?"),
        ("ELT_SOURCE_SSLPASSWORD", "it takes no secret but the password"),
        ("ELT_WAIT_MAX_RETRY", "did you mean ELT_WAIT_MAX_RETRIES?"),
        ("ELT_SCHEDULE_TIMEZONE", "did you mean ELT_SCHEDULE_TIME_ZONE?"),
        ("ELT_SCHEDUL", "did you mean ELT_SCHEDULE?"),
        ("ELT_JOB", "did you mean ELT_JOBS?"),
        ("ELT_CONFG", "did you mean ELT_CONFIG?"),
        ("ELT_SCHEMAS", "schemas is for the config file alone"),
        ("ELT_AUDIT_CHECKS", "checks is for the config file alone"),
        ("ELT_DEFAULTS_SKIP", "skip is for the config file alone"),
    ],
)
def test_a_misspelt_variable_is_a_fault(name: str, meant: str) -> None:
    assert said_of({name: "1"}) == f"environment: {name}: is not a name that elt knows: {meant}"
    assert said_of({name: ""}) == ""


def test_what_others_call_elt_is_at_most_told() -> None:
    links = {  # of Kubernetes, for services that are called elt and elt-source
        "ELT_SERVICE_HOST": "10.0.0.1",
        "ELT_SERVICE_PORT_HTTP": "80",
        "ELT_PORT": "tcp://10.0.0.1:80",
        "ELT_PORT_80_TCP_ADDR": "10.0.0.1",
        "ELT_SOURCE_SERVICE_HOST": "10.0.0.2",
        "ELT_SOURCE_PORT": "tcp://10.0.0.2:5432",
        "ELT_SOURCE_PORT_5432_TCP": "tcp://10.0.0.2:5432",
    }

    assert said_of({"ELTON_JOHN": "1", **links}) == ""
    assert said_of({"ELT_TEAM": "data", "ELT_WAIT_RETRIES": "3", **links}) == "ELT_TEAM, ELT_WAIT_RETRIES"
    assert load(write("# ${ELT_TEAM}\npipeline: ${ELT_TEAM}"), {**URLS, "ELT_TEAM": "data"}).unknown == ()


def test_a_passfile_that_libpq_would_pass_over_is_a_fault(folder: Path) -> None:
    passfile = folder / "pgpass"
    passfile.write_text("*:*:*:*:hush")
    passfile.chmod(0o640)

    said = said_of({"ELT_SOURCE_PASSFILE": "pgpass"})

    assert said == (
        "environment: ELT_SOURCE_PASSFILE: libpq does not read it while others may (mode 0640): chmod 600 it"
    )
    passfile.chmod(0o400)
    assert said_of({"ELT_SOURCE_PASSFILE": "pgpass"}) == ""


def test_a_working_directory_that_is_gone(folder: Path) -> None:
    folder.rmdir()

    with pytest.raises(ConfigError, match="the working directory is gone"):
        load(None, {**URLS, "ELT_SOURCE_PASSWORD_FILE": "secret"})


def test_nothing_at_all_says_how_to_begin() -> None:
    nowhere = "nothing says where the server is: give host and dbname, or service, or url"

    with pytest.raises(ConfigError) as caught:
        load(None, {"PGHOST": "db", "PGDATABASE": "shop", "PGPASSWORD": "hush"})

    assert caught.value.detail.splitlines() == [
        f"environment: ELT_{side}_HOST: {nowhere} (in the environment, ELT_{side}_URL)"
        for side in ("SOURCE", "DESTINATION")
    ]
    assert "elt init" in caught.value.hint
