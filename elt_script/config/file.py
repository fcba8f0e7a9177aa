"""A file and the environment → Config, or every fault at once, each with its line."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from elt_script.config.env import SIDES, Filled, closest, from_environment, variable
from elt_script.config.model import SECTIONS, Check, Config, TableSettings, TransformStep
from elt_script.config.schema import json_schema
from elt_script.config.url import OTHER_SECRETS
from elt_script.config.value import NOT_GIVEN, Section, is_mapping
from elt_script.config.yaml import Document, Fault, Location, Unusable, place, read_yaml
from elt_script.errors import ConfigError
from elt_script.secret import hide_variables

__all__ = ["json_schema", "load"]

OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
MOST_BYTES = 1_000_000
MOST_FAULTS = 100  # that are told at once
USUAL = Path("config.yaml")
NO_KEY = "a password with a comma in it needs quotes"  # else what follows is a key, and is not shown
PASSWORDS: frozenset[Location] = frozenset((side, "password") for side in SIDES)
SECRET_VALUES = PASSWORDS | {(side, "url") for side in SIDES}

# pydantic's kinds of errors in our words; the others are told in pydantic's.
WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "tuple_type": "must be a list (- item)",
    "string_pattern_mismatch": "has not the form that is wanted",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "missing": "is missing",
}


def load(path: Path | None, environ: Mapping[str, str], *, without: Collection[str] = ()) -> Config:
    """Return the config of a file and of the environment, which fills what the file leaves out.

    path     the file; None is ./config.yaml where there is one, and else the environment alone
    without  keys at the top of the file that are left unread, with all that is below them

    Raises ConfigError with all faults, none of which shows a secret.
    """
    file = path or (USUAL if os.path.lexists(USUAL) else None)  # a link to nowhere is a fault
    folder = _folder(file)
    document = _read(file, environ)
    document.drop(without)
    hide_variables(name for name, places in document.names.items() if SECRET_VALUES & places)
    filled = from_environment(_top(document), environ, document.names)
    faults = [*document.found(), *filled.faults.values()]
    try:
        config = Config.model_validate(filled.values, context={"folder": folder})
    except ValidationError as error:
        config, faults = None, [*faults, *islice(_faults(error, file, document, filled), MOST_FAULTS)]
    if config is None or faults:
        raise _error(file, faults)
    return config.warned(_exposed(file, document, config) if file else (), filled.unknown)


def _folder(file: Path | None) -> Path:
    try:
        return Path.cwd() / (file.parent if file else "")
    except FileNotFoundError:
        raise ConfigError("the working directory is gone", hint="Change to one that is there.") from None


def _exposed(file: Path, document: Document, config: Config) -> Iterator[str]:
    """Yield a warning where others may read a password that the file holds."""
    sides = {"source": config.source, "destination": config.destination}
    holds = any(
        document.holds((side, "password")) or (server.url_has_password and document.holds((side, "url")))
        for side, server in sides.items()
    )
    mode = file.stat().st_mode
    if holds and mode & OTHERS_READ:
        yield (
            f"{file} holds a password, and others may read it (mode {stat.S_IMODE(mode):04o}): "
            "chmod 600 it, or give the password by password_file or the environment"
        )


def _read(file: Path | None, environ: Mapping[str, str]) -> Document:
    if file is None:
        return read_yaml("", environ, PASSWORDS)
    hint = "Name another file with --config, or let `elt init` write a commented config.yaml."
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist", hint=hint) from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read", detail=error.strerror or "", hint=hint) from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{file} has more than {MOST_BYTES:,} bytes: it is no configuration", hint=hint)
    try:
        return read_yaml(content.decode("utf-8-sig"), environ, PASSWORDS)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise _error(file, [Fault(line, "", "is not UTF-8 text: save the file in that encoding")])


def _top(document: Document) -> Mapping[str, object]:
    if is_mapping(document.value):
        return document.value
    if document.value is not None and () not in document.faults:
        document.faults[()] = [Fault(1, "", "must be a mapping, with keys such as `source:`")]
    return {}


def _faults(error: ValidationError, file: Path | None, document: Document, filled: Filled) -> Iterator[Fault]:
    """Yield pydantic's faults, with the place of each, but for those that follow from one known already."""
    nowhere: set[str | int] = set()
    for found in error.errors(include_url=False):  # its input, which may be a secret, is never shown
        location: Location = found["loc"]
        unusable = isinstance(found["input"], Unusable)
        if unusable or document.is_at_fault(location) or location in filled.faults:
            continue
        text = _named(_text(found), location[:-1], filled)
        if found["type"] == NOT_GIVEN:
            if location[0] in nowhere:
                continue  # without a server, there is no point in asking for its database
            nowhere.add(location[0])
            text += f" (in the environment, {variable((location[0], 'url'))})"
        if location in filled.names:
            yield Fault(0, filled.names[location], text)
        elif file is None:
            yield Fault(0, variable(location) or place(location), text)
        else:
            shown = place(location)
            if location[0] in SIDES and found["type"] == "extra_forbidden" and found["input"] is None:
                shown, text = f"{place(location[:-1])}.…", f"{text}; {NO_KEY}"
            yield Fault(document.line(location), shown, text)


def _text(found: ErrorDetails) -> str:
    kind, location = found["type"], found["loc"]
    if kind in (NOT_GIVEN, "fault"):
        return found["msg"]
    section = _section(location[:-1])
    if kind == "extra_forbidden" and section:
        return _unknown(str(location[-1]), section)
    if kind == "literal_error":
        text = f"must be {found.get('ctx', {})['expected']}"
    else:
        text = WORDS.get(kind) or found["msg"].replace("Input should", "must")
    known = section.model_fields.get(str(location[-1])) if section else None
    return f"{text} ({known.description})" if known else text


def _unknown(key: str, section: type[Section]) -> str:
    """Return what to say of a key that a section does not have."""
    known = tuple(section.model_fields)
    if key in OTHER_SECRETS:
        return "is not a key: elt takes no secret but the password"
    elsewhere = [name for name, other in SECTIONS.items() if key in other.model_fields]
    if elsewhere:
        return f"is not a key here: it belongs under {' or '.join(elsewhere)}"
    if meant := closest(key, known):
        return f"is not a key: did you mean {meant}?"
    return f"is not a key; there are {', '.join(known)}"


def _section(location: Location) -> type[Section] | None:
    """Return what a location's mapping is read into."""
    match location:
        case ():
            return Config
        case ("tables", _):
            return TableSettings
        case ("audit", "checks", _):
            return Check
        case ("transform", _):
            return TransformStep
        case (str(name),):
            return SECTIONS.get(name)
        case _:
            return None


def _named(text: str, section: Location, filled: Filled) -> str:
    """Return text with the section's keys, which it has in backquotes, as they were given."""

    def given(found: re.Match[str]) -> str:
        return filled.names.get((*section, found[1]), found[0])

    return re.sub(r"`(\w+)`", given, text)


def _error(file: Path | None, faults: list[Fault]) -> ConfigError:
    """Return all faults as one error, in the order of their lines, the environment's last."""
    ordered = sorted(faults, key=lambda fault: (fault.line == 0, fault.line))
    lines = [f"{file}:{f.line}" if f.line else "environment" for f in ordered]
    detail = "\n".join(
        ": ".join(part for part in (line, f.place, f.text) if part)
        for line, f in zip(lines, ordered, strict=True)
    )
    owners = [str(file)] * any(f.line for f in faults) + ["the environment"] * any(not f.line for f in faults)
    has = "has" if len(owners) == 1 else "have"
    count = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
    hint = (
        "`elt schema` describes every key."
        if file
        else "Set ELT_SOURCE_URL and ELT_DESTINATION_URL, or let `elt init` write a config.yaml."
    )
    return ConfigError(f"{' and '.join(owners)} {has} {count}", detail=detail, hint=hint)
