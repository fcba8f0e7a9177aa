"""What `alter database` and `alter role` set on either side changes no byte of the copy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from psycopg import sql

from elt_script.pg.cluster import Server
from elt_script.rollback import rollback
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.databases import Database, MakeDatabase

PUBLIC = {"public": "public"}
HOSTILE = {
    "array_nulls": "off",
    "bytea_output": "escape",
    "check_function_bodies": "on",
    "client_encoding": "LATIN1",
    "client_min_messages": "debug1",
    "DateStyle": "SQL, DMY",
    "default_table_access_method": "nothing_here",
    "default_toast_compression": "pglz",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "escape_string_warning": "off",
    "exit_on_error": "on",
    "extra_float_digits": "-15",
    "idle_in_transaction_session_timeout": "1ms",
    "IntervalStyle": "sql_standard",
    "lc_monetary": "C",
    "lock_timeout": "1ms",
    "quote_all_identifiers": "on",
    "row_security": "on",
    "search_path": "pg_temp, hidden",
    "standard_conforming_strings": "off",
    "statement_timeout": "1ms",
    "synchronous_commit": "off",
    "TimeZone": "Asia/Kathmandu",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
}
HOSTILE_SINCE = {
    14: {"idle_session_timeout": "1ms"},
    17: {"transaction_timeout": "1ms", "event_triggers": "off"},
}
LIMITS = ("statement_timeout", "transaction_timeout")
ONLY_FOR_SUPERUSERS = {"session_replication_role": "replica", "restrict_nonsystem_relation_kind": "view"}
SCHEMA = """
    create type mood as enum ('happy', 'sad');
    create table t (
        id int primary key default 1, at timestamptz default '2020-01-01 00:00:00+05:45', during interval default '1 mon -2 days',
        f float8 default 0.1, f4 float4 default 0.1, b bytea default '\\x00ff', a int[], m money default 1.5, x text default 'back\\slash',
        d date default '2020-02-03', r tstzrange, moods mood[], big text, j jsonb,
        check (at > '1999-12-31 23:59:59.5+00'), check (x <> 'it''s \\'), check (d <> '1999-02-03')
    );
    insert into t (a, r, moods, big) values
        ('{1,null}', '[2020-01-01 00:00+00,)', '{sad,null}', repeat('x', 10000)), ('{}', null, null, null) on conflict do nothing;
    insert into t (id, f, at, x) values (2, 0.30000000000000004, 'infinity', E'é\\t\\n\\\\'), (3, '-0', null, null);
    create view v as
        select id, '\\x00'::bytea as b, interval '1 day 2 hours' as i, timestamptz '2020-01-01 00:00+00' as t, 0.1::float8 as f, x = null as n
        from t where at = '2020-06-01 12:00:00+00' or x = 'back\\slash';
    create materialized view mv as select to_char(i, 'FM99') as t, i from generate_series(1, 3) as i;
    create function f(d date default '2020-02-03') returns text language sql as $$ select x from no_such_table $$;
    create table parts (at timestamptz, n int) partition by range (at);
    create table parts_1 partition of parts for values from ('2020-01-01 00:00+05:45') to ('2021-01-01 00:00+05:45');
    create table parts_2 partition of parts for values from ('2021-01-01 00:00+05:45') to (maxvalue);
    insert into parts values ('2020-12-31 23:59+05:45', 1), ('2021-01-01 00:00+05:45', 2);
    create unique index on t (f, b) where d <> '2020-03-04';
    create table big as select i, i / 3.0::float8 as f, make_interval(secs => i) as v, '2020-01-01'::timestamptz + i * interval '1 s' as at
        from generate_series(1, 20000) as i;
    create schema hidden;
    create function hidden.lower(text) returns text language sql as 'select ''hijacked''';
"""


def make_hostile(database: Database, settings: dict[str, str]) -> None:
    """Give sessions of a database these settings, half of them by its name, half of them by the role's."""
    name = sql.Identifier(database.name)
    with database.admin.database("postgres").connect(autocommit=True) as conn:
        known = {setting for (setting,) in conn.execute("select lower(name) from pg_settings")}
        conn.execute("set check_function_bodies = off")
        for number, (setting, value) in enumerate(settings.items()):
            if setting.lower() in known:
                whose = sql.SQL("database" if number % 2 else "role")
                hostile = sql.SQL("alter {} {} set {} = {}")
                as_it_is = sql.SQL(value) if setting in ("DateStyle", "search_path") else sql.Literal(value)  # pyright: ignore[reportArgumentType]
                conn.execute(hostile.format(whose, name, sql.Identifier(setting.lower()), as_it_is))


def hostile_to(server: Server) -> dict[str, str]:
    since = (more for major, more in HOSTILE_SINCE.items() if server.major >= major)
    return HOSTILE | {name: value for more in since for name, value in more.items()}


@pytest.mark.parametrize("hostile_side", ["source", "destination"])
def test_hostile_settings_change_nothing(
    source_server: Server, destination_server: Server, make_database: MakeDatabase, hostile_side: str
) -> None:
    source = make_database(source_server, "source")
    destination = make_database(destination_server, "destination")
    execute(source.owner, "set check_function_bodies = off;" + SCHEMA)
    hostile = {"source": source, "destination": destination}[hostile_side]
    if hostile_side == "source":  # a destination that is read only is refused
        execute(source.admin, f'alter database "{source.name}" set default_transaction_read_only = on')
    make_hostile(hostile, hostile_to(hostile.server) | ONLY_FOR_SUPERUSERS)

    copied(source.owner, destination.owner)
    copied(source.owner, destination.owner)
    rollback(config_of(source.owner, destination.owner))

    assert_same(source.admin, destination.admin, PUBLIC)


def test_no_statement_is_under_a_limit_of_others_whatever_the_servers_version(
    source_database: Database, destination_database: Database
) -> None:
    for database in (source_database, destination_database):
        make_hostile(database, dict.fromkeys(LIMITS, "1ms"))
        unknown = replace(database.owner, version=None)

        limits = rows_of(unknown, f"select setting, source from pg_settings where name in {LIMITS}")

        assert set(limits) == {("0", "client")}


DAYS = """
    create materialized view {0}days as select at::date as day, at::text as said from {1};
    create function {0}first_day() returns date language plpgsql stable as 'begin return (select min(at)::date from {1}); end';
    create materialized view {0}found as select {0}first_day() as day;
"""


def test_materialized_views_are_computed_by_the_settings_of_their_own_side(
    source_database: Database, destination_database: Database
) -> None:
    source, destination = source_database, destination_database
    make_hostile(source, {"TimeZone": "Asia/Kathmandu", "DateStyle": "SQL, DMY"})
    make_hostile(destination, {"DateStyle": "German, DMY", "TimeZone": "America/New_York"})
    execute(source.owner, "create table t (at timestamptz)")
    execute(source.owner, "insert into t values ('2020-01-01 23:00+00'), ('2020-01-01 02:00+00')")
    execute(source.owner.unpinned(), DAYS.format("public.", "public.t"))
    copied(source.owner, destination.owner)
    execute(destination.owner.unpinned(), "create schema theirs;" + DAYS.format("theirs.", "public.t"))
    theirs = "select (select json_agg(d) from theirs.days d), (select json_agg(d) from theirs.found d)"
    before = rows_of(destination.owner, theirs)

    copied(source.owner, destination.owner)

    assert_same(source.admin, destination.admin, PUBLIC)
    assert rows_of(destination.owner, theirs) == before
    rollback(config_of(source.owner, destination.owner))
    assert rows_of(destination.owner, theirs) == before
    assert rows_of(source.owner, "select min(day), max(day) from public.days") != rows_of(
        destination.owner, "select min(day), max(day) from theirs.days"
    )
