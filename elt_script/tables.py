"""The nouns: what a run is about, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import LiteralString

from psycopg import sql


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's name, kept in two parts until the moment it is quoted."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> sql.Identifier:
        """The name as SQL."""
        return sql.Identifier(self.schema, self.name)


class Digest(Enum):
    """What of a value goes into a row's checksum."""

    VALUE = "value"  # the value itself: where Postgres calls two equal, they are the same
    SEND = "send"  # its binary form: 1.0 is not 1.00, 0 is not -0
    TEXT = "text"  # its text: where the binary form holds numbers (OIDs) that differ between databases
    NOTHING = "nothing"  # of what each database generates for itself: where a row stands, by an OID


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is copied, or computed again (generated)."""

    name: str
    type: str  # as SQL: "numeric(10,2)"
    generated: bool
    portable: bool  # its binary form means the same in another database
    digest: Digest
    send: str | None = None  # the type's send function
    fixed_collation: bool = True  # equal means the same bytes
    hash: str | None = None  # the function that hashes a value by itself, with a seed
    written_whole: LiteralString = ""  # the cast, if it takes one, after which its text has all of a value

    @property
    def quoted(self) -> sql.Identifier:
        """The name as SQL."""
        return sql.Identifier(self.name)

    @property
    def read(self) -> sql.Composed:
        """What a copy reads, under the column's name."""
        return self.quoted + sql.SQL(self.written_whole)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the source whose rows are copied."""

    name: TableName
    columns: tuple[Column, ...]
    rows_estimate: int  # what the catalog thinks; -1 where nobody has counted
    bytes: int  # on disk, heap and toast
    blocks: int = 0  # that can be read in ranges; 0 where it cannot
    query: sql.Composed | None = None  # what gives the rows, where the table itself does not

    @property
    def copied(self) -> tuple[Column, ...]:
        """The columns whose values travel: the destination computes the generated ones."""
        return tuple(column for column in self.columns if not column.generated)

    @property
    def as_it_is(self) -> bool:
        """Whether the text of every copied column has all of its values."""
        return self.query is None and not any(column.written_whole for column in self.copied)

    @property
    def portable(self) -> bool:
        """Whether every copied column may travel in binary."""
        return all(column.portable for column in self.copied)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence's position at the source."""

    name: TableName
    last_value: int
    is_called: bool


@dataclass(frozen=True, slots=True)
class TableCopy:
    """One table's rows on their way: from where, to where, which columns.

    parts  staged partitions that share the rows out anew, where a hash means another one at the destination
    """

    table: Table
    staged: TableName
    parts: tuple[TableName, ...] = ()

    @property
    def places(self) -> tuple[TableName, ...]:
        """The staged tables that get the rows."""
        return self.parts or (self.staged,)

    def whole(self, place: TableName) -> sql.Composed:
        """Return what holds exactly the table's rows there: itself without heirs, or all its partitions."""
        return sql.SQL("{}" if self.parts else "only {}").format(place.quoted)

    @property
    def source(self) -> sql.Composed:
        """What gives the rows at the source, behind `from`."""
        if self.table.query is None:
            return self.whole(self.table.name)
        return sql.SQL("({})").format(self.table.query)

    @property
    def columns(self) -> sql.Composable:
        """The list of copied columns in parentheses, or nothing for a table without columns."""
        return sql.SQL(" ({})").format(self.names) if self.table.copied else sql.SQL("")

    @property
    def names(self) -> sql.Composable:
        """The list of copied columns."""
        return sql.SQL(", ").join(column.quoted for column in self.table.copied)

    @property
    def read(self) -> sql.Composable:
        """What is read of each copied column."""
        return sql.SQL(", ").join(column.read for column in self.table.copied)


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a table's blocks that a pair of programs copies, beside others; the last one has no end."""

    number: int  # from 1
    of: int
    first: int
    end: int | None

    @property
    def where(self) -> sql.Composed:
        """The condition on the rows of the part."""
        here = sql.SQL("ctid >= {}").format(sql.Literal(f"({self.first},0)"))
        if self.end is None:
            return here
        return sql.SQL("{} and ctid < {}").format(here, sql.Literal(f"({self.end},0)"))


@dataclass(frozen=True, slots=True)
class CopyJob:
    """What one pair of programs copies: a table, or a part, in the best format, or many small ones as text.

    encoding    the source's own, in which the rows travel
    written_as  what the destination takes them for: the same, but for SQL_ASCII, which says nothing
    creates     staged tables that are not there yet
    creation    the script that creates those, for the destination's psql
    """

    copies: tuple[TableCopy, ...]
    binary: bool
    encoding: str
    written_as: str
    part: Part | None = None
    creates: tuple[TableName, ...] = ()
    creation: bytes = field(default=b"", repr=False)

    @property
    def bytes(self) -> int:
        """How much there is to do."""
        return sum(copy.table.bytes for copy in self.copies) // (self.part.of if self.part else 1)


@dataclass(frozen=True, slots=True)
class Copied:
    """A table whose rows are in staging; both sides named the same number of them."""

    copy: TableCopy
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Checksum:
    """A table's rows, counted and digested whatever their order."""

    rows: int
    digest: int = 0  # of a table whose content is not compared
