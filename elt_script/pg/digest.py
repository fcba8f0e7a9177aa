"""Digest: the query for what of a table's rows is compared on both sides."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from psycopg import sql

from elt_script.pg.session import query
from elt_script.tables import Column, Digest


def digest_query(columns: Iterable[Column], table: sql.Composable, at: int = 0) -> sql.Composed:
    """Return the query for (at, rows, digest) of a table, `from` which it reads; see pg/sql/digest.sql."""
    compared = tuple(column for column in columns if column.digest is not Digest.NOTHING)
    if not compared:
        return sql.SQL("select {}::int, count(*), 0::numeric from {} t").format(sql.Literal(at), table)
    return query("digest").format(at=sql.Literal(at), hash=_hashed(compared), table=table)


@lru_cache(maxsize=1000)  # both sides ask for the same, and so do thousands of small tables that are alike
def _hashed(columns: tuple[Column, ...]) -> sql.Composable:
    """Return a 64-bit hash of a row: of each column by itself, with its own seed, or of them as a record.

    A record has to be made and taken apart again, which takes twice the time.
    """
    hashes = [_alone(column, seed) for seed, column in enumerate(columns, 1) if column.hash]
    others = [_told_apart(column) for column in columns if not column.hash]
    if others:
        hashes.append(sql.SQL("hash_record_extended(row({}), 0)").format(sql.SQL(", ").join(others)))
    written = sql.SQL(" # ").join(hashes).as_string(None)
    return sql.SQL(written)  # pyright: ignore[reportArgumentType]  (of quoted parts)


def _alone(column: Column, number: int) -> sql.Composed:
    """Return the hash of one column's value; for a zero, which has no hash but the seed, that of its sign."""
    value, told = sql.SQL("t.{}").format(column.quoted), _told_apart(column)
    if column.digest is Digest.SEND:
        either = (
            "case when {value} = 0 then hashint4extended(get_byte({told}, 0), {seed})"
            " else {hash}({value}, {seed}) end"
        )
    else:
        either = "{hash}({told}, {seed})"
    seed = sql.SQL("{}::bigint").format(sql.Literal(number))
    hash_ = sql.SQL(either).format(hash=sql.Identifier(column.hash or ""), value=value, told=told, seed=seed)
    return sql.SQL("coalesce({}, {})").format(hash_, seed)


def _told_apart(column: Column) -> sql.Composed:
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
