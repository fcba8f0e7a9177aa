"""The second look: what the catalogs know of the objects beyond pg_dump's text, and sequences' positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from elt_script.pg.endpoint import Endpoint
from tests.compare.scope import Scope

QUERY = Path(__file__).with_name("catalog_facts.sql").read_text(encoding="utf-8")
NOT_NULL_SINCE = 18  # before, not-null was a column's property and no constraint

Object = tuple[str, str, str]  # kind, schema, name
Facts = Mapping[Object, Mapping[str, Any]]


def different_facts(source: Endpoint, destination: Endpoint, here: Scope, there: Scope) -> Iterator[str]:
    """Yield each fact that differs, of those that both versions know."""
    with source.connect() as conn, destination.connect() as other:
        versions = (conn.info.server_version, other.info.server_version)
        ours, theirs = _facts(conn, here), _facts(other, there)
    for key in sorted({*ours, *theirs}):
        kind, schema, name = key
        if kind == "not null" and min(versions) // 10_000 < NOT_NULL_SINCE:
            continue
        label = f"{kind} {schema}.{name}"
        if key not in theirs:
            yield f"{label}: only at the source"
        elif key not in ours:
            yield f"{label}: only at the destination"
        else:
            for fact in sorted(ours[key].keys() & theirs[key].keys()):
                if ours[key][fact] != theirs[key][fact]:
                    yield f"{label}: {fact} is {ours[key][fact]!r} → {theirs[key][fact]!r}"


def _facts(conn: psycopg.Connection[Any], scope: Scope) -> Facts:
    found: dict[Object, Mapping[str, Any]] = {}
    for kind, schema, name, facts in conn.execute(QUERY.encode()).fetchall():
        if scope.holds(schema):
            is_sequence = facts.get("relkind") == "S"
            position = _position(conn, schema, name) if is_sequence else dict[str, Any]()
            found[kind, scope.compared(schema), name] = {**facts, **position}
    return found


def _position(conn: psycopg.Connection[Any], schema: str, name: str) -> Mapping[str, Any]:
    query = sql.SQL("select last_value, is_called from only {}").format(sql.Identifier(schema, name))
    row = conn.execute(query).fetchone()
    assert row is not None
    return {"last_value": row[0], "is_called": row[1]}
