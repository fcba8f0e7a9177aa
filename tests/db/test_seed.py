"""A CSV becomes a table in a real server: every value, all of it, or nothing."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from rich.console import Console
from structlog.testing import capture_logs

from elt_script.errors import CannotConnectError, EltError, PreflightError, SourceError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.tables import TableName
from source_db_init import load as load_module
from source_db_init.dialect import NO_WISHES, engine
from source_db_init.errors import CsvError
from source_db_init.inference import Csv, understand
from source_db_init.load import Place, load
from source_db_init.seed import Order, Seeded, seed
from source_db_init.target import IfExists
from tests.databases import Database, MakeDatabase
from tests.seeds import accelerometer

TABLE = TableName("public", "t")
QUIET = Console(quiet=True)

Seed = Callable[..., Seeded]


@pytest.fixture
def seeded(source: Endpoint, tmp_path: Path) -> Seed:
    """Seed table t of the source from a text or from bytes."""

    def make(
        content: str | bytes, if_exists: IfExists = "fail", table: TableName = TABLE, **more: Any
    ) -> Seeded:
        path = tmp_path / "data.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        order = Order(source, table, str(path), if_exists=if_exists, bin_dir=source.bin, **more)
        with capture_logs():
            return seed(order, QUIET)

    return make


def rows(endpoint: Endpoint, query: str = "select * from public.t order by ctid") -> list[tuple[Any, ...]]:
    with endpoint.connect() as conn:
        return conn.execute(sql.SQL(query)).fetchall()  # pyright: ignore[reportArgumentType]  (written in this file)


def execute(endpoint: Endpoint, *statements: str) -> None:
    with endpoint.connect(autocommit=True) as conn:
        for statement in statements:
            conn.execute(sql.SQL(statement))  # pyright: ignore[reportArgumentType]  (written in this file)


def types(endpoint: Endpoint) -> list[tuple[str, str]]:
    return rows(
        endpoint,
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'public.t'::regclass and attnum > 0 order by attnum",
    )


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
        gzip.compress(TEXT.encode()),
        TEXT.encode("latin-1"),
        TEXT.encode("utf-16"),
        gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()[:-2]),
    ],
)
def test_the_same_values_arrive_however_they_are_written(
    seeded: Seed, source: Endpoint, content: bytes
) -> None:
    seeded(content)

    assert types(source) == [("id", "integer"), ("name", "text"), ("note", "text")]
    assert rows(source) == [(1, "José", "two\r\nlines"), (2, "", None), (3, 'a;"b"', "x")]


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


def test_nasty_values_arrive_as_they_are(seeded: Seed, source: Endpoint) -> None:
    lines = ["a,b", *(f"{written(a)},{written(b)}" for a, b in NASTY)]

    seeded("\n".join(lines) + "\n")

    assert rows(source) == NASTY


def test_every_value_reads_back_as_the_same_text(seeded: Seed, source: Endpoint) -> None:
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


def test_hostile_names_are_only_names(seeded: Seed, source: Endpoint) -> None:
    schema, table = 'we"ird ; -- {}', "drop table t; %s\n\\."
    names = ['a "b"', "ä😀", "select", "x\n\\.\ny", ":n 'm'", "{} %s"]
    execute(source, f'create schema "{schema.replace(chr(34), chr(34) * 2)}"')

    seeded(f"{','.join(written(name) for name in names)}\n1,2,3,4,5,6\n", table=TableName(schema, table))

    with source.connect() as conn:
        cursor = conn.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
        assert [column.name for column in cursor.description or ()] == names
        assert cursor.fetchall() == [(1, 2, 3, 4, 5, 6)]


def test_a_table_that_is_there_is_a_fault_by_default(seeded: Seed, source: Endpoint) -> None:
    execute(source, "create table public.t (mine text)")

    with pytest.raises(PreflightError) as raised:
        seeded("a\n1\n")

    assert str(raised.value).splitlines() == [
        "public.t is there already",
        "Say what to do with it: --if-exists replace, append or skip.",
    ]
    assert types(source) == [("mine", "text")]


def test_a_table_that_is_there_can_be_left_alone(seeded: Seed, source: Endpoint) -> None:
    seeded("a\n1\n", "skip")

    result = seeded("no,table\nat all", "skip")

    assert str(result) == "public.t is there already, and was left alone"
    assert rows(source) == [(1,)]


def test_replacing_twice_is_replacing_once(seeded: Seed, source: Endpoint) -> None:
    for _ in range(2):
        seeded("a\n1\n", "replace")
    assert rows(source) == [(1,)]

    seeded("b,c\nx,1.5\n", "replace")

    assert types(source) == [("b", "text"), ("c", "double precision")]
    assert rows(source) == [("x", 1.5)]
    assert rows(source, "select relname from pg_class where relname like 'elt%'") == []


def test_a_replaced_table_keeps_its_grants_and_says_what_it_loses(
    source_database: Database, seeded: Seed, tmp_path: Path
) -> None:
    source = source_database.owner
    seeded("a\n1\n")
    execute(
        source,
        "grant select, insert on public.t to public",
        "grant update on public.t to postgres with grant option",
        "alter table public.t add primary key (a)",
    )
    before = rows(source, "select relacl::text from pg_class where relname = 't'")
    path = tmp_path / "data.csv"

    with capture_logs() as logs:
        seed(Order(source, TABLE, str(path), if_exists="replace", bin_dir=source.bin), QUIET)

    assert rows(source, "select relacl::text from pg_class where relname = 't'") == before
    assert {
        "event": "table.parts_lost",
        "table": "public.t",
        "parts": ["constraint t_pkey on table public.t"],
        "log_level": "warning",
    } in logs


def test_a_table_that_others_rest_on_is_not_replaced(seeded: Seed, source: Endpoint) -> None:
    seeded("a\n1\n")
    execute(
        source,
        "alter table public.t add unique (a), add b int references public.t (a)",
        "create view public.v as select * from public.t",
        "create table public.child (a int references public.t (a))",
        "create function public.f(public.t) returns int language sql as 'select 1'",
    )

    with pytest.raises(PreflightError) as raised:
        seeded("a\n2\n", "replace")

    assert raised.value.message == "public.t cannot be replaced: others rest on it"
    assert raised.value.detail.splitlines() == [
        "constraint child_a_fkey on table public.child",
        "function public.f(public.t)",
        "view public.v",
    ]
    assert rows(source, "select a from public.v") == [(1,)]


def test_rows_are_appended_by_the_columns_names(seeded: Seed, source: Endpoint) -> None:
    execute(
        source,
        "create table public.t (id int generated by default as identity, b text not null, a numeric,"
        " at date default '2024-01-01', c int generated always as (id + 1) stored)",
    )
    seeded("a,b\n1,x\n", "append")
    seeded("b,a,id\ny,2.50,7\n", "append")

    assert rows(source, "select id, b, a::text, at::text, c from public.t order by id") == [
        (1, "x", "1", "2024-01-01", 2),
        (7, "y", "2.50", "2024-01-01", 8),
    ]


def test_columns_that_do_not_fit_are_told_all_at_once(seeded: Seed, source: Endpoint) -> None:
    execute(
        source,
        "create table public.t (a int, b date, c real, needed text not null,"
        " d int generated always as (a) stored, e numeric(5,1), f text, g numeric)",
    )

    with pytest.raises(PreflightError) as raised:
        seeded("a,b,c,d,e,f,g,h\nx,2024-01-01,1.1,1,1.25,1,1.5,\n", "append")

    assert raised.value.message == "the CSV does not fit into public.t"
    assert raised.value.detail.splitlines() == [
        'the CSV has no "needed"',
        '"a" is text in the CSV, and integer in public.t',
        '"c" is double precision in the CSV, and real in public.t',
        'public.t computes "d" itself',
        '"e" is double precision in the CSV, and numeric(5,1) in public.t',
        '"g" is double precision in the CSV, and numeric in public.t',
        'public.t has no "h"',
    ]


@pytest.mark.parametrize(
    ("statement", "table", "if_exists", "said"),
    [
        ("select 1", TableName("nowhere", "t"), "fail", "has no schema nowhere"),
        ("create view public.t as select 1 as a", TABLE, "replace", "public.t is a view"),
        ("create view public.t as select 1 as a", TABLE, "append", "public.t is a view"),
        ("create sequence public.t", TABLE, "replace", "public.t is a sequence"),
        ("create table public.t (a int) partition by list (a)", TABLE, "replace", "is a partitioned table"),
        ("select 1", TableName("pg_catalog", "t"), "fail", "may not create a table in schema pg_catalog"),
        ("select 1", TableName("pg_catalog", "pg_class"), "replace", "does not own pg_catalog.pg_class"),
        (
            "select 1",
            TableName("pg_catalog", "pg_class"),
            "append",
            "may not insert into pg_catalog.pg_class",
        ),
    ],
)
def test_what_is_no_table_of_ours_is_not_touched(
    seeded: Seed, source: Endpoint, statement: str, table: TableName, if_exists: IfExists, said: str
) -> None:
    execute(source, statement)

    with pytest.raises(PreflightError) as raised:
        seeded("a\n1\n", if_exists, table)

    assert said in raised.value.message
    assert raised.value.hint


def test_a_partitioned_table_is_appended_to(seeded: Seed, source: Endpoint) -> None:
    execute(
        source,
        "create table public.t (a int) partition by list (a)",
        "create table public.t1 partition of public.t for values in (1)",
    )

    seeded("a\n1\n", "append")

    assert rows(source, "select a from public.t1") == [(1,)]


def understood(content: str, folder: Path) -> Csv:
    path = folder / "plain.csv"
    path.write_text(content, encoding="utf-8")
    with engine(folder) as con:
        return understand(con, path, NO_WISHES)


def no_report(done: int, total: int | None, rows: int | None = None) -> None:
    """Take a report for nobody."""
    del done, total, rows


@pytest.mark.parametrize("place", [Place(TABLE, replaces=True), Place(TABLE, adds=True)])
@pytest.mark.parametrize(
    ("later", "error", "said"),
    [
        ("a\n" + "2\n" * 200_000, SourceError, "the CSV has changed: it had 250000 rows"),
        ("a\n" + "2\n" * 200_000 + "3,4\n" * 50_000, CsvError, "CSV Error on Line: 200002"),
        ("a\n" + "2\n" * 200_000 + "x\n" * 50_000, SourceError, "invalid input syntax for type integer"),
    ],
)
def test_a_load_that_fails_in_the_middle_leaves_the_table_as_it_was(
    seeded: Seed,
    source: Endpoint,
    tmp_path: Path,
    place: Place,
    later: str,
    error: type[EltError],
    said: str,
) -> None:
    seeded("a\n1\n")
    csv = understood("a\n" + "2\n" * 250_000, tmp_path)
    csv.path.write_text(later, encoding="utf-8")

    with pytest.raises(error) as raised:
        load(csv, place, source, no_report, size=0)

    assert said in raised.value.detail
    assert rows(source) == [(1,)]
    assert rows(source, "select relname from pg_class where relname like 'elt%'") == []


def test_a_server_that_ends_the_session_leaves_the_table_as_it_was(
    seeded: Seed, source_database: Database, tmp_path: Path
) -> None:
    source = source_database.owner
    seeded("a\n1\n")
    csv = understood("a\n2\n", tmp_path)
    ended: list[tuple[Any, ...]] = []

    def end_it() -> None:
        while not ended:
            ended.extend(
                rows(
                    source_database.admin,
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where query like 'copy %' and wait_event_type = 'Lock'",
                )
            )

    with source.connect() as conn:
        conn.execute("lock table public.t in access exclusive mode")
        other = threading.Thread(target=end_it)
        other.start()
        with pytest.raises(SourceError, match="terminating connection due to administrator command"):
            load(csv, Place(TABLE, adds=True), source, no_report, size=0)
        other.join()

    assert rows(source) == [(1,)]


def test_a_reader_who_does_not_end_is_not_waited_for_forever(
    seeded: Seed, source: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "LOCK_TIMEOUT", "100ms")
    seeded("a\n1\n")

    with source.connect() as reader:
        assert reader.execute("select a from public.t").fetchall() == [(1,)]
        with pytest.raises(SourceError, match="canceling statement due to lock timeout"):
            seeded("a\n2\n", "replace")
        assert reader.execute("select a from public.t").fetchall() == [(1,)]

    seeded("a\n2\n", "replace")
    assert rows(source) == [(2,)]


def test_readers_see_the_old_table_or_the_new_one(seeded: Seed, source: Endpoint, tmp_path: Path) -> None:
    data = accelerometer(tmp_path)
    seeded("wconfid\n" + "1\n" * 1000)
    seen: set[tuple[Any, ...]] = set()
    done = threading.Event()

    def read() -> None:
        with source.connect(autocommit=True) as conn:
            while not done.is_set():
                seen.update(conn.execute("select count(*), min(wconfid) from public.t").fetchall())

    with source.connect() as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select 1")
        reader = threading.Thread(target=read)
        reader.start()
        seed(Order(source, TABLE, str(data.path), if_exists="replace", bin_dir=source.bin), QUIET)
        done.set()
        reader.join()
        late = old.execute("select count(*) from public.t").fetchone()

    assert seen <= {(1000, 1), (data.rows, 1)}
    assert (1000, 1) in seen
    assert late == (data.rows,)  # also for a transaction that began before the load


def test_hostile_settings_change_nothing(source_database: Database, seeded: Seed) -> None:
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


def test_a_table_that_is_made_meanwhile_is_not_overwritten(
    seeded: Seed, source: Endpoint, tmp_path: Path
) -> None:
    csv = understood("a\n2\n", tmp_path)
    seeded("a\n1\n")

    with pytest.raises(SourceError, match='relation "t" already exists'):
        load(csv, Place(TABLE), source, no_report, size=0)

    assert rows(source) == [(1,)]
