"""Generations: which is live, which takes its place and where each then stands, which ones go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
import structlog
from psycopg import sql

from elt_script import ledger
from elt_script.config.model import Config
from elt_script.pg import dependants, large_objects, locks
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.passing import is_passing
from elt_script.pg.rights import granted_on_schema
from elt_script.pg.session import Connection, query
from elt_script.plan import Plan, prefixed, previous_name
from elt_script.swap import Swap
from elt_script.tables import TableName

log = structlog.get_logger()


def live(control: Connection, pipeline: str) -> ledger.Kept | None:
    """Return the generation that readers see, if there is one."""
    first = next(iter(ledger.kept(control, pipeline)), None)
    return first if first and first.place == 0 else None


def adopt(control: Connection, plan: Plan) -> ledger.Kept:
    """Make what stands in our way, and may be moved, the live generation."""
    names = [(taken.schema, taken.name, taken.kind) for taken in plan.adopted if taken.schema]
    schemas = list(plan.staging)
    number = ledger.adopt(control, plan.pipeline, schemas, names)
    return ledger.Kept(number, "adopted", 0, schemas)


def older(control: Connection, pipeline: str) -> list[ledger.Kept]:
    """Return the generations behind the live one, the oldest first: in this order they make room."""
    return [kept for kept in reversed(ledger.kept(control, pipeline)) if kept.place > 0]


def swap_for_new(
    number: int,
    now: ledger.Kept | None,
    before: Sequence[ledger.Kept],
    plan: Plan,
    opaque: Sequence[TableName],
    settings: tuple[Mapping[str, str], Mapping[str, str]],
) -> Swap:
    """Return the swap that makes a staged generation live: each older one goes one place back.

    settings  by which materialized views are filled: opaque ones, and those of others
    """
    return Swap(
        new=number,
        live=now and now.number,
        staged=plan.staging,
        previous={final: previous_name(final, 1) for final in now.schemas} if now else {},
        renames=tuple(
            (previous_name(final, kept.place), previous_name(final, kept.place + 1))
            for kept in before
            for final in kept.schemas
        ),
        opaque=tuple(opaque),
        opaque_by=settings[0],
        others_by=settings[1],
        keeps=plan.access.keeps,
        extension_rows=plan.extensions.rows,
        granted=tuple(
            statement
            for final, grants in plan.access.on_schema.items()
            for statement in granted_on_schema(final, grants)
        ),
    )


def swap_back(
    now: ledger.Kept, before: ledger.Kept, settings: Mapping[str, str], *, keeps: bool, large: bool
) -> Swap:
    """Return the swap that makes the generation before the live one live again.

    settings  by which others' materialized views are filled
    large     whether one of them has large objects
    """
    staged = {final: prefixed("elt_next_", final) for final in before.schemas}
    return Swap(
        new=before.number,
        live=now.number,
        staged=staged,
        previous={final: previous_name(final, 1) for final in now.schemas},
        renames=tuple((previous_name(final, 1), staged[final]) for final in before.schemas),
        others_by=settings,
        keeps=keeps,
        large_objects=large_objects.of_generation(before.number) if large else None,
    )


def drop_beside(destination: Endpoint, config: Config) -> list[str]:
    """Drop the generations beyond those to keep by a session of its own, beside the run; as drop_old."""
    with destination.with_settings(lock_timeout=ledger.LOCK_TIMEOUT).connect(autocommit=True) as conn:
        return drop_old(conn, config.pipeline, config.publish.keep)


def drop_old(control: Connection, pipeline: str, keep: int) -> list[str]:
    """Drop the generations beyond those to keep, and return a warning for each that had to stay."""
    warnings: list[str] = []
    for kept in reversed(ledger.kept(control, pipeline)):
        if kept.place < max(1, keep):
            continue
        schemas = [previous_name(final, kept.place) for final in kept.schemas]
        try:
            left = _drop(control, kept.number, schemas)
        except psycopg.Error as error:
            if is_passing(error):
                raise
            left = [str(error).strip().partition("\n")[0]]
        if left:
            log.warning("generation.kept", generation=kept.number, because=left)
            warnings.append(
                f"generation {kept.number} in {', '.join(schemas)} could not be dropped: {'; '.join(left)}"
            )
    return warnings


def _drop(conn: Connection, generation: int, schemas: Sequence[str]) -> list[str]:
    """Drop an old generation where it stands; return what keeps it there, in which case it stays.

    Never takes anything along that is not ours. Waits for locks only shortly. Of one that is large, some
    tables go at a time: each takes a dozen locks, of which a server has some thousands.
    """
    facts = {"generation": generation}
    while (some := conn.execute(query("some_of_generation"), facts).fetchall()) and len(some) < some[0][2]:
        names = ", ".join(name for _, name, _ in some)
        wanted = locks.Wanted(
            (f"lock table {names} in access exclusive mode",), tuple(oid for oid, _, _ in some)
        )
        if left := _taken_away(conn, generation, schemas, wanted, [f"drop table {names} cascade"]):
            return left
    whole = [
        sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)).as_string(conn)
        for schema in schemas
    ]
    forgotten = sql.SQL("delete from elt.generation where number = {}").format(generation).as_string(conn)
    return _taken_away(
        conn, generation, schemas, dependants.wanted(conn, generation, []), [*whole, forgotten]
    )


def _taken_away(
    conn: Connection, generation: int, schemas: Sequence[str], wanted: locks.Wanted, statements: Sequence[str]
) -> list[str]:
    """Run statements in one transaction unless somebody uses, or has built on, what they drop; return who."""
    limit = locks.tries(conn, 0).limit_ms
    try:
        with conn.transaction(), locks.taken(conn, wanted, limit, limit):
            left = [str(one) for one in dependants.read(conn, generation, temporary=True) if not one.part]
            left += _not_of(conn, generation, schemas)
            for statement in () if left else statements:
                conn.execute(statement.encode())
    except locks.BlockedError:
        left = locks.blockers(conn, wanted) or ["somebody who has used it until now"]
    return left


def _not_of(conn: Connection, generation: int, schemas: Sequence[str]) -> list[str]:
    """Return what somebody has put into the schemas in which a generation stands."""
    ours = query("of_generation").format(sql.Literal(generation))
    found = conn.execute(query("taken").format(ours=ours), {"schemas": list(schemas)}).fetchall()
    return [f"{kind} {schema}.{name}" for schema, name, kind, _ in found]
