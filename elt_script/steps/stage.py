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
from elt_script.pg.catalog import Enum, Extension
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.passing import is_passing
from elt_script.pg.session import Connection, move_objects, query, rows, value
from elt_script.plan import Plan
from elt_script.tables import CopyJob, TableName

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
RELATION, FUNCTION = 1259, 1255
OF_ONE_TABLE = ("SEQUENCE ", "SEQUENCE OWNED BY ", "DEFAULT ", "COMMENT ")
RESTRICTED = b"\\restrict "  # a script's first command, by which psql takes no others
HELD_SCHEMA = b"::regnamespace"  # of which the archive writes the name: it must be there
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
    with drawing_board(destination, board_name, plan.extensions.needed) as board:
        entries = [*original.entries(board, "pre-data"), *original.entries(board, "post-data")]
        original.restore(board, _wanted(entries, plan), one_transaction=True, error=PreflightError)
        _move(board, plan)
        others = [f"--exclude-schema={pattern(schema)}" for schema in _kept_schemas(board, plan)]
        archive = dump(board, major, *others)
        return _taken_apart(archive, board, plan)


def create(destination: Endpoint, conn: Connection, staging: Staging, plan: Plan) -> None:
    """Create the extensions that are missing, and the staged schema without its rows, keys and indexes."""
    for extension in plan.extensions.needed:
        placed = replace(extension, schema=plan.extensions.schemas[extension.name])
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
    for one in plan.staying:
        _add_labels(conn, one)
    if HELD_SCHEMA in staging.archive.content:
        for final in plan.staging:
            conn.execute(create_schema(final))
    later = {entry.id for job in plan.jobs for entry in _created_by(job, staging)}
    before = [entry for entry in staging.before if entry.id not in later]
    staging.archive.restore(destination, before, one_transaction=True)


def _add_labels(conn: Connection, enum: Enum) -> None:
    """Add to a live enum the labels that only the source's has: rows that are staged may have them."""
    name = sql.Identifier(enum.schema, enum.name)
    known = value(conn, sql.SQL("select enum_range(null::{})::text[]").format(name))
    following = None
    for label in reversed(enum.labels):
        if label not in known:
            place = (
                sql.SQL("before {}").format(sql.Literal(following)) if following is not None else sql.SQL("")
            )
            add = sql.SQL("alter type {} add value if not exists {} {}")
            conn.execute(add.format(name, sql.Literal(label), place))
        following = label


def creating(job: CopyJob, staging: Staging, destination: Endpoint) -> CopyJob:
    """Return a job that creates those of its tables that `create` has left to it.

    Only by a script that lets psql take nothing in it for a command of its own: names come from the source.
    """
    entries = _created_by(job, staging)
    if not entries:
        return job
    script = staging.archive.script(destination, entries)
    if RESTRICTED not in script:
        staging.archive.restore(destination, entries, one_transaction=True)
        return job
    places = (place for copy in job.copies for place in copy.places if place in staging.alone)
    return replace(job, creates=tuple(places), creation=script)


def _created_by(job: CopyJob, staging: Staging) -> list[Entry]:
    """Return the entries that create what a job loads, if it can do that itself."""
    places = () if job.binary or job.part else (place for copy in job.copies for place in copy.places)
    return [entry for place in places for entry in staging.alone.get(place, ())]


def _wanted(entries: Sequence[Entry], plan: Plan) -> list[Entry]:
    """Return the entries of the source's archive that the board needs."""
    prepared = tuple(f"SCHEMA - {extension.schema} " for extension in plan.extensions.needed)

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
        for extension in plan.extensions.needed:
            target = plan.extensions.schemas[extension.name]
            if extension.relocatable and extension.schema != target:
                _move_extension(conn, extension, target)
        for staging in moves.values():
            conn.execute(create_schema(staging))
        for schema, comment in conn.execute(query("schema_comments")).fetchall():
            if schema in moves:
                note = sql.SQL("comment on schema {} is {}")
                conn.execute(note.format(sql.Identifier(moves[schema]), sql.Literal(comment)))
        move_objects(conn, moves)
        for one in plan.staying:  # is there already, so that it is not to be written down
            staged = TableName(plan.staging[one.schema], one.name)
            conn.execute(create_schema(one.schema))
            there = sql.SQL("alter type {} set schema {}")
            conn.execute(there.format(staged.quoted, sql.Identifier(one.schema)))


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
        names = {
            int(oid): TableName(schema, name) for oid, schema, name in conn.execute(query("plain_tables"))
        }
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
    alone = {table: some for table, some in _alone(before, names).items() if table in copied}
    return Staging(archive, tuple(before), alone, tables, tuple(joined), keys, tuple(last))


def _alone(before: Sequence[Entry], names: Mapping[int, TableName]) -> dict[TableName, tuple[Entry, ...]]:
    """Return the entries that create each table on which nothing rests but its own sequences and defaults.

    There are none where there are functions: what they read is nowhere written down.
    """
    if any(entry.catalog == FUNCTION for entry in before):
        return {}
    above: dict[int, set[int]] = {}  # entry → tables that it rests on
    for entry in before:
        own = {entry.id} if entry.catalog == RELATION and entry.oid in names else set[int]()
        above[entry.id] = own.union(*(above.get(needed, ()) for needed in entry.needs))
    found = {entry.id: [entry] for entry in before if above[entry.id] == {entry.id}}
    for entry in before:
        rests_on = above[entry.id]
        if rests_on == {entry.id}:
            continue
        (only,) = rests_on if len(rests_on) == 1 else (0,)
        if only in found and entry.what.startswith(OF_ONE_TABLE):
            found[only].append(entry)
        else:
            for table in rests_on:
                found.pop(table, None)
    return {names[entries[0].oid]: tuple(entries) for entries in found.values()}


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
