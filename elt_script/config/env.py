"""What the config file leaves out, the environment fills: ELT_SOURCE_HOST, ELT_DESTINATION_URL_FILE, etc."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elt_script.config.model import SECTIONS, Config
from elt_script.config.server import Server
from elt_script.config.url import OTHER_SECRETS
from elt_script.config.value import is_mapping, read_secret
from elt_script.config.yaml import Fault, Location, Unusable, is_text

SIDES = ("source", "destination")
KEYS = tuple(Server.model_fields)
OPTIONS = ("config", "log_format", "bin_dir")  # of the command line, which reads their variables
LISTS = ("schemas", "tables", "defaults", "transform", "checks")  # too much for one value: a file's alone
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


# What Kubernetes tells of services that are called elt, elt-source and so on.
LINK = re.compile(r"ELT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_[A-Z]+(_(PROTO|PORT|ADDR))?)?)")
LINKED = re.compile(r"[a-z]+://")  # how the value of such a …_PORT begins


def _names() -> Iterator[tuple[Location, str]]:
    """Yield every place of the config that holds one value, and the variable that fills it."""
    for key in Config.model_fields:
        if key in SECTIONS and key not in LISTS:
            inner = [name for name in SECTIONS[key].model_fields if name not in LISTS]
            yield from (((key, name), f"ELT_{key}_{name}".upper()) for name in inner)
        elif key not in (*LISTS, *OPTIONS):
            yield (key,), f"ELT_{key}".upper()


NAMES = {**dict(_names()), ("schedule", "cron"): "ELT_SCHEDULE"}
FILES = {f"{NAMES[side, key]}_FILE" for side in SIDES for key in KEYS}
KNOWN = {*NAMES.values(), *FILES, *(f"ELT_{option}".upper() for option in OPTIONS)}


@dataclass(slots=True)
class Filled:
    """The file's values with the environment's, which came from where, and which variables say nothing."""

    values: dict[str, object] = field(repr=False)
    names: dict[Location, str] = field(default_factory=dict[Location, str])
    faults: dict[Location, Fault] = field(default_factory=dict[Location, Fault])
    unknown: list[str] = field(default_factory=list[str])


def variable(location: Location) -> str:
    """Return the name of the variable that fills a location, and '' where there is none."""
    return NAMES.get(location, "")


def from_environment(
    given: Mapping[str, object], environ: Mapping[str, str], referred: Collection[str]
) -> Filled:
    """Return given with what only the environment knows. An empty variable is one that is not set.

    referred  names that the file itself uses: they are not taken for misspelt ones
    """
    filled = Filled({**given, **{side: {} for side in SIDES if given.get(side) is None}})
    for location in NAMES:
        section, key = ("", *location)[-2:]
        own: object = filled.values if not section else filled.values.get(str(section)) or {}
        if is_mapping(own) and own.get(str(key)) is None:
            for value in _looked_up(filled, location, environ):
                into = {**own, str(key): value}
                filled.values = {**filled.values, str(section): into} if section else into
    for name in sorted(name for name, value in environ.items() if name.startswith("ELT_") and value):
        if name not in KNOWN and name not in referred and not LINK.fullmatch(name):
            _explain(filled, name)
    return filled


def closest(
    key: str, known: tuple[str, ...], also: Mapping[str, str] = ALSO_CALLED, cutoff: float = 0.6
) -> str:
    """Return the key that was probably meant, and '' where none is likely."""
    names = {**{other: meant for other, meant in also.items() if meant in known}, **{k: k for k in known}}
    near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=cutoff)
    return names[near[0]] if near else ""


def _looked_up(filled: Filled, location: Location, environ: Mapping[str, str]) -> Iterator[object]:
    """Yield what the environment gives for a location: one value or none."""
    section, key, name = location[0], location[-1], variable(location)
    # ELT_SOURCE_PASSWORD_FILE is the key password_file, which is held against the password later.
    file_name = "" if section not in SIDES or key in ("password", "password_file") else f"{name}_FILE"
    value, file = environ.get(name), environ.get(file_name)
    if key == "port" and LINKED.match(value or ""):
        value = None
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


def _explain(filled: Filled, name: str) -> None:
    """Note a variable that begins as ours and is none: as a fault where it is clear what it was to be."""
    words = name.removeprefix("ELT_").lower().split("_")
    for at in range(len(words)):
        section, key = "_".join(words[:at]), "_".join(words[at:])
        near = difflib.get_close_matches(section, ("", *SECTIONS), n=1, cutoff=0.8)
        if near and (meant := _meant(near[0], key)):
            filled.faults[near[0], name] = Fault(0, name, f"is not a name that elt knows: {meant}")
            return
    filled.unknown.append(name)


def _meant(section: str, key: str) -> str:
    """Return what to say of a variable of these two parts, and '' where no key looks like the second."""
    if section in SIDES and key in OTHER_SECRETS:
        return "it takes no secret but the password"
    file = "_file" if section in SIDES and key not in KEYS and key.endswith("_file") else ""
    known = {str(keys[-1]): name for keys, name in NAMES.items() if "".join(map(str, keys[:-1])) == section}
    if not section:
        known |= {option: f"ELT_{option}".upper() for option in OPTIONS} | {"schedule": "ELT_SCHEDULE"}
    if section in LISTS or key in LISTS:
        return f"{key} is for the config file alone"
    aliases = ALSO_CALLED if section in SIDES else {}
    meant = closest(key.removesuffix(file), tuple(known), aliases, cutoff=0.8)
    return f"did you mean {known[meant]}{file.upper()}?" if meant else ""
