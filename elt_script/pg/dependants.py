"""What others built on a generation at the destination, and how it is pointed at the next one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from elt_script.errors import DestinationError
from elt_script.pg import locks
from elt_script.pg.session import Connection, exists, query, rows, value
from elt_script.tables import TableName


@dataclass(frozen=True, slots=True)
class Dependant:
    """Something that is not ours and rests on what we published; see pg/sql/dependants.sql."""

    id: str
    rests: list[str]
    kind: str
    object: str
    relation: int | None
    lock: str | None
    reads: list[tuple[int, str]]
    before: str | None
    after: str | None
    clear: str | None
    turn: int
    owned: bool
    part: bool
    uses: list[tuple[str, str | None]]
    fault: str | None
    temporary: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.object}"

    @property
    def stays(self) -> bool:
        """Whether it is published itself, or part of that as a column is: the generation before keeps it."""
        kinds = ("relation", "routine", "type", "column", "not null", "default")
        return self.part and self.owned and self.kind in kinds

    @property
    def drop(self) -> str | None:
        """The statement that gives it up, or None where that would lose somebody's data, or it stays."""
        if self.kind == "function":
            return f"drop routine {self.object}"
        if self.kind in ("view", "materialized view", "rule", "trigger", "policy", "index"):
            return f"drop {self.kind} {self.object}"
        return self.before


@dataclass(frozen=True, slots=True)
class Carried:
    """What somebody granted, said or set, as a statement for the next generation; see pg/sql/carried.sql."""

    kind: str
    object: str
    statement: str

    def __str__(self) -> str:
        return f"{self.kind} {self.object}"

    @property
    def is_grant(self) -> bool:
        """Whether it says who may do what."""
        return self.statement.startswith(("grant ", "revoke "))

    @property
    def is_choice(self) -> bool:
        """Whether it is about an index, which may be yet to be built, or its columns to be not null."""
        return self.kind in ("replica identity", "clustering") or self.kind.startswith("extension of ")


@dataclass(frozen=True, slots=True)
class ExtraIndex:
    """An index, or a constraint that rests on one, on a published table; see pg/sql/extra_indexes.sql."""

    object: str
    schema: str
    table: str
    name: str
    beginning: str | None
    definition: str
    comment: str | None
    targets: dict[str, int]
    settings: str | None
    only: bool
    useless: bool
    above: tuple[str, str] | None

    def __str__(self) -> str:
        return self.object

    def is_on(self, conn: Connection, place: TableName) -> bool:
        """Whether the table in another place has the same already, as after a rollback."""
        return bool(
            value(
                conn,
                query("already_built"),
                table=place.quoted.as_string(None),
                index=TableName(place.schema, self.name).quoted.as_string(None),
                name=self.name,
                definition=self.definition[len(self.beginning or "") :],
                unique=self.beginning and self.beginning.startswith("CREATE UNIQUE"),
            )
        )

    def on(self, places: Mapping[str, str]) -> sql.Composed | None:
        """Return the statements that build the same on the table in another place.

        places  schema → where its tables stand

        Postgres writes an index's definition in one way only, so its beginning is known to the letter; where
        it is not that, there is no statement.
        """
        place = TableName(places[self.schema], self.table)
        name, table = sql.Identifier(self.name), place.quoted
        index = sql.Identifier(place.schema, self.name)
        only = sql.SQL("only " if self.only else "")
        if self.beginning is None:
            add = sql.SQL("alter table {}{} add constraint {} {}")
            built = add.format(only, table, name, _said(self.definition))
            note = sql.SQL("comment on constraint {} on {} is {}").format(name, table, self.comment)
        elif self.definition.startswith(self.beginning):
            unique = sql.SQL("unique " if self.beginning.startswith("CREATE UNIQUE") else "")
            rest = _said(self.definition[len(self.beginning) :])
            built = sql.SQL("create {}index {} on {}{} {}").format(unique, name, only, table, rest)
            note = sql.SQL("comment on index {} is {}").format(index, self.comment)
        else:
            return None
        aim = sql.SQL("alter index {} alter column {} set statistics {}")
        more = [aim.format(index, _said(column), target) for column, target in self.targets.items()]
        if self.settings:
            more.append(sql.SQL("alter index {} set ({})").format(index, _said(self.settings)))
        if self.above:
            schema, whole = self.above
            part_of = sql.SQL("alter index {} attach partition {}")
            more.append(part_of.format(sql.Identifier(places[schema], whole), index))
        return sql.SQL("; ").join([built, note, *more])


def _said(text: str) -> sql.SQL:
    """Return as SQL what the server itself has written."""
    return sql.SQL(text)  # pyright: ignore[reportArgumentType]  (the server's own words are as good as literal)


def read(
    conn: Connection,
    generation: int,
    places: Mapping[str, str] | None = None,
    *,
    staying: Sequence[int] = (),
    temporary: bool = False,
) -> list[Dependant]:
    """Return what others built on a generation, in the order in which it can be pointed at the next one.

    places     final schema → where the next generation stands, where there is one: columns that change their
               types decide how a view is pointed there
    staying    OIDs of types that will be the next one's, so that what rests on them need not move
    temporary  also what ends with somebody's session
    """
    moves = json.dumps(dict(places or {}))
    reach = {"reach": query("reach").format()}
    found = rows(
        conn, Dependant, "dependants", reach, generation=generation, places=moves, staying=list(staying)
    )
    anew = [one.id for one in found if one.clear]
    again = dict(conn.execute(query("restored"), {"ids": anew}).fetchall()) if anew else {}
    return [
        replace(one, after=f"{one.after}{again[one.id]}") if one.clear else one
        for one in found
        if temporary or not one.temporary
    ]


def read_changes(conn: Connection, generation: int) -> list[Dependant]:
    """Return what people did to a live generation's own tables; nothing of others rests on it."""
    return rows(conn, Dependant, "own_tables", generation=generation)


def read_carried(conn: Connection, generation: int) -> list[Carried]:
    """Return the grants, comments and settings that others gave to a generation's objects."""
    return rows(conn, Carried, "carried", generation=generation)


def read_extra_indexes(conn: Connection, generation: int) -> list[ExtraIndex]:
    """Return the indexes, and constraints that rest on one, that others added to a generation's tables."""
    return rows(conn, ExtraIndex, "extra_indexes", generation=generation)


def wanted(conn: Connection, generation: int, others: Iterable[Dependant]) -> locks.Wanted:
    """Return the locks on a generation, and on what others built on it, that moving or dropping it takes."""
    ours = conn.execute(query("locks"), {"generation": generation}).fetchall()
    theirs = {one.relation: one.lock for one in others if one.relation is not None and one.lock}
    reads = {oid: name for one in others for oid, name in one.reads if oid not in theirs}
    statements = [*(statement for _, statement in ours), *theirs.values()]
    if reads:  # with what others built on it; a table that is altered at this moment would make a deadlock
        statements.append(f"lock table {', '.join(reads.values())} in access share mode")
    relations = [*(oid for oids, _ in ours for oid in oids), *theirs]
    return locks.Wanted(tuple(statements), tuple(relations), tuple(reads))


def late_indexes(
    conn: Connection, generation: int, places: Mapping[str, str], known: Collection[str]
) -> list[ExtraIndex]:
    """Return the extra indexes that are not known, of tables that the next generation has in places."""
    return [
        one
        for one in read_extra_indexes(conn, generation)
        if one.beginning is not None  # a constraint is read again as a dependant
        and str(one) not in known
        and exists(conn, TableName(places.get(one.schema, ""), one.table))
    ]


def still_there(conn: Connection, carried: Sequence[Carried]) -> list[str]:
    """Return the statements whose object exists in the generation that now stands under the final names."""
    facts = json.dumps([[one.kind, one.object, one.statement] for one in carried])
    return [statement for (statement,) in conn.execute(query("still_there"), {"statements": facts})]


def cannot_come(one: str, error: psycopg.Error) -> DestinationError:
    """Return what it means that a statement about something of others failed."""
    return DestinationError(
        f"{one} cannot be pointed at the new data",
        detail=str(error).strip(),
        hint="Nothing was published. Change or drop it, or set `publish.dependants: drop`.",
    )


def lost(
    dependants: Iterable[Dependant], columns: Mapping[str, frozenset[str]] | None = None
) -> list[tuple[Dependant, str]]:
    """Return the dependants that cannot come along, each with the reason; what rests on one cannot either.

    dependants  in the order of read()
    columns  of each table of the next generation, by its final name ("public.orders"); without them what
             rests on one that is not there is not looked for
    """
    found: list[tuple[Dependant, str]] = []
    by_id: dict[str, Dependant] = {}
    for one in dependants:
        uses = one.uses if columns is not None else []
        missing = [_named(table, column) for table, column in uses if not _has(columns or {}, table, column)]
        if one.fault:
            found.append((one, one.fault))
        elif not one.owned:
            found.append((one, "it belongs to another role: grant that role to the destination's user"))
        elif missing:
            found.append((one, f"the source no longer has {', '.join(sorted(missing))}"))
        elif below := [by_id[base] for base in one.rests if base in by_id]:
            found.append((one, f"it rests on {', '.join(map(str, below))}"))
        else:
            continue
        by_id[one.id] = one
    return found


def _has(columns: Mapping[str, frozenset[str]], table: str, column: str | None) -> bool:
    return table in columns and (column is None or column in columns[table])


def _named(table: str, column: str | None) -> str:
    return table if column is None else f"{table}.{column}"
