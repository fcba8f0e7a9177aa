"""The third look: every value of every row, as the bytes that its type sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from elt_script.pg.endpoint import Endpoint
from tests.compare.scope import Scope

SHOWN = 3  # of the rows that differ, so many are shown
NULL = sql.SQL("'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea")

_Send = tuple[str, str, str, str]  # schema and name of a function, schema and name of what it takes

COLUMNS = Path(__file__).with_name("table_columns.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Table:
    rows: sql.Composable  # what stands behind `from`
    digest: sql.Composable  # an expression: 32 bytes that stand for a row


def different_rows(source: Endpoint, destination: Endpoint, here: Scope, there: Scope) -> Iterator[str]:
    """Yield each table whose rows are not the same, in whatever order, with examples."""
    with source.connect() as conn, destination.connect() as other:
        ours, theirs = _tables(conn, here), _tables(other, there)
        for key in sorted(ours.keys() & theirs.keys()):
            if _sum(conn, ours[key]) != _sum(other, theirs[key]):
                yield from _compared(".".join(key), _rows(conn, ours[key]), _rows(other, theirs[key]))
    for key in sorted(ours.keys() ^ theirs.keys()):
        yield f"rows of {'.'.join(key)}: only at the {'source' if key in ours else 'destination'}"


def _tables(conn: psycopg.Connection[Any], scope: Scope) -> Mapping[tuple[str, str], _Table]:
    """Return what has rows of its own: ordinary tables, partitions, populated materialized views."""
    found: dict[tuple[str, str], _Table] = {}
    for schema, name, partitioned, columns in conn.execute(COLUMNS.encode()):
        if scope.holds(schema):
            rows = sql.SQL("{} as t" if partitioned else "only {} as t").format(sql.Identifier(schema, name))
            found[scope.compared(schema), name] = _Table(rows, _digest(columns))
    return found


def _digest(columns: Sequence[tuple[str, _Send | None]]) -> sql.Composable:
    """Return an expression for a row's 32 bytes: the hash of its values' hashes, each 32 bytes long.

    columns  as the query returns them; without a function the value's text counts
    """
    values = [_value(sql.Identifier("t", name), send) for name, send in columns]
    return sql.SQL("sha256({})").format(sql.SQL(" || ").join(values) if values else sql.SQL("''::bytea"))


def _value(column: sql.Identifier, send: _Send | None) -> sql.Composable:
    if send is not None:
        function, base = sql.Identifier(*send[:2]), sql.Identifier(*send[2:])
        return sql.SQL("coalesce(sha256({}({}::{})), {})").format(function, column, base, NULL)
    # Neither `is null` nor a cast: the one takes (null, null) for null, and the other can be a user's.
    text = sql.SQL("sha256(convert_to(format('%s', {}), 'UTF8'))").format(column)
    return sql.SQL("case when num_nulls({}) = 0 then {} else {} end").format(column, text, NULL)


def _sum(conn: psycopg.Connection[Any], table: _Table) -> object:
    """Return what stands for all rows, whatever their order."""
    query = sql.SQL(
        "select count(*), sha256(string_agg(digest, '' order by digest))"
        " from (select {digest} as digest from {rows}) as digests"
    ).format(digest=table.digest, rows=table.rows)
    return conn.execute(query).fetchone()


def _rows(conn: psycopg.Connection[Any], table: _Table) -> Mapping[bytes, tuple[int, str]]:
    """Return each digest's number of rows, and how such a row looks."""
    query = sql.SQL(
        "select {digest}, count(*), min(left(format('%s', t.*), 300)) from {rows} group by 1"
    ).format(digest=table.digest, rows=table.rows)
    return {digest: (count, row) for digest, count, row in conn.execute(query)}


def _compared(
    table: str, ours: Mapping[bytes, tuple[int, str]], theirs: Mapping[bytes, tuple[int, str]]
) -> Iterator[str]:
    for place, rows, others in (("source", ours, theirs), ("destination", theirs, ours)):
        more = {
            row: count - others.get(digest, (0, ""))[0]
            for digest, (count, row) in rows.items()
            if count > others.get(digest, (0, ""))[0]
        }
        if more:
            examples = "; ".join(sorted(more)[:SHOWN])
            yield f"rows of {table}: {sum(more.values())} only at the {place}: {examples}"
