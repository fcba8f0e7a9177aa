"""What publish and rollback are about: which generation takes the place of which, and what comes along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from elt_script.pg.extension_rows import ExtensionRows
from elt_script.pg.large_objects import LargeObjects
from elt_script.tables import TableName


@dataclass(frozen=True, slots=True)
class Swap:
    """Which generation takes the place of which, and where each stands.

    staged    final schema → where the new generation waits
    previous  final schema → where the live one goes
    renames   schemas of older generations that make room first: (from, to), in order
    opaque    materialized views, by final name, that can be filled only under the final names
    opaque_by, others_by  by what settings these are filled, and those of others
    keeps     grants that others gave on the live generation go on to the new one
    granted   statements about the final schemas, once they are there
    extension_rows  rows of extensions' own tables that take the place of those that are there
    large_objects   those that the new generation is to have, where either generation has any
    """

    new: int
    live: int | None
    staged: Mapping[str, str]
    previous: Mapping[str, str]
    renames: tuple[tuple[str, str], ...] = ()
    opaque: tuple[TableName, ...] = ()
    opaque_by: Mapping[str, str] = field(default_factory=dict[str, str])
    others_by: Mapping[str, str] = field(default_factory=dict[str, str])
    keeps: bool = True
    granted: tuple[sql.Composed, ...] = ()
    extension_rows: tuple[ExtensionRows, ...] = ()
    large_objects: LargeObjects | None = None

    @property
    def places(self) -> Mapping[str, str]:
        """Where the new generation stands before the renames: final schema → schema."""
        before = {new: old for old, new in self.renames}
        return {final: before.get(staged, staged) for final, staged in self.staged.items()}


@dataclass(frozen=True, slots=True)
class Carried:
    """What others built and now stands on the new generation, what was given up, what stays or is lost."""

    over: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def seen(self) -> tuple[str, ...]:
        """What was looked at, whatever came of it."""
        return (*self.over, *self.dropped)

    @property
    def warnings(self) -> list[str]:
        """What those who built it should know."""
        return [
            *(f"{one} was dropped: it could not come along" for one in self.dropped),
            *(f"{one} shows the data before until its session ends" for one in self.left),
            *self.lost,
        ]
