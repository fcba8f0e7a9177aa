"""`elt init`: a first config.yaml that says what the source holds, works at once, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from elt_script.pg.endpoint import Endpoint
from tests.copying import execute, rows_of
from tests.shell import elt, url


@pytest.fixture
def shop(source: Endpoint) -> Endpoint:
    """A source with some tables, one of them in a schema of its own."""
    execute(source, "create table orders as select n from generate_series(1, 1000) n")
    execute(source, 'create schema "Büro"; create table "Büro"."No ""1""" as select 1 as one')
    with source.connect(autocommit=True) as conn:
        conn.execute("analyze")
    return source


def test_what_it_writes_works_at_once(shop: Endpoint, destination: Endpoint, tmp_path: Path) -> None:
    secrets = {
        "ELT_SOURCE_PASSWORD": str(shop.password),
        "ELT_DESTINATION_PASSWORD": str(destination.password),
    }

    written = elt(tmp_path, "init", "--source", url(shop), "--destination", url(destination), **secrets)
    ran = elt(tmp_path, "run", **secrets)

    assert written.returncode == 0, written.stderr
    assert written.stdout.startswith(f"config.yaml: 2 tables of {shop}\n")
    assert written.stdout.endswith("Then see what a run would do: elt plan\n")
    assert ran.returncode == 0, ran.stderr
    assert rows_of(
        destination, 'select count(*), (select one from "Büro"."No ""1""") from public.orders'
    ) == [(1000, 1)]


def test_it_shows_what_the_source_holds_and_no_secret(shop: Endpoint, tmp_path: Path) -> None:
    ran = elt(tmp_path, "init", "--source", url(shop, password=True))

    text = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    assert (
        "--source holds a password, which `ps` shows to others: leave it to ELT_SOURCE_PASSWORD" in ran.stderr
    )
    assert '#"public.orders": {skip: true} # ' in text
    assert ", about 1,000 rows" in text
    assert "  - Büro\n" in text or '  - "Büro"\n' in text
    assert f"dbname: {shop.parameters['dbname']}" in text
    assert "password: ${ELT_SOURCE_PASSWORD:-}" in text
    assert "url: ${ELT_DESTINATION_URL:-postgresql://" in text
    assert "hush" not in text + ran.stdout + ran.stderr
    assert "Its password is not in the file" in ran.stdout
    assert "Say in it where the destination is" in ran.stdout


def test_the_environment_names_the_source_as_well(shop: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{shop.password}\n", encoding="utf-8")
    known = shop.parameters
    environment = {
        "ELT_CONFIG": "shop.yaml",
        "ELT_SOURCE_HOST": known["host"],
        "ELT_SOURCE_PORT": known["port"],
        "ELT_SOURCE_DBNAME": known["dbname"],
        "ELT_SOURCE_USER": known["user"],
        "ELT_SOURCE_PASSWORD_FILE": "secret",
    }

    ran = elt(tmp_path, "init", **environment)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("shop.yaml: 2 tables of source")
    assert ran.stdout.endswith("elt --config shop.yaml plan\n")


def test_a_file_is_not_overwritten(shop: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("mine", encoding="utf-8")
    source = ("--source", url(shop, password=True))

    refused = elt(tmp_path, "init", *source)
    assert path.read_text(encoding="utf-8") == "mine"
    forced = elt(tmp_path, "init", *source, "--force")

    assert refused.returncode == 2
    assert refused.stderr == (
        "elt: config.yaml is there already\n"
        "Name another file (elt --config other.yaml init), or overwrite it with --force.\n"
    )
    assert forced.returncode == 0, forced.stderr
    assert path.read_text(encoding="utf-8").startswith("# What elt copies, and how.")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "elt: nothing says where the source is\n"),
        (("--source", "shop"), 2, "ELT_SOURCE_URL: must begin with postgresql://"),
        (("--source", "host=127.0.0.1 port=9"), 2, "ELT_SOURCE_DBNAME: nothing says which database"),
        (("--source", "host=127.0.0.1 port=9 dbname=x"), 4, "elt: source 127.0.0.1:9/x could not be reached"),
    ],
)
def test_without_a_source_nothing_is_written(
    arguments: tuple[str, ...], status: int, message: str, tmp_path: Path
) -> None:
    ran = elt(tmp_path, "init", *arguments)

    assert ran.returncode == status
    assert message in ran.stderr
    assert ran.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_destination_that_is_wrongly_described_is_told(shop: Endpoint, tmp_path: Path) -> None:
    ran = elt(tmp_path, "init", "--source", url(shop, password=True), "--destination", "https://dwh")

    assert ran.returncode == 2
    assert "elt: the environment does not say rightly where the destination is\n" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(shop: Endpoint, tmp_path: Path) -> None:
    ran = elt(tmp_path, "--config", "none/config.yaml", "init", "--source", url(shop, password=True))

    assert ran.returncode == 2
    assert "elt: none/config.yaml cannot be written\n  No such file or directory\n" in ran.stderr
