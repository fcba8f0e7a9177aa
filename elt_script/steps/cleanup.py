"""Clean up: what a killed or failed run left."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from elt_script.pg.session import Connection, query


def drop_staging(conn: Connection, schemas: Sequence[str], patience_seconds: int) -> None:
    """Drop staging schemas, whatever is in them: all of it is ours, and nobody needs it.

    patience_seconds  for somebody who holds it all the same
    """
    with conn.transaction():
        conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{patience_seconds}s")))
        for schema in schemas:
            if schema.startswith("elt_next_"):
                conn.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def idle_boards(conn: Connection, beginning: str) -> list[str]:
    """Return the scratch databases whose names begin like this, and that nobody is in."""
    return [name for (name,) in conn.execute(query("idle_boards"), {"beginning": beginning})]
