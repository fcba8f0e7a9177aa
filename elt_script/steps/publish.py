"""Publish: the staged generation takes the place of the live one, in one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from elt_script.errors import DestinationError
from elt_script.pg import dependants, large_objects, locks
from elt_script.pg.dependants import Dependant
from elt_script.pg.extension_rows import put_in_place
from elt_script.pg.passing import is_passing
from elt_script.pg.session import Connection, compute_by, move_objects, query, refresh
from elt_script.swap import Carried, Swap
from elt_script.wording import counted

log = structlog.get_logger()


def want_room(conn: Connection, swap: Swap) -> None:
    """Raise DestinationError where something of somebody has a name that one of both generations will need.

    The plan knows of tables, types and routines; this finds indexes and all else, which are staged by now.
    """
    places = json.dumps(dict(swap.places))
    if found := conn.execute(query("clashes"), {"places": places, "live": swap.live}).fetchall():
        raise DestinationError(
            f"the destination has {', '.join(one for (one,) in found)}, which elt did not publish",
            detail="the source has something of the same name",
            hint="Nothing was published. Drop or rename it at the destination.",
        )
    moves = dict(swap.renames)
    needed = {*swap.previous.values(), *moves.values()} - moves.keys()
    taken = conn.execute("select nspname::text from pg_namespace where nspname = any(%s)", (list(needed),))
    if theirs := sorted(name for (name,) in taken):
        raise DestinationError(
            f"the destination has a schema {', '.join(theirs)}, which elt did not make",
            detail="the generation that makes room is to go there",
            hint="Nothing was published. Drop or rename it at the destination.",
        )


@contextmanager
def swap_in(
    conn: Connection,
    swap: Swap,
    patience_seconds: float,
    given_up: Collection[str] = (),
    *,
    drop: bool = False,
    built: Collection[str] = (),
) -> Generator[Carried]:
    """Put the new generation under the final names, the live one aside, in one transaction with this block.

    given_up  dependants, by name, that cannot come along and are dropped
    drop      give up others, too, that turn out not to fit the new data
    built     dependants, by name, that the new generation has already, or that could not be built on it

    The block adds what must be written with it (the ledger), and then all is committed. Raises
    PublishTimeoutError where others hold locks for longer than patience; then nothing has changed.
    """
    with nullcontext() if swap.large_objects is None else conn.transaction():
        lost = _put_large_objects(conn, swap)  # takes no lock that anybody waits for, and its time
        tries = locks.tries(conn, patience_seconds)
        while True:
            wanted = None
            try:
                with locks.shortly(conn, tries.limit_ms):
                    wanted = _wanted(conn, swap)
                with conn.transaction():
                    shared = _shared(conn, swap)
                    with locks.taken(conn, wanted, tries.wait_ms, tries.limit_ms):
                        started = time.monotonic()
                        carried = _swapped(conn, swap, given_up, built, drop=drop)
                    _hand_over(conn, swap, shared)
                    yield replace(carried, lost=lost)
                break
            except locks.BlockedError:
                tries.again(conn, wanted)
    log.info("publish.done", held_seconds=time.monotonic() - started)


def _put_large_objects(conn: Connection, swap: Swap) -> tuple[str, ...]:
    if swap.large_objects is None:
        return ()
    return tuple(large_objects.put_in_place(conn, swap.large_objects, swap.new, swap.live, keeps=swap.keeps))


def _wanted(conn: Connection, swap: Swap) -> locks.Wanted:
    """Return the locks that a swap takes."""
    own = tuple(
        sql.SQL("lock table only {} in share row exclusive mode").format(one.target.quoted).as_string(None)
        for one in swap.extension_rows
        if not one.table.is_sequence
    )
    if swap.live is None:
        return locks.Wanted(own, ())
    wanted = dependants.wanted(conn, swap.live, dependants.read(conn, swap.live, swap.places))
    return replace(wanted, statements=(*wanted.statements, *own))


def _swapped(
    conn: Connection, swap: Swap, given_up: Collection[str], built: Collection[str], *, drop: bool
) -> Carried:
    """Do the swap, under its locks."""
    found = [] if swap.live is None else dependants.read(conn, swap.live, swap.places, temporary=True)
    changes = [] if swap.live is None else dependants.read_changes(conn, swap.live)
    others = [*changes, *(one for one in found if not one.temporary)]
    useless = _want_no_late_indexes(conn, swap, {*built, *given_up})
    carried = [] if swap.live is None else dependants.read_carried(conn, swap.live)
    lost = _given_up(others, given_up, drop=drop)
    kept = [one for one in others if one not in lost and str(one) not in built]
    for one in reversed(lost):
        _do(conn, one, one.drop)
    for one in kept:
        _do(conn, one, one.before)
    _make_room(conn, swap)
    positions = put_in_place(conn, swap.extension_rows)
    if swap.live is not None:
        move_objects(conn, swap.previous, query("of_generation").format(sql.Literal(swap.live)))
    move_objects(conn, {staged: final for final, staged in swap.staged.items()})
    said_anew = conn.execute(query("domain_defaults"), {"generation": swap.new}).fetchall()
    _execute(conn, (statement for (statement,) in said_anew))
    _carry(conn, swap, carried)  # before what is filled anew by those who may read
    if any(one.kind == "materialized view" for one in kept):
        compute_by(conn, swap.others_by)
    failed = _repoint(conn, swap, kept, drop=drop)
    unfit = _choose(conn, [one for one in carried if one.is_choice], drop=drop)
    if swap.opaque:
        compute_by(conn, swap.opaque_by)
    for view in swap.opaque:
        refresh(conn, view)
    _clear_aside(conn, [one for one in kept if one not in failed])
    _want_no_stragglers(conn, swap)
    _want_all(conn, swap)
    for schema in swap.staged.values():
        conn.execute(sql.SQL("drop schema {}").format(sql.Identifier(schema)))
    for position in positions:
        conn.execute(position)
    over = [str(one) for one in kept if one.after and one not in failed]
    return Carried(
        tuple(over),
        tuple(str(one) for one in (*lost, *failed, *unfit, *useless)),
        tuple(str(one) for one in found if one.temporary),
    )


def _shared(conn: Connection, swap: Swap) -> list[TupleRow]:
    """Take from the live generation the types that the next one is made of, too; nothing of them moves."""
    return conn.execute(query("shared"), {"live": swap.live, "new": swap.new}).fetchall()


def _hand_over(conn: Connection, swap: Swap, shared: Sequence[TupleRow]) -> None:
    """Write down that they are the new one's; not before grants are carried over, since they have theirs."""
    for oid, comments, facts in shared:
        conn.execute(
            "insert into elt.object values (%s, 'pg_type'::regclass, %s, %s, %s)",
            (swap.new, oid, comments and Jsonb(comments), facts and Jsonb(facts)),
        )


def _want_no_late_indexes(conn: Connection, swap: Swap, known: Collection[str]) -> list[str]:
    """Return the indexes of others that are not valid: they serve nobody, and are not built again.

    Raises DestinationError where somebody has created one since the others were built on the staged tables.
    """
    found = [] if swap.live is None else dependants.late_indexes(conn, swap.live, swap.places, known)
    if late := [str(one) for one in found if not one.useless]:
        error = DestinationError(
            f"{', '.join(late)} came to a published table as it was about to be replaced",
            hint="Nothing was published. Run again: it will come along.",
        )
        error.transient = True
        raise error
    return [str(one) for one in found]


def _given_up(others: Sequence[Dependant], known: Collection[str], *, drop: bool) -> list[Dependant]:
    """Return what cannot come along: what the plan knows of, what came since, what a rollback finds."""
    found = [(one, why) for one, why in dependants.lost(others) if str(one) not in known]
    if found and not (drop and all(one.drop or one.stays for one, _ in found)):
        raise DestinationError(
            f"{counted(len(found), 'thing')} that others built cannot come along",
            detail="\n".join(f"{one}: {why}" for one, why in found),
            hint="Nothing was published. Change or drop what is named, or set `publish.dependants: drop`.",
        )
    gone = {*known, *(str(one) for one, _ in found)}
    return [one for one in others if str(one) in gone]


def _carry(conn: Connection, swap: Swap, carried: Sequence[dependants.Carried]) -> None:
    """Do to the new generation what people have done to the live one, its grants only where they are kept."""
    facts = {"generation": swap.new, "previous": json.dumps(dict(swap.previous))}
    if swap.keeps:
        _execute(conn, (statement for (statement,) in conn.execute(query("cleared"), facts).fetchall()))
    wanted = [one for one in carried if not one.is_choice and (swap.keeps or not one.is_grant)]
    _execute(conn, dependants.still_there(conn, wanted))
    if swap.keeps:
        given = conn.execute(query("default_grants"), facts).fetchall()
        _execute(conn, (statement for (statement,) in given))


def _choose(
    conn: Connection, choices: Iterable[dependants.Carried], *, drop: bool
) -> list[dependants.Carried]:
    """Choose the indexes that people chose, which are all built by now; return those that do not fit."""
    unfit: list[dependants.Carried] = []
    for one in choices:
        try:
            with conn.transaction() if drop else nullcontext():
                for statement in dependants.still_there(conn, [one]):
                    _do(conn, one, statement)
        except DestinationError:
            if not drop:
                raise
            unfit.append(one)
    return unfit


def _do(conn: Connection, one: object, statement: str | None) -> None:
    """Run a statement, which the server itself wrote, about what its text names."""
    if statement is None:
        return
    try:
        conn.execute(statement.encode())
    except locks.REFUSED:
        raise
    except psycopg.Error as error:
        if is_passing(error):
            raise
        raise dependants.cannot_come(str(one), error) from error


def _execute(conn: Connection, statements: Iterable[str]) -> None:
    """Run statements that the server itself wrote, all in one message."""
    if wanted := list(statements):
        _do(conn, "what people granted, said or set on the published tables", ";\n".join(wanted))


def _make_room(conn: Connection, swap: Swap) -> None:
    """Create the final schemas, with the source's comments, and those that the live generation goes to."""
    there = {name for (name,) in conn.execute("select nspname::text from pg_namespace").fetchall()}
    for old, new in swap.renames:
        if old not in there:  # somebody has dropped or renamed it; what it held is missed where it is needed
            continue
        conn.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))
    said = dict(conn.execute(query("schema_comments")).fetchall())
    published = "select number, comments from elt.generation where number = any(%s)"
    comments: dict[int, dict[str, str]] = dict(conn.execute(published, ([swap.live, swap.new],)).fetchall())
    before, now = (comments.get(number or 0) or {} for number in (swap.live, swap.new))
    for final in swap.staged:
        conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(final)))
        if said.get(final) == before.get(final) != now.get(final):  # nobody has said anything else
            note = sql.SQL("comment on schema {} is {}")
            conn.execute(note.format(sql.Identifier(final), sql.Literal(now.get(final))))
    for statement in swap.granted:
        conn.execute(statement)
    for schema in swap.previous.values():
        conn.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))


def _repoint(conn: Connection, swap: Swap, kept: Sequence[Dependant], *, drop: bool) -> list[Dependant]:
    """Point what others built at the new generation; return what was dropped, with all that rests on it."""
    failed: dict[str, Dependant] = {}
    keys = [one for one in kept if one.kind == "foreign key"]
    forced: list[str] = []
    for one in kept:
        if keys and one is keys[0]:  # after what is filled as an owner whom row security is forced on
            facts = {"generation": swap.new, "relations": [key.relation for key in keys]}
            forced = [name for (name,) in conn.execute(query("forced"), facts).fetchall()]
            _execute(conn, (f"alter table {name} no force row level security" for name in forced))
        if not failed.keys().isdisjoint(one.rests):
            failed[one.id] = one
            continue
        try:
            with conn.transaction() if drop else nullcontext():
                _do(conn, one, one.after)
        except DestinationError:
            if not drop:
                raise
            failed[one.id] = one
    _execute(conn, (f"alter table {name} force row level security" for name in forced))
    for one in reversed(failed.values()):
        _do(conn, one, one.drop if one.before is None else one.clear)
    return list(failed.values())


def _clear_aside(conn: Connection, kept: Sequence[Dependant]) -> None:
    """Drop the views that were built anew where they were put aside; nothing may rest on them any more."""
    for one in reversed(kept):
        _do(conn, one, one.clear)
    for (schema,) in conn.execute(query("aside")).fetchall():
        conn.execute(sql.SQL("drop schema {}").format(sql.Identifier(schema)))


def _want_all(conn: Connection, swap: Swap) -> None:
    """Raise if somebody has dropped a table of the generation that is to be live now."""
    if lost := [name for (name,) in conn.execute(query("lost"), {"generation": swap.new})]:
        raise DestinationError(
            f"{', '.join(lost)} is gone from the generation that is to be live",
            detail="somebody dropped it at the destination while it waited there",
            hint="Nothing was published. Run again.",
        )


def _want_no_stragglers(conn: Connection, swap: Swap) -> None:
    """Raise if anything still rests on the generation that was put aside: it would show old data for ever."""
    left = [] if swap.live is None else [one for one in dependants.read(conn, swap.live) if not one.part]
    if left:
        raise DestinationError(
            f"{len(left)} object{'s' if len(left) > 1 else ''} would be left on the old data",
            detail="\n".join(f"{one}{f': {one.fault}' if one.fault else ''}" for one in left),
            hint="Nothing was published. Drop what is named here, or set `publish.dependants: drop`.",
        )
