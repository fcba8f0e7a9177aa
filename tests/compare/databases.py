"""The comparison of two databases, from its four looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from elt_script.pg.endpoint import Endpoint
from tests.compare.catalog_facts import different_facts
from tests.compare.large_objects import different_large_objects
from tests.compare.schema_text import different_text
from tests.compare.scope import Scope
from tests.compare.table_rows import different_rows


def differences(
    source: Endpoint,
    destination: Endpoint,
    schemas: Mapping[str, str] | None = None,
    *,
    owners: bool = False,
    privileges: bool = False,
) -> list[str]:
    """Return what differs, a line each, and nothing if the databases are the same.

    schemas  source's name → destination's name of what is compared; without it the whole databases are,
             but for the schemas that elt keeps for itself, and large objects with them
    owners, privileges  whether these are compared too

    Both endpoints must see every row (superusers do), and have their programs chosen. What only one of the
    two servers' versions knows is not compared, nor are statistics.
    Reads every value, and holds a digest of each differing table's rows in memory.
    """
    here = Scope.of_source(schemas)
    there = Scope.of_destination(schemas)
    ignored = [*(() if owners else ("--no-owner",)), *(() if privileges else ("--no-privileges",))]
    of_no_matter = frozenset({*(() if owners else ("owner",)), *(() if privileges else ("grants",))})
    same_programs = replace(source, bin=destination.bin)
    return [
        *different_text(same_programs, destination, here, there, ignored),
        *different_facts(source, destination, here, there),
        *different_rows(source, destination, here, there),
        *(different_large_objects(source, destination, of_no_matter) if schemas is None else ()),
    ]
