"""Extensions: which the copy needs, which rows of their own tables travel, what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from elt_script.config.model import Config
from elt_script.pg.catalog import Extension, Type, as_columns
from elt_script.pg.extension_rows import ExtensionRows, ExtensionTable
from elt_script.tables import TableName


@dataclass(frozen=True, slots=True)
class Offer:
    """What the destination has of extensions.

    there    name → schema
    offered  those that are there, or that we could create
    """

    there: Mapping[str, str]
    offered: frozenset[str]


@dataclass(frozen=True, slots=True)
class Extensions:
    """What is done about extensions.

    needed   those of the source that the copy needs
    schemas  where each of them is at the destination, or will be
    rows     rows of extensions' tables that travel: of those extensions that are there or will be
    """

    needed: tuple[Extension, ...]
    schemas: Mapping[str, str]
    rows: tuple[ExtensionRows, ...]
    left_out: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]


def extensions_of(
    config: Config,
    found: Sequence[Extension],
    tables: Sequence[ExtensionTable],
    offer: Offer,
    types: Mapping[int, Type],
    waiting: str,
    *,
    same_encoding: bool,
) -> Extensions:
    """Return what is to be done.

    found, tables, types  of the source
    waiting               the schema in which rows are staged
    """
    chosen = [table for table in tables if _is_chosen(config, table)]
    creatable = {table.extension for table in chosen} & offer.offered - set(offer.there)
    extensions = [
        replace(one, needed_by=["rows of its users"]) if one.name in creatable and not one.needed_by else one
        for one in found
    ]
    unneeded = {one.name: why for one in extensions if (why := _unneeded(one, offer))}
    needed = tuple(one for one in extensions if one.name not in unneeded)
    schemas = {one.name: offer.there.get(one.name, one.schema) for one in needed}
    places = schemas | dict(offer.there)
    rows = tuple(
        ExtensionRows(
            table,
            TableName(waiting, f"elt_extension_rows_{number}"),
            TableName(places[table.extension] if table.schema == table.at else table.schema, table.name),
            as_columns(table.columns, types, same_encoding=same_encoding),
        )
        for number, table in enumerate(tables)
        if table in chosen and table.extension in places
    )
    return Extensions(
        needed=needed,
        schemas=schemas,
        rows=rows,
        left_out=tuple(_left_out(unneeded, tables, [one.table for one in rows])),
        faults=(*_unreadable(rows), *_misplaced(needed, schemas)),
    )


def _is_chosen(config: Config, table: ExtensionTable) -> bool:
    settings = config.table_settings(table.full_name)
    return settings is not None and not settings.skip


def _unneeded(extension: Extension, offer: Offer) -> str:
    """Return why the extension is left out, or nothing if it is not.

    A routine's text is a hint, no proof, so an extension that is only named there is no reason to refuse.
    """
    if extension.needed_by:
        return ""
    if not extension.named_by:
        return "nothing that is copied needs it"
    may_need = f"{extension.named_by[0]} may need it"
    if offer.there.get(extension.name, extension.schema) != extension.schema:
        return f"the destination has it in another schema, and {may_need}"
    return "" if extension.name in offer.offered else f"the destination does not offer it, and {may_need}"


def _left_out(
    unneeded: Mapping[str, str], tables: Sequence[ExtensionTable], travelling: Sequence[ExtensionTable]
) -> Iterator[tuple[str, str]]:
    used = {table.extension for table in travelling}
    yield from ((f"extension {name}", why) for name, why in unneeded.items() if name not in used)
    for table in tables:
        if table not in travelling:
            why = f"extension {table.extension} cannot be created there, or the config skips the table"
            yield str(table), why


def _unreadable(rows: Sequence[ExtensionRows]) -> Iterator[str]:
    for one in rows:
        if not one.table.readable:
            yield f"source: {one.table}: no select: grant it to the source's user, or skip it in `tables`"


def _misplaced(needed: Sequence[Extension], schemas: Mapping[str, str]) -> Iterator[str]:
    for one in needed:
        at = schemas[one.name]
        if at != one.schema and not one.relocatable:
            yield (
                f"extension {one.name} is in schema {one.schema} at the source, in {at} at the "
                f"destination, and cannot be moved: create it in {one.schema} there"
            )
