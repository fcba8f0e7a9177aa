"""Grant: the staged objects get the owners and grants that the plan says, before anybody sees them."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from elt_script.access import Access
from elt_script.pg.rights import granted, owned, read_objects
from elt_script.pg.session import Connection


def grant(conn: Connection, access: Access, staging: Mapping[str, str]) -> None:
    """Give the objects that stand in staging schemas to whom the plan says.

    staging  the source's name of a schema → where it is staged
    """
    statements: list[sql.Composable] = []
    if not access.keeps or access.owners:
        here = read_objects(conn, {staged: source for source, staged in staging.items()})
        if not access.keeps:
            statements += granted(here, access.grants)
        may_own = sql.SQL("grant create on schema {} to {}")
        statements += [
            may_own.format(sql.Identifier(schema), sql.Identifier(owner))
            for schema in staging.values()
            for owner in sorted(set(access.owners.values()))
        ]
        statements += owned(here, access.owners)
    if statements:
        conn.execute(sql.SQL(";\n").join(statements))
