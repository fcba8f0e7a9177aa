"""What the files for containers say twice is the same in both places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
BY_COMPOSE = {"COMPOSE_PROJECT_NAME"}  # which compose itself sets


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;]+)", text(name), re.MULTILINE))


def test_the_example_of_env_names_what_compose_reads() -> None:
    read = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text("docker-compose.yaml"))) - BY_COMPOSE
    named = re.findall(r"^([A-Z_]+)=", text(".env.example"), re.MULTILINE)

    assert sorted(named) == sorted(read)


def test_the_example_of_env_shows_the_defaults_of_compose() -> None:
    shown = dict(re.findall(r'^([A-Z_]+)="?(.*?)"?$', text(".env.example"), re.MULTILINE))
    found = re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^}]*)\}", text("docker-compose.yaml"))
    # The scheduler's own log is for a terminal, as the example says beside it.
    others = {(name, default) for name, default in found if shown[name] != default}

    assert others == {("ELT_LOG_FORMAT", "console")}


def test_the_image_has_the_versions_that_are_tested() -> None:
    ours, image = pins("requirements.txt"), pins("containers/requirements.txt")

    assert image
    assert {name: ours.get(name) for name in image} == image


def test_the_image_says_the_version_of_the_project() -> None:
    assert re.findall(r"^ARG VERSION=(.*)$", text("Dockerfile"), re.MULTILINE) == [
        tomllib.loads(text("pyproject.toml"))["project"]["version"]
    ]
