"""Large objects: how they are read, and how a generation's take the place of those that are there.

They belong to no schema and have numbers that columns hold, so that what is staged of one is no large object
but rows with its content. The ledger knows which are of the live generation; no other is ever touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from psycopg import sql

from elt_script.errors import DestinationError
from elt_script.pg.rights import Owned
from elt_script.pg.session import Connection, query, rows, value
from elt_script.tables import TableName

SIZE = sql.SQL("1048576::bigint")  # bytes of a part
NAMED = 5  # of those that a message is about
OWNER = sql.SQL("pg_get_userbyid(m.lomowner)")
NO_GRANTS = sql.SQL("'[]'")
NULL = sql.SQL("null")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LargeObjectFacts:
    """What the source says of its large objects; see pg/sql/large_object_facts.sql."""

    count: int
    bytes: int
    whole: bool
    unreadable: list[int]
    more: int
    reader: str

    def objects(self, privileges: Literal["keep", "copy", "none"], *, owners: bool) -> sql.Composed:
        """Return the query for all of them, without their content.

        privileges  whether their grants are wanted (copy), or none are, or nobody wants to know (keep)
        owners      whether those are wanted
        """
        grants = {"keep": NULL, "none": NO_GRANTS, "copy": query("large_object_grants")}[privileges]
        length = query("large_object_length_in_table" if self.whole else "large_object_length")
        return _objects(length, OWNER if owners else NULL, grants)

    @property
    def parts(self) -> sql.Composed:
        """The query for the content of all of them."""
        part = query("large_object_part_in_table").format(size=SIZE) if self.whole else None
        return _parts(sql.SQL("({})").format(self.objects("keep", owners=False)), part)

    @property
    def faults(self) -> list[str]:
        """Why not all of them can be read."""
        if not self.unreadable:
            return []
        each = f"large object {', '.join(map(str, self.unreadable))}"
        grant = f"grant select on {'pg_largeobject' if self.more else each} to {self.reader}"
        return [f"source: {named(self.unreadable, self.more)}: no select, nor `large_objects: none`: {grant}"]


@dataclass(frozen=True, slots=True)
class LargeObjects:
    """The large objects that a generation is to have, and their content: both as they stand behind `from`.

    staging  the schema that they wait in, if they are new
    adopts   whether those that elt did not publish may be taken over
    """

    objects: sql.Composable
    parts: sql.Composable
    staging: str = ""
    adopts: bool = False


def read_facts(conn: Connection) -> LargeObjectFacts:
    """Return what the session's database says of its large objects."""
    return rows(conn, LargeObjectFacts, "large_object_facts")[0]


def read_owners(conn: Connection) -> list[Owned]:
    """Return who owns large objects and what others were given on them, once for all that are alike."""
    return rows(conn, Owned, "large_object_owners")


def taken(conn: Connection, source: Connection, live: int | None) -> list[tuple[int, bool]]:
    """Return the large objects here that have numbers of the source's, and that elt did not publish.

    live     the live generation
    returns  number, may we have it
    """
    if value(conn, sql.SQL("select to_regclass('elt.large_object') is not null")):
        found = conn.execute(query("large_objects_taken"), {"generation": live}).fetchall()
    else:
        here = "select oid::bigint, pg_has_role(lomowner, 'usage') from pg_largeobject_metadata"
        found = conn.execute(here).fetchall()
    owned: dict[int, bool] = dict(found)
    there = "select oid::bigint from pg_largeobject_metadata where oid = any(%s::oid[]) order by oid"
    return [(oid, owned[oid]) for (oid,) in (source.execute(there, (list(owned),)) if owned else ())]


def named(oids: Sequence[int], more: int = 0) -> str:
    """Name large objects, or the first of many."""
    shown, more = oids[:NAMED], more + max(0, len(oids) - NAMED)
    word = "large object" if len(oids) == 1 and not more else "large objects"
    return f"{word} {', '.join(map(str, shown))}" + (f" and {more:,} more" if more else "")


def create_places(conn: Connection, objects: TableName, parts: TableName) -> None:
    """Create the staged tables, and the schema for them."""
    create = query("large_object_places")
    schema = sql.Identifier(objects.schema)
    conn.execute(create.format(schema=schema, objects=objects.quoted, parts=parts.quoted))


def staged(objects: TableName, parts: TableName, *, adopts: bool) -> LargeObjects:
    """Return the large objects that wait in staged tables."""
    return LargeObjects(objects.quoted, parts.quoted, objects.schema, adopts)


def of_generation(number: int | None) -> LargeObjects:
    """Return those of a generation that was live, with the content of those that have changed since."""
    here = sql.SQL("(select * from {} where generation = {})")
    return LargeObjects(
        here.format(sql.SQL("elt.large_object"), sql.Literal(number)),
        here.format(sql.SQL("elt.large_object_part"), sql.Literal(number)),
    )


def has_any(conn: Connection, generation: int) -> bool:
    """Whether a generation has large objects."""
    exists = sql.SQL("select exists (select from elt.large_object where generation = %(generation)s)")
    return bool(value(conn, exists, generation=generation))


def put_in_place(
    conn: Connection, wanted: LargeObjects, new: int, live: int | None, *, keeps: bool
) -> list[str]:
    """Make the large objects those of the new generation, in the transaction around this.

    Only those that differ are written. What is overwritten is kept for a rollback to the live generation, and
    what goes is only written down: see unlink.

    keeps    what was granted here stays
    returns  those that somebody has removed here, of a generation that is live again: they are lost

    Raises DestinationError where one is in the way that is not of the live generation.
    """
    _want_ours(conn, wanted, live)
    look = query("large_objects_changed").format(
        objects=wanted.objects, parts=wanted.parts, length=query("large_object_length"), size=SIZE
    )
    found = conn.execute(look).fetchall()
    changed = [oid for oid, _, lost in found if not lost]
    anew = [oid for oid, missing, lost in found if missing and not lost]
    gone = _gone(conn, wanted, live)
    if live is not None:
        _keep(conn, live, [*changed, *gone])
    _create(conn, wanted, anew)
    _write(conn, wanted, changed, sorted(set(changed) - set(anew)))
    _amend(conn, wanted, anew, keeps=keeps)
    lost = [oid for oid, _, lost in found if lost]
    _write_down(conn, wanted, new, gone, lost)
    log.info("largeobjects.replaced", new=len(anew), changed=len(changed) - len(anew), gone=len(gone))
    return [f"{named(lost)}: removed here by somebody, and no generation holds the content"] if lost else []


def unlink(conn: Connection) -> None:
    """Remove the large objects that no generation has any more, some at a time.

    Each takes a lock until its transaction ends, and a server has room for some thousands of them.
    """
    while value(conn, query("large_objects_unlinked").format()):
        pass


def _want_ours(conn: Connection, wanted: LargeObjects, live: int | None) -> None:
    look = query("large_objects_in_the_way").format(objects=wanted.objects)
    found = conn.execute(look, {"generation": live}).fetchall()
    if not found:
        return
    oids = [oid for oid, _ in found]
    if not (wanted.adopts and live is not None and all(owned for _, owned in found)):
        raise DestinationError(
            f"{named(oids)} at the destination: elt did not publish what has these numbers",
            hint="Nothing was published. Unlink them, or set `publish.adopt`, or `large_objects: none`.",
        )
    adopt = "insert into elt.large_object (generation, oid) select %s, unnest(%s::oid[])"
    conn.execute(adopt, (live, oids))


def _gone(conn: Connection, wanted: LargeObjects, live: int | None) -> list[int]:
    """Return those of the live generation that the new one has not."""
    there = sql.SQL(
        "select oid::bigint from elt.large_object where generation = {} except select oid::bigint from {} w"
    )
    return [oid for (oid,) in conn.execute(there.format(sql.Literal(live), wanted.objects))]


def _keep(conn: Connection, live: int, saved: Sequence[int]) -> None:
    """Write down what those of the live generation are, and the content of some."""
    length = sql.SQL("case when m.oid = any({}::oid[]) then {} end")
    asked = length.format(sql.Literal(list(saved)), query("large_object_length"))
    here = _objects(asked, OWNER, query("large_object_grants"))
    conn.execute(query("large_objects_described").format(here=here), {"generation": live})
    content = sql.SQL(
        "(select oid, length from elt.large_object where generation = {} and length is not null)"
    )
    keep = "insert into elt.large_object_part (generation, oid, number, data) select {}, p.* from ({}) p"
    conn.execute(sql.SQL(keep).format(sql.Literal(live), _parts(content.format(sql.Literal(live)))))


def _create(conn: Connection, wanted: LargeObjects, anew: Sequence[int]) -> None:
    """Create empty ones, as their owners: to alter an owner takes a lock for each."""
    look = query("large_objects_owned").format(objects=wanted.objects)
    for owner, ours, oids in conn.execute(look, {"anew": anew}).fetchall():
        if not ours:
            conn.execute(sql.SQL("set local role {}").format(sql.Identifier(owner)))
        conn.execute("select count(lo_create(o)) from unnest(%s::oid[]) o", (oids,))
        if not ours:
            conn.execute("reset role")


def _write(conn: Connection, wanted: LargeObjects, changed: Sequence[int], emptied: Sequence[int]) -> None:
    """Give some their content and length, of which others are to be emptied before."""
    sized = query("large_objects_sized")
    none = sql.SQL("(select unnest({}::oid[]) as oid, 0::bigint as length)").format(
        sql.Literal(list(emptied))
    )
    conn.execute(sized.format(lengths=none))
    facts = {"changed": list(changed)}
    conn.execute(query("large_objects_written").format(parts=wanted.parts, size=SIZE), facts)
    short = query("large_objects_too_short").format(objects=wanted.objects, parts=wanted.parts, size=SIZE)
    conn.execute(sized.format(lengths=sql.SQL("({})").format(short)), facts)


def _amend(conn: Connection, wanted: LargeObjects, anew: Sequence[int], *, keeps: bool) -> None:
    """See to owners, then to grants, which are the owner's, and to comments."""
    look = query("large_object_amends").format(objects=wanted.objects)
    for owners in (True, False):
        facts = {"owners": owners, "anew": list(anew), "keeps": keeps}
        if statements := [statement for (statement,) in conn.execute(look, facts)]:
            conn.execute(";\n".join(statements).encode())


def _write_down(
    conn: Connection, wanted: LargeObjects, new: int, gone: Sequence[int], lost: Sequence[int]
) -> None:
    """Tell the ledger which ones the new generation has, and which ones go."""
    has = sql.SQL(
        "insert into elt.large_object (generation, oid) select {}, oid from {} w on conflict do nothing"
    )
    conn.execute(has.format(sql.Literal(new), wanted.objects))
    conn.execute(
        "delete from elt.large_object where generation = %s and oid = any(%s::oid[])", (new, list(lost))
    )
    conn.execute(
        "update elt.large_object set length = null where generation = %s and length is not null", (new,)
    )
    conn.execute("delete from elt.large_object_part where generation = %s", (new,))
    conn.execute(
        "insert into elt.large_object_gone select unnest(%s::oid[]) on conflict do nothing", (list(gone),)
    )
    if wanted.staging:
        conn.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(wanted.staging)))


def _objects(length: sql.Composable, owner: sql.Composable, grants: sql.Composable) -> sql.Composed:
    return query("large_objects").format(length=length, owner=owner, grants=grants)


def _parts(objects: sql.Composable, part: sql.Composable | None = None) -> sql.Composed:
    """Return the query for the content of objects; part reads one of it, if a function is not to."""
    read = part or sql.SQL("lo_get(o.oid, p.number * {size}, {size}::int)").format(size=SIZE)
    return query("large_object_parts").format(objects=objects, part=read, size=SIZE)
