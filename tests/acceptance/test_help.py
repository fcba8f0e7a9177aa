"""What the commands say of themselves, and that they take nothing they do not know."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError, validate

from elt_script.cli import cli
from tests.commands import ELT
from tests.shell import elt, typed

REPOSITORY = Path(__file__).parents[2]
COMMANDS = sorted(cli.commands)
MODULE = (sys.executable, "-m", "elt_script")


def test_the_help_names_every_command(tmp_path: Path) -> None:
    ran = elt(tmp_path, "--help")

    listed = [line.split()[0] for line in ran.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert ran.returncode == 0
    assert ran.stderr == ""
    assert listed[: len(COMMANDS)] == COMMANDS
    assert "..." not in ran.stdout.partition("Commands:")[2]  # none is cut off
    assert {"check", "demo", "init", "plan", "rollback", "run", "schema", "status"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_ends_with_an_example_to_copy(tmp_path: Path, command: str) -> None:
    ran = elt(tmp_path, command, "--help")

    example = ran.stdout.partition("  Example:\n")[2].splitlines()
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"Usage: elt {command} ")
    assert "\\b" not in ran.stdout
    assert all(line.startswith("    ") for line in example)
    assert any(f"elt {command}" in line or f" {command}" in line for line in example)
    assert elt(tmp_path, command, "-h").stdout == ran.stdout


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    assert elt(tmp_path).stderr == elt(tmp_path, "--help").stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_an_unknown_option_is_refused(tmp_path: Path, command: str) -> None:
    ran = elt(tmp_path, *command.split(), "--faster")

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "No such option '--faster'" in ran.stderr
    assert f"Try 'elt {command}".rstrip() in ran.stderr


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    ran = elt(tmp_path, "copy")

    assert ran.returncode == 2
    assert "No such command 'copy'" in ran.stderr


@pytest.mark.parametrize(
    "url", ["postgresql://ann:hu/sh@db/shop", "host=db password='hu sh' user=ann", "host=db password=hush"]
)
def test_an_argument_that_is_no_command_is_told_without_its_password(tmp_path: Path, url: str) -> None:
    for arguments in ([url], ["init", url], ["--log-format", url, "status"]):
        ran = elt(tmp_path, *arguments)

        assert ran.returncode == 2
        assert "db" in ran.stderr
        assert "hu" not in ran.stderr


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    ran = elt(tmp_path, "--version")

    assert ran.returncode == 0
    assert ran.stdout == f"elt, version {version('elt-script')}\n"


@pytest.mark.parametrize("arguments", [("--version",), ("schema",), ("run", "--faster")])
def test_the_module_is_the_command(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command, module = typed(tmp_path, ELT, *arguments), typed(tmp_path, *MODULE, *arguments)

    assert module.returncode == command.returncode
    assert module.stdout == command.stdout
    assert module.stderr.replace("python -m elt_script", "elt") == command.stderr


def test_the_schema_describes_the_config_of_this_repository(tmp_path: Path) -> None:
    ran = elt(tmp_path, "schema")

    schema = json.loads(ran.stdout)
    Draft202012Validator.check_schema(schema)
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    validate(config, schema, Draft202012Validator)
    with pytest.raises(ValidationError, match="'pipelines' was unexpected"):
        validate({**config, "pipelines": "x"}, schema, Draft202012Validator)


def test_the_demo_is_kept_or_stopped(tmp_path: Path) -> None:
    ran = elt(tmp_path, "demo", "--keep", "--stop")

    assert ran.returncode == 2
    assert "--keep and --stop exclude each other" in ran.stderr
