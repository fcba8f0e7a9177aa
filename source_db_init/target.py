"""The table that is to be: whether it may be made, replaced or added to, known before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
import structlog
from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg import session
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.exposure import exposure
from elt_script.tables import TableName
from source_db_init.inference import Column

IfExists = Literal["fail", "replace", "append", "skip"]

KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "p": "a partitioned table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}
# Where the text of a value stays what it was, or Postgres refuses it. Text fits into text alone: what
# another type makes of it, only who chose the type can know.
WIDER = {
    "integer": ("smallint", "bigint", "numeric", "double precision"),
    "bigint": ("numeric",),
}

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Target:
    """What has the table's name now."""

    schema_there: bool
    may_create: bool
    kind: str  # relkind; empty if the name is free
    partition: bool
    owned: bool
    may_insert: bool
    columns: list[tuple[str, str, bool, bool]]  # name, type, needs a value, is computed
    grants: list[str]

    @property
    def exists(self) -> bool:
        """Whether the name is taken."""
        return bool(self.kind)


@dataclass(frozen=True, slots=True)
class _Dependant:
    object: str
    lost: bool


def look(endpoint: Endpoint, table: TableName, if_exists: IfExists) -> Target:
    """Return what has the table's name, or raise PreflightError if that rules out what is asked for."""
    try:
        with endpoint.connect() as conn:
            if exposed := exposure(endpoint, conn):
                _log.warning("secret.exposed", reason=exposed)
            (target,) = session.rows(conn, Target, "seed_table", schema=table.schema, name=table.name)
            _want_possible(endpoint, table, target, if_exists)
            if target.exists and if_exists == "replace":
                _want_replaceable(conn, table)
    except psycopg.Error as error:
        raise endpoint.error(f"{endpoint} does not say what is there", detail=str(error)) from error
    return target


def _want_possible(endpoint: Endpoint, table: TableName, target: Target, if_exists: IfExists) -> None:
    user = endpoint.parameters.get("user", "the user")
    adds = target.exists and if_exists == "append"
    if not target.schema_there:
        quoted = sql.Identifier(table.schema).as_string(None)
        raise PreflightError(
            f"{endpoint} has no schema {table.schema}",
            hint=f"Create it (create schema {quoted}), or correct the table's name.",
        )
    if target.exists and if_exists == "skip":
        return
    if target.exists and if_exists == "fail":
        raise PreflightError(
            f"{table} is there already",
            hint="Say what to do with it: --if-exists replace, append or skip.",
        )
    if target.exists and (target.kind != "r" or target.partition) and not (adds and target.kind in "rp"):
        kind = "a partition" if target.partition else KINDS.get(target.kind, "no table")
        raise PreflightError(f"{table} is {kind}", hint="Choose another name for the table.")
    if adds and not target.may_insert:
        raise PreflightError(f"{user} may not insert into {table}", hint="Grant insert on it.")
    if target.exists and not adds and not target.owned:
        raise PreflightError(f"{user} does not own {table}", hint="Seed as its owner, who may replace it.")
    if not adds and not target.may_create:
        raise PreflightError(
            f"{user} may not create a table in schema {table.schema}",
            hint=f"Grant create on schema {table.schema}, or choose another one.",
        )


def _want_replaceable(conn: psycopg.Connection[tuple[object, ...]], table: TableName) -> None:
    found = session.rows(conn, _Dependant, "seed_dependants", schema=table.schema, name=table.name)
    in_the_way = [dependant.object for dependant in found if not dependant.lost]
    if in_the_way:
        raise PreflightError(
            f"{table} cannot be replaced: others rest on it",
            detail="\n".join(in_the_way),
            hint="Drop them first, or choose --if-exists append or skip.",
        )
    if lost := [dependant.object for dependant in found if dependant.lost]:
        _log.warning("table.parts_lost", table=str(table), parts=lost)


def want_fit(table: TableName, target: Target, columns: Sequence[Column]) -> None:
    """Refuse to add rows to a table whose columns are not those of the CSV, with every reason."""
    there = {name: (type_, needed, computed) for name, type_, needed, computed in target.columns}
    given = {column.name for column in columns}
    faults = [
        f'the CSV has no "{name}"' for name, (_, needed, _) in there.items() if needed and name not in given
    ]
    for column in columns:
        if column.name not in there:
            faults.append(f'{table} has no "{column.name}"')
            continue
        type_, _, computed = there[column.name]
        if computed:
            faults.append(f'{table} computes "{column.name}" itself')
        elif column.filled and not _fits(column.type, type_):
            faults.append(f'"{column.name}" is {column.type} in the CSV, and {type_} in {table}')
    if faults:
        raise PreflightError(
            f"the CSV does not fit into {table}",
            detail="\n".join(faults),
            hint="Change the table, or choose --if-exists replace.",
        )


def _fits(found: str, wanted: str) -> bool:
    text = wanted == "text" or wanted.startswith("character varying")
    return text or wanted == found or wanted in WIDER.get(found, ())
