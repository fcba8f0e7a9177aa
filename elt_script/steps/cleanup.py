"""Clean up: what a killed or failed run left, and generations that are older than the config keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from psycopg import sql

from elt_script.pg.session import Connection, query

log = structlog.get_logger()


def end_orphans(conn: Connection, application: str) -> None:
    """End the sessions that programs of a killed run still have here; only its pipeline's lock may do so.

    application  how their names begin
    """
    for (pid,) in conn.execute(query("end_orphans"), {"application": application}):
        log.warning("orphan.ended", pid=pid)


def drop_staging(conn: Connection, schemas: Sequence[str]) -> None:
    """Drop staging schemas, whatever is in them: all of it is ours, and nobody reads it."""
    for schema in schemas:
        if schema.startswith("elt_next_"):
            conn.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def drop_boards(conn: Connection, pipeline: str) -> None:
    """Drop scratch databases of this pipeline that nobody is in."""
    pattern = f"elt_board_{pipeline}__%".replace("_", r"\_")
    for (name,) in _all(conn.execute(query("idle_boards"), {"pattern": pattern})):
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _all(found: Iterable[tuple[str]]) -> list[tuple[str]]:
    return list(found)
