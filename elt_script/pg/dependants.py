"""What others built on a generation at the destination, and how it is pointed at the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from elt_script.pg.session import Connection, query, rows
from elt_script.tables import TableName


@dataclass(frozen=True, slots=True)
class Dependant:
    """Something that is not ours and rests on what we published; see pg/sql/dependants.sql."""

    kind: str
    object: str
    lock: str | None
    before: str | None
    after: str | None
    turn: int
    owned: bool
    part: bool
    uses: list[str]
    fault: str | None

    def __str__(self) -> str:
        return f"{self.kind} {self.object}"

    @property
    def drop(self) -> str | None:
        """The statement that gives it up, or None where that would lose somebody's data."""
        if self.kind in ("view", "materialized view", "function"):
            return f"drop {self.kind} {self.object}"
        if self.kind in ("rule", "trigger", "policy"):
            return f"drop {self.kind} {self.object}"
        return self.before


@dataclass(frozen=True, slots=True)
class Carried:
    """A grant or comment of somebody's, as a statement for the next generation; see pg/sql/carried.sql."""

    kind: str
    object: str
    statement: str


@dataclass(frozen=True, slots=True)
class ExtraIndex:
    """An index that somebody added to a published table; see pg/sql/extra_indexes.sql."""

    schema: str
    table: str
    name: str
    beginning: str
    definition: str
    comment: str | None

    def on(self, place: TableName) -> sql.Composed | None:
        """Return the statement that builds the same index on the table in another place.

        Postgres writes an index's definition in one way only, so its beginning is known to the letter; where
        it is not that, there is no statement.
        """
        if not self.definition.startswith(self.beginning):
            return None
        rest = self.definition[len(self.beginning) :]
        unique = sql.SQL("unique " if self.beginning.startswith("CREATE UNIQUE") else "")
        start = sql.SQL("create {}index {} on {} ").format(
            unique,
            sql.Identifier(self.name),
            place.quoted,
        )
        return start + sql.SQL(rest)  # pyright: ignore[reportArgumentType]  (the server's own words)


def read(conn: Connection, generation: int) -> list[Dependant]:
    """Return what others built on a generation that stands under its final names."""
    return rows(conn, Dependant, "dependants", generation=generation)


def read_carried(conn: Connection, generation: int) -> list[Carried]:
    """Return the grants and comments that others gave to a generation's objects."""
    return rows(conn, Carried, "carried", generation=generation)


def read_extra_indexes(conn: Connection, generation: int) -> list[ExtraIndex]:
    """Return the indexes that others added to a generation's tables."""
    return rows(conn, ExtraIndex, "extra_indexes", generation=generation)


def still_there(conn: Connection, carried: Sequence[Carried]) -> list[str]:
    """Return the statements whose object exists in the generation that now stands under the final names."""
    facts = json.dumps([[one.kind, one.object, one.statement] for one in carried])
    return [statement for (statement,) in conn.execute(query("still_there"), {"statements": facts})]


def lost(
    dependants: Iterable[Dependant], columns: Mapping[str, frozenset[str]]
) -> list[tuple[Dependant, str]]:
    """Return the dependants that cannot come along, each with the reason.

    columns  of each table of the next generation, by its final name ("public.orders")
    """
    found: list[tuple[Dependant, str]] = []
    for one in dependants:
        missing = [
            use for use in one.uses if use.rpartition(".")[2] not in columns.get(use.rpartition(".")[0], ())
        ]
        if one.fault:
            found.append((one, one.fault))
        elif not one.owned:
            found.append((one, "it belongs to another role: grant that role to the destination's user"))
        elif missing:
            found.append((one, f"the source no longer has {', '.join(sorted(missing))}"))
    return found
