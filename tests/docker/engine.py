"""The engine as tests use it: its commands, what a container is to see, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OURS = f"elt-test-{os.getpid()}"  # how all begins that these tests name
PATIENCE_S = 240

# What ends with its stdin, which is us, however we end: it removes what is left by then.
REAPER = """
cat > /dev/null
named() { sed -n "s/^\\($1[-_].*\\)/\\1/p"; }
remove() { xargs -r docker rm --force --volumes; }
docker ps --all --quiet --filter "label=org.testcontainers.session-id=$2" | remove
docker ps --all --format '{{.Names}}' | named "$1" | remove
docker volume ls --quiet | named "$1" | xargs -r docker volume rm
docker network ls --format '{{.Name}}' | named "$1" | xargs -r docker network rm
docker images --format '{{.Repository}}:{{.Tag}}' | named "$1" | xargs -r docker rmi --force
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended; what it said is shown where a test fails."""

    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All that it said."""
        return self.stdout + self.stderr


def command(
    *argv: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None, stdin: str = ""
) -> Ended:
    """Run a command to its end, whatever its status."""
    found = subprocess.run(
        argv,
        cwd=cwd,
        env={**clean_environment(), **(environ or {})},
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(found.returncode, found.stdout, found.stderr)


def docker(*argv: str, environ: Mapping[str, str] | None = None) -> str:
    """Run a command of docker's that must succeed, and return what it printed."""
    ended = command("docker", *argv, environ=environ)
    assert ended.status == 0, ended
    return ended.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    """Return what the engine knows of a container or an image."""
    return json.loads(docker("inspect", name))[0]


def clean_environment() -> dict[str, str]:
    """Return our environment without what would tell compose or elt something."""
    told = ("ELT_", "PG", "POSTGRES_", "COMPOSE_", "SOURCE_", "DESTINATION_", "SEED_", "DATA_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(told)}


@contextmanager
def reaper(session: str) -> Generator[None]:
    """Have somebody remove all that this session leaves, even if it is killed.

    session  the label of what testcontainers starts
    """
    theirs, ours = os.pipe()
    argv = ("setsid", "--fork", "sh", "-c", REAPER, "reaper", OURS, session)
    with open(theirs, "rb") as stdin:  # noqa: PTH123  (it is a file descriptor)
        subprocess.run(argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    try:
        yield
    finally:
        os.close(ours)


@dataclass(frozen=True, slots=True)
class Compose:
    """A project of docker-compose.yaml, in a folder of its own."""

    folder: Path
    project: str
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *argv: str, **environ: str) -> Ended:
        own = {"COMPOSE_PROJECT_NAME": self.project, "COMPOSE_ANSI": "never", "COMPOSE_PROGRESS": "plain"}
        return command(
            "docker", "compose", *argv, cwd=self.folder, environ={**own, **self.environ, **environ}
        )

    def run(self, *argv: str, **environ: str) -> Ended:
        """Run elt once, as users do; the databases are there."""
        return self("run", "--rm", "--no-deps", "elt", *argv, **environ)

    def container(self, service: str) -> str:
        """Return the name of a service's container."""
        return f"{self.project}-{service}-1"

    def port(self, service: str) -> int:
        """Return where the host reaches a database."""
        return int(self("port", service, "5432").stdout.rpartition(":")[2])

    def left(self) -> str:
        """Return what there is of this project: containers, volumes, networks."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return "".join(docker(*kind, "--quiet", "--filter", label) for kind in kinds)


@contextmanager
def project(folder: Path, name: str, **environ: str) -> Generator[Compose]:
    """Give a project of a name, for as long as this block lasts."""
    ports = {"SOURCE_PUBLISHED_PORT": "0", "DESTINATION_PUBLISHED_PORT": "0", "SEED_OFFLINE": "1"}
    compose = Compose(folder, f"{OURS}-{name}", {**ports, **environ})
    try:
        yield compose
    finally:
        compose("--profile", "cron", "down", "--volumes", "--remove-orphans", "--timeout", "2")
