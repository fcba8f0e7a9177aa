"""Clean up: what a killed or failed run left."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from psycopg import sql

from elt_script.pg.session import Connection, query

log = structlog.get_logger()


def end_orphans(conn: Connection, application: str, but: int = 0) -> None:
    """End the sessions that programs of a run still have in this database when the programs are gone.

    A server does not notice a client's end while what the client sent waits to be read: behind a load that
    stands still, a session may live on with its locks.

    application  the name that only this run's sessions have
    but          the pid of one that is no program's
    """
    facts = {"application": application, "but": but}
    for (pid,) in conn.execute(query("end_orphans"), facts).fetchall():
        log.warning("orphan.ended", pid=pid)


def drop_staging(conn: Connection, schemas: Sequence[str], patience_seconds: int) -> None:
    """Drop staging schemas, whatever is in them: all of it is ours, and nobody needs it.

    patience_seconds  for somebody who holds it all the same
    """
    with conn.transaction():
        conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{patience_seconds}s")))
        for schema in schemas:
            if schema.startswith("elt_next_"):
                conn.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def drop_board(conn: Connection, name: str) -> None:
    """Drop a run's scratch database, whoever is in it."""
    conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def drop_idle_boards(conn: Connection, beginning: str) -> None:
    """Drop scratch databases whose names begin like this, and that nobody is in."""
    for (name,) in conn.execute(query("idle_boards"), {"beginning": beginning}).fetchall():
        drop_board(conn, name)
