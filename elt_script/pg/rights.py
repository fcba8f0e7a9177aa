"""Who owns the objects of a schema, who was given what on them, and what makes it so elsewhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import sql

from elt_script.pg.session import Connection, rows

SCHEMAS = 2615  # the OID of pg_namespace


class Grant(NamedTuple):
    """One privilege on an object, or on a column of it."""

    column: str | None
    privilege: str
    role: str | None  # null: public
    grantable: bool


@dataclass(frozen=True, slots=True)
class Roles:
    """What the destination knows of roles and privileges.

    ours             role → whether we may act for it
    privileges       those that its version knows on tables
    foreign_schemas  schemas of roles that we may not act for
    superuser        whether we are one
    """

    ours: Mapping[str, bool]
    privileges: frozenset[str]
    foreign_schemas: frozenset[str]
    superuser: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """An object, who owns it, and who was given what on it; see pg/sql/objects.sql."""

    catalog: int
    schema: str
    name: str
    takes: list[str]
    kind: str | None
    word: str | None
    identity: str
    owner: str
    grants: list[tuple[str | None, str, str | None, bool]]
    usual: list[tuple[str | None, str, str | None, bool]]

    @property
    def key(self) -> tuple[object, ...]:
        """What the same object has in common in every database."""
        return (self.catalog, self.schema, self.name, *self.takes)

    @property
    def given(self) -> frozenset[Grant]:
        """What others were given."""
        return frozenset(Grant(*grant) for grant in self.grants)

    @property
    def born_with(self) -> frozenset[Grant]:
        """What others are given on such an object by Postgres itself."""
        return frozenset(Grant(*grant) for grant in self.usual)


def read_objects(conn: Connection, names: Mapping[str, str]) -> list[Owned]:
    """Return the objects of some schemas; names maps each schema to the source's name of it."""
    return rows(conn, Owned, "objects", places=json.dumps(dict(names)))


def granted(
    here: Sequence[Owned], wanted: Mapping[tuple[object, ...], Collection[Grant]] | None
) -> Iterator[sql.Composed]:
    """Yield the statements after which the objects here have the wanted grants and no other.

    wanted  an object's key → its grants; without it, and for objects that it does not know, those that
            Postgres gives by itself
    """
    for one in here:
        if one.word is None or one.catalog == SCHEMAS:
            continue
        now, then = one.given, frozenset((wanted or {}).get(one.key, one.born_with))
        yield from (_said("revoke", one.word, one.identity, grant) for grant in sorted(now - then, key=str))
        yield from (_said("grant", one.word, one.identity, grant) for grant in sorted(then - now, key=str))


def granted_on_schema(name: str, grants: Collection[Grant]) -> Iterator[sql.Composed]:
    """Yield the statements that give others what they have on a schema."""
    identity = sql.Identifier(name).as_string(None)
    return (_said("grant", "schema", identity, grant) for grant in sorted(grants, key=str))


def owned(here: Sequence[Owned], owners: Mapping[tuple[object, ...], str]) -> Iterator[sql.Composed]:
    """Yield the statements that give the objects here to their owners, by the objects' keys."""
    for one in here:
        owner = owners.get(one.key)
        if one.kind and owner is not None and owner != one.owner:
            alter = sql.SQL("alter {} {} owner to {}")
            yield alter.format(_as_sql(one.kind), _as_sql(one.identity), sql.Identifier(owner))


def _said(verb: str, word: str, identity: str, grant: Grant) -> sql.Composed:
    return sql.SQL("{} {}{} on {} {} {} {}{}").format(
        _as_sql(verb),
        _as_sql(grant.privilege),
        sql.SQL("") if grant.column is None else sql.SQL(" ({})").format(sql.Identifier(grant.column)),
        _as_sql(word),
        _as_sql(identity),
        sql.SQL("from" if verb == "revoke" else "to"),
        sql.SQL("public") if grant.role is None else sql.Identifier(grant.role),
        sql.SQL(" with grant option" if verb == "grant" and grant.grantable else ""),
    )


def _as_sql(text: str) -> sql.SQL:
    """Return as SQL what the server itself has written, or a word of ours."""
    return sql.SQL(text)  # pyright: ignore[reportArgumentType]  (as good as literal)
