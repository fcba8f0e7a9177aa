"""The examples of deploy/ as those programs take them that will run them: systemd and Airflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from elt_script.ledger import locked
from elt_script.pg.endpoint import Endpoint
from tests.commands import ELT, Ran
from tests.copying import execute, rows_of
from tests.shell import bare

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("elt.service", "elt.timer")
INSTALLED = "/opt/elt/bin/elt"  # where the examples expect elt
SETTINGS = "/etc/elt"  # and its files
EXPOSED = "20"  # of 100: what systemd calls OK; a service without any care has 96
PATIENCE_S = 400  # to install Airflow, by far the slowest: a minute where packages are near


def missing(what: str) -> NoReturn:
    """Leave a test out; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def ran(*argv: str | Path, environment: dict[str, str] | None = None) -> Ran:
    return subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def systemd_analyze(*arguments: str | Path) -> Ran:
    if not shutil.which("systemd-analyze"):
        missing("no systemd-analyze: it is in Debian's package systemd")
    return ran("systemd-analyze", *arguments)


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with elt where it is on this machine: systemd looks."""
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(INSTALLED, ELT), encoding="utf-8")
    return [tmp_path / name for name in UNITS]


def test_systemd_takes_the_units(units: list[Path]) -> None:
    found = systemd_analyze("verify", "--recursive-errors=no", "--man=no", *units)

    assert (found.returncode, found.stderr) == (0, "")


def test_systemd_would_find_a_mistake(units: list[Path]) -> None:
    service = units[0]
    service.write_text(service.read_text().replace("ProtectSystem=strict", "ProtectSystem=sure"))

    found = systemd_analyze("verify", "--recursive-errors=no", "--man=no", service)

    assert "sure" in found.stderr


def test_systemd_calls_the_service_safe(units: list[Path]) -> None:
    found = systemd_analyze("security", "--offline=true", f"--threshold={EXPOSED}", "--no-pager", units[0])

    assert found.returncode == 0, found.stdout


@dataclass(frozen=True, slots=True)
class Airflow:
    """An Airflow of its own, with a folder of DAGs."""

    program: Path
    home: Path

    def __call__(self, *arguments: str) -> Ran:
        """Run a command of Airflow's to its end."""
        variables = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        return ran(self.program, *arguments, environment=bare(**variables))


@pytest.fixture(scope="module")
def airflow() -> Generator[Airflow]:
    """Airflow in an environment that is gone afterwards: it wants other versions than we do."""
    with tempfile.TemporaryDirectory(prefix="elt-airflow-") as folder:
        home = Path(folder)
        made = ran(sys.executable, "-m", "venv", home / "venv")
        assert made.returncode == 0, made.stderr
        pip = [home / "venv" / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        lock = DEPLOY / "airflow" / "requirements.txt"
        got = ran(*pip, "install", "--no-compile", "--require-hashes", "--requirement", lock)
        if got.returncode:
            missing(f"no Airflow: {got.stderr[-1000:]}")
        airflow = Airflow(home / "venv" / "bin" / "airflow", home)
        (home / "dags").mkdir()
        migrated = airflow("db", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield airflow


@pytest.fixture
def settings(airflow: Airflow, tmp_path: Path, source: Endpoint, destination: Endpoint) -> Path:
    """The folder of elt's files, filled as deploy/README.md says, and a DAG that names it."""
    lines: list[str] = []
    for endpoint in (source, destination):
        known = endpoint.parameters
        (tmp_path / f"{endpoint.role}_password").write_text(f"{endpoint.password}\n", encoding="utf-8")
        keys = ", ".join(f"{key}: {known[key]}" for key in ("host", "port", "dbname", "user"))
        lines.append(f"{endpoint.role}: {{{keys}}}")
    (tmp_path / "config.yaml").write_text("\n".join(lines), encoding="utf-8")
    dag = (DEPLOY / "airflow" / "elt_dag.py").read_text(encoding="utf-8")
    dag = dag.replace(INSTALLED, ELT).replace(SETTINGS, str(tmp_path))
    (airflow.home / "dags" / "elt_dag.py").write_text(dag, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("settings")
def test_airflow_runs_the_dag(airflow: Airflow, source: Endpoint, destination: Endpoint) -> None:
    execute(source, "create table orders (id int primary key); insert into orders values (1), (2)")

    found = airflow("dags", "test", "elt")

    said = found.stdout + found.stderr
    assert found.returncode == 0, said
    assert "new_state=success" in said
    assert "run.finished" in said
    assert rows_of(destination, "select id from public.orders order by id") == [(1,), (2,)]
    for endpoint in (source, destination):
        assert str(endpoint.password) not in said


@pytest.mark.usefixtures("settings")
def test_airflow_skips_while_another_run_is_at_work(airflow: Airflow, destination: Endpoint) -> None:
    with locked(destination, "default"):
        found = airflow("dags", "test", "elt")

    said = found.stdout + found.stderr
    assert found.returncode == 0, said
    assert "return code 8" in said
    assert "new_state=skipped" in said


def test_airflow_sees_a_run_fail(airflow: Airflow, settings: Path) -> None:
    (settings / "source_password").unlink()

    found = airflow("dags", "test", "elt")

    said = found.stdout + found.stderr
    assert found.returncode != 0, said
    assert "return code 2" in said
    assert "new_state=failed" in said
