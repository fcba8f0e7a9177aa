"""A source and a destination on which others have built; who they are, and what the destination then is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import run as run_program
from tests.copying import execute, rows_of
from tests.databases import MakeDatabase

SHOP = (Path(__file__).parent / "db" / "shop.sql").read_text(encoding="utf-8")
ADDED = re.compile(r"(\w+ )?added")  # objects that a test adds at the source, and does not compare


@dataclass(frozen=True, slots=True)
class World:
    """A source, a destination that others have built on, and who they are."""

    source: Endpoint
    destination: Endpoint
    admin: Endpoint
    analyst: str
    reader: str
    before: dict[str, str] = field(default_factory=dict[str, str])

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return a query's rows at the destination."""
        return rows_of(self.destination, query)

    def value(self, query: str) -> object:
        """Return a query's one value at the destination."""
        ((found,),) = self.rows(query)
        return found


def world_of(
    roles: tuple[str, str], source_server: Server, destination_server: Server, make: MakeDatabase
) -> World:
    """Return two new databases, where the destination's owner is a member of the analyst's role."""
    source, destination = make(source_server, "source"), make(destination_server, "destination")
    analyst, reader = roles
    execute(destination.admin, f"grant {analyst} to {destination.name}")
    return World(source.owner, destination.owner, destination.admin, analyst, reader)


def definitions(world: World) -> dict[str, str]:
    """Return what pg_dump writes of the destination's schema, object by object."""
    dump = replace(world.admin, application="pg_dump").pg_dump(
        "--schema-only", "--exclude-schema=elt", "--exclude-schema=elt_prev*"
    )
    found: dict[str, str] = {}
    for part in run_program(dump).stdout.decode().split("\n-- Name: ")[1:]:
        header, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line and not line.startswith(("--", "SET ", "\\"))]
        found[header] = "\n".join(lines)
    return {header: body for header, body in found.items() if not ADDED.match(header)}
