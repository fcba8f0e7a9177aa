"""What pg_dump does not write of a schema: what is done about it, what is named, what is refused. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from elt_script.pg.catalog import Unwritten
from elt_script.pg.rights import Roles
from elt_script.tables import TableName

TRIGGERS = 2620  # the OID of pg_trigger
PARTITIONS_COUNT_SINCE = 17  # that of the whole is also its partitions' identity
COMMENTED = ("constraint", "trigger", "rule", "type", "array")  # see pg/sql/comments.sql


@dataclass(frozen=True, slots=True)
class Amends:
    """What is done to the staged tables once all is there, by the source's names.

    parts      foreign keys that others made, for partitions: what they are called
    own        not-null constraints that partitions had before their parents: (table, column)
    validated  constraints that hold for a part, though not for the whole
    triggers   foreign keys' own triggers that do not fire as usual
    domains    that have no default, though what they are made of has one
    comments   on what comes with something else
    broken     (catalog, OID) of those that pg_dump does write, by a name that no other database has
    """

    parts: tuple[Unwritten, ...] = ()
    own: tuple[tuple[TableName, str], ...] = ()
    validated: tuple[tuple[TableName, str], ...] = ()
    triggers: tuple[Unwritten, ...] = ()
    domains: tuple[TableName, ...] = ()
    comments: tuple[Unwritten, ...] = ()
    broken: frozenset[tuple[int, int]] = frozenset()
    left_out: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()


def amends_of(
    found: Sequence[Unwritten], excluded: Collection[TableName], roles: Roles, version: int
) -> Amends:
    """Return what is to be done.

    excluded        tables that are not copied
    roles, version  of the destination
    """
    copied = [one for one in found if one.table not in excluded]
    triggers = tuple(one for one in copied if one.kind == "trigger")
    comments = [one for one in copied if one.kind == "comment"]
    return Amends(
        parts=tuple(one for one in copied if one.kind == "part"),
        own=tuple((one.table, str(one.facts[0])) for one in copied if one.kind == "own"),
        validated=tuple((one.table, one.object) for one in copied if one.kind == "validated"),
        triggers=triggers if roles.superuser else (),
        domains=tuple(one.table for one in copied if one.kind == "domain"),
        comments=tuple(one for one in comments if one.facts[0] in COMMENTED),
        broken=frozenset((TRIGGERS, int(one.facts[-1])) for one in triggers),
        left_out=(
            *_invalid(copied),
            *_inherited(copied),
            *_identities(copied, version),
            *_uncommented(comments),
            *(() if roles.superuser else _switched(triggers)),
        ),
        faults=(
            *_misread(copied),
            *_detaching(copied),
            *_for_nobody(copied, roles.ours),
            *_counting(copied, version),
            *_excluding(copied),
        ),
    )


def _invalid(copied: Sequence[Unwritten]) -> Iterator[tuple[str, str]]:
    for one in copied:
        if one.kind == "index":
            yield f"index {one.object} on {one.table}", "it is invalid at the source: reindex it, or drop it"


def _inherited(copied: Sequence[Unwritten]) -> Iterator[tuple[str, str]]:
    for one in copied:
        if one.kind == "inherited":
            yield (
                f"origin of not-null constraint {one.object} of {one.table}",
                "pg_dump leaves out that a parent gave it: it may get another name, or be the table's own",
            )


def _identities(copied: Sequence[Unwritten], version: int) -> Iterator[tuple[str, str]]:
    since = version >= PARTITIONS_COUNT_SINCE
    is_it = "is an identity" if since else "is none"
    differs = "it differs for who inserts into the partition itself"
    for one in copied:
        if one.kind == "identity" and one.facts == ["none" if since else "the whole's"]:
            reason = f"in Postgres {version} a partition's column {is_it} where the whole's is: {differs}"
            yield f"identity of {one.table}.{one.object}", reason


def _counting(copied: Sequence[Unwritten], version: int) -> Iterator[str]:
    for one in copied:
        if one.kind == "identity" and one.facts == ["its own"] and version >= PARTITIONS_COUNT_SINCE:
            yield (
                f"column {one.object} of {one.table}, a partition, is an identity by a sequence of its own, "
                f"which Postgres {version} does not know: drop the identity at the source"
            )


def _excluding(copied: Sequence[Unwritten]) -> Iterator[str]:
    for one in copied:
        if one.kind == "exclusion":
            yield (
                f"constraint {one.object} of {one.table}, a partitioned table, excludes rows, and Postgres "
                "cannot attach the partitions' indexes to it: drop it at the source, or leave out the table"
            )


def _uncommented(comments: Sequence[Unwritten]) -> Iterator[tuple[str, str]]:
    for one in comments:
        what, _ = one.facts
        if what not in COMMENTED:
            yield f"comment on {what}", "it comes with its type, and pg_dump does not write it"


def _misread(copied: Sequence[Unwritten]) -> Iterator[str]:
    for one in copied:
        if one.kind == "order" and one.facts == [True]:
            yield (
                f"table {one.table} was attached to its parent with another order of columns, which pg_dump "
                "does not keep, and its type is that of columns elsewhere, whose values would be misread: "
                "give it its parent's order"
            )


def _switched(triggers: Sequence[Unwritten]) -> Iterator[tuple[str, str]]:
    for what in sorted({f"foreign key {one.object}, as enforced on {one.table}" for one in triggers}):
        yield (
            f"trigger states of {what}",
            "its triggers are switched off or over at the source, which takes a superuser of the destination",
        )


def _detaching(copied: Sequence[Unwritten]) -> Iterator[str]:
    for one in copied:
        if one.kind == "detaching":
            yield (
                f"partition {one.object} of {one.table} is half detached: end that at the source, "
                f"by `alter table {one.table} detach partition {one.object} finalize`"
            )


def _for_nobody(copied: Sequence[Unwritten], roles: Collection[str]) -> Iterator[str]:
    for one in copied:
        if one.kind == "role" and one.object not in roles:
            (policy,) = one.facts
            yield (
                f"policy {policy} on {one.table} is for role {one.object}, which the destination does not "
                "have: create it there, or leave out the table"
            )
