"""Adopt: what at the destination has a name or number that is to be published, and is not ours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from elt_script.pg.large_objects import named


@dataclass(frozen=True, slots=True)
class Taken:
    """Something at the destination that is not of a generation of ours; see pg/sql/taken.sql."""

    schema: str
    name: str
    kind: str
    owned: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.schema}.{self.name}" if self.schema else f"{self.kind} {self.name}"


def adopted_of(
    conflicts: Sequence[Taken], large: Sequence[tuple[int, bool]], *, adopts: bool
) -> tuple[tuple[Taken, ...], list[str]]:
    """Return what becomes ours, and a fault for what does not.

    large   the large objects in the way: number, may we have it
    adopts  whether the config allows it
    """
    wanted = (*conflicts, *(Taken("", str(oid), "large object", owned) for oid, owned in large))
    adopted = tuple(taken for taken in wanted if adopts and taken.owned)
    if adopts:
        hint = "its owner is another role, so it cannot be adopted"
    else:
        hint = "drop or rename it, or set `publish.adopt` to make it the generation that rollback returns to"
    faults = [
        f"the destination has a {taken}, which elt did not publish: {hint}"
        for taken in conflicts
        if not (adopts and taken.owned)
    ]
    if numbers := [oid for oid, owned in large if not (adopts and owned)]:
        faults.append(
            f"the destination has {named(numbers)}, as the source has, which elt did not publish: unlink "
            "them, or set `large_objects: none`, or `publish.adopt`, which takes over those of its user"
        )
    return adopted, faults
