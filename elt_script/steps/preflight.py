"""Preflight: every reason why the run could not succeed, all at once, before anything is touched."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from elt_script.adoption import Taken
from elt_script.config.model import Config
from elt_script.errors import PreflightError
from elt_script.extensions import Offer
from elt_script.pg import catalog, dependants, large_objects
from elt_script.pg.dependants import Dependant
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.extension_rows import read_extension_tables, unwritable
from elt_script.pg.programs import choose
from elt_script.pg.rights import Owned, Roles, read_objects
from elt_script.pg.session import Connection, query, rows, value
from elt_script.plan import DestinationFacts, Plan, planned
from elt_script.selection import Fallen, Name, SourceFacts, chosen_schemas, skipped, wants_large_objects
from elt_script.tables import TableName
from elt_script.wording import counted

OLDEST, NEWEST = 14, 18
# Sessions beside those of the jobs: one with the snapshot, one that listens; and one with the lock, one that
# listens, one that watches, one that drops the generation before the last.
BESIDE = {"source": 2, "destination": 4}


@dataclass(frozen=True, slots=True)
class Room:
    """How many sessions a side may let us have at once; see pg/sql/room.sql."""

    most: int
    whose: str
    mend: str


def choose_programs(
    source: Endpoint, destination: Endpoint, versions: tuple[int, int], config: Config
) -> tuple[Endpoint, Endpoint, int]:
    """Return both endpoints with the programs that suit their servers, and the programs' major version."""
    faults = [
        f"{endpoint} is Postgres {version}: {OLDEST} to {NEWEST} are supported"
        for endpoint, version in zip((source, destination), versions, strict=True)
        if not OLDEST <= version <= NEWEST
    ]
    demand(faults)
    folder, major = choose(*versions, config.bin_dir, tls=source.demands_tls or destination.demands_tls)
    return source.using(folder, versions[0]), destination.using(folder, versions[1]), major


def want_writable(destination: Endpoint) -> None:
    """Raise PreflightError where nobody is to write: at a standby, or where somebody has set it so."""
    with destination.unpinned().connect(autocommit=True) as conn:
        told = conn.info.parameter_status  # the server says these as a session begins
        if told("in_hot_standby") == "on":
            demand([f"{destination} is a standby, in recovery: it cannot be written to"])
        if told("default_transaction_read_only") == "on":
            demand(
                [f"{destination} is read only: default_transaction_read_only is on for this user or database"]
            )


def encoding_of(conn: Connection) -> str:
    """Return the encoding of the session's database."""
    return str(value(conn, sql.SQL("select getdatabaseencoding()")))


def is_same_database(source: Connection, destination: Connection) -> bool:
    """Whether both sessions are in one database, by whatever names they were reached.

    A lock that one holds and the other cannot get is proof. Advisory locks are a database's own, and work on
    standbys too.
    """
    key = sql.Literal(secrets.randbits(62))
    destination.execute(sql.SQL("select pg_advisory_lock({})").format(key))
    got = value(source, sql.SQL("select pg_try_advisory_lock({})").format(key))
    destination.execute(sql.SQL("select pg_advisory_unlock({})").format(key))
    if got:
        source.execute(sql.SQL("select pg_advisory_unlock({})").format(key))
    return not got


def source_facts(conn: Connection, config: Config) -> SourceFacts:
    """Read the source's catalog at the session's snapshot."""
    schemas = [
        name for name, own in conn.execute(query("user_schemas")) if own or name in (config.schemas or ())
    ]
    finals = chosen_schemas(config, schemas)
    chosen = list(finals)
    relations = catalog.read_relations(conn)
    without = skipped(config, relations, chosen)
    large = large_objects.read_facts(conn) if wants_large_objects(config, schemas) else None
    outside = catalog.read_outside(conn, finals, privileges=config.privileges == "copy")
    return SourceFacts(
        relations=relations,
        types=catalog.read_types(conn),
        enums=rows(conn, catalog.Enum, "enums", schemas=chosen),
        schemas=schemas,
        children=catalog.read_children(conn),
        skipped=without,
        fallen=rows(conn, Fallen, "fallen", relations=list(without), schemas=chosen),
        extensions=catalog.read_extensions(conn, chosen),
        extension_tables=read_extension_tables(conn),
        outside=[one for one in outside if large is None or one.kind != "large objects"],
        unwritten=catalog.read_unwritten(conn, chosen),
        names=rows(conn, Name, "routines", schemas=chosen),
        encoding=encoding_of(conn),
        objects=_objects(conn, chosen, large=large is not None) if _asks_for_access(config) else (),
        large_objects=large if large and large.count else None,
    )


def _objects(conn: Connection, schemas: Sequence[str], *, large: bool) -> list[Owned]:
    found = read_objects(conn, {name: name for name in schemas})
    return found + (large_objects.read_owners(conn) if large else [])


def _asks_for_access(config: Config) -> bool:
    return config.privileges == "copy" or config.owners == "copy"


def destination_facts(
    conn: Connection,
    config: Config,
    source: SourceFacts,
    source_conn: Connection,
    live: int | None,
    published: dict[TableName, int],
    others: dict[str, str],
) -> DestinationFacts:
    """Read the destination's catalog; live is the published generation, published its tables' rows."""
    finals = list(config.schemas.values()) if config.schemas is not None else list(source.schemas)
    ours = sql.SQL("false") if live is None else query("of_generation").format(sql.Literal(live))
    found = conn.execute(
        "select extname, nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
    )
    return DestinationFacts(
        taken=rows(conn, Taken, "taken", {"ours": ours}, schemas=finals),
        extensions=Offer(
            there=dict(found.fetchall()),
            offered=frozenset(name for (name,) in conn.execute(query("offered"))),
        ),
        live=published,
        other_pipelines=others,
        live_columns=_live_columns(conn, live),
        encoding=encoding_of(conn),
        roles=_roles(conn),
        version=conn.info.server_version // 10_000,
        used_enums=() if live is None else rows(conn, catalog.Enum, "used_enums", generation=live),
        large_objects=large_objects.taken(conn, source_conn, live) if source.large_objects else (),
    )


def _roles(conn: Connection) -> Roles:
    ours = conn.execute("select rolname::text, pg_has_role(oid, 'usage') from pg_roles")
    known = conn.execute("select distinct privilege_type from aclexplode(acldefault('r', 10))")
    foreign = conn.execute("select nspname::text from pg_namespace where not pg_has_role(nspowner, 'usage')")
    return Roles(
        dict(ours.fetchall()),
        frozenset(name for (name,) in known),
        frozenset(name for (name,) in foreign),
        bool(value(conn, sql.SQL("select pg_has_role(10, 'usage')"))),
    )


def make_plan(
    config: Config,
    source: Connection,
    destination: Connection,
    facts: SourceFacts,
    there: DestinationFacts,
    built_on: Callable[[Plan], list[Dependant]],
) -> Plan:
    """Return the plan, with every reason why it cannot be carried out.

    built_on  reads what others built on the tables that the plan replaces
    """
    rooms = {role: _room(conn) for role, conn in (("source", source), ("destination", destination))}
    room = min(room.most - BESIDE[role] for role, room in rooms.items())
    plan = planned(config, facts, there, room)
    faults = _rights(source, destination, plan, facts)
    faults += [fault for role, room in rooms.items() for fault in _narrow(role, room, plan.workers)]
    others = [] if faults else built_on(plan)
    given_up: set[str] = set()
    lost = dependants.lost(others, _columns(plan, facts))
    left = {one.id for one, _ in lost}
    for one, reason in lost:
        if config.publish.dependants == "drop" and (one.drop or one.stays):
            given_up.add(str(one))
        else:
            faults.append(f"destination: {one} cannot come along: {reason}")
    return replace(
        plan,
        faults=(*plan.faults, *faults),
        dependants=(*map(str, plan.staying), *(str(one) for one in others if one.id not in left)),
        given_up=frozenset(given_up),
        roomy=rooms["destination"].most >= 2 * plan.workers + BESIDE["destination"],
    )


def _rights(source: Connection, destination: Connection, plan: Plan, facts: SourceFacts) -> list[str]:
    by_name = {relation.full_name: relation for relation in facts.relations}
    tables = [by_name[copy.table.name].oid for copy in plan.copies]
    defined = [r for r in facts.relations if r.schema in plan.schemas and r.full_name not in plan.excluded]
    parents = [relation.oid for relation in defined if relation.kind == "p"]
    faults = [
        f"source: {fault}"
        for (fault,) in _asked(
            source,
            "source_rights",
            tables=tables,
            parents=parents,
            schemas=list(plan.schemas),
            without=list(plan.fallen_relations),
        )
    ]
    if not faults:
        faults += _names_of_objects(source, plan, facts)
    wanted = {"schemas": list(plan.staging), "extensions": [e.name for e in plan.extensions.needed]}
    faults += [f"destination: {fault}" for (fault,) in _asked(destination, "destination_rights", **wanted)]
    faults += [f"destination: {fault}" for fault in unwritable(destination, plan.extensions.rows)]
    return faults


def _room(conn: Connection) -> Room:
    (room,) = rows(conn, Room, "room")
    return room


def _narrow(role: str, room: Room, jobs: int) -> Iterable[str]:
    needed = jobs + BESIDE[role]
    if room.most < needed:
        has = f"{role}: {room.whose} may have {counted(room.most, 'session')} at once"
        yield f"{has}, and {counted(jobs, 'job')} may take {needed}: {room.mend} {needed}, or lower `jobs`"


def _columns(plan: Plan, facts: SourceFacts) -> dict[str, frozenset[str]]:
    """Return the columns of every relation that will be published, by its final name."""
    return {
        f"{plan.schemas[relation.schema]}.{relation.name}": frozenset(
            column[0] for column in relation.columns
        )
        for relation in facts.relations
        if relation.schema in plan.schemas and relation.full_name not in plan.excluded
    }


def _names_of_objects(conn: Connection, plan: Plan, facts: SourceFacts) -> Iterable[str]:
    """Yield a fault for each column that names objects of the source, which are others at the destination."""
    by_name = {relation.full_name: relation for relation in facts.relations}
    composites = catalog.read_composites(conn)
    for copy in plan.copies:
        for name, oid, type_name, _, generated in by_name[copy.table.name].columns:
            values = catalog.objects_in(oid, sql.Identifier("t", name), facts.types, composites)
            if values is None or generated:  # what is generated names what the destination has
                continue
            look = query("names_objects").format(values=values, table=copy.whole(copy.table.name))
            found = value(conn, look)
            if found is not None:
                yield (
                    f"source: column {name} of {copy.table.name} ({type_name}) holds an object, {found}, by "
                    "a number that is another one at the destination: keep names as text, or skip the table"
                )


def _live_columns(conn: Connection, live: int | None) -> dict[TableName, dict[str, str]]:
    if live is None:
        return {}
    found = conn.execute(query("live_columns").format(), {"generation": live}).fetchall()
    return {TableName(schema, name): columns for schema, name, columns in found}


def demand(faults: Sequence[str]) -> None:
    """Raise PreflightError if anything is wrong, naming all of it."""
    if faults:
        what, _, facts = faults[0].partition("\n")
        raise PreflightError(
            what if len(faults) == 1 else f"{len(faults)} things stand in the way of this run",
            detail=facts if len(faults) == 1 else "\n".join(f"- {fault}" for fault in faults),
            hint="Nothing has been changed. Mend what is named here, then try `elt check`.",
        )


def _asked(conn: Connection, name: str, **values: object) -> list[tuple[str]]:
    return conn.execute(query(name), values).fetchall()
