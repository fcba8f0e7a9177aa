"""What is in the image, what is not, and how it takes to being confined."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import Ended, command, docker, inspect

pytestmark = pytest.mark.docker

BYTES = 220_000_000
SECRETS = ("source_password", "destination_password")


def run(image: str, *argv: str, options: tuple[str, ...] = ()) -> Ended:
    return command("docker", "run", "--rm", *options, image, *argv)


def shell(image: str, script: str, *options: str) -> Ended:
    return run(image, "-c", script, options=("--entrypoint", "sh", *options))


def layers(image: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of every file of every layer."""
    saving = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
    with saving, tarfile.open(fileobj=saving.stdout, mode="r|") as saved:
        for outer in saved:
            content = saved.extractfile(outer)
            if content is None or outer.name.endswith(".json") or outer.name == "repositories":
                continue
            head = content.read()
            if not head.startswith(b"{") and outer.size > 1024:
                yield from _files(head)


def _files(layer: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        for file in files:
            content = files.extractfile(file) if file.isreg() else None
            yield file.name, content.read() if content else b""


def test_it_is_small(image: str) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image))

    assert size <= BYTES, docker("history", image)


def test_it_says_what_it_is_and_runs_as_nobody_in_particular(image: str) -> None:
    config = inspect(image)["Config"]

    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["tini", "--", "elt"]
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels["licenses"] == "Apache-2.0"
    assert {"title", "description", "version", "revision", "base.name"} <= labels.keys()


def test_it_has_the_programs_of_both_majors_and_they_are_complete(image: str) -> None:
    script = """
        for program in /usr/lib/postgresql/*/bin/*; do
            $program --version; ldd -r $program | grep -v '=> /'
        done
        ls -d /usr/lib/postgresql/*/bin/*
        command -v perl5.pl pg_wrapper gcc cc make pip pip3 git || echo none of these
    """
    found = shell(image, script)

    assert found.status == 0, found
    for major in (17, 18):
        for program in ("psql", "pg_dump", "pg_restore", "pg_isready"):
            assert f"{program} (PostgreSQL) {major}." in found.stdout
    assert "not found" not in found.said
    assert "undefined" not in found.said
    assert "none of these" in found.stdout


def test_no_layer_holds_what_does_not_belong_there(image: str, clone: Path) -> None:
    secrets = [(clone / "containers" / "secrets" / name).read_bytes().strip() for name in SECRETS]
    unwanted = (
        "/.git/",
        "/tests/docker/",
        "var/lib/apt/lists/deb",
        "root/.cache",
        "/pip/_internal/",
        "bin/gcc",
        "/cc1",
    )
    faults: list[str] = []
    files = 0
    for name, content in layers(image):
        files += 1
        faults += [name for part in unwanted if part in f"/{name}"]
        faults += [f"{name} holds a password" for secret in secrets if secret in content]
        faults += [name] * (name.endswith((".env", ".deb", ".whl")) or "secrets/" in name)

    assert (faults, files > 3000) == ([], True)
    history = docker("history", "--no-trunc", image)
    assert not [secret for secret in secrets if secret.decode() in history]


@pytest.mark.parametrize(
    "options",
    [
        ("--read-only",),
        ("--read-only", "--user", "4711:4711", "--tmpfs", "/var/lib/elt"),
        ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"),
    ],
)
def test_it_needs_no_right_to_write(image: str, options: tuple[str, ...]) -> None:
    found = run(image, "schema", options=options)

    assert (found.status, found.stderr) == (0, "")
    assert '"title": "elt\'s config.yaml"' in found.stdout
    assert "Options:" in run(image, "--help", options=(*options, "--entrypoint", "elt-seed")).stdout


def test_it_knows_certificates_and_clocks(image: str) -> None:
    script = (
        "import ssl, zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin');"
        " context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT);"
        " context.load_verify_locations('/usr/lib/ssl/cert.pem'); print(context.cert_store_stats()['x509'])"
    )
    found = run(image, "-c", script, options=("--entrypoint", "python"))

    assert int(found.stdout) > 100, found


def test_its_first_process_reaps_orphans(image: str) -> None:
    script = "(sleep 0.3 & sleep 0.1) & sleep 1; cat /proc/1/comm; grep -c '^State:.Z' /proc/[0-9]*/status"
    orphans = command("docker", "run", "--rm", "--entrypoint", "tini", image, "--", "sh", "-c", script)

    assert orphans.stdout.splitlines()[0] == "tini"
    assert all(line.endswith(":0") for line in orphans.stdout.splitlines()[1:]), orphans
