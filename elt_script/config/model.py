"""The config as frozen values: what file.py reads, and what it may say."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, WithJsonSchema, field_validator, model_validator

from elt_script.config.schedule import Schedule
from elt_script.config.server import Server
from elt_script.config.value import FilePath, FolderPath, Section, fault, faults, is_list, is_mapping
from elt_script.tables import TableName

__all__ = [
    "SECTIONS",
    "Audit",
    "Check",
    "Config",
    "Executor",
    "Publish",
    "Runs",
    "Schedule",
    "Server",
    "TableSettings",
    "TransformStep",
    "Wait",
]

NAME_BYTES = 63  # Postgres cuts longer names off
OF_SHELL = frozenset("|&;<>()$`*?~\n")  # what only a shell understands; to a program it would be a word
TAKEN_PREFIXES = ("pg_", "elt_next_", "elt_prev_")
TAKEN_SCHEMAS = ("elt", "information_schema")
TAKEN = (*TAKEN_SCHEMAS, *(f"{prefix}…" for prefix in TAKEN_PREFIXES))

Checksum = Literal["all", "none"]
Share = Annotated[float, Field(ge=0, le=1)]
STRINGS = {"type": "array", "items": {"type": "string"}}
NAMES = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]}}


class Wait(Section):
    """How long to wait for servers that do not answer yet."""

    max_retries: int = Field(
        default=30, ge=0, le=100_000, description="attempts after the first, by default 30"
    )
    delay_seconds: float = Field(
        default=1.0, gt=0, le=3600, description="seconds between attempts, more than 0, by default 1"
    )


class Runs(Section):
    """What a run does about failures that pass."""

    retries: int = Field(
        default=2,
        ge=0,
        le=100,
        description="how often to begin again when a server restarts, or ends our sessions, 0 to 100, by "
        "default 2",
    )
    stall_seconds: float = Field(
        default=120.0,
        ge=2,
        le=86_400,
        description="seconds after which a program or session is given up of which no row moves and no "
        "server says that it is at work for it, 2 to 86400, by default 120",
    )


class TableSettings(Section):
    """What holds for the tables of a pattern; a later pattern overrides the keys that it sets."""

    skip: bool = Field(default=False, description="leave these tables out, by default false")
    checksum: Checksum | None = Field(default=None, description="as in audit, for these tables")
    max_shrink: Share | None = Field(default=None, description="as in audit, for these tables")
    allow_empty: bool | None = Field(default=None, description="as in audit, for these tables")


class Check(Section):
    """A query that finds what must not be; or just its SQL."""

    name: str = Field(default="", description="what messages call it, by default how its SQL begins")
    sql: str = Field(min_length=1, description="a query that must return no rows")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: object) -> object:
        if isinstance(data, str):
            data = {"sql": data}
        if is_mapping(data) and isinstance(sql := data.get("sql"), str) and not data.get("name"):
            return {**data, "name": _shortened(sql)}
        return data


class Audit(Section):
    """What the staged copy must be before it is published."""

    checksum: Checksum = Field(
        default="all", description="compare the content of all tables on both sides (the default), or of none"
    )
    max_shrink: Share | None = Field(
        default=None,
        description="share of its live rows that a table may lose, 0 to 1: 0.5 refuses a table that lost "
        "more than half; by default no limit",
    )
    allow_empty: bool = Field(
        default=False, description="publish tables without rows over tables that have some, by default false"
    )
    checks: tuple[Check, ...] = Field(
        default=(), description="queries that must return no rows, run on the staged data; by default none"
    )


class Publish(Section):
    """How the copy takes the place of what is live."""

    patience_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="seconds to try for locks that others hold, 0 to 86400, by default 60",
    )
    keep: int = Field(
        default=1, ge=0, le=9, description="generations kept for `elt rollback`, 0 to 9, by default 1"
    )
    dependants: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="what to do with others' objects that cannot come along, by default refuse",
    )
    adopt: bool = Field(
        default=False,
        description="replace tables of the same name that elt did not publish, by default false; they "
        "become the generation that `elt rollback` returns to",
    )


class TransformStep(Section):
    """What runs after publish: a file of SQL, in one transaction, or a command."""

    name: str | None = Field(default=None, min_length=1, description="what messages call it")
    sql: FilePath | None = Field(default=None, description="file of SQL, from the config file's folder")
    command: Annotated[
        tuple[str, ...] | None, WithJsonSchema({"anyOf": [{"type": "string"}, STRINGS, {"type": "null"}]})
    ] = Field(
        default=None,
        min_length=1,
        validate_default=True,
        description="program and arguments, as a list, or as one line as in a shell",
    )

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: object) -> object:
        if not isinstance(command, str):
            return command
        try:
            words = tuple(shlex.split(command))
        except ValueError:
            raise fault("has a quote or a backslash without its other half") from None
        return ("sh", "-c", command) if OF_SHELL.intersection(command) else words

    @field_validator("command")
    @classmethod
    def _is_one_of_both(cls, command: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if "sql" in info.data and (info.data["sql"] is None) == (command is None):
            raise fault("a step is either `sql: path` or `command: …`")
        return command

    @property
    def title(self) -> str:
        """What messages call this step."""
        return self.name or (self.sql.name if self.sql else shlex.join(self.command or ()))


class Executor(Section):
    """Where the programs run that rows move through."""

    kind: Literal["threads", "dask"] = Field(
        default="threads",
        description="threads: on this machine, the default; dask: on the workers of a Dask cluster",
    )
    address: str | None = Field(
        default=None,
        pattern=r"^[a-z]+://\S+:[0-9]+$",
        validate_default=True,
        description="where the cluster's scheduler is, for kind dask alone: tcp://scheduler:8786",
    )

    @field_validator("address")
    @classmethod
    def _is_dasks(cls, address: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("kind") == "dask" and address is None:
            raise fault("nothing says where the scheduler is: tcp://scheduler:8786")
        if info.data.get("kind") == "threads" and address is not None:
            raise fault("threads have no address: leave it out, or set `kind: dask`")
        return address


class Config(Section):
    """What `elt` copies, from where to where, and what must hold before readers see it."""

    pipeline: str = Field(
        default="default",
        pattern=r"^[a-z][a-z0-9_]{0,30}$",
        description="name of this pipeline in the destination, a-z, 0-9 and _, by default default",
    )
    source: Server = Field(description="the database to copy; it is only read")
    destination: Server = Field(description="the database whose readers get the copy")
    wait: Wait = Field(default=Wait(), description="how long to wait for both servers")
    run: Runs = Field(default=Runs(), description="what a run does about failures that pass")
    schemas: Annotated[
        dict[str, str] | None, WithJsonSchema({"anyOf": [STRINGS, NAMES, {"type": "null"}]})
    ] = Field(
        default=None,
        description="schemas to copy, as a list, or as a mapping from a schema of the source to its name at "
        "the destination; by default every schema of the source",
    )
    jobs: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="tables to copy at once, 1 to 256, by default by cores, or by the executor's threads",
    )
    split_bytes: int | None = Field(
        default=None,
        ge=1 << 20,
        le=1 << 50,
        description="bytes above which a table is copied in parts, by programs of their own, 1 MiB or more; "
        "by default 1 GiB where there are more than two jobs and more jobs than large tables, else never",
    )
    executor: Executor = Field(
        default=Executor(), description="where the programs run that rows move through"
    )
    bin_dir: FolderPath | None = Field(
        default=None,
        description="folder of Postgres' programs, by default found on PATH and where they usually are",
    )
    defaults: TableSettings = Field(default=TableSettings(), description="settings of all tables")
    tables: dict[str, TableSettings] = Field(
        default={"*": TableSettings()},
        min_length=1,
        description="tables to copy: patterns (* ? [abc]) of schema.table, or of a table's name in any "
        'schema, and their settings; by default "*": {}',
    )
    privileges: Literal["keep", "copy", "none"] = Field(
        default="keep",
        description="who may do what with the copy: keep what the destination granted (the default), copy "
        "the source's grants to roles that the destination has too, or none but the owner",
    )
    owners: Literal["none", "copy"] = Field(
        default="none",
        description="whom the copy belongs to: by default (none) the role that publishes it; copy gives each "
        "object to the role of the same name as its owner at the source",
    )
    large_objects: Literal["copy", "none"] | None = Field(
        default=None,
        description="whether large objects are copied, which are in no schema: copy or none; by default they "
        "are where `schemas` leaves out no schema of the source",
    )
    audit: Audit = Field(default=Audit(), description="what the staged copy must be before it is published")
    publish: Publish = Field(default=Publish(), description="how the copy takes the place of what is live")
    transform: tuple[TransformStep, ...] = Field(
        default=(), description="steps to run at the destination after publish, in order; by default none"
    )
    schedule: Schedule = Field(
        default=Schedule(), description="when `elt schedule` runs, and when its health check complains"
    )

    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _unknown: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not make this configuration wrong, and should be mended."""
        return self._warnings

    @property
    def unknown(self) -> tuple[str, ...]:
        """Variables that are called as ours are, and that nobody knows."""
        return self._unknown

    def warned(self, warnings: Iterable[str], unknown: Iterable[str]) -> Config:
        """Return this configuration with what is to be said of it."""
        copy = self.model_copy()
        copy._warnings, copy._unknown = tuple(warnings), tuple(unknown)  # noqa: SLF001  (its own kind)
        return copy

    @field_validator("destination")
    @classmethod
    def _is_not_the_source(cls, destination: Server, info: ValidationInfo) -> Server:
        source: Server | None = info.data.get("source")
        if source is not None and destination.is_at(source):
            raise fault("is the source's database: give another one")
        return destination

    @field_validator("schemas", mode="before")
    @classmethod
    def _from_names(cls, schemas: object) -> object:
        if is_list(schemas):
            names = Counter(map(str, schemas))
            if names.total() > len(names):
                twice = {name: "is listed twice" for name, times in names.items() if times > 1}
                raise faults({name: why for name in names if (why := schema_fault(name, name))} | twice)
            return {str(name): name for name in schemas}
        if is_mapping(schemas):
            return {source: source if name is None else name for source, name in schemas.items()}
        return schemas

    @field_validator("schemas")
    @classmethod
    def _are_free(cls, schemas: dict[str, str] | None) -> dict[str, str] | None:
        if schemas is None:
            return None
        if not schemas:
            raise fault("names no schema: leave the key out to copy every schema")
        wrong = {source: why for source, name in schemas.items() if (why := schema_fault(source, name))}
        times = Counter(schemas.values())
        for source, name in schemas.items():
            if times[name] > 1:
                wrong.setdefault(source, "another schema has the same name at the destination")
        if wrong:
            raise faults(wrong)
        return schemas

    @field_validator("tables", mode="before")
    @classmethod
    def _with_settings(cls, tables: object) -> object:
        if not is_mapping(tables):
            return tables
        return {pattern: TableSettings() if given is None else given for pattern, given in tables.items()}

    def table_settings(self, name: TableName) -> TableSettings | None:
        """Return what holds for a table, complete but for max_shrink; None where no pattern matches it."""
        matching = [settings for pattern, settings in self.tables.items() if matches(pattern, name)]
        if not matching:
            return None
        audit = {key: getattr(self.audit, key) for key in ("checksum", "max_shrink", "allow_empty")}
        for settings in (self.defaults, *matching):
            audit |= settings.model_dump(exclude_unset=True)
        return TableSettings(**audit)


SECTIONS: dict[str, type[Section]] = {
    key: kind
    for key, field in Config.model_fields.items()
    if isinstance(kind := field.annotation, type) and issubclass(kind, Section)
}


def matches(pattern: str, name: TableName) -> bool:
    """Whether a pattern of `tables` means a table."""
    return fnmatchcase(str(name) if "." in pattern else name.name, pattern)


def schema_fault(source: str, name: str) -> str:
    """Return why a schema cannot be copied to this name, and '' where it can."""
    if not source or not name:
        return "a schema has a name"
    if max(len(source.encode()), len(name.encode())) > NAME_BYTES:
        return f"Postgres' names have at most {NAME_BYTES} bytes"
    if source.startswith("pg_") or source == "information_schema":
        return "is a system schema"
    if name in TAKEN_SCHEMAS or name.startswith(TAKEN_PREFIXES):
        return f"needs another name at the destination: {', '.join(TAKEN)} are taken"
    return ""


def _shortened(sql: str, limit: int = 60) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
