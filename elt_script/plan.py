"""Decide first: (config, what the two catalogs say) → Plan. Pure: nothing is contacted or changed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from elt_script.access import Access, access_of
from elt_script.adoption import Taken, adopted_of
from elt_script.amends import Amends, amends_of
from elt_script.config.model import Checksum, Config, TableSettings
from elt_script.copies import (
    SMALL_BYTES,
    LargeObjectCopies,
    copies_of,
    jobs_of,
    large_object_copies,
    leaves,
    spread_anew,
)
from elt_script.extensions import Extensions, Offer, extensions_of
from elt_script.pg.catalog import Enum
from elt_script.pg.rights import Roles
from elt_script.selection import Selection, SourceFacts, changes_of, select
from elt_script.tables import CopyJob, TableCopy, TableName

RELATIONS = 1259  # the OID of pg_class
NO_ENCODING = "SQL_ASCII"
NONE_LEFT = """no table is left to copy: see `schemas` and `tables`, where `"*": {}` stands for all"""
LONGEST_NAME = 63  # bytes; Postgres cuts longer names in silence


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """What the destination's catalog says."""

    taken: Sequence[Taken]
    extensions: Offer
    live: Mapping[TableName, int]  # published table → rows
    other_pipelines: Mapping[str, str]  # final schema → who publishes there
    live_columns: Mapping[TableName, Mapping[str, str]]  # published relation → column → type
    encoding: str
    roles: Roles
    version: int  # the major
    used_enums: Sequence[Enum] = ()  # published ones, that tables of others are made of
    large_objects: Sequence[tuple[int, bool]] = ()  # not ours, of the source's numbers; may we move it


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, in full."""

    pipeline: str
    schemas: Mapping[str, str]  # source → final
    staging: Mapping[str, str]  # final → where it is staged
    copies: tuple[TableCopy, ...]
    jobs: tuple[CopyJob, ...]
    workers: int
    settings: Mapping[TableName, TableSettings]  # by the source's name
    excluded: tuple[TableName, ...]  # relations that pg_dump leaves out
    other_schemas: tuple[str, ...]
    fallen: frozenset[tuple[int, int]]  # (catalog, OID) at the source of what is not restored
    live: Mapping[TableName, int]
    adopted: tuple[Taken, ...]
    gone: tuple[TableName, ...]  # published tables that the source no longer has
    changes: tuple[str, ...]  # of published tables' columns
    left_out: tuple[tuple[str, str], ...]  # what, why
    faults: tuple[str, ...]
    access: Access
    amends: Amends
    extensions: Extensions
    large_objects: LargeObjectCopies | None
    staying: tuple[Enum, ...]  # published ones that are the next generation's, too, by their final names
    dependants: tuple[str, ...] = ()  # what others built on the published tables, and comes along
    given_up: frozenset[str] = frozenset()  # what of it cannot, and the config drops
    roomy: bool = True  # whether the destination has room for indexes of one table to be built at once
    warnings: tuple[str, ...] = ()  # what does not stand in the way, and should be mended

    def compared(self, checksum: Checksum) -> frozenset[TableName]:
        """Return the source's tables whose content is compared; checksum is for those without a setting."""
        return frozenset(
            table for table, settings in self.settings.items() if (settings.checksum or checksum) == "all"
        )

    def all_compared(self, checksum: Checksum) -> frozenset[TableName]:
        """Return those, and what holds large objects, which have no setting."""
        large = self.large_objects.jobs if self.large_objects and checksum == "all" else ()
        return self.compared(checksum) | {copy.table.name for job in large for copy in job.copies}

    @property
    def all_jobs(self) -> tuple[CopyJob, ...]:
        """What is to be copied: tables, and large objects."""
        return (*self.jobs, *(self.large_objects.jobs if self.large_objects else ()))

    @property
    def all_copies(self) -> tuple[TableCopy, ...]:
        """What those copy, each once."""
        large = self.large_objects.jobs if self.large_objects else ()
        return (*self.copies, *(copy for job in large for copy in job.copies))

    @property
    def staging_schemas(self) -> list[str]:
        """The schemas that are gone when the run has ended."""
        large = [self.large_objects.places[0].schema] if self.large_objects else []
        return [*self.staging.values(), *large]

    @property
    def fallen_relations(self) -> tuple[int, ...]:
        """The OIDs of the relations among what falls: sequences and indexes too."""
        return tuple(oid for catalog, oid in self.fallen if catalog == RELATIONS)

    @property
    def split(self) -> frozenset[TableName]:
        """The tables that are copied in parts, whose rows cannot be frozen."""
        return frozenset(job.copies[0].table.name for job in self.jobs if job.part)

    @property
    def bytes(self) -> int:
        """How much there is to copy."""
        return sum(copy.table.bytes for copy in self.all_copies)

    def share(self, job: CopyJob) -> int:
        """How many sessions may build a job's indexes: as many of the workers as it has of all bytes."""
        large = self.roomy and job.bytes >= SMALL_BYTES
        return ceil(self.workers * job.bytes / self.bytes) if large else 1

    def final(self, name: TableName) -> TableName:
        """Where a source's table is published."""
        return TableName(self.schemas[name.schema], name.name)

    def staged(self, name: TableName) -> TableName:
        """Where a source's table is staged."""
        return TableName(self.staging[self.schemas[name.schema]], name.name)


def prefixed(prefix: str, schema: str) -> str:
    """Return prefix + schema as a name that Postgres does not cut, and that differs where schema does."""
    name = prefix + schema
    if len(name.encode()) <= LONGEST_NAME:
        return name
    mark = "_" + hashlib.sha256(schema.encode()).hexdigest()[:10]
    return name.encode()[: LONGEST_NAME - len(mark)].decode(errors="ignore") + mark


def previous_name(final: str, place: int) -> str:
    """Return the schema in which an older generation stands: place 1 is the one before the live one."""
    return prefixed("elt_prev_" if place == 1 else f"elt_prev{place}_", final)


def _usual_jobs(room: int) -> int:
    return max(1, min(room, max(2, os.cpu_count() or 2)))


def planned(
    config: Config, source: SourceFacts, destination: DestinationFacts, room: int = sys.maxsize
) -> Plan:
    """Return what a run would do, with every reason why it cannot (faults); room is that for jobs."""
    selection = select(config, source)
    schemas, kept = selection.schemas, selection.kept
    staging = {final: prefixed("elt_next_", final) for final in schemas.values()}
    copies = copies_of(
        kept,
        source.children,
        source.types,
        lambda name: TableName(staging[schemas[name.schema]], name.name),
        same_encoding=source.encoding == destination.encoding,
    )
    amends = amends_of(source.unwritten, selection.excluded, destination.roles, destination.version)
    access = access_of(config, source.objects, schemas, destination.roles)
    extensions = _extensions(config, source, destination, next(iter(staging.values()), ""))
    adopted, conflicts = _taken(config, source, destination, selection)
    workers = config.jobs or _usual_jobs(room)
    encoding = destination.encoding if source.encoding == NO_ENCODING else source.encoding
    return Plan(
        pipeline=config.pipeline,
        schemas=schemas,
        staging=staging,
        copies=copies,
        jobs=jobs_of(copies, workers, source.encoding, encoding, config.split_bytes),
        workers=workers,
        settings={c.table.name: config.table_settings(c.table.name) or config.defaults for c in copies},
        excluded=selection.excluded,
        other_schemas=tuple(schema for schema in source.schemas if schema not in schemas),
        fallen=amends.broken.union(source.placeless, ((one.catalog, one.oid) for one in source.fallen)),
        live=destination.live,
        adopted=adopted,
        gone=tuple(sorted(_gone(selection, destination))),
        changes=tuple(changes_of(selection, destination.live_columns)),
        left_out=(*selection.left_out, *extensions.left_out, *amends.left_out, *access.left_out),
        access=access,
        amends=amends,
        extensions=extensions,
        large_objects=_large_objects(config, source, (source.encoding, encoding), destination),
        staying=tuple(_staying(config, source, destination, schemas)),
        faults=(
            *_faults(selection, source, destination, copies),
            *extensions.faults,
            *conflicts,
            *amends.faults,
            *access.faults,
        ),
    )


def _staying(
    config: Config, source: SourceFacts, destination: DestinationFacts, schemas: Mapping[str, str]
) -> Iterable[Enum]:
    """Return the published enums that need not be made anew, for the sake of others' tables that have them.

    Each has the source's labels, which may be more than it has now, in between as well. Not where the config
    says whose they are, and who may use them: it says so of staged objects.
    """
    if config.privileges != "keep" or config.owners != "none":
        return
    wanted = {(schemas[one.schema], one.name): one for one in source.enums if one.schema in schemas}
    for one in destination.used_enums:
        other = wanted.get((one.schema, one.name))
        if (
            other
            and other.comment == one.comment
            and [label for label in other.labels if label in one.labels] == one.labels
        ):
            yield replace(one, labels=other.labels)


def _gone(selection: Selection, destination: DestinationFacts) -> set[TableName]:
    tables = (relation for relation in selection.kept if relation.kind in ("r", "p"))
    return set(destination.live) - {TableName(selection.schemas[r.schema], r.name) for r in tables}


def _faults(
    selection: Selection, source: SourceFacts, destination: DestinationFacts, copies: Sequence[TableCopy]
) -> Iterable[str]:
    yield from selection.faults
    if not copies and not selection.faults:
        yield NONE_LEFT
    yield from _encoding_faults(source, destination)
    yield from _names_cut_short(selection, source, destination)
    yield from _lost_parts(selection, source, destination)
    yield from _range_faults(selection, source, destination)
    yield from _other_pipelines(selection.schemas.values(), destination)
    yield from source.large_objects.faults if source.large_objects else ()


def _encoding_faults(source: SourceFacts, destination: DestinationFacts) -> Iterable[str]:
    if destination.encoding == NO_ENCODING and source.encoding not in (NO_ENCODING, "UTF8"):
        yield (
            f"the source's encoding is {source.encoding}, the destination's {NO_ENCODING}, which is none: "
            f"make the destination's database with encoding UTF8 or {source.encoding}"
        )


def _other_pipelines(finals: Iterable[str], destination: DestinationFacts) -> Iterable[str]:
    for final in finals:
        if owner := destination.other_pipelines.get(final):
            said = f"schema {final} at the destination is published by pipeline {owner}"
            yield f"{said}: give one of them another name"


def _range_faults(selection: Selection, source: SourceFacts, destination: DestinationFacts) -> Iterable[str]:
    """Return a fault for each range type, where we may not move what Postgres makes with it."""
    if destination.roles.superuser:
        return
    own = {(name.schema, name.name) for name in source.names if name.kind == "type"}
    for kind in source.types.values():
        if kind.kind == "r" and kind.schema in selection.schemas and (kind.schema, kind.name) in own:
            yield (
                f"range type {kind.schema}.{kind.name}: its constructor functions belong to the server, not "
                "to its owner, so only a superuser of the destination can stage and publish it"
            )


def _names_cut_short(
    selection: Selection, source: SourceFacts, destination: DestinationFacts
) -> Iterable[str]:
    """Return a fault for each name that the destination would cut in silence."""
    if destination.encoding != "UTF8" or source.encoding in (NO_ENCODING, "UTF8"):
        return
    yield from (
        f"{one.table}: the name {one.object} has more than {LONGEST_NAME} bytes in UTF8"
        for one in source.unwritten
        if one.kind == "name" and one.table not in selection.excluded
    )


def _lost_parts(selection: Selection, source: SourceFacts, destination: DestinationFacts) -> Iterable[str]:
    """Return a fault for each partition that is left out though rows of its siblings would belong to it."""
    children = source.children
    by_oid = {relation.oid: relation for relation in source.relations}
    kept = {relation.oid for relation in selection.kept}
    for top in spread_anew(selection.kept, children, source.encoding == destination.encoding):
        for part in leaves(top.oid, children, by_oid):
            if part.oid not in kept:
                yield (
                    f"{part.full_name} cannot be left out alone: the rows of {top.full_name} are shared out "
                    "among its partitions by a hash that is another one at the destination"
                )


def _extensions(
    config: Config, source: SourceFacts, destination: DestinationFacts, waiting: str
) -> Extensions:
    return extensions_of(
        config,
        source.extensions,
        source.extension_tables,
        destination.extensions,
        source.types,
        waiting,
        same_encoding=source.encoding == destination.encoding,
    )


def _large_objects(
    config: Config, source: SourceFacts, encodings: tuple[str, str], destination: DestinationFacts
) -> LargeObjectCopies | None:
    facts = source.large_objects
    return facts and large_object_copies(
        (facts.objects(config.privileges, owners=config.owners == "copy"), facts.parts),
        (facts.count, facts.bytes),
        prefixed("elt_next_", f"large objects of {config.pipeline}"),
        source.types,
        encodings,
        same_encoding=source.encoding == destination.encoding,
    )


def _taken(
    config: Config, source: SourceFacts, destination: DestinationFacts, selection: Selection
) -> tuple[tuple[Taken, ...], list[str]]:
    """Return what stands in our way at the destination: what is adopted, and a fault for what is not."""
    schemas = selection.schemas
    ours = {(schemas[r.schema], r.name, "relation") for r in selection.kept}
    ours |= {(schemas[n.schema], n.name, n.kind) for n in source.names if n.schema in schemas}
    conflicts = [
        taken
        for taken in destination.taken
        if (taken.schema, taken.name, taken.kind) in ours
        and taken.schema not in destination.other_pipelines  # a fault of its own, which adopting cannot mend
    ]
    return adopted_of(conflicts, destination.large_objects, adopts=config.publish.adopt)
