"""A CSV becomes a table in a real server: every value as it is written."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql
from structlog.testing import capture_logs

from elt_script.errors import CannotConnectError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.tables import TableName
from source_db_init.seed import Order, seed
from tests.databases import Database, MakeDatabase
from tests.seeds import QUIET, TABLE, Seeder, accelerometer, execute, rows, types


@pytest.fixture
def seeded(source: Endpoint, tmp_path: Path) -> Seeder:
    """Seed table t of the source."""
    return Seeder(source, tmp_path)


@pytest.mark.parametrize("major", ["source", "destination"])
def test_the_accelerometer_data_arrives_whole(
    request: pytest.FixtureRequest, make_database: MakeDatabase, tmp_path: Path, major: str
) -> None:
    server: Server = request.getfixturevalue(f"{major}_server")
    endpoint = make_database(server, "source").owner
    data = accelerometer(tmp_path)

    with capture_logs() as logs:
        result = seed(Order(endpoint, TABLE, str(data.path), bin_dir=endpoint.bin), QUIET)

    assert (result.table, result.rows) == (TABLE, data.rows)
    assert types(endpoint) == [
        ("wconfid", "integer"),
        ("pctid", "integer"),
        ("x", "double precision"),
        ("y", "double precision"),
        ("z", "double precision"),
    ]
    assert rows(endpoint, "select * from public.t order by ctid limit 1") == [data.first]
    assert rows(endpoint, "select * from public.t order by ctid desc limit 1") == [data.last]
    assert rows(endpoint, "select count(*), count(distinct (wconfid, pctid)) from public.t") == [
        (data.rows, 3 * 17)
    ]
    every = (
        "select string_agg(concat_ws(',', wconfid, pctid, x, y, z), e'\\r\\n' order by ctid) from public.t"
    )
    header = "wconfid,pctid,x,y,z\r\n"
    assert rows(endpoint, every) == [(data.path.read_bytes().decode().removeprefix(header),)]
    assert [log["event"] for log in logs] == ["server.ready", "csv.inferred", "table.loaded"]


TEXT = 'id;name;note\r\n1;José;"two\r\nlines"\r\n2;"";\r\n3;"a;""b""";x\r\n'


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        gzip.compress(TEXT.encode(), mtime=0),
        TEXT.encode("latin-1"),
        TEXT.encode("utf-16"),
        gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()[:-2], mtime=0),
    ],
)
def test_the_same_values_arrive_however_they_are_written(
    seeded: Seeder, source: Endpoint, content: bytes
) -> None:
    seeded(content)

    assert types(source) == [("id", "integer"), ("name", "text"), ("note", "text")]
    assert rows(source) == [(1, "José", "two\r\nlines"), (2, "", None), (3, 'a;"b"', "x")]


def test_a_table_as_wide_as_postgres_has_it_arrives(seeded: Seeder, source: Endpoint) -> None:
    width = 1_600

    seeded(",".join(f"c{index}" for index in range(width)) + "\n" + ",".join("1" * width) + "\n")

    assert rows(source) == [(1,) * width]


NASTY = [
    ("\\.", "a\n\\.\nb"),
    ("\\N", "NULL"),
    ("", None),
    (None, ""),
    ("\t", "a\tb"),
    ("\\", "\\n\\t\\\\"),
    ("é😀", "\x01\x7f\u2028"),
    ('"', "'"),
    ("x\r\ny", "x\ry"),
    ("%s {} :name $1", ":'x' \\gset"),
    (" leading", "trailing "),
    ("-", "--"),
]


def written(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def test_nasty_values_arrive_as_they_are(seeded: Seeder, source: Endpoint) -> None:
    lines = ["a,b", *(f"{written(a)},{written(b)}" for a, b in NASTY)]

    seeded("\n".join(lines) + "\n")

    assert rows(source) == NASTY


def test_every_value_reads_back_as_the_same_text(seeded: Seeder, source: Endpoint) -> None:
    columns = {
        "boolean": ["true", "false"],
        "integer": ["-2147483648", "0"],
        "bigint": ["9223372036854775807", "-1"],
        "double precision": ["-0.125", "1.5e-07", "-0", "NaN", "0.30000000000000004", "123456789012345.6"],
        "numeric": ["1.50", "0.12345678901234567890", "-7.0"],
        "date": ["2024-02-29", "0001-01-01"],
        "timestamp without time zone": ["2024-02-29 23:59:59.5", "0001-01-01 00:00:00"],
        "timestamp with time zone": ["2024-02-29 23:59:59+00", "1969-12-31 00:00:00.000001+00"],
        "text": [
            "007",
            "12345678901234567890",
            "1e5",
            "+5",
            "t",
            "2024-01-02T03:04:05",
            "1000000000000000.5",
        ],
    }
    longest = max(map(len, columns.values()))
    padded = [values + [values[0]] * (longest - len(values)) for values in columns.values()]
    lines = [",".join(values) for values in zip(*padded, strict=True)]

    seeded("\n".join([",".join(f"c{place}" for place in range(len(columns))), *lines]))

    assert [type_ for _, type_ in types(source)] == list(columns)
    text = ", ".join(f"c{place}::text" for place in range(len(columns)))
    assert [",".join(row) for row in rows(source, f"select {text} from public.t order by ctid")] == lines


def test_hostile_names_are_only_names(seeded: Seeder, source: Endpoint) -> None:
    schema, table = 'we"ird ; -- {}', "drop table t; %s\n\\."
    names = ['a "b"', "ä😀", "select", "x\n\\.\ny", ":n 'm'", "{} %s"]
    execute(source, f'create schema "{schema.replace(chr(34), chr(34) * 2)}"')

    seeded(f"{','.join(written(name) for name in names)}\n1,2,3,4,5,6\n", table=TableName(schema, table))

    with source.connect() as conn:
        cursor = conn.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
        assert [column.name for column in cursor.description or ()] == names
        assert cursor.fetchall() == [(1, 2, 3, 4, 5, 6)]


def test_hostile_settings_change_nothing(source_database: Database, seeded: Seeder) -> None:
    name = source_database.name
    for setting in (
        "search_path = nowhere",
        "client_encoding = 'sql_ascii'",
        "datestyle = 'german'",
        "timezone = 'Asia/Tokyo'",
        "default_transaction_read_only = on",
        "statement_timeout = '1ms'",
        "standard_conforming_strings = off",
    ):
        execute(
            replace(source_database.admin, pinned=False).database("postgres"),
            f"alter database {name} set {setting}",
            f"alter role {name} set {setting}",
        )

    seeded('a,b,c\né\\,2024-01-02,2024-01-02 03:04:05+00\n"","0001-02-03",\n')

    assert rows(source_database.owner, "select a, b::text, c::text from public.t") == [
        ("é\\", "2024-01-02", "2024-01-02 03:04:05+00"),
        ("", "0001-02-03", None),
    ]


def test_generated_data_is_made_offline(source: Endpoint) -> None:
    with capture_logs():
        result = seed(Order(source, TABLE, offline=True, bin_dir=source.bin), QUIET)

    assert str(result).startswith("public.t: 153,000 generated rows in ")
    assert [type_ for _, type_ in types(source)] == ["integer"] * 2 + ["double precision"] * 3
    assert rows(
        source,
        "select min(n), max(n), count(*) from (select count(*) n from public.t group by wconfid, pctid) g",
    ) == [(3000, 3000, 51)]


def test_a_wrong_password_is_told_before_anything_is_fetched(source: Endpoint) -> None:
    order = Order(replace(source, password="guessed"), TABLE, "/nowhere.csv", bin_dir=source.bin)

    with pytest.raises(CannotConnectError) as raised:
        seed(order, QUIET)

    assert "password authentication failed" in raised.value.detail
    assert "guessed" not in str(raised.value)
