"""Decide first: (config, what the two catalogs say) → Plan. Pure: nothing is contacted or changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from elt_script.config.model import Config, TableSettings
from elt_script.copies import copies_of, jobs_of, leaves, spread_anew
from elt_script.pg.catalog import Extension, Outside, Relation, Type
from elt_script.tables import CopyJob, TableCopy, TableName

NO_ENCODING = "SQL_ASCII"
LONGEST_NAME = 63  # bytes; Postgres cuts longer names in silence


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation that needs another one; see pg/sql/edges.sql."""

    kind: str  # view, child, key
    oid: int
    relation: int
    needs: int
    name: str


@dataclass(frozen=True, slots=True)
class Name:
    """A routine or type of a schema, by the name that could be taken elsewhere."""

    schema: str
    name: str
    kind: str  # relation, type, routine


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the source's catalog says at the snapshot."""

    relations: Sequence[Relation]
    types: Mapping[int, Type]
    schemas: Sequence[str]
    edges: Sequence[Edge]
    extensions: Sequence[Extension]
    outside: Sequence[Outside]
    names: Sequence[Name]
    encoding: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Something at the destination that is not of a generation of ours; see pg/sql/taken.sql."""

    schema: str
    name: str
    kind: str
    owned: bool


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """What the destination's catalog says."""

    taken: Sequence[Taken]
    extensions: Mapping[str, str]  # name → schema
    live: Mapping[TableName, int]  # published table → rows
    other_pipelines: Mapping[str, str]  # final schema → who publishes there
    encoding: str


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
    dropped_keys: frozenset[int]  # OIDs of foreign keys to what is left out
    dropped_comments: tuple[str, ...]  # how comments on them begin in an archive's table of contents
    extensions: tuple[Extension, ...]
    extension_schemas: Mapping[str, str]
    live: Mapping[TableName, int]
    adopted: tuple[Taken, ...]
    gone: tuple[TableName, ...]  # published tables that the source no longer has
    left_out: tuple[tuple[str, str], ...]  # what, why
    faults: tuple[str, ...]

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


def planned(config: Config, source: SourceFacts, destination: DestinationFacts) -> Plan:
    """Return what a run would do, with every reason why it cannot (faults)."""
    faults: list[str] = []
    schemas = _schemas(config, source, faults)
    chosen = [relation for relation in source.relations if relation.schema in schemas]
    excluded, left_out = _left_out(config, source, chosen)
    kept = [relation for relation in chosen if relation.oid not in excluded]
    staging = {final: prefixed("elt_next_", final) for final in schemas.values()}
    children = _children(source)
    same_encoding = source.encoding == destination.encoding
    copies = copies_of(
        kept,
        children,
        source.types,
        lambda name: TableName(staging[schemas[name.schema]], name.name),
        same_encoding=same_encoding,
    )
    if destination.encoding == NO_ENCODING and source.encoding not in (NO_ENCODING, "UTF8"):
        faults.append(
            f"the source's encoding is {source.encoding}, the destination's {NO_ENCODING}, which is none: "
            f"make the destination's database with encoding UTF8 or {source.encoding}"
        )
    faults += _lost_parts(chosen, kept, children, same_encoding)
    needed = tuple(extension for extension in source.extensions if extension.needed_by)
    left_out += [
        (f"{thing.kind} {thing.name}", thing.reason)
        for thing in source.outside
        if thing.kind != "foreign table"
    ]
    left_out += [
        (f"extension {e.name}", "nothing that is copied needs it")
        for e in source.extensions
        if not e.needed_by
    ]
    faults += _extension_faults(needed, destination)
    faults += [
        f"schema {final} at the destination is published by pipeline {owner}: give one of them another name"
        for final, owner in destination.other_pipelines.items()
        if final in staging
    ]
    if not copies and not faults:
        faults.append("no table is left to copy: see `schemas` and `tables` in the config")
    faults += _unmatched(config, chosen)
    adopted, conflicts = _taken(config, source, destination, schemas, kept)
    dropped = [
        edge
        for edge in source.edges
        if edge.kind == "key" and edge.needs in excluded and edge.relation not in excluded
    ]
    by_oid = {relation.oid: relation for relation in source.relations}
    settings = {copy.table.name: config.table_settings(copy.table.name) or config.defaults for copy in copies}
    workers = config.jobs or max(2, os.cpu_count() or 2)
    published = {TableName(schemas[r.schema], r.name) for r in kept if r.kind in ("r", "p")}
    return Plan(
        pipeline=config.pipeline,
        schemas=schemas,
        staging=staging,
        copies=copies,
        jobs=jobs_of(
            copies,
            workers,
            source.encoding,
            destination.encoding if source.encoding == NO_ENCODING else source.encoding,
        ),
        workers=workers,
        settings=settings,
        excluded=tuple(sorted(by_oid[oid].full_name for oid in excluded)),
        other_schemas=tuple(s for s in source.schemas if s not in schemas),
        dropped_keys=frozenset(edge.oid for edge in dropped),
        dropped_comments=tuple(
            f"COMMENT {by_oid[e.relation].schema} CONSTRAINT {e.name} ON {by_oid[e.relation].name} "
            for e in dropped
        ),
        extensions=needed,
        extension_schemas={e.name: destination.extensions.get(e.name, e.schema) for e in needed},
        live=destination.live,
        adopted=adopted,
        gone=tuple(sorted(name for name in destination.live if name not in published)),
        left_out=(
            *left_out,
            *(
                (
                    f"foreign key {e.name} of {by_oid[e.relation].full_name}",
                    f"it refers to {by_oid[e.needs].full_name}",
                )
                for e in dropped
            ),
        ),
        faults=(*faults, *conflicts),
    )


def _schemas(config: Config, source: SourceFacts, faults: list[str]) -> dict[str, str]:
    if config.schemas is None:
        return {
            name: name
            for name in source.schemas
            if name != "elt" and not name.startswith(("elt_next_", "elt_prev_"))
        }
    missing = [name for name in config.schemas if name not in source.schemas]
    faults += [
        f"the source has no schema {name}: it has {', '.join(source.schemas) or 'none'}" for name in missing
    ]
    return {name: final for name, final in config.schemas.items() if name not in missing}


def _why_not(config: Config, relation: Relation) -> str | None:
    """Return why a relation of a chosen schema is left out for its own sake."""
    if relation.kind == "f":
        return "its rows live on another server"
    if relation.kind == "v":
        return None
    settings = config.table_settings(relation.full_name)
    if settings is None:
        return "no pattern of `tables` matches it"
    return "the config skips it" if settings.skip else None


def _left_out(
    config: Config, source: SourceFacts, chosen: Sequence[Relation]
) -> tuple[set[int], list[tuple[str, str]]]:
    """Return the OIDs of relations that are left out, with all that falls with them, and why each is."""
    words = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}
    by_oid = {relation.oid: relation for relation in source.relations}
    chosen_oids = {relation.oid for relation in chosen}
    why = {relation.oid: reason for relation in chosen if (reason := _why_not(config, relation))}
    outside = set(by_oid) - chosen_oids
    needs: dict[int, list[int]] = {}
    for edge in source.edges:
        if edge.kind != "key":
            needs.setdefault(edge.needs, []).append(edge.relation)
    todo = [*why, *outside]
    while todo:
        fallen = todo.pop()
        for relation in needs.get(fallen, ()):
            if relation in chosen_oids and relation not in why:
                why[relation] = f"it needs {by_oid[fallen].full_name}, which is left out"
                todo.append(relation)
    named = [(f"{words[by_oid[oid].kind]} {by_oid[oid].full_name}", reason) for oid, reason in why.items()]
    return set(why), sorted(named)


def _children(source: SourceFacts) -> dict[int, list[int]]:
    """Return relation → its partitions and heirs."""
    children: dict[int, list[int]] = {}
    for edge in source.edges:
        if edge.kind == "child":
            children.setdefault(edge.needs, []).append(edge.relation)
    return children


def _lost_parts(
    chosen: Sequence[Relation],
    kept: Sequence[Relation],
    children: Mapping[int, Sequence[int]],
    same_encoding: bool,
) -> Iterable[str]:
    """Return a fault for each partition that is left out though rows of its siblings would belong to it."""
    by_oid = {relation.oid: relation for relation in chosen}
    kept_oids = {relation.oid for relation in kept}
    for top in spread_anew(kept, children, same_encoding):
        for part in leaves(top.oid, children, by_oid):
            if part.oid not in kept_oids:
                yield (
                    f"{part.full_name} cannot be left out alone: the rows of {top.full_name} are shared out "
                    "among its partitions by a hash that is another one at the destination"
                )


def _unmatched(config: Config, chosen: Sequence[Relation]) -> Iterable[str]:
    """Return a fault for each pattern without wildcards that names no table."""
    names = {str(relation.full_name) for relation in chosen} | {relation.name for relation in chosen}
    for pattern in config.tables:
        if pattern not in names and not any(sign in pattern for sign in "*?["):
            yield f"the source has no table {pattern}: correct `tables`, or grant it to the source's user"


def _extension_faults(needed: Sequence[Extension], destination: DestinationFacts) -> Iterable[str]:
    for extension in needed:
        at = destination.extensions.get(extension.name, extension.schema)
        if at != extension.schema and not extension.relocatable:
            yield (
                f"extension {extension.name} is in schema {extension.schema} at the source, in {at} at the "
                f"destination, and cannot be moved: create it in {extension.schema} there"
            )


def _taken(
    config: Config,
    source: SourceFacts,
    destination: DestinationFacts,
    schemas: Mapping[str, str],
    kept: Sequence[Relation],
) -> tuple[tuple[Taken, ...], list[str]]:
    """Return what stands in our way at the destination: what is adopted, and a fault for what is not."""
    ours = {(schemas[r.schema], r.name, "relation") for r in kept}
    ours |= {(schemas[n.schema], n.name, n.kind) for n in source.names if n.schema in schemas}
    conflicts = [taken for taken in destination.taken if (taken.schema, taken.name, taken.kind) in ours]
    if config.publish.adopt:
        adopted = tuple(taken for taken in conflicts if taken.owned)
        refused = [taken for taken in conflicts if not taken.owned]
        hint = "its owner is another role, so it cannot be adopted"
    else:
        adopted, refused = (), conflicts
        hint = "drop or rename it, or set `publish.adopt` to make it the generation that rollback returns to"
    return adopted, [
        f"the destination has a {taken.kind} {taken.schema}.{taken.name}, which elt did not publish: {hint}"
        for taken in refused
    ]
