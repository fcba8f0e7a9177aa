"""Who gets what on the copy, and whom it belongs to: (config, both sides' roles) → Access. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from elt_script.config.model import Config
from elt_script.pg.rights import SCHEMAS, Grant, Owned, Roles


@dataclass(frozen=True, slots=True)
class Access:
    """What the copied objects' owners and grants will be, by the objects' keys.

    keeps      the grants made at the destination stay; else all of them are those below
    grants     the source's; an object that is not among them has what Postgres gives by itself
    on_schema  final schema → grants that are made on it; it keeps those that it has
    """

    keeps: bool = True
    grants: Mapping[tuple[object, ...], frozenset[Grant]] = field(
        default_factory=dict[tuple[object, ...], frozenset[Grant]]
    )
    on_schema: Mapping[str, frozenset[Grant]] = field(default_factory=dict[str, frozenset[Grant]])
    owners: Mapping[tuple[object, ...], str] = field(default_factory=dict[tuple[object, ...], str])
    left_out: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()


def access_of(config: Config, objects: Sequence[Owned], schemas: Mapping[str, str], there: Roles) -> Access:
    """Return what the config asks for, as far as the destination has the roles.

    objects  the source's
    schemas  source → final name
    """
    copies = config.privileges == "copy"
    given = {one.key: one.given for one in objects if one.word} if copies else {}
    on_schema = {
        schemas[one.schema]: frozenset(_kept(one.given, there) - _everybodys(one, schemas[one.schema]))
        for one in objects
        if copies and one.catalog == SCHEMAS and schemas[one.schema] not in there.foreign_schemas
    }
    owners = {one.key: one.owner for one in objects if one.kind} if config.owners == "copy" else {}
    wanted = set(owners.values())
    return Access(
        keeps=config.privileges == "keep",
        grants={key: frozenset(_kept(grants, there)) for key, grants in given.items()},
        on_schema=on_schema,
        owners={key: owner for key, owner in owners.items() if owner in there.ours},
        left_out=tuple(_left_out(given, wanted, list(schemas.values()) if copies else [], there)),
        faults=tuple(
            f"destination: role {role} owns what is copied, and the destination's user is no member of it: "
            "grant it to that user, or set `owners: none`"
            for role in sorted(wanted)
            if not there.ours.get(role, True)
        ),
    )


def _kept(grants: Collection[Grant], there: Roles) -> set[Grant]:
    return {grant for grant in grants if not _fault(grant, there)}


def _fault(grant: Grant, there: Roles) -> tuple[str, str] | None:
    if grant.role is not None and grant.role not in there.ours:
        return f"grants to role {grant.role}", "the destination has no such role"
    if grant.privilege == "MAINTAIN" and grant.privilege not in there.privileges:
        return f"privilege {grant.privilege}", "the destination's version does not know it"
    return None


def _everybodys(schema: Owned, final: str) -> set[Grant]:
    """Return what everybody may do in public, which is each version's own affair."""
    public = {grant for grant in schema.given if grant.role is None and schema.schema == "public"}
    return {grant for grant in public if final == "public" or grant.privilege == "CREATE"}


def _left_out(
    given: Mapping[tuple[object, ...], Collection[Grant]],
    owners: Collection[str],
    finals: Sequence[str],
    there: Roles,
) -> Iterator[tuple[str, str]]:
    faults = {_fault(grant, there) for grant in chain.from_iterable(given.values())}
    yield from sorted(fault for fault in faults if fault)
    for role in sorted(set(owners) - set(there.ours)):
        yield f"ownership of role {role}", "the destination has no such role"
    for final in sorted(set(finals) & there.foreign_schemas):
        yield f"grants on schema {final}", "at the destination it belongs to another role"
