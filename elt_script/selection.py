"""Select: what of the source is copied, what is left out, and what falls with it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from elt_script.config.model import Config, matches
from elt_script.pg.catalog import Enum, Extension, Outside, Relation, Type, Unwritten
from elt_script.pg.extension_rows import ExtensionTable
from elt_script.pg.large_objects import LargeObjectFacts
from elt_script.pg.rights import Owned
from elt_script.tables import TableName

WORDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}
WILD = frozenset("*?[")  # signs that make a pattern mean more than one name
OURS = ("elt_next_", "elt_prev_")
HELD = "held"  # see pg/sql/named_in_text.sql


@dataclass(frozen=True, slots=True)
class Fallen:
    """Something that needs what is left out; see pg/sql/fallen.sql."""

    catalog: int
    oid: int
    kind: str | None
    name: str | None
    relkind: str | None
    part: bool
    child: bool
    needs: str | None

    @property
    def is_relation(self) -> bool:
        """Whether it is a table, view or the like, which has a name of its own among those of the source."""
        return self.relkind in WORDS


@dataclass(frozen=True, slots=True)
class Name:
    """A routine or type of a schema, by the name that could be taken elsewhere."""

    schema: str
    name: str
    kind: str  # relation, type, routine


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the source's catalog says at the snapshot.

    children  relation → its partitions and heirs, by OID
    skipped   relations left out for their own sake → why
    fallen    what falls with them, and with the schemas that are not chosen
    """

    relations: Sequence[Relation]
    types: Mapping[int, Type]
    enums: Sequence[Enum]
    schemas: Sequence[str]
    children: Mapping[int, Sequence[int]]
    skipped: Mapping[int, str]
    fallen: Sequence[Fallen]
    extensions: Sequence[Extension]
    extension_tables: Sequence[ExtensionTable]
    outside: Sequence[Outside]
    unwritten: Sequence[Unwritten]
    names: Sequence[Name]
    encoding: str
    objects: Sequence[Owned]  # with owners and grants, where the config asks for those
    large_objects: LargeObjectFacts | None  # where they are to be copied

    @property
    def placeless(self) -> Iterable[tuple[int, int]]:
        """What is outside all schemas, by catalog and OID, where it is known by these."""
        for one in self.outside:
            if one.catalog is not None and one.oid is not None:
                yield one.catalog, one.oid


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the source is copied."""

    schemas: Mapping[str, str]  # source → final
    chosen: tuple[Relation, ...]  # all of these schemas
    kept: tuple[Relation, ...]  # those of them that are copied
    left_out: tuple[tuple[str, str], ...]  # what, why
    faults: tuple[str, ...]

    @property
    def excluded(self) -> tuple[TableName, ...]:
        """The relations of the chosen schemas that are not copied."""
        kept = {relation.oid for relation in self.kept}
        return tuple(sorted(relation.full_name for relation in self.chosen if relation.oid not in kept))


def chosen_schemas(config: Config, there: Iterable[str]) -> dict[str, str]:
    """Return source → final name of the schemas to copy, of those that are there."""
    if config.schemas is None:
        return {name: name for name in there if _may_be_copied(name)}
    known = set(there)
    return {name: final for name, final in config.schemas.items() if name in known}


def _may_be_copied(schema: str) -> bool:
    return schema != "elt" and not schema.startswith(OURS)


def wants_large_objects(config: Config, there: Iterable[str]) -> bool:
    """Whether large objects are copied: with the whole database, if the config does not say."""
    if config.large_objects is not None:
        return config.large_objects == "copy"
    return config.schemas is None or {name for name in there if _may_be_copied(name)} <= set(config.schemas)


def skipped(config: Config, relations: Iterable[Relation], schemas: Collection[str]) -> dict[int, str]:
    """Return OID → why, of the relations of chosen schemas that are left out for their own sake."""
    chosen = (relation for relation in relations if relation.schema in schemas)
    return {relation.oid: reason for relation in chosen if (reason := _why_not(config, relation))}


def select(config: Config, source: SourceFacts) -> Selection:
    """Return what the config selects, less what needs something that it leaves out."""
    schemas = chosen_schemas(config, source.schemas)
    chosen = [relation for relation in source.relations if relation.schema in schemas]
    titles = {relation.oid: f"{WORDS[relation.kind]} {relation.full_name}" for relation in source.relations}
    relations = {one.oid: one for one in source.fallen if one.is_relation and one.oid not in source.skipped}
    others = [one for one in source.fallen if not one.is_relation and not one.part]
    left_out = {titles[oid]: why for oid, why in source.skipped.items()}
    left_out |= {titles[oid]: f"it needs {one.needs}, which is left out" for oid, one in relations.items()}
    left_out |= {f"{one.kind} {one.name}": f"it needs {one.needs}, which is left out" for one in others}
    without = {*source.skipped, *relations}
    kept = tuple(relation for relation in chosen if relation.oid not in without)
    left_out |= {titles[child]: why for child, why in _elsewhere(kept, source, schemas)}
    return Selection(
        schemas=schemas,
        chosen=tuple(chosen),
        kept=kept,
        left_out=(
            *sorted(left_out.items()),
            *_reserved(config, source),
            *((f"{thing.kind} {thing.name}", thing.reason) for thing in source.outside if thing.kind != HELD),
        ),
        faults=(
            *_missing(config, source),
            *_unmatched(config, chosen),
            *(
                f"{one.name} holds schema {one.reason}, as an object: let it hold the name, as text"
                for one in source.outside
                if one.kind == HELD
            ),
            *(
                f"{titles[one.oid]} needs {one.needs}, which is left out: leave out the table too, or neither"
                for one in relations.values()
                if one.relkind in ("r", "p") and not one.child
            ),
        ),
    )


def changes_of(selection: Selection, live: Mapping[TableName, Mapping[str, str]]) -> Iterable[str]:
    """Yield what is different about tables that are live: what readers may notice.

    live  published relation → column → type
    """
    for relation in selection.kept:
        final = TableName(selection.schemas[relation.schema], relation.name)
        before = live.get(final)
        if before is None:
            continue
        now = {str(column[0]): str(column[2]) for column in relation.columns}
        yield from (
            f"{final}: column {name} {kind} is new" for name, kind in now.items() if name not in before
        )
        yield from (f"{final}: column {name} goes" for name in before if name not in now)
        for name, kind in now.items():
            old = before.get(name, kind)
            if kind != old and "." not in kind + old:  # names of users' types differ by their schema
                yield f"{final}: column {name} becomes {kind}, was {old}"


def _elsewhere(
    kept: Iterable[Relation], source: SourceFacts, schemas: Collection[str]
) -> Iterable[tuple[int, str]]:
    """Yield the partitions and heirs of what is copied that are in schemas that are not: OID, why."""
    by_oid = {relation.oid: relation for relation in source.relations}
    for parent in kept:
        for child in source.children.get(parent.oid, ()):
            if child in by_oid and by_oid[child].schema not in schemas:
                yield child, f"its schema is not copied: {parent.full_name} lacks its rows"


def _why_not(config: Config, relation: Relation) -> str | None:
    if relation.kind == "f":
        return "its rows live on another server"
    settings = config.table_settings(relation.full_name)
    if settings is None:
        return None if relation.kind == "v" else "no pattern of `tables` matches it"
    return "the config skips it" if settings.skip else None


def _reserved(config: Config, source: SourceFacts) -> Iterable[tuple[str, str]]:
    """Yield the schemas that are not copied because of their names, and that nobody has left out."""
    if config.schemas is None:
        chosen = chosen_schemas(config, source.schemas)
        why = "elt keeps such names for itself: give it another one by `schemas`"
        yield from ((f"schema {name}", why) for name in source.schemas if name not in chosen)


def _missing(config: Config, source: SourceFacts) -> Iterable[str]:
    for name in config.schemas or ():
        if name not in source.schemas:
            yield f"the source has no schema {name}: it has {', '.join(source.schemas) or 'none'}"


def _unmatched(config: Config, chosen: Sequence[Relation]) -> Iterable[str]:
    """Return a fault for each pattern without wildcards that names no table."""
    full, bare = {str(relation.full_name) for relation in chosen}, {one.name for one in chosen}
    for pattern in config.tables:
        names = full if "." in pattern else bare
        if pattern not in names and not WILD.intersection(pattern):
            yield f"the source has no table {pattern}: correct `tables`, or grant it to the source's user"


def idle_patterns(config: Config, source: SourceFacts) -> Iterable[str]:
    """Yield a warning for each pattern that no table matches: one with wildcards may be misspelt, too."""
    schemas = chosen_schemas(config, source.schemas)
    names = [relation.full_name for relation in source.relations if relation.schema in schemas]
    for pattern in config.tables:
        if WILD.intersection(pattern) and not any(matches(pattern, name) for name in names):
            yield f"no table matches {pattern}, a pattern of `tables`"
