"""Digest: the query for what of a table's rows is compared on both sides."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from elt_script.pg.session import query
from elt_script.tables import Column, Digest


def digest_query(
    columns: Iterable[Column], table: sql.Composable, at: int = 0, *, content: bool = True
) -> sql.Composed:
    """Return the query for (at, rows, digest) of a table, `from` which it reads; see pg/sql/digest.sql."""
    compared = [column for column in columns if column.digest is not Digest.NOTHING]
    if not content or not compared:
        return sql.SQL("select {}::int, count(*), 0::numeric from {} t").format(sql.Literal(at), table)
    values = sql.SQL(", ").join(_digested(column) for column in compared)
    return query("digest").format(at=sql.Literal(at), columns=values, table=table)


def _digested(column: Column) -> sql.Composed:
    """Return what of a column's value tells it from every other value; see Digest."""
    name = sql.SQL("t.{}").format(column.quoted)
    if column.digest is Digest.TEXT:
        # in a row, a value's output function writes it: a cast to text could be somebody's own
        return sql.SQL("textsend(row({})::text)").format(name + sql.SQL(column.written_whole))
    if column.digest is Digest.VALUE and not column.fixed_collation:
        return sql.SQL('{} collate "C"').format(name)
    if column.digest is Digest.SEND and column.send:
        return sql.SQL("pg_catalog.{}({})").format(sql.Identifier(column.send), name)
    return name
