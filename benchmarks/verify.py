"""Compare a copy with its source by means of our own: rows, content, and what the catalogs say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from benchmarks.datasets import query
from benchmarks.servers import Connection, Database

NAMED = 3  # so many tables or columns are named before the rest is only counted
# The text of a value must not depend on the server's settings.
PINNED = "set timezone = 'UTC'; set datestyle = 'ISO'; set extra_float_digits = 1; set bytea_output = 'hex'"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the catalogs say: a table, a column and its type, a key, an index."""

    kind: str
    place: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What a database holds: facts, and each table's number of rows and digest; None where that failed."""

    facts: Counter[Fact]
    contents: Mapping[str, tuple[int, int] | None]

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(content[0] for content in self.contents.values() if content)

    def columns(self, table: str) -> list[tuple[str, str]]:
        """Return a table's columns, each with its type, in their order at the source."""
        return [
            (fact.name, fact.definition)
            for fact in self.facts
            if fact.kind == "column" and fact.place == table
        ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a copy differs from its source, each difference in a few words."""

    same_content: bool
    left_out: tuple[str, ...]
    added: tuple[str, ...]


def look(database: Database, source: Picture | None = None) -> Picture:
    """Read a database. source is what it is a copy of: its columns and their types are those looked at."""
    with database.connect() as conn:
        conn.execute(PINNED)
        conn.execute("set max_parallel_workers_per_gather = 8; set jit = off")
        facts = Counter(Fact(*row) for row in conn.execute(query("facts")))
        own = Picture(facts, {})
        like = source or own
        tables = sorted({fact.place for fact in like.facts if fact.kind == "table"})
        return Picture(facts, {table: _content(conn, table, like.columns(table)) for table in tables})


def _content(conn: Connection, table: str, columns: Sequence[tuple[str, str]]) -> tuple[int, int] | None:
    """Return a table's rows and digest, or None where it cannot be read as the source's."""
    values = (
        sql.SQL("{}::{}").format(sql.Identifier(name), sql.SQL(kind))  # pyright: ignore[reportArgumentType]  (the catalog's own text)
        for name, kind in columns
    )
    statement = query("digest", columns=sql.SQL(", ").join(values), table=sql.Identifier("public", table))
    try:
        ((rows, digest),) = conn.execute(statement).fetchall()
    except psycopg.Error:
        return None
    return int(rows), int(digest)


def compare(source: Picture, copy: Picture) -> Verdict:
    """Say what a copy leaves out of its source, and what it adds."""
    missing, more = source.facts - copy.facts, copy.facts - source.facts
    retyped = {(fact.place, fact.name) for fact in missing if fact.kind == "column"} & {
        (fact.place, fact.name) for fact in more if fact.kind == "column"
    }
    kinds = Counter(fact.kind for fact in source.facts.elements())
    lost = Counter(fact.kind for fact in missing.elements() if (fact.place, fact.name) not in retyped)
    left_out = [f"{number:,} of {kinds[kind]:,} {_plural(kind)}" for kind, number in sorted(lost.items())]
    if retyped:
        types = Counter(_change(source, copy, place, name) for place, name in retyped)
        left_out.append(f"the type of {len(retyped):,} of {kinds['column']:,} columns ({_listed(types)})")
    left_out += _contents(source, copy)
    added = Counter(fact.kind for fact in more.elements() if (fact.place, fact.name) not in retyped)
    return Verdict(
        source.contents == copy.contents,
        tuple(left_out),
        tuple(f"{number:,} {_plural(kind)}" for kind, number in sorted(added.items())),
    )


def _contents(source: Picture, copy: Picture) -> Iterable[str]:
    absent = [table for table in source.contents if copy.contents.get(table) is None]
    rows = [
        table
        for table, content in source.contents.items()
        if content and (found := copy.contents.get(table)) and found[0] != content[0]
    ]
    values = [
        table
        for table, content in source.contents.items()
        if content and (found := copy.contents.get(table)) and found[0] == content[0] and found != content
    ]
    for what, tables in (
        ("the content of {}", absent),
        ("rows of {}", rows),
        ("values as they were in {}", values),
    ):
        if tables:
            yield what.format(_few(tables))


def _change(source: Picture, copy: Picture, table: str, column: str) -> str:
    before, after = dict(source.columns(table))[column], dict(copy.columns(table))[column]
    return f"{before} → {after}"


def _listed(changes: Counter[str]) -> str:
    most = [change for change, _ in changes.most_common(NAMED)]
    return ", ".join(most) + (", …" if len(changes) > NAMED else "")


def _few(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:NAMED])
    return first if len(names) <= NAMED else f"{first} and {len(names) - NAMED:,} more tables"


def _plural(kind: str) -> str:
    if kind == "not null":
        return "not-null constraints"
    return {"index": "indexes", "check": "check constraints", "identity": "identities"}.get(kind, f"{kind}s")
