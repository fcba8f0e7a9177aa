"""A fresh clone, the image that it builds, and servers of the official images."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from elt_script.pytest_plugin import Servers
from tests.docker.engine import OURS, command, docker, reaper

ROOT = Path(__file__).parents[2]

# The image that cleans up after testcontainers would be one more to have; see engine.reaper.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docker: needs a Docker engine")


@pytest.fixture(scope="session", autouse=True)
def _reaper() -> Generator[None]:
    from testcontainers.core.labels import SESSION_ID  # noqa: PLC0415  (only where Docker is)

    with reaper(SESSION_ID):
        yield


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what git tracks, or is about to, as it is now; nothing that it ignores."""
    folder = tmp_path_factory.mktemp("clone")
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    tracked = command("git", "-c", "safe.directory=*", *listing, cwd=ROOT)
    assert tracked.status == 0, tracked
    for name in filter(None, tracked.stdout.split("\0")):
        if not (ROOT / name).is_file():
            continue  # it is about to be removed
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)  # pytest makes them private, and containers run as other users
    return folder


@pytest.fixture(scope="session")
def image(clone: Path) -> str:
    """The name of the image, built once."""
    name = f"{OURS}-image:latest"
    docker("build", "--quiet", "--tag", name, str(clone))
    return name


@pytest.fixture(scope="session")
def elt_servers() -> Generator[Servers]:
    """The plugin's servers, and never without Docker."""
    with ExitStack() as stack:
        yield Servers("docker", stack)
