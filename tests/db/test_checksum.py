"""The audit's checksum: blind to nothing, and never alarmed without a reason."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest

from elt_script.copies import copies_of
from elt_script.pg.catalog import read_relations, read_types
from elt_script.pg.cluster import Server, embedded
from elt_script.pg.process import supervised
from elt_script.pg.session import export_snapshot, one_moment
from elt_script.steps.audit import checksums, compare
from elt_script.steps.copy import copy_rows
from elt_script.tables import Checksum, CopyJob, TableCopy, TableName
from tests.compare import differences
from tests.copying import execute
from tests.databases import Database, databases

TYPES = """
    create type mood as enum ('sad', 'happy');
    create type pair as (a numeric, b text);
    create domain price as numeric;
    create domain feeling as mood;
    create domain numbers as int[];
    create domain span as int4range;
    create type mood_range as range (subtype = mood);
    create type pair_range as range (subtype = pair);
"""
# type, a value, one that is easily taken for it
VALUES = (
    ("bool", "true", "false"),
    ("int4", "1", "2"),
    ("int8", "9007199254740992", "9007199254740993"),
    ("oid", "1", "4294967295"),
    ("numeric", "1.0", "1.00"),
    ("numeric", "0", "null"),
    ("price", "1.0", "1.00"),
    ("float8", "'0'", "'-0'"),
    ("float8", "0.1::float8 + 0.2::float8", "0.3"),
    ("float4", "'0'", "'-0'"),
    ("float8", "'NaN'", "'infinity'"),
    ("float8", "0", "null"),
    ("money", "1.10", "1.11"),
    ("text", "null", "''"),
    ("text", "'a'", "'a '"),
    ("text", "U&'\\00e9'", "U&'e\\0301'"),
    ("text", "'a'", "U&'a\\200B'"),
    ("varchar(3)", "'a'", "'a '"),
    ("bpchar", "'a'", "'a '"),
    ("char(3)", "'a'", "'b'"),
    ("name", "'a'", "'b'"),
    ('"char"', "'a'", "''"),
    ("bytea", "'\\x00'", "'\\x0000'"),
    ("date", "'infinity'", "'5874897-12-31'"),
    ("time", "'24:00'", "'00:00'"),
    ("timetz", "'12:00+00'", "'13:00+01'"),
    ("timestamp", "'2020-01-01'", "'2020-01-01 00:00:00.000001'"),
    ("timestamptz", "'2020-01-01 00:00+00'", "'2020-01-01 00:00+01'"),
    ("interval", "'1 mon'", "'30 days'"),
    ("interval", "'1 day'", "'24 hours'"),
    ("uuid", "'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'"),
    ("json", """'{"a":1}'""", """'{"a": 1}'"""),
    ("json", """'{"a":1,"a":2}'""", """'{"a":2}'"""),
    ("jsonb", "'1.0'", "'1.00'"),
    ("jsonb", "'null'", "null"),
    ("jsonpath", "'$.a'", "'$.b'"),
    ("bit(3)", "'010'", "'011'"),
    ("varbit", "'1'", "'10'"),
    ("inet", "'10.0.0.1/8'", "'10.0.0.1'"),
    ("cidr", "'10.0.0.0/8'", "'10.0.0.0/9'"),
    ("macaddr8", "'08:00:2b:01:02:03:04:05'", "'08:00:2b:01:02:03:04:06'"),
    ("point", "'(0,0)'", "'(0,-0)'"),
    ("box", "'(1,1),(0,0)'", "'(1,1),(0,-0)'"),
    ("path", "'[(0,0),(1,1)]'", "'((0,0),(1,1))'"),
    ("line", "'{1,2,0}'", "'{1,2,-0}'"),
    ("lseg", "'[(0,0),(1,1)]'", "'[(1,1),(0,0)]'"),
    ("polygon", "'((0,0),(1,1),(2,0))'", "'((0,0),(2,0),(1,1))'"),
    ("circle", "'<(1,0),4>'", "'<(0,1),4>'"),  # of the same area, by which Postgres compares them
    ("tsvector", "'a:1A'", "'a:1B'"),
    ("tsvector", "''", "'a'"),
    ("tsquery", "''", "'a'"),
    ("oidvector", "''", "'1'"),
    ("varbit", "''", "'1'"),
    ("jsonb", "'{}'", "'[]'"),
    ("nummultirange", "'{}'", "null"),
    ("tsquery", "'a & b'", "'b & a'"),
    ("pg_lsn", "'0/1'", "'1/0'"),
    ("pg_snapshot", "'1:3:2'", "'1:3:'"),
    ("xid8", "'1'", "'4294967297'"),
    ("tid", "'(0,1)'", "'(1,0)'"),
    ("refcursor", "'a'", "'b'"),
    ("regtype", "'int4'", "'int8'"),
    ("int2vector", "'1 2'", "'2 1'"),
    ("int4[]", "'{1}'", "'[0:0]={1}'"),
    ("int4[]", "'{}'", "null"),
    ("int4[]", "'{1,2,3,4}'", "'{{1,2},{3,4}}'"),
    ("text[]", "'{null}'", "'{\"null\"}'"),
    ("numeric[]", "'{1.0}'", "'{1.00}'"),
    ("float8[]", "'{0}'", "'{-0}'"),
    ("numrange", "'[1,2)'", "'[1,2]'"),
    ("numrange", "'[1.0,2)'", "'[1.00,2)'"),
    ("int4range", "'empty'", "null"),
    ("nummultirange", "'{[1,2)}'", "'{[1,2.0)}'"),
    ("int4range[]", "'{empty}'", "'{null}'"),
    ("mood", "'sad'", "'happy'"),
    ("mood[]", "'{sad,null}'", "'{null,sad}'"),
    ("feeling", "'sad'", "'happy'"),
    ("numbers", "'{1}'", "'[2:2]={1}'"),
    ("span", "'[1,2)'", "'[1,3)'"),
    ("mood_range", "'[sad,happy]'", "'[sad,)'"),
    ("pair", "null", "row(null, null)"),
    ("pair", "row(1.0, '')", "row(1.00, '')"),
    ("pair", "row(1, '')", "row(1, null)"),
    ("pair[]", "array[row(1, 'a,b')]::pair[]", "array[row(1, 'a'), row(1, 'b')]::pair[]"),
    ("pair_range", "pair_range(row(1.0, 'a')::pair, null)", "pair_range(row(1.00, 'a')::pair, null)"),
)
# types of n and v, rows, statements that change them
ROWS = (
    ("int", "text", "(1, 'a'), (2, 'b')", "update {} set v = case v when 'a' then 'b' else 'a' end"),
    ("int", "text", "(1, '2'), (3, '4')", "update {} set n = v::int, v = n"),
    ("int", "text", "(1, 'a'), (2, null)", "update {} set v = case when v is null then 'a' end"),
    ("int", "text", "(1, 'a'), (2, 'b')", "delete from {} where n = 2"),
    ("int", "text", "(1, 'a'), (2, 'b')", "insert into {} values (2, 'b')"),
    (
        *("int", "text", "(1, 'a'), (1, 'a'), (2, 'b')"),
        "delete from {0}; insert into {0} values (1, 'a'), (2, 'b'), (2, 'b')",
    ),
    ("int", "text", "(1, 'a'), (1, 'a'), (2, 'b')", "update {} set n = 2, v = 'b'"),
    ("int", "int", "(1, 2), (3, 4)", "update {} set n = v, v = n"),
    ("int", "int", "(0, null)", "update {} set n = v, v = n"),
    ("int", "numeric", "(1, 1.5), (2, 2.5)", "update {} set v = 4 - v"),
    ("numeric", "date", "(1, '2020-01-01'), (2, '2020-01-02')", "update {} set n = 3 - n"),
    ("float8", "float8", "(0, 0)", "update {} set n = '-0', v = '-0'"),
    ("float8", "float8", "(0, '-0')", "update {} set n = v, v = n"),
    ("float8", "float8", "(1, 2), (3, 4)", "update {} set n = case n when 1 then 3 else 1 end"),
    ("float4", "float8", "(0, null)", "update {} set n = v, v = n"),
)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both databases and the copies between them, in binary where the types may travel so."""

    source: Database
    destination: Database
    jobs: tuple[CopyJob, ...]
    expected: Mapping[TableName, Checksum]


def script(change: str = "") -> str:
    """Return what makes the tables; or, with a word of the second kind, what changes them."""
    parts: list[str] = [] if change else [TYPES]
    for number, (kind, before, after) in enumerate(VALUES):
        name = f"value_{number}"
        made = f"create table {name} (n int, v {kind}); insert into {name} values (1, {before}), (2, null)"
        parts.append(f"update {name} set v = {after} where n = 1" if change else made)
    for number, (n, v, rows, changed) in enumerate(ROWS):
        name = f"rows_{number}"
        made = f"create table {name} (n {n}, v {v}); insert into {name} values {rows}"
        parts.append(changed.format(name) if change else made)
    return ";".join(parts)


def checked(sides: Sides) -> dict[TableName, Checksum]:
    with supervised():
        found = [
            (job, checksums(sides.destination.owner, job.copies, job.encoding, None)) for job in sides.jobs
        ]
    return {copy.table.name: one for job, sums in found for copy, one in zip(job.copies, sums, strict=True)}


def jobs_for(copies: tuple[TableCopy, ...]) -> tuple[CopyJob, ...]:
    make = partial(CopyJob, encoding="UTF8", written_as="UTF8")
    binary = [make((copy,), binary=True) for copy in copies if copy.table.portable]
    return (*binary, make(tuple(copy for copy in copies if not copy.table.portable), binary=False))


@pytest.fixture(scope="module")
def sides(source_server: Server, destination_server: Server) -> Generator[Sides]:
    """Tables copied from one server to the other, and what the source's rows add up to."""
    with databases(embedded()[18]) as make, ThreadPoolExecutor(1) as mover, supervised():
        source, destination = make(source_server, "source"), make(destination_server, "destination")
        execute(source.owner, script())
        execute(destination.owner, script())
        with one_moment(source.owner) as (conn, _):
            relations, types = read_relations(conn), read_types(conn)
            copies = copies_of(relations, {}, types, lambda name: name, same_encoding=True)
            snapshot = export_snapshot(conn, copies, 10)
            jobs = jobs_for(copies)
            expected: dict[TableName, Checksum] = {}
            for job in jobs:
                copy_rows(job, source.owner, destination.owner, snapshot, mover)
                sums = checksums(source.owner, job.copies, job.encoding, snapshot)
                expected |= {copy.table.name: one for copy, one in zip(job.copies, sums, strict=True)}
        yield Sides(source, destination, jobs, expected)


@pytest.fixture(scope="module")
def faults(sides: Sides) -> str:
    """What the audit says after every table was changed."""
    assert compare(sides.expected, checked(sides)) == []
    assert differences(sides.source.admin, sides.destination.admin) == []
    execute(sides.destination.owner, script("changed"))
    return "\n".join([*compare(sides.expected, checked(sides)), ""])


def test_what_was_copied_is_the_same_by_the_checksum_and_by_every_byte(faults: str) -> None:
    assert faults


@pytest.mark.parametrize("number", range(len(VALUES)), ids=[" ".join(case) for case in VALUES])
def test_a_changed_value_is_found(faults: str, number: int) -> None:
    assert f"public.value_{number}: 2 rows on both sides, but not the same content\n" in faults


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[change for *_, change in ROWS])
def test_changed_rows_are_found(faults: str, number: int) -> None:
    assert f"public.rows_{number}: " in faults
