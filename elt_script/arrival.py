"""What values need where they arrive: passwords and programs of the machine that they were sent to."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import psycopg

from elt_script import __version__
from elt_script.config.env import variable
from elt_script.config.value import read_secret
from elt_script.errors import EltError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.programs import choose, unfit


def at_home(source: Endpoint, destination: Endpoint) -> tuple[Endpoint, Endpoint]:
    """Return both endpoints with what this process has for them; those that never left it, as they are.

    Raises the endpoint's own error, or PreflightError, where this machine lacks a password or the programs.
    """
    if not source.travelled:
        return source, destination
    folder = source.bin
    if folder is None or unfit(folder):
        folder, _ = choose(source.version or 0, destination.version or 0)
    return replace(_with_secret(source), bin=folder), replace(_with_secret(destination), bin=folder)


def fault(source: Endpoint, destination: Endpoint, version: str) -> str:
    """Say why rows cannot move through this machine, and nothing where they can.

    version  of who asks
    """
    if version != __version__:
        return f"has elt {__version__}, and needs {version}"
    try:
        for endpoint in at_home(source, destination):
            endpoint.connect().close()
    except EltError as error:
        return str(error)
    except psycopg.Error as error:
        return str(error).strip()
    return ""


def _with_secret(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint with the password that this machine has for it."""
    role = endpoint.role
    named, file = variable((role, "password")), variable((role, "password_file"))
    passfile = os.environ.get(variable((role, "passfile"))) or endpoint.parameters.get("passfile")
    known = {**endpoint.parameters, **({"passfile": passfile} if passfile else {})}
    password = os.environ.get(named)
    if not password and (path := os.environ.get(file)):
        try:
            password = read_secret(Path(path))
        except ValueError as error:
            raise endpoint.error(f"{file} gives no password", detail=f"{path}: {error}") from None
    if not password and endpoint.secret and not _has_passfile(passfile):
        raise endpoint.error(
            f"no password for {endpoint}",
            hint=f"Set {named} or {file} there, or have a passfile: passwords are not sent to workers.",
        )
    return replace(endpoint, parameters=known, password=password or None, travelled=False)


def _has_passfile(named: str | None) -> bool:
    path = named or os.environ.get("PGPASSFILE") or "~/.pgpass"
    with contextlib.suppress(RuntimeError):  # nobody's home
        return Path(path).expanduser().is_file()
    return False
