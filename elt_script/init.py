"""Write a first config.yaml from a source that is looked at, and changed in nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from pydantic import ValidationError

from elt_script.config.env import from_environment, variable
from elt_script.config.file import USUAL
from elt_script.config.model import Runs, Server, schema_fault
from elt_script.config.starter import starter
from elt_script.config.url import holds_password
from elt_script.config.value import is_mapping
from elt_script.errors import ConfigError
from elt_script.pg.catalog import read_relations
from elt_script.pg.endpoint import Endpoint, Role, translating
from elt_script.pg.listening import listened
from elt_script.pg.process import supervised
from elt_script.pg.programs import any_programs
from elt_script.pg.session import query
from elt_script.steps.wait import wait
from elt_script.tables import TableName
from elt_script.wording import counted

MAX_RETRIES, DELAY_S = 2, 1.0  # somebody sits there and waits
WHERE = ("url", "service", "host", "hostaddr")  # one of them says where a server is

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Written:
    """What went into the file."""

    path: Path
    source: Endpoint
    tables: int
    destination: Endpoint | None

    def __str__(self) -> str:
        lines = [f"{self.path}: {counted(self.tables, 'table')} of {self.source}"]
        if self.source.password is not None:
            lines.append(
                "Its password is not in the file: set ELT_SOURCE_PASSWORD, or ELT_SOURCE_PASSWORD_FILE."
            )
        if self.destination is None:
            lines.append("Say in it where the destination is, or set ELT_DESTINATION_URL.")
        option = "" if self.path == USUAL else f" --config {self.path}"
        return "\n".join((*lines, f"Then see what a run would do: elt{option} plan"))


def init(path: Path, environ: Mapping[str, str], bin_dir: Path | None, *, force: bool) -> Written:
    """Write a commented config for the source that the environment names.

    environ  ELT_SOURCE_URL and the like; ELT_DESTINATION_… where it is known: nobody connects to it
    force    overwrite path

    No password is written. Raises EltError; path is as it was then.
    """
    _want_free(path, force=force)
    given = _endpoint("source", environ)
    if given is None:
        raise ConfigError(
            "nothing says where the source is",
            hint="Give --source postgresql://user@host:5432/dbname, or set ELT_SOURCE_URL.",
        )
    destination = _endpoint("destination", environ)
    with supervised(), translating():
        source = replace(given, bin=any_programs(bin_dir, tls=given.demands_tls))
        wait(source, MAX_RETRIES, DELAY_S)
        with listened((source,), Runs().stall_seconds), source.connect() as conn:
            schemas = [name for name, own in conn.execute(query("user_schemas")) if own]
            found = [relation for relation in read_relations(conn) if relation.kind == "r"]
    tables = [
        (TableName(table.schema, table.name), table.rows_estimate, table.bytes)
        for table in found
        if not schema_fault(table.schema, table.schema)
    ]
    text = starter(source.parameters, schemas, tables, destination.parameters if destination else None)
    _write(path, text, force=force)
    return Written(path, source, len(tables), destination)


def warn_of_arguments(**urls: str | None) -> None:
    """Say so where a password was given in an argument: any user of the machine may read those."""
    for option, url in urls.items():
        if url and holds_password(url):
            reason = f"--{option} holds a password, which `ps` shows to others: leave it to {{}}"
            log.warning("secret.exposed", reason=reason.format(variable((option, "password"))))


def _endpoint(role: Role, environ: Mapping[str, str]) -> Endpoint | None:
    """Return what the environment says of a server, or None where it says nothing."""
    filled = from_environment({}, environ, set())
    values = filled.values[role]
    assert is_mapping(values)  # noqa: S101  (made so just now)
    if not any(key in values for key in WHERE):
        return None
    faults = [f"{fault.place}: {fault.text}" for (side, *_), fault in filled.faults.items() if side == role]
    try:
        server = Server.model_validate(values)
    except ValidationError as error:
        known = {location[1:] for location in filled.faults}
        faults += [
            f"{variable((role, *found['loc']))}: {found['msg']}"
            for found in error.errors()
            if found["loc"] not in known
        ]
    else:
        if not faults:
            return server.endpoint(role)
    raise ConfigError(
        f"the environment does not say rightly where the {role} is",
        detail="\n".join(faults),
        hint=f"Give one --{role} postgresql://user@host:5432/dbname, or set {variable((role, 'url'))}.",
    )


def _want_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise ConfigError(
            f"{path} is there already",
            hint="Name another file (elt --config other.yaml init), or overwrite it with --force.",
        )


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _want_free(path, force=force)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written", detail=error.strerror or "", hint="Name another file with --config."
        ) from error
