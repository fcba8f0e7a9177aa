"""What tells whether a schema, or what it is restored by, has changed since a run looked at it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from psycopg import sql

from elt_script import __version__
from elt_script.pg.board import like_this_database
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection, query, value

PACKAGE = Path(__file__).parent.parent
PROGRAMS = ("pg_dump", "pg_restore")


def of_source(conn: Connection) -> list[object]:
    """Digest all that pg_dump may read of the session's database, at its snapshot; see fingerprint.sql.

    Reads catalogs only: about 0.05 s, and as much for every 300 tables.
    """
    statement = str(value(conn, query("fingerprint")))
    server = sql.SQL("select version() || getdatabaseencoding()")
    return [value(conn, server), *conn.execute(statement.encode()).fetchall()]


def of_destination(conn: Connection, extensions: Sequence[str]) -> list[object]:
    """Return what a drawing board at this server depends on: version, locale, extensions to be had."""
    offered = "select name, default_version from pg_available_extensions where name = any(%s) order by name"
    board = like_this_database(conn, "board", "template0").as_string(None)
    server = value(conn, sql.SQL("select version()"))
    return [server, board, *(conn.execute(offered, (list(extensions),)) if extensions else ())]


def of_programs(endpoint: Endpoint) -> list[object]:
    """Return which programs write and read archives: another file is another program."""
    found: list[object] = []
    for name in PROGRAMS:
        path = Path(endpoint.program(name).argv[0])
        if path.exists():
            facts = path.stat()
            found.append((str(path), facts.st_size, facts.st_mtime_ns))
    return found


@cache
def of_elt() -> str:
    """Digest this package: another release may stage in another way, and so may a change to this one."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".sql"))
    texts = b"\0".join(path.read_bytes() for path in files)
    return f"{__version__} {sha256(texts).hexdigest()}"
