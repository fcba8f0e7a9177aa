"""What the config file leaves out, the environment fills: ELT_SOURCE_HOST, ELT_DESTINATION_URL_FILE, etc."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elt_script.config.model import Schedule, Server
from elt_script.config.url import OTHER_SECRETS
from elt_script.config.value import is_mapping, read_secret
from elt_script.config.yaml import Fault, Location, Unusable, is_text

SIDES = ("source", "destination")
TOP = ("pipeline", "jobs")
KEYS = tuple(Server.model_fields)
SCHEDULE = {
    key: "ELT_SCHEDULE" if key == "cron" else f"ELT_SCHEDULE_{key}".upper() for key in Schedule.model_fields
}
PATHS = (
    "password_file",
    "passfile",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslcrldir",
    "state_file",
)

# What other tools call our keys, and difflib does not see.
ALSO_CALLED = {
    "address": "host", "hostname": "host", "server": "host", "database": "dbname", "db": "dbname",
    "name": "dbname", "username": "user", "login": "user", "role": "user", "pass": "password",
    "passwd": "password", "pwd": "password", "dsn": "url", "uri": "url", "conninfo": "url", "ssl": "sslmode",
    "timeout": "connect_timeout", "target": "destination", "dest": "destination", "threads": "jobs",
    "workers": "jobs", "parallel": "jobs", "exclude": "skip", "retries": "max_retries",
}  # fmt: skip


@dataclass(slots=True)
class Filled:
    """The file's values with the environment's, and which came from where."""

    values: dict[str, object] = field(repr=False)
    names: dict[Location, str] = field(default_factory=dict[Location, str])
    faults: dict[Location, Fault] = field(default_factory=dict[Location, Fault])


def variable(location: Location) -> str:
    """Return the name of the variable that fills a location, and '' where there is none."""
    match location:
        case (("source" | "destination") as side, key) if key in KEYS:
            return f"ELT_{side}_{key}".upper()
        case (key,) if key in TOP:
            return f"ELT_{key}".upper()
        case ("schedule", str(key)):
            return SCHEDULE.get(key, "")
        case _:
            return ""


def from_environment(given: Mapping[str, object], environ: Mapping[str, str], referred: set[str]) -> Filled:
    """Return given with what only the environment knows. An empty variable is one that is not set.

    referred  names that the file itself uses: they are not taken for misspelt ones
    """
    filled = Filled(dict(given))
    for key in TOP:
        if given.get(key) is None and (value := environ.get(variable((key,)))):
            filled.values[key] = _noted(filled, (key,), variable((key,)), value)
    _fill_schedule(filled, environ)
    for side in SIDES:
        own: object = given.get(side) or {}
        if is_mapping(own):
            missing = [key for key in KEYS if own.get(key) is None]
            found = {key: value for key in missing for value in _looked_up(filled, (side, key), environ)}
            filled.values[side] = {**own, **found}
        filled.faults |= {(fault.place,): fault for fault in _misspelt(side, environ, referred)}
    return filled


def _fill_schedule(filled: Filled, environ: Mapping[str, str]) -> None:
    own: object = filled.values.get("schedule") or {}
    if is_mapping(own):
        found = {
            key: _noted(filled, ("schedule", key), name, _from_here(key, value))
            for key, name in SCHEDULE.items()
            if own.get(key) is None and (value := environ.get(name))
        }
        if found:
            filled.values["schedule"] = {**own, **found}


def closest(key: str, known: tuple[str, ...], cutoff: float = 0.6) -> str:
    """Return the key that was probably meant, and '' where none is likely."""
    names = {
        **{other: meant for other, meant in ALSO_CALLED.items() if meant in known},
        **{k: k for k in known},
    }
    near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=cutoff)
    return names[near[0]] if near else ""


def _looked_up(filled: Filled, location: Location, environ: Mapping[str, str]) -> Iterator[object]:
    """Yield what the environment gives for a location: one value or none."""
    key, name = location[1], variable(location)
    # ELT_SOURCE_PASSWORD_FILE is the key password_file, which is held against the password later.
    file_name = "" if key in ("password", "password_file") else f"{name}_FILE"
    value, file = environ.get(name), environ.get(file_name)
    if value and file:
        yield _failed(filled, location, file_name, f"{name} is set too: leave out one of the two")
    elif value:
        yield _noted(filled, location, name, _from_here(key, value))
    elif file:
        try:
            yield _noted(filled, location, file_name, read_secret(Path(file)))
        except ValueError as error:
            yield _failed(filled, location, file_name, str(error))


def _from_here(key: str | int, value: str) -> str:
    """Return a value of the environment; a path of it does not start at the config file's folder."""
    here = key in PATHS and value != "system" and not value.startswith("~")
    return str(Path(value).absolute()) if here else value


def _noted(filled: Filled, location: Location, name: str, value: str) -> object:
    if not is_text(value):
        return _failed(filled, location, name, "is not UTF-8 text")
    filled.names[location] = name
    return value


def _failed(filled: Filled, location: Location, name: str, text: str) -> Unusable:
    filled.faults[location] = Fault(0, name, text)
    return Unusable()


def _misspelt(side: str, environ: Mapping[str, str], referred: set[str]) -> Iterator[Fault]:
    """Yield variables that look like a key's. Others may be anybody's, and are left alone."""
    prefix = f"ELT_{side}_".upper()
    for name in sorted(environ):
        key = name.removeprefix(prefix).removesuffix("_FILE").lower()
        if not name.startswith(prefix) or name in referred or key in KEYS or f"{key}_file" in KEYS:
            continue
        if key in OTHER_SECRETS:
            yield Fault(0, name, "is not a name that elt knows: it takes no secret but the password")
        elif meant := closest(key, KEYS, cutoff=0.8):
            yield Fault(0, name, f"is not a name that elt knows: did you mean {prefix}{meant.upper()}?")
