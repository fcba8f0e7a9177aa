"""Rows of extensions' own tables that belong to their users: their configuration.

The tables are the extensions', and stand where those are. Their rows wait in staging until publish, and so do
the positions of sequences of that kind: each as the one row of a staged table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from elt_script.errors import DestinationError, PreflightError
from elt_script.pg.digest import digest_query
from elt_script.pg.session import Connection, rows, value
from elt_script.tables import Column, TableName

RIGHTS = {"r": ["insert", "delete"], "S": ["update"]}  # that replacing takes, by relkind


@dataclass(frozen=True, slots=True)
class ExtensionTable:
    """A table whose rows an extension leaves to its users; see pg/sql/extension_tables.sql."""

    extension: str
    at: str
    schema: str
    name: str
    kind: str
    readable: bool
    condition: str
    columns: list[list[Any]]

    @property
    def full_name(self) -> TableName:
        """The name in two parts."""
        return TableName(self.schema, self.name)

    @property
    def is_sequence(self) -> bool:
        """Whether it is a sequence, whose position is what its users have made."""
        return self.kind == "S"

    def __str__(self) -> str:
        what = "position of extension sequence" if self.is_sequence else "rows of extension table"
        return f"{what} {self.full_name}"


@dataclass(frozen=True, slots=True)
class ExtensionRows:
    """Such rows on their way: from where, by way of which staged table, to where, which columns."""

    table: ExtensionTable
    place: TableName
    target: TableName
    columns: tuple[Column, ...]

    @property
    def names(self) -> sql.Composable:
        """The list of copied columns."""
        return sql.SQL(", ").join(column.quoted for column in self.columns)

    @property
    def condition(self) -> sql.SQL:
        """Which rows are meant, in the extension's own words."""
        return sql.SQL(self.table.condition)  # pyright: ignore[reportArgumentType]  (the server ran it, too)

    def of(self, table: TableName) -> sql.Composed:
        """Return the query for those of a table's rows that are meant."""
        read = sql.SQL(", ").join(column.read for column in self.columns)
        return sql.SQL("(select {} from only {} {})").format(read, table.quoted, self.condition)


def read_extension_tables(conn: Connection) -> list[ExtensionTable]:
    """Return the tables that extensions leave to their users, those first that others may refer to."""
    return rows(conn, ExtensionTable, "extension_tables")


def may_write(conn: Connection, kind: str, target: TableName) -> bool | None:
    """Whether we may replace the rows of an extension's table, or set its sequence; None: it is not there."""
    named = {"name": target.quoted.as_string(None), "rights": RIGHTS[kind]}
    may = "select bool_and(has_table_privilege(to_regclass(%(name)s), r)) from unnest(%(rights)s::text[]) r"
    return value(conn, sql.SQL(may), **named)


def unwritable(conn: Connection, wanted: Iterable[ExtensionRows]) -> Iterator[str]:
    """Yield a fault for each of those that are there and that we could not put the rows into."""
    for one in wanted:
        if may_write(conn, one.table.kind, one.target) is False:
            rights, on = ", ".join(RIGHTS[one.table.kind]), one.target
            yield (
                f"{one.table} at {on}: no {rights}: grant {rights} on {on.quoted.as_string(None)} to the "
                "destination's user, or skip it in `tables`"
            )


def create_places(conn: Connection, wanted: Sequence[ExtensionRows]) -> None:
    """Create the staged tables. Raises PreflightError where the rows could not be put in place later."""
    if faults := list(unwritable(conn, wanted)):
        raise PreflightError("\n".join(faults), hint="Nothing was published.")
    for one in wanted:
        create = sql.SQL("create table {} as select {} from only {} with no data")
        conn.execute(create.format(one.place.quoted, one.names, one.target.quoted))


def put_in_place(conn: Connection, staged: Sequence[ExtensionRows]) -> list[sql.Composed]:
    """Replace the rows by the staged ones, which are gone then.

    returns  what sets the sequences: to be done last, for it stays, whatever becomes of the transaction

    Raises DestinationError where a table holds something else then: a trigger of its own may see to that.
    """
    tables = [one for one in staged if not one.table.is_sequence]
    for one in reversed(tables):
        conn.execute(sql.SQL("delete from only {} {}").format(one.target.quoted, one.condition))
    insert = sql.SQL("insert into {} ({}) overriding system value select {} from {}")
    for one in tables:
        conn.execute(insert.format(one.target.quoted, one.names, one.names, one.place.quoted))
    for one in tables:
        if not _same(conn, one):
            raise DestinationError(
                f"extension table {one.target} does not keep its rows as they were copied",
                hint="Nothing was published. A trigger changes them: drop it, or skip the table in `tables`.",
            )
    positions = [_positioned(conn, one) for one in staged if one.table.is_sequence]
    for one in staged:
        conn.execute(sql.SQL("drop table {}").format(one.place.quoted))
    return positions


def _positioned(conn: Connection, one: ExtensionRows) -> sql.Composed:
    """Return what sets a sequence to what is staged."""
    target = sql.Literal(one.target.quoted.as_string(None))
    staged = conn.execute(sql.SQL("select last_value, is_called from {}").format(one.place.quoted)).fetchone()
    return sql.SQL("select setval({}, {}, {})").format(target, *map(sql.Literal, staged or ()))


def _same(conn: Connection, one: ExtensionRows) -> bool:
    read = (digest_query(one.columns, table) for table in (one.place.quoted, one.of(one.target)))
    both = sql.SQL("select count(distinct d) = 1 from (({}) union all ({})) d").format(*read)
    return bool(value(conn, both))
