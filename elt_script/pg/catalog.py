"""What the source holds: tables and their columns, and how each type's values may travel."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, LiteralString

from psycopg import sql

from elt_script.pg.session import Connection, query, rows
from elt_script.tables import Column, Digest, Table, TableName
from elt_script.tables import Sequence as SequenceState

# Equal values of these types are the same bytes, and Postgres hashes them without a function call of ours.
IDENTITY_IS_EQUALITY = frozenset(
    {
        *("bool", "int2", "int4", "int8", "oid", "char", "name", "text", "varchar", "bytea", "uuid"),
        *("date", "time", "timestamp", "timestamptz", "macaddr", "macaddr8"),
    }
)
# Their values are the bytes of the database's encoding.
TEXTS = frozenset({"name", "text", "varchar"})
# By themselves, these take half the time that they take as columns of a record.
HASHES: Mapping[str, str] = MappingProxyType(
    {
        **{name: f"hash{name}extended" for name in ("int2", "int4", "int8", "oid", "char", "name", "text")},
        **{name: f"hash{name}extended" for name in ("macaddr", "float4", "float8")},
        **{name: f"{name}_hash_extended" for name in ("uuid", "time", "timestamp")},
        "varchar": "hashtextextended",
    }
)
FLOATS = frozenset({"float4", "float8"})  # whose hash does not see the sign of a zero
# An object of the database, by its OID.
OBJECTS = frozenset(
    {
        *("regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator"),
        *("regproc", "regprocedure", "regtype"),
    }
)
TYPE_OID = 26  # pg_type.oid of oid
Composites = Mapping[int, Sequence[tuple[str, int]]]  # type → name and type of each part
# Their binary form holds OIDs, which differ between databases, depends on more than the value, or is one that
# Postgres does not take back where the value is empty.
NEVER_BINARY = OBJECTS | {"regrole", "xml", "int2vector", "oidvector", "tsquery"}


@dataclass(frozen=True, slots=True)
class Type:
    """Facts about a type; see pg/sql/types.sql."""

    oid: int
    schema: str
    name: str
    kind: str
    built_in: bool
    element: int
    base: int
    subtype: int
    send: str | None
    receives: bool


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum; see pg/sql/enums.sql, and used_enums.sql, where its OIDs are known."""

    schema: str
    name: str
    labels: list[str]
    comment: str | None
    oids: list[int] = field(default_factory=list[int])

    def __str__(self) -> str:
        return f"type {self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, materialized or foreign table of a user's schema; see pg/sql/tables.sql."""

    oid: int
    schema: str
    name: str
    kind: str
    partition: bool
    persistence: str
    rows_estimate: int
    bytes: int
    blocks: int
    populated: bool
    hashed: str | None
    columns: list[list[Any]]

    @property
    def full_name(self) -> TableName:
        """The name in two parts."""
        return TableName(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that is not copied as it is: see pg/sql/outside.sql and pg/sql/not_as_it_is.sql."""

    kind: str
    name: str
    reason: str
    catalog: int | None
    oid: int | None


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Something about a table or type that pg_dump does not write; see read_unwritten's files."""

    kind: str
    schema: str
    name: str
    object: str
    facts: list[Any]

    @property
    def table(self) -> TableName:
        """The table's name in two parts."""
        return TableName(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension: what schema it is in, and whether it can be moved to another."""

    name: str
    schema: str
    version: str
    relocatable: bool
    needed_by: list[str]  # some of the objects that need it, described; empty: nothing does
    named_by: list[str]  # some of the routines whose text may need it


def portable(oid: int, types: Mapping[int, Type]) -> bool:
    """Whether the type's binary form means the same in another database of the same or a newer major.

    Yes for base types that ship with Postgres, and for enums (their label travels), domains, ranges and
    arrays of built-in element types that rest on them. Arrays of user-defined types and composites carry
    OIDs; extensions' types promise nothing.
    """
    kind = types.get(oid)
    if kind is None or kind.send is None or not kind.receives:
        return False
    if kind.name in NEVER_BINARY and kind.built_in:
        return False
    if kind.element:
        return types[kind.element].built_in and portable(kind.element, types)
    if kind.kind == "d":
        return portable(kind.base, types)
    if kind.kind in ("r", "m"):
        return portable(kind.subtype, types)
    return kind.kind == "e" or (kind.kind == "b" and kind.built_in)


def digest(oid: int, types: Mapping[int, Type], *, same_encoding: bool) -> Digest:
    """Choose what of a value is checked: the cheapest form that differs whenever the value does."""
    kind = types.get(oid)
    if kind is None or not portable(oid, types):
        return Digest.TEXT
    if kind.kind == "d":
        base = digest(kind.base, types, same_encoding=same_encoding)
        return base if types[kind.base].kind in ("b", "d") and not types[kind.base].element else Digest.TEXT
    by_value = IDENTITY_IS_EQUALITY if same_encoding else IDENTITY_IS_EQUALITY - TEXTS
    return Digest.VALUE if kind.built_in and kind.name in by_value else Digest.SEND


def hash_function(oid: int, types: Mapping[int, Type], chosen: Digest) -> str | None:
    """Return the function that hashes values of the type, or of a domain its base, with a seed; or none."""
    kind = types.get(oid)
    if kind and kind.kind == "d":
        return hash_function(kind.base, types, chosen)
    if kind is None or not kind.built_in or not (chosen is Digest.VALUE or kind.name in FLOATS):
        return None
    return HASHES.get(kind.name)


def objects_in(
    oid: int, held: sql.Composable, types: Mapping[int, Type], composites: Composites
) -> sql.Composable | None:
    """Return the set of objects (OID, name) that one value holds, or nothing if its type never holds any.

    held        the value, as SQL
    composites  see read_composites
    """
    kind = types.get(oid)
    if kind is None:
        return None
    if kind.kind == "d":
        return objects_in(kind.base, held, types, composites)
    if kind.element:
        inner = objects_in(kind.element, sql.SQL("e.v"), types, composites)
        each = "(select o.* from (select unnest({}) as v) e cross join lateral {} o)"
        return sql.SQL(each).format(held, inner) if inner else None
    parts = [
        sql.SQL("select * from {} p").format(inner)
        for name, type_ in composites.get(oid, ())
        if (inner := objects_in(type_, _part(held, name), types, composites))
    ]
    if parts:
        return sql.SQL("({})").format(sql.SQL(" union all ").join(parts))
    named = kind.built_in and kind.name in OBJECTS
    return sql.SQL("(values ({0}::oid, {0}::text))").format(held) if named else None


def _part(composite: sql.Composable, name: str) -> sql.Composed:
    return sql.SQL("({}).{}").format(composite, sql.Identifier(name))


def _is_of_the_database(oid: int, types: Mapping[int, Type]) -> bool:
    """Whether values of the type may be numbers that a database gives to its objects."""
    return oid == TYPE_OID or objects_in(oid, sql.SQL(""), types, {}) is not None


def written_whole(oid: int, types: Mapping[int, Type]) -> LiteralString:
    """Return the cast after which the text of the type's values has all of them, or nothing.

    That of xml leaves out the encoding that a value says it has.
    """
    kind = types.get(oid)
    if kind is None:
        return ""
    if kind.kind == "d":
        return written_whole(kind.base, types)
    if kind.element:
        return "::text[]" if written_whole(kind.element, types) else ""
    return "::text" if kind.built_in and kind.name == "xml" else ""


def send_function(oid: int, types: Mapping[int, Type]) -> str | None:
    """Return the send function of the type, of a domain that of its base."""
    kind = types.get(oid)
    return send_function(kind.base, types) if kind and kind.kind == "d" else kind and kind.send


def read_types(conn: Connection) -> dict[int, Type]:
    """Return every type of the database by its OID."""
    return {kind.oid: kind for kind in rows(conn, Type, "types")}


def read_composites(conn: Connection) -> Composites:
    """Return the parts of composites that may name objects of the database, however deep."""
    found: dict[int, list[tuple[str, int]]] = {}
    for oid, name, type_ in conn.execute(query("composites")):
        found.setdefault(int(oid), []).append((str(name), int(type_)))
    return found


def read_relations(conn: Connection) -> list[Relation]:
    """Return every relation of users' schemas, by name."""
    return rows(conn, Relation, "tables")


def read_children(conn: Connection) -> dict[int, list[int]]:
    """Return relation → its partitions and heirs, by OID."""
    children: dict[int, list[int]] = {}
    for child, parent in conn.execute(query("children")):
        children.setdefault(int(parent), []).append(int(child))
    return children


def as_table(relation: Relation, types: Mapping[int, Type], *, same_encoding: bool) -> Table:
    """Return the relation as a table whose rows can be copied."""
    columns = as_columns(relation.columns, types, same_encoding=same_encoding)
    return Table(relation.full_name, columns, relation.rows_estimate, relation.bytes, relation.blocks)


def as_columns(
    columns: Sequence[list[Any]], types: Mapping[int, Type], *, same_encoding: bool
) -> tuple[Column, ...]:
    """Return what pg/sql/tables.sql says of columns as such."""
    found: list[Column] = []
    for name, oid, type_name, deterministic, generated in columns:
        own = generated and _is_of_the_database(oid, types)
        chosen = Digest.NOTHING if own else digest(oid, types, same_encoding=same_encoding)
        column = Column(
            name=name,
            type=type_name,
            generated=generated,
            portable=portable(oid, types),
            digest=chosen,
            send=send_function(oid, types),
            fixed_collation=deterministic,
            hash=hash_function(oid, types, chosen),
            written_whole=written_whole(oid, types),
        )
        found.append(column)
    return tuple(found)


def read_sequences(
    conn: Connection, schemas: Sequence[str], without: Collection[int] = ()
) -> list[SequenceState]:
    """Return the position of every sequence in schemas, without those of these OIDs.

    Sequences have no snapshot: a position may be later than the rows', as in pg_dump, and never earlier.
    """
    listed = conn.execute(query("sequences"), {"schemas": list(schemas), "without": list(without)})
    names = [TableName(str(schema), str(name)) for schema, name in listed]
    found: list[SequenceState] = []
    for start in range(0, len(names), 500):
        batch = names[start : start + 500]
        one = sql.SQL("select {}::int as at, last_value, is_called from {}")
        union = sql.SQL(" union all ").join(one.format(sql.Literal(i), n.quoted) for i, n in enumerate(batch))
        found += [
            SequenceState(batch[int(at)], int(last), bool(called)) for at, last, called in conn.execute(union)
        ]
    return found


def read_outside(conn: Connection, schemas: Mapping[str, str], *, privileges: bool) -> list[Outside]:
    """Return what no schema holds, or not so that it can be made again, and is therefore not copied.

    schemas     source's name → final name
    privileges  whether somebody expects the source's
    """
    renamed = {name: final for name, final in schemas.items() if name != final}
    found = rows(conn, Outside, "outside")
    for name in ("not_as_it_is", *(["not_granted"] if privileges else [])):
        found += rows(conn, Outside, name, schemas=list(schemas))
    if renamed:
        found += rows(conn, Outside, "named_in_text", schemas=list(schemas), renamed=json.dumps(renamed))
    return found


def read_unwritten(conn: Connection, schemas: Sequence[str]) -> list[Unwritten]:
    """Return what pg_dump does not write about the objects of schemas, and names that may be cut."""
    files = ("unwritten", "comments", "long_names")
    return [one for file in files for one in rows(conn, Unwritten, file, schemas=list(schemas))]


def read_extensions(conn: Connection, schemas: Sequence[str]) -> list[Extension]:
    """Return the database's extensions, each with what in schemas needs it."""
    return rows(conn, Extension, "extensions", schemas=list(schemas))
