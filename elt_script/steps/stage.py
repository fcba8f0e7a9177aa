"""Stage: the source's schema, exact, under staging names at the destination.

pg_dump is the only exact description of a schema, but it writes the source's names, and nothing that rewrites
SQL text can be trusted. So Postgres does the renaming itself, in a scratch database: the drawing board.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg.archive import Archive, Entry, Staging, dump, pattern, without
from elt_script.pg.catalog import Extension
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import Connection, move_objects, query, rows
from elt_script.plan import Plan
from elt_script.tables import TableName

# Catalogs whose objects belong to no schema, by OID, which never changes: what the archive lists is skipped.
EXTENSION, EVENT_TRIGGER, PUBLICATION, PUBLISHED_TABLE, PUBLISHED_SCHEMA = 3079, 3466, 6104, 6106, 6237
SUBSCRIPTION, WRAPPER, SERVER, DEFAULT_ACL, LARGE_OBJECT = 6100, 2328, 1417, 826, 2995
LANGUAGE, ACCESS_METHOD = 2612, 2601
SCHEMA, CONSTRAINT = 2615, 2606
NOT_IN_A_SCHEMA = frozenset(
    {
        *(EXTENSION, EVENT_TRIGGER, PUBLICATION, PUBLISHED_TABLE, PUBLISHED_SCHEMA, SUBSCRIPTION),
        *(WRAPPER, SERVER, DEFAULT_ACL, LARGE_OBJECT, LANGUAGE, ACCESS_METHOD),
    }
)
WITHOUT_AN_OID = (
    "USER MAPPING - ",
    "COMMENT - EXTENSION ",
    "COMMENT - EVENT TRIGGER ",
    "COMMENT - PUBLICATION ",
    "COMMENT - SUBSCRIPTION ",
    "COMMENT - FOREIGN DATA WRAPPER ",
    "COMMENT - SERVER ",
    "COMMENT - LANGUAGE ",
    "COMMENT - ACCESS METHOD ",
)


@dataclass(frozen=True, slots=True)
class _Owner:
    catalog: int
    oid: int
    schema: str
    name: str


def draw(
    source: Endpoint, destination: Endpoint, snapshot: str, plan: Plan, board_name: str, major: int
) -> Staging:
    """Return the staging archive, made on the drawing board, which is gone afterwards.

    Raises PreflightError where this pair of servers cannot restore the schema: nothing has been changed.
    """
    excluded = [f"--exclude-table={pattern(t.schema, t.name)}" for t in plan.excluded]
    excluded += [f"--exclude-schema={pattern(schema)}" for schema in plan.other_schemas]
    original = dump(source, major, f"--snapshot={snapshot}", *excluded)
    with _board(destination, board_name) as board:
        _prepare(board, plan.extensions)
        sections = ("pre-data", "post-data")
        entries = [e for section in sections for e in _wanted(original.entries(board, section), plan)]
        original.restore(board, entries, one_transaction=True, error=PreflightError)
        _move(board, plan)
        others = [f"--exclude-schema={pattern(schema)}" for schema in _kept_schemas(board, plan)]
        archive = dump(board, major, *others)
        return _taken_apart(archive, board, plan)


def create(destination: Endpoint, conn: Connection, staging: Staging, plan: Plan) -> None:
    """Create the extensions that are missing, and the staged schema without its rows, keys and indexes."""
    for extension in plan.extensions:
        placed = replace(extension, schema=plan.extension_schemas[extension.name])
        conn.execute(_create_schema(placed.schema))
        conn.execute(_create_extension(placed))
    staging.archive.restore(destination, staging.before, one_transaction=True)


@contextmanager
def _board(destination: Endpoint, name: str) -> Generator[Endpoint]:
    """Have a scratch database beside the destination while this block lasts."""
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    with destination.connect(autocommit=True) as conn:
        conn.execute(drop)
        try:
            conn.execute(_like_this_database(conn, name))
        except psycopg.Error as error:
            raise PreflightError(
                f"the scratch database {name} cannot be created at {destination}",
                detail=str(error).strip(),
                hint="The destination's user needs createdb, and its server room for a small database.",
            ) from error
    try:
        yield destination.database(name)
    finally:
        with destination.connect(autocommit=True) as conn:
            conn.execute(drop)


def _like_this_database(conn: Connection, name: str) -> sql.Composed:
    """Return `create database` with this database's encoding and locale, whatever its server's version."""
    row = conn.execute(query("new_database")).fetchone()
    assert row is not None  # noqa: S101  (there is always a current database)
    encoding, collate, ctype, facts = row
    options = [("template", sql.Identifier("template0")), ("encoding", sql.Literal(encoding))]
    options += [("lc_collate", sql.Literal(collate)), ("lc_ctype", sql.Literal(ctype))]
    provider = {"c": "libc", "i": "icu", "b": "builtin"}.get(facts.get("datlocprovider", "c"), "libc")
    if provider != "libc":
        locale = facts.get("datlocale") or facts.get("daticulocale")
        options += [
            ("locale_provider", sql.Identifier(provider)),
            (f"{provider}_locale", sql.Literal(locale)),
        ]
        if rules := facts.get("daticurules"):
            options.append(("icu_rules", sql.Literal(rules)))
    said = sql.SQL(" ").join(sql.SQL("{} {}").format(sql.SQL(word), value) for word, value in options)  # pyright: ignore[reportArgumentType]  (our own words)
    return sql.SQL("create database {} {}").format(sql.Identifier(name), said)


def _prepare(board: Endpoint, extensions: Sequence[Extension]) -> None:
    """Create what the archive takes for granted: extensions, where the source has them."""
    with board.connect(autocommit=True) as conn:
        for extension in extensions:
            conn.execute(_create_schema(extension.schema))
            try:
                conn.execute(_create_extension(extension))
            except psycopg.Error as error:
                raise PreflightError(
                    f"extension {extension.name} cannot be created at the destination",
                    detail=str(error).strip(),
                    hint="Install it on the destination's server, or have an administrator create it there.",
                ) from error


def _create_schema(name: str) -> sql.Composed:
    return sql.SQL("create schema if not exists {}").format(sql.Identifier(name))


def _create_extension(extension: Extension) -> sql.Composed:
    return sql.SQL("create extension if not exists {} with schema {} cascade").format(
        sql.Identifier(extension.name), sql.Identifier(extension.schema)
    )


def _wanted(entries: Sequence[Entry], plan: Plan) -> list[Entry]:
    """Return the entries of the source's archive that the board needs."""
    kept = without(entries, NOT_IN_A_SCHEMA, WITHOUT_AN_OID + plan.dropped_comments)
    prepared = {("SCHEMA - " + extension.schema + " ") for extension in plan.extensions}
    return [
        entry
        for entry in kept
        if not (entry.catalog == CONSTRAINT and entry.oid in plan.dropped_keys)
        and not (entry.catalog == SCHEMA and entry.what.startswith(tuple(prepared)))
    ]


def _move(board: Endpoint, plan: Plan) -> None:
    """Let Postgres rename: every object of a chosen schema goes to its staging schema, references follow."""
    moves = {source: plan.staging[final] for source, final in plan.schemas.items()}
    with board.connect() as conn:
        for extension in plan.extensions:
            target = plan.extension_schemas[extension.name]
            if extension.relocatable and extension.schema != target:
                conn.execute(_create_schema(target))
                move = sql.SQL("alter extension {} set schema {}")
                conn.execute(move.format(sql.Identifier(extension.name), sql.Identifier(target)))
        for staging in moves.values():
            conn.execute(_create_schema(staging))
        for schema, comment in conn.execute(query("schema_comments")).fetchall():
            if schema in moves:
                note = sql.SQL("comment on schema {} is {}")
                conn.execute(note.format(sql.Identifier(moves[schema]), sql.Literal(comment)))
        move_objects(conn, moves)


def _kept_schemas(board: Endpoint, plan: Plan) -> list[str]:
    """Return the board's schemas that are no staging schemas."""
    with board.connect() as conn:
        found = conn.execute(query("user_schemas")).fetchall()
    return [name for (name,) in found if name not in plan.staging.values()]


def _taken_apart(archive: Archive, board: Endpoint, plan: Plan) -> Staging:
    skipped = NOT_IN_A_SCHEMA
    before = without(archive.entries(board, "pre-data"), skipped, WITHOUT_AN_OID)
    after = without(archive.entries(board, "post-data"), skipped, WITHOUT_AN_OID)
    with board.connect() as conn:
        owners = {(o.catalog, o.oid): TableName(o.schema, o.name) for o in rows(conn, _Owner, "owners")}
    tables: dict[TableName, tuple[Entry, ...]] = {}
    keys: dict[TableName, tuple[Entry, ...]] = {}
    joined: list[Entry] = []
    comments: list[Entry] = []
    copied = {place for copy in plan.copies for place in copy.places}
    for entry in after:
        owner = owners.get((entry.catalog, entry.oid))
        if owner and entry.what.startswith("FK CONSTRAINT "):
            keys[owner] = (*keys.get(owner, ()), entry)
        elif owner in copied and owner:
            tables[owner] = (*tables.get(owner, ()), entry)
        elif entry.catalog == 0 and entry.what.startswith("COMMENT "):
            comments.append(entry)
        else:
            joined.append(entry)
    return Staging(archive, tuple(before), tables, tuple(joined), keys, tuple(comments))
