"""Which rows travel together: relations → copies → jobs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from psycopg import sql

from elt_script.pg.catalog import Relation, Type, as_columns, as_table
from elt_script.tables import CopyJob, Part, Table, TableCopy, TableName

SMALL_BYTES = 1 << 20  # below this a pair of programs costs more than the rows
SPLIT_BYTES = (
    1 << 30
)  # above this a table is copied in parts, where threads would have nothing to do otherwise
BATCH = 250  # small tables that share one pair of programs
LARGE_OBJECTS = (  # name, the OID of its type, and that type: what travels of them, and of their content
    (
        ("oid", 26, "oid"),
        ("length", 20, "bigint"),
        ("owner", 25, "text"),
        ("grants", 3802, "jsonb"),
        ("comment", 25, "text"),
    ),
    (("oid", 26, "oid"), ("number", 23, "integer"), ("data", 17, "bytea")),
)


@dataclass(frozen=True, slots=True)
class LargeObjectCopies:
    """The source's large objects on their way: how many, and the jobs for them and for their content."""

    count: int
    objects: CopyJob
    parts: CopyJob

    @property
    def jobs(self) -> tuple[CopyJob, ...]:
        """Both jobs."""
        return self.objects, self.parts

    @property
    def bytes(self) -> int:
        """What they take at the source's disk."""
        return self.parts.bytes

    @property
    def places(self) -> tuple[TableName, TableName]:
        """The staged tables."""
        return self.objects.copies[0].staged, self.parts.copies[0].staged


def large_object_copies(
    queries: tuple[sql.Composed, sql.Composed],
    sizes: tuple[int, int],
    staging: str,
    types: Mapping[int, Type],
    encodings: tuple[str, str],
    *,
    same_encoding: bool,
) -> LargeObjectCopies:
    """Return how large objects travel.

    queries    what reads them, and their content
    sizes      how many there are, and how large all are
    staging    the schema that they wait in
    encodings  in which texts travel, and what the destination takes them for
    """
    count, size = sizes
    names = ("pg_largeobject_metadata", "pg_largeobject")
    jobs: list[CopyJob] = []
    for name, query, listed, estimate, bytes_ in zip(
        names, queries, LARGE_OBJECTS, (count, -1), (0, size), strict=True
    ):
        columns = as_columns(
            [[*column, True, False] for column in listed], types, same_encoding=same_encoding
        )
        table = Table(TableName("pg_catalog", name), columns, estimate, bytes_, query=query)
        copy = TableCopy(table, TableName(staging, name.removeprefix("pg_")))
        binary = name == "pg_largeobject"  # of no texts
        jobs.append(CopyJob((copy,), binary, *encodings))
    return LargeObjectCopies(count, *jobs)


def copies_of(
    kept: Sequence[Relation],
    children: Mapping[int, Sequence[int]],
    types: Mapping[int, Type],
    staged: Callable[[TableName], TableName],
    *,
    same_encoding: bool,
) -> tuple[TableCopy, ...]:
    """Return a copy of each table with rows, and one of all partitions whose rows are shared out anew.

    kept      what is copied, views and the like among it
    children  relation → its partitions and heirs
    """
    by_oid = {relation.oid: relation for relation in kept}
    spread = {
        top.oid: tuple(leaves(top.oid, children, by_oid))
        for top in spread_anew(kept, children, same_encoding)
    }
    in_parts = {part.oid for parts in spread.values() for part in parts}
    found: list[TableCopy] = []
    for relation in kept:
        place = staged(relation.full_name)
        table = as_table(relation, types, same_encoding=same_encoding)
        if parts := spread.get(relation.oid):
            table = replace(
                table,
                rows_estimate=sum(max(0, part.rows_estimate) for part in parts),
                bytes=sum(part.bytes for part in parts),
            )
            found.append(TableCopy(table, place, tuple(staged(part.full_name) for part in parts)))
        elif relation.kind == "r" and relation.oid not in in_parts:
            found.append(TableCopy(table, place))
    return tuple(found)


def spread_anew(
    relations: Sequence[Relation], children: Mapping[int, Sequence[int]], same_encoding: bool
) -> list[Relation]:
    """Return the partitioned tables whose rows belong to other partitions at the destination, outermost only.

    A hash of an enum is one of an OID; pg_dump goes by the partitioned table there, too.
    """
    differs = {"database"} if same_encoding else {"database", "encoding"}
    found = {relation.oid: relation for relation in relations if relation.hashed in differs}
    inner = {oid for top in found for oid in _below(top, children)}
    return [relation for oid, relation in found.items() if oid not in inner]


def leaves(
    top: int, children: Mapping[int, Sequence[int]], by_oid: Mapping[int, Relation]
) -> Iterator[Relation]:
    """Yield the relations below a partitioned one that hold its rows, of those that by_oid knows."""
    return (by_oid[oid] for oid in _below(top, children) if oid in by_oid and by_oid[oid].kind != "p")


def jobs_of(
    copies: Sequence[TableCopy], workers: int, encoding: str, written_as: str, split_bytes: int | None = None
) -> tuple[CopyJob, ...]:
    """Share the copies out: large tables one by one or in parts, largest first, small ones in batches.

    split_bytes  the size above which a table is copied in parts; None leaves that to us
    """
    large = [copy for copy in copies if copy.table.bytes >= SMALL_BYTES]
    small = [copy for copy in copies if copy.table.bytes < SMALL_BYTES]
    size = max(1, min(BATCH, ceil(len(small) / workers)))
    batches = [tuple(small[at : at + size]) for at in range(0, len(small), size)]
    # A binary text is one of the session's encoding, whatever the copy's: others would be converted twice.
    binary = [encoding == "UTF8" and copy.table.portable and not copy.parts for copy in large]
    if split_bytes is None and workers > max(2, len(large)):
        split_bytes = SPLIT_BYTES
    jobs = [
        CopyJob((copy,), way, encoding, written_as, part)
        for copy, way in zip(large, binary, strict=True)
        for part in _split(copy, workers, split_bytes)
    ]
    jobs += [CopyJob(batch, binary=False, encoding=encoding, written_as=written_as) for batch in batches]
    return tuple(sorted(jobs, key=lambda job: -job.bytes))


def _split(copy: TableCopy, workers: int, split_bytes: int | None) -> Sequence[Part | None]:
    """Return the parts that a table is copied in, or that it is copied whole."""
    if split_bytes is None or copy.parts:
        return (None,)
    count = min(workers, copy.table.blocks, ceil(copy.table.bytes / split_bytes))
    if count <= 1:
        return (None,)
    starts = [copy.table.blocks * at // count for at in range(count)]
    ends = [*starts[1:], None]  # rows may have come since, of which our snapshot sees none
    return [Part(at, count, *ends_at) for at, ends_at in enumerate(zip(starts, ends, strict=True), 1)]


def _below(top: int, children: Mapping[int, Sequence[int]]) -> Iterator[int]:
    for child in children.get(top, ()):
        yield child
        yield from _below(child, children)
