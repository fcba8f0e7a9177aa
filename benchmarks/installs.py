"""Install what contenders need: an environment of their own from pinned requirements, or an image."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elt_script.pg.programs import WHEEL

HERE = Path(__file__).parent
BASES = ("debian:forky-slim", "debian:trixie-slim")  # the newest pgcopydb first
INSTALL_S = 900
MESSAGE_CHARS = 300


class NotInstalledError(Exception):
    """A contender cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a contender's program is, which version it has, and the container's image, if it runs in one."""

    program: str
    version: str
    image: str = ""


def cache() -> Path:
    """Return the folder where installed contenders stay for the next session."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "elt-benchmarks"


def environment(name: str, program: str, *version: str) -> Installed:
    """Return a program from requirements/<name>.txt, in an environment of its own: made once, then kept.

    version  the arguments by which the program says its version; without any, pip is asked
    """
    requirements = HERE / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = cache() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}-{digest}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check")
        said(*pip, "--require-hashes", "--requirement", str(requirements))
        (folder / "complete").touch()
    path = str(folder / "bin" / program)
    if not version:
        shown = said(str(folder / "bin" / "pip"), "show", "--disable-pip-version-check", name).splitlines()
        return Installed(path, next(line.split()[-1] for line in shown if line.startswith("Version:")))
    words = said(path, *version).split()
    return Installed(
        path, next(word for word in reversed(words) if word[:1].isdigit() or word[1:2].isdigit())
    )


def image(base: str, program: str) -> Installed:
    """Return a program in the image that container/Dockerfile makes of a base: made once, then kept."""
    if not shutil.which("docker"):
        raise NotInstalledError("Docker is not installed")
    suite = base.partition(":")[2]
    name = f"elt-benchmarks:{suite}"
    build = ("docker", "build", "--quiet", "--network", "host", "--build-arg", f"BASE={base}", "--tag", name)
    said(*build, str(HERE / "container"))
    package = ("dpkg-query", "--show", "--showformat", "${Version}", program)
    version = said("docker", "run", "--rm", name, *package)
    return Installed(program, f"{version} ({base})", name)


def newest_image(program: str) -> Installed:
    """Return a program from the newest base that can be had."""
    reasons: list[str] = []
    for base in BASES:
        try:
            return image(base, program)
        except NotInstalledError as error:
            reasons.append(f"{base}: {error}")
    raise NotInstalledError("; ".join(dict.fromkeys(reasons)))


def in_container(
    installed: Installed, name: str, folder: Path, scratch: Path, variables: Sequence[str], *argv: str
) -> tuple[str, ...]:
    """Return how to start a program in a container, so that it finds our programs, files and network.

    folder     of Postgres' programs: the container's own may be too new for the servers
    variables  names of those that it gets from our environment, so that argv has no secrets
    """
    mounts = [*places(folder), (scratch, "rw")]
    return (
        *("docker", "run", "--rm", "--name", name, "--network", "host", "--shm-size", "1g"),
        *("--user", f"{os.getuid()}:{os.getgid()}", "--workdir", str(scratch)),
        *(part for place, mode in mounts for part in ("--volume", f"{place}:{place}:{mode}")),
        *(part for variable in variables for part in ("--env", variable)),
        *("--env", f"PATH={folder}:/usr/local/bin:/usr/bin:/bin", "--env", f"HOME={scratch}"),
        *(installed.image, "bash", "-c", 'TIMEFORMAT="bench: %R %U %S"; time "$@"', "bash", *argv),
    )


def places(folder: Path) -> list[tuple[Path, str]]:
    """Return the folders without which Postgres' programs in a folder do not start, to be read only."""
    found = importlib.util.find_spec(WHEEL)
    for place in (found.submodule_search_locations if found else None) or ():
        root = Path(place)
        if root in folder.parents:  # a wheel keeps its shared libraries beside the package
            libraries = root.with_name(f"{root.name}.libs")
            return [(each, "ro") for each in (root, libraries) if each.exists()]
    return [(folder.parent, "ro")]


def said(*argv: str) -> str:
    """Return what a program printed. Raises NotInstalledError where it fails."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())
        raise NotInstalledError(f"{' '.join(argv[:3])} … failed: {words[-MESSAGE_CHARS:]}")
    return done.stdout.strip()
