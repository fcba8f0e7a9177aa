"""What flags and environment mean to the seeding step."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from elt_script.errors import ConfigError
from elt_script.tables import TableName
from source_db_init import cli
from source_db_init.dialect import NO_WISHES, Wishes
from source_db_init.seed import Order, Seeded


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Generator[list[Order]]:
    """What the command would have done."""
    placed: list[Order] = []

    def place(order: Order, _console: object) -> Seeded:
        placed.append(order)
        return Seeded(order.table, 1234, 0.5)

    monkeypatch.setattr(cli, "seed", place)
    yield placed
    structlog.reset_defaults()


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.cli, arguments, env=environment)


def test_without_settings_the_accelerometer_goes_to_the_local_server(orders: list[Order]) -> None:
    result = run()

    (order,) = orders
    assert order.table == TableName("public", "accelerometer")
    assert (order.address, order.offline, order.if_exists) == (None, False, "fail")
    assert order.wishes == NO_WISHES
    assert order.endpoint.parameters == {
        "host": "localhost",
        "port": "5432",
        "user": "postgres",
        "dbname": "postgres",
    }
    assert order.endpoint.password is None
    assert result.output == "public.accelerometer: 1,234 rows in 0.5 s (2,468 rows/s)\n"


def test_the_environment_says_the_same_as_flags(orders: list[Order], tmp_path: Path) -> None:
    for name in ("user", "password", "db"):
        (tmp_path / name).write_text(f"the {name}\n", encoding="utf-8")

    by_flag = run(
        *("--csv", "a.csv", "--table", "s.t", "--if-exists", "append", "--host", "h", "--port", "1"),
        *("--user", "the user", "--db", "the db", "--password-file", str(tmp_path / "password")),
        *("--delimiter", "tab", "--quote", "none", "--no-header", "--skip-lines", "2", "--columns", "a,b"),
    )
    by_environment = run(
        DATA_URL="a.csv",
        POSTGRES_TABLENAME="s.t",
        SEED_IF_EXISTS="append",
        POSTGRES_HOST="h",
        POSTGRES_PORT="1",
        POSTGRES_USER_FILE=str(tmp_path / "user"),
        POSTGRES_DB_FILE=str(tmp_path / "db"),
        POSTGRES_PASSWORD="the password",
        SEED_DELIMITER="\\t",
        SEED_QUOTE="none",
        SEED_HEADER="false",
        SEED_SKIP_LINES="2",
        SEED_COLUMNS="a,b",
    )

    assert (by_flag.exit_code, by_environment.exit_code) == (0, 0)
    assert orders[0] == orders[1]
    assert orders[0].wishes == Wishes("\t", "", header=False, skip=2)
    assert orders[0].endpoint.password == "the password"
    assert "the password" not in repr(orders[0])


def test_an_empty_variable_is_none(orders: list[Order]) -> None:
    """Compose passes what is not set as empty."""
    run(DATA_URL="", POSTGRES_PASSWORD="", POSTGRES_DB="", POSTGRES_USER="ann", SEED_QUOTE="")

    assert orders[0].address is None
    assert orders[0].endpoint.password is None
    assert orders[0].endpoint.parameters["dbname"] == "ann"


@pytest.mark.parametrize("option", ["--delay-seconds=inf", "--max-retries=1000001", f"--skip-lines={10**30}"])
def test_a_number_without_a_bound_is_refused(orders: list[Order], option: str) -> None:
    assert run(option).exit_code == 2
    assert orders == []


@pytest.mark.parametrize("name", ["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"])
def test_a_setting_and_its_file_are_a_fault(orders: list[Order], name: str) -> None:
    result = run(**{name: "hush", f"{name}_FILE": "/run/secrets/x"})

    assert str(result.exception) == f"both {name} and {name}_FILE are set\nSet one of them."
    assert orders == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--table", "a.b.c"], "'a.b.c' is no table's name"),
        (["--table", "s."], "'s.' is no table's name"),
        (["--table", "é" * 32], "is no table's name"),
        (["--delimiter", "-----"], "'-----' cannot be a delimiter"),
        (["--quote", "''"], "\"''\" cannot be a quote"),
        (["--password-file", "/nowhere"], "POSTGRES_PASSWORD_FILE cannot be used"),
        (["--password-file", "/dev/zero"], "it is no password's"),
        (["--table", "\udcff", "--delimiter", "\udcff"], "--table, --delimiter: not UTF-8 text"),
    ],
)
def test_settings_that_mean_nothing_are_faults(orders: list[Order], arguments: list[str], said: str) -> None:
    result = run(*arguments)

    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)
    assert orders == []
