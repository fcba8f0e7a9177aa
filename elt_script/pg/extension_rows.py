"""Rows of extensions' own tables that belong to their users: their configuration.

The tables are the extensions', and stand where those are. Their rows wait in staging until publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg.session import Connection, rows, value
from elt_script.tables import TableName

MAY_WRITE = "select has_table_privilege({0}, 'insert') and has_table_privilege({0}, 'delete')"


@dataclass(frozen=True, slots=True)
class ExtensionTable:
    """A table whose rows an extension leaves to its users; see pg/sql/extension_tables.sql."""

    extension: str
    at: str
    schema: str
    name: str
    condition: str
    columns: list[str]

    @property
    def full_name(self) -> TableName:
        """The name in two parts."""
        return TableName(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class ExtensionRows:
    """Such rows on their way: from where, by way of which staged table, to where."""

    table: ExtensionTable
    place: TableName
    target: TableName

    @property
    def names(self) -> sql.Composable:
        """The list of copied columns."""
        return sql.SQL(", ").join(map(sql.Identifier, self.table.columns))

    @property
    def condition(self) -> sql.SQL:
        """Which rows are meant, in the extension's own words."""
        return sql.SQL(self.table.condition)  # pyright: ignore[reportArgumentType]  (the server ran it, too)


def read_extension_tables(conn: Connection) -> list[ExtensionTable]:
    """Return the tables that extensions leave to their users, those first that others may refer to."""
    return rows(conn, ExtensionTable, "extension_tables")


def create_places(conn: Connection, wanted: Sequence[ExtensionRows]) -> None:
    """Create the staged tables. Raises PreflightError where the rows could not be put in place later."""
    for one in wanted:
        if not value(conn, sql.SQL(MAY_WRITE).format(sql.Literal(one.target.quoted.as_string(None)))):
            raise PreflightError(
                f"table {one.target} of extension {one.table.extension}: no insert and delete",
                hint="Nothing was published. Grant both to the destination's user, or skip it in `tables`.",
            )
        create = sql.SQL("create table {} as select {} from only {} with no data")
        conn.execute(create.format(one.place.quoted, one.names, one.target.quoted))


def put_in_place(conn: Connection, staged: Sequence[ExtensionRows]) -> None:
    """Replace the rows by the staged ones, which are gone then."""
    for one in reversed(staged):
        conn.execute(sql.SQL("delete from only {} {}").format(one.target.quoted, one.condition))
    insert = sql.SQL("insert into {} ({}) overriding system value select {} from {}")
    for one in staged:
        conn.execute(insert.format(one.target.quoted, one.names, one.names, one.place.quoted))
        conn.execute(sql.SQL("drop table {}").format(one.place.quoted))
