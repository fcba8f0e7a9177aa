"""The pytest plugin as its users meet it: a config of their own, and a test of ten lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from elt_script.errors import AuditError
from elt_script.pytest_plugin import MakeDatabase, Run, Servers, docker_answers

CONFIG = """\
pipeline: shop
source:
  host: db.example.com
  dbname: shop
  password: ${SECRET_OF_PRODUCTION}
destination: {url: postgresql://warehouse.example.com/dwh, sslrootcert: /no/such/file}
audit:
  checks:
    - {name: no price below 0, sql: select id from orders where price < 0}
transform:
  - sql: totals.sql
"""
TOTALS = "create view public.totals as select sum(price) as total from public.orders"

# What docs/testing.md shows: a test holds both to be the same.
EXAMPLE = """\
import pytest
from elt_script.errors import AuditError

ORDERS = "create table orders (id int primary key, price int); insert into orders values (1, 20), (2, 22);"


def test_orders_are_copied_and_added_up(elt_source, elt_destination, elt_run):
    elt_source.execute(ORDERS)

    report = elt_run("config.yaml")

    assert report.tables[0].rows == 2
    assert elt_destination.query("select total from totals") == [(42,)]


def test_a_price_below_0_is_not_published(elt_source, elt_destination, elt_run):
    elt_source.execute(ORDERS + "update orders set price = -1")

    with pytest.raises(AuditError, match="no price below 0"):
        elt_run("config.yaml")

    assert elt_destination.query("select to_regclass('orders')") == [(None,)]
"""


@pytest.fixture(scope="module")
def elt_servers() -> Generator[Servers]:
    """What this folder's tests use, also where Docker answers."""
    with ExitStack() as stack:
        yield Servers("embedded", stack)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "totals.sql").write_text(TOTALS)
    (tmp_path / "test_shop.py").write_text(EXAMPLE)
    return tmp_path


def pytest_in(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_the_example_passes_without_docker(project: Path) -> None:
    found = pytest_in(
        project, "--elt-servers=embedded", ELT_SOURCE_HOST="db.example.com", PGHOST="db.example.com"
    )

    assert (found.returncode, "2 passed" in found.stdout) == (0, True), found.stdout


def test_the_documentation_shows_the_example() -> None:
    text = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()

    assert EXAMPLE in text
    assert TOTALS in text


def test_a_version_that_is_not_there_is_told(project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\nelt_source_version = 9\nelt_servers = embedded\n")

    found = pytest_in(project)

    assert found.returncode == 1
    assert "Postgres 9 is not to be had without Docker: embedded versions are 16, 18" in found.stdout


def test_where_docker_does_not_answer_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")

    assert not docker_answers()


def test_databases_may_have_any_version(elt_make_database: MakeDatabase, elt_run: Run) -> None:
    source = elt_make_database("source", 16)
    destination = elt_make_database("destination", 18)
    source.execute("create table t (n int); insert into t values (1), (2), (3)")

    report = elt_run(os.devnull, source=source, destination=destination)

    assert report.tables[0].rows == 3
    assert destination.query("select sum(n) from t") == [(6,)]
    source.execute("truncate t")
    with pytest.raises(AuditError, match="it had 3 rows and would have none"):
        elt_run(os.devnull, source=source, destination=destination)
