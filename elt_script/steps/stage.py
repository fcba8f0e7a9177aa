"""Stage: the source's schema, exact, under staging names at the destination.

pg_dump is the only exact description of a schema, but it writes the source's names, and nothing that rewrites
SQL text can be trusted. So Postgres does the renaming itself, in a scratch database: the drawing board.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg.archive import Archive, Entry, Staging, dump, pattern, without
from elt_script.pg.board import create_extension, create_schema, drawing_board
from elt_script.pg.catalog import Extension
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.passing import is_passing
from elt_script.pg.session import Connection, move_objects, query, rows
from elt_script.plan import Plan
from elt_script.tables import TableName

# Catalogs whose objects belong to no schema, by OID, which never changes: what the archive lists is skipped.
EXTENSION, EVENT_TRIGGER, PUBLICATION, PUBLISHED_TABLE, PUBLISHED_SCHEMA = 3079, 3466, 6104, 6106, 6237
SUBSCRIPTION, WRAPPER, SERVER, DEFAULT_ACL, LARGE_OBJECT = 6100, 2328, 1417, 826, 2995
LANGUAGE, ACCESS_METHOD = 2612, 2601
SCHEMA, POLICY = 2615, 3256
NOT_IN_A_SCHEMA = frozenset(
    {
        *(EXTENSION, EVENT_TRIGGER, PUBLICATION, PUBLISHED_TABLE, PUBLISHED_SCHEMA, SUBSCRIPTION),
        *(WRAPPER, SERVER, DEFAULT_ACL, LARGE_OBJECT, LANGUAGE, ACCESS_METHOD),
    }
)
WITHOUT_AN_OID = ("USER MAPPING - ",)


@dataclass(frozen=True, slots=True)
class _Owner:
    catalog: int
    oid: int
    schema: str
    name: str
    refers_schema: str | None
    refers_name: str | None

    @property
    def table(self) -> TableName:
        """The table that the object belongs to."""
        return TableName(self.schema, self.name)


def draw(
    source: Endpoint, destination: Endpoint, snapshot: str, plan: Plan, board_name: str, major: int
) -> Staging:
    """Return the staging archive, made on the drawing board, which is gone afterwards.

    Raises PreflightError where this pair of servers cannot restore the schema: nothing has been changed.
    """
    excluded = [f"--exclude-table={pattern(t.schema, t.name)}" for t in plan.excluded]
    excluded += [f"--exclude-schema={pattern(schema)}" for schema in plan.other_schemas]
    original = dump(source, major, f"--snapshot={snapshot}", *excluded)
    with drawing_board(destination, board_name, plan.extensions) as board:
        entries = [*original.entries(board, "pre-data"), *original.entries(board, "post-data")]
        original.restore(board, _wanted(entries, plan), one_transaction=True, error=PreflightError)
        _move(board, plan)
        others = [f"--exclude-schema={pattern(schema)}" for schema in _kept_schemas(board, plan)]
        archive = dump(board, major, *others)
        return _taken_apart(archive, board, plan)


def create(destination: Endpoint, conn: Connection, staging: Staging, plan: Plan) -> None:
    """Create the extensions that are missing, and the staged schema without its rows, keys and indexes."""
    for extension in plan.extensions:
        placed = replace(extension, schema=plan.extension_schemas[extension.name])
        try:
            conn.execute(create_schema(placed.schema))
            conn.execute(create_extension(placed))
        except psycopg.Error as error:
            if is_passing(error):
                raise
            raise PreflightError(
                f"extension {extension.name} cannot be created at {destination}",
                detail=str(error).strip(),
                hint=f"Have an administrator create it there, in schema {placed.schema}.",
            ) from error
    staging.archive.restore(destination, staging.before, one_transaction=True)


def _wanted(entries: Sequence[Entry], plan: Plan) -> list[Entry]:
    """Return the entries of the source's archive that the board needs."""
    prepared = tuple(f"SCHEMA - {extension.schema} " for extension in plan.extensions)

    def unwanted(entry: Entry) -> bool:
        return _is_in_no_schema(entry) or (entry.catalog, entry.oid) in plan.fallen

    kept = without(entries, unwanted)
    return [e for e in kept if not (e.catalog == SCHEMA and e.what.startswith(prepared))]


def _is_in_no_schema(entry: Entry) -> bool:
    return entry.catalog in NOT_IN_A_SCHEMA or entry.what.startswith(WITHOUT_AN_OID)


def _move(board: Endpoint, plan: Plan) -> None:
    """Let Postgres rename: every object of a chosen schema goes to its staging schema, references follow."""
    moves = {source: plan.staging[final] for source, final in plan.schemas.items()}
    with board.connect() as conn:
        for extension in plan.extensions:
            target = plan.extension_schemas[extension.name]
            if extension.relocatable and extension.schema != target:
                _move_extension(conn, extension, target)
        for staging in moves.values():
            conn.execute(create_schema(staging))
        for schema, comment in conn.execute(query("schema_comments")).fetchall():
            if schema in moves:
                note = sql.SQL("comment on schema {} is {}")
                conn.execute(note.format(sql.Identifier(moves[schema]), sql.Literal(comment)))
        move_objects(conn, moves)


def _move_extension(conn: Connection, extension: Extension, schema: str) -> None:
    move = sql.SQL("alter extension {} set schema {}")
    try:
        conn.execute(create_schema(schema))
        conn.execute(move.format(sql.Identifier(extension.name), sql.Identifier(schema)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise PreflightError(
            f"extension {extension.name} is in schema {extension.schema} at the source, in {schema} at the "
            "destination, and on the drawing board only its owner can move it",
            detail=str(error).strip(),
            hint=f"Have it in schema {extension.schema} at the destination, and in its server's template1.",
        ) from error


def _kept_schemas(board: Endpoint, plan: Plan) -> list[str]:
    """Return the board's schemas that are no staging schemas."""
    with board.connect() as conn:
        found = conn.execute(query("user_schemas")).fetchall()
    return [name for name, _ in found if name not in plan.staging.values()]


def _taken_apart(archive: Archive, board: Endpoint, plan: Plan) -> Staging:
    before = without(archive.entries(board, "pre-data"), _is_in_no_schema)
    after = without(archive.entries(board, "post-data"), _is_in_no_schema)
    with board.connect() as conn:
        found = rows(conn, _Owner, "owners")
    owners = {(one.catalog, one.oid): one.table for one in found}
    circles = _circles(found)
    tables: dict[TableName, tuple[Entry, ...]] = {}
    keys: dict[TableName, tuple[Entry, ...]] = {}
    joined: list[Entry] = []
    last: list[Entry] = []
    copied = {place for copy in plan.copies for place in copy.places}
    for entry in after:
        owner = owners.get((entry.catalog, entry.oid))
        if owner and entry.what.startswith("FK CONSTRAINT "):
            first = circles.get(owner, owner)
            keys[first] = (*keys.get(first, ()), entry)
        elif owner in copied and owner:
            tables[owner] = (*tables.get(owner, ()), entry)
        elif entry.catalog == POLICY or entry.what.startswith(("ROW SECURITY ", "COMMENT ")):
            last.append(entry)
        else:
            joined.append(entry)
    return Staging(archive, tuple(before), tables, tuple(joined), keys, tuple(last))


def _circles(owners: Sequence[_Owner]) -> dict[TableName, TableName]:
    """Return table → the first of those that refer to it and that it refers to, over however many others.

    A new foreign key locks both of its tables, the referencing one first: where they refer to each other in a
    circle, two programs that add keys would each wait for the other.
    """
    refers: dict[TableName, set[TableName]] = {}
    for one in owners:
        if one.refers_schema is not None and one.refers_name is not None:
            refers.setdefault(one.table, set()).add(TableName(one.refers_schema, one.refers_name))
    reached = {table: _reached(table, refers) for table in refers}
    return {
        table: min([table, *(other for other in others if table in reached.get(other, ()))])
        for table, others in reached.items()
    }


def _reached(table: TableName, refers: Mapping[TableName, set[TableName]]) -> set[TableName]:
    found: set[TableName] = set()
    todo = [table]
    while todo:
        new = refers.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found
