"""Whatever a source names and contains is data: no shell, psql, SQL, terminal or log takes it for an order."""

from __future__ import annotations

import io
import json
import re
import string
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from psycopg import sql

from elt_script.display.describe import plan_json, plan_text
from elt_script.display.events import LogFormat, configure
from elt_script.display.live import live_display
from elt_script.display.summary import report_json, status_text, summary
from elt_script.errors import EltError, complaint
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback, status
from elt_script.run import plan
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.databases import Database

HERE = Path(__file__).parent
DEPENDANTS = 7  # of hostile_dependants.sql that are put on the new data
FORGED = "2026-01-01T00:00:00Z info run.published"
NAMES = (
    "\x1b[2J\x1b]0;owned\x07",
    f"a line\n{FORGED}",
    "\r\x1b[1A\x7f\x9b2J\x85over it",
    "\u202etxet\u2066\u200b",
    r"\! touch canary",
    ":x :'x' :\"x\" `touch canary`",
    "$(touch canary) ${HOME} $HOME",
    "'; drop table innocent; --",
    '"; drop table innocent; --',
    "%s %(x)s %% {0} {x}",
    "\\.\n\\q\nelt.rows 99",
    "--dbname=-rf *?[a]",
    r"\\ 'it''s' $$x$$ e'\n'",
)
VALUES = (
    *NAMES,
    r"\.",
    "\\.\n",
    r"\N",
    "\\N\n",
    "elt.rows 7\n",
    "\\q\n",
    "\t\\! touch canary\n",
    "copy x from stdin;\n",
)


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """No command that hides in a name is carried out: it would leave a file here."""
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def hostile(source_database: Database) -> Generator[Endpoint]:
    """A database, a role, schemas, tables, columns and values, all with hostile names."""
    place, who = "it's :x \\! `touch canary` \n\x1b[31m\u202e", "\\q'\"\n\x1b]0;owned\x07 role"
    with source_database.admin.connect(autocommit=True) as conn:
        conn.execute(sql.SQL("create role {} login password 'hush hush'").format(sql.Identifier(who)))
        conn.execute(
            sql.SQL("create database {} owner {}").format(sql.Identifier(place), sql.Identifier(who))
        )
    parameters = {**source_database.owner.parameters, "dbname": place, "user": who}
    endpoint = replace(source_database.owner, parameters=parameters, password="hush hush")
    with endpoint.connect() as conn:
        conn.execute("create table public.innocent (n int); insert into public.innocent values (1)")
        for name in NAMES:
            schema, table = sql.Identifier(name), sql.Identifier(name, name)
            conn.execute(sql.SQL("create schema {}").format(schema))
            conn.execute(sql.SQL("create table {} ({} text)").format(table, sql.Identifier(name)))
            conn.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(name)))
            rows = sql.SQL(", ").join(sql.SQL("({})").format(sql.Literal(value)) for value in VALUES)
            conn.execute(sql.SQL("insert into {} values {}").format(table, rows))
        large = sql.Identifier(NAMES[1], "large\n\\q")
        conn.execute(
            sql.SQL(
                "create table {} as select repeat('x', 3000) as t, n from generate_series(1, 600) n"
            ).format(large)
        )
        conn.execute(sql.SQL("alter table {} alter t set storage plain").format(large))
    yield endpoint
    with source_database.admin.connect(autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(place)))
        conn.execute(sql.SQL("drop role {}").format(sql.Identifier(who)))


def harmless(text: str) -> str:
    """Return text, in which nothing moves a cursor or turns letters around, and no line is forged."""
    odd = {character for character in text if not character.isprintable() and character != "\n"}
    assert not odd, f"not escaped: {odd!r}"
    assert not [line for line in text.splitlines() if line.startswith(FORGED[:20])]
    return text


def said(log_format: LogFormat, source: Endpoint, destination: Endpoint) -> tuple[str, str]:
    """Run; return the events and the summary."""
    stream = io.StringIO()
    with configure(log_format, stream):
        report = copied(source, destination)
    return stream.getvalue(), summary(report)


def test_hostile_names_and_values_are_copied_and_nothing_obeys_them(
    hostile: Endpoint, destination: Endpoint
) -> None:
    lines, report = said("console", hostile, destination)
    objects, _ = said("json", hostile, destination)
    planned, faults = plan(config_of(hostile, destination))

    assert_same(hostile, destination)
    assert rows_of(destination, "select n from public.innocent") == [(1,)]
    assert faults == []
    for line in harmless(lines).splitlines():
        assert re.match(r"20\d\d-\d\d-\d\dT[\d:]{8}Z (info|warning) +[a-z]+\.[a-z_]+", line), line
    events = [json.loads(line) for line in harmless(objects).splitlines()]
    assert [event["event"] for event in events].count("run.published") == 1
    harmless(report + plan_text(planned, config_of(hostile, destination)))
    harmless(status_text(status(config_of(hostile, destination), 5)))
    screen = io.StringIO()
    with live_display(screen) as display:
        for event in events:
            with suppress(structlog.DropEvent):
                display.consume(None, "", event)
    assert not [
        sign
        for sign in ("owned\x07", "\x1b[2J", "\u202e", "\u2066", "\n" + FORGED)
        if sign in screen.getvalue()
    ]


def named(script: str, number: int, role: str) -> sql.Composed:
    """Return a script of one of these folders, in which everything has a hostile name."""
    text, name = HERE.joinpath(script).read_text("utf-8"), NAMES[number]
    places = {key for _, key, _, _ in string.Formatter().parse(text) if key} - {"l", "role"}
    names = {key: sql.Identifier(f"{number} {key} {name[:24]}") for key in places}
    return sql.SQL(text).format(**names, l=sql.Literal(name), role=sql.Identifier(role))  # pyright: ignore[reportArgumentType]  (a file of ours)


@pytest.fixture
def hostile_roles(source_server: Server, destination_server: Server) -> Generator[list[str]]:
    """A role for each name, at both servers; to be asked for before databases, which must be gone first."""
    roles = [f"{number} {name[:24]} role" for number, name in enumerate(NAMES)]
    for verb in ("create", "drop"):
        for server in (source_server, destination_server):
            with server.endpoint("source", "postgres").connect() as conn:
                for role in roles:
                    conn.execute(sql.SQL("{} role {}").format(sql.SQL(verb), sql.Identifier(role)))
        if verb == "create":
            yield roles


def test_objects_of_each_kind_keep_their_hostile_names_and_what_others_built_on_them(
    hostile_roles: list[str], source_database: Database, destination_database: Database
) -> None:
    source, destination = source_database.admin, destination_database.admin
    with source.connect() as conn:
        for number, role in enumerate(hostile_roles):
            conn.execute(named("hostile.sql", number, role))
    stream = io.StringIO()

    with configure("console", stream):
        first = copied(source, destination, privileges="copy", owners="copy")
        assert_same(source, destination)
        with destination.connect() as conn:
            for number, role in enumerate(hostile_roles):
                conn.execute(named("hostile_dependants.sql", number, role))
        config = config_of(source, destination)
        planned, faults = plan(config)
        second = copied(source, destination)
        told = rollback(config)

    assert (faults, first.left_out, second.warnings) == ([], (), ())
    harmless(stream.getvalue() + plan_text(planned, config) + plan_json(planned, config, faults) + told)
    for one in (first, second):
        harmless(summary(one) + report_json(one))
    assert len(planned.dependants) >= DEPENDANTS * len(NAMES)
    seen = "select count(*) from pg_publication_tables p join pg_policies using (schemaname)"
    assert rows_of(destination, seen) == [(2 * len(NAMES),)]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_what_a_server_says_forges_no_line(
    log_format: LogFormat, source: Endpoint, destination: Endpoint
) -> None:
    words = f"no\n{FORGED}\nelt: all is well\r\x1b[2J\x1b]0;owned\x07\u202e \\! touch canary"
    execute(
        source,
        f"""create function check_it(n int) returns int language plpgsql immutable as $f$ begin
            if current_database() like 'destination%' then raise '%', {sql.Literal(words).as_string()}; end if;
            return n; end $f$;
            create table t (n int); insert into t values (1); create index on t (check_it(n))""",
    )
    stream = io.StringIO()

    with configure(log_format, stream), pytest.raises(EltError) as failure:
        copied(source, destination)

    told = harmless(complaint("elt", failure.value)).splitlines()
    assert [line for line in told if line.startswith("elt: ")] == told[:1]
    assert f"  {FORGED}" in told
    lines = harmless(stream.getvalue()).splitlines()
    assert not [line for line in lines if "run.published" in line and not line.startswith(("{", "20"))]
    (error,) = rows_of(destination, "select error from elt.run")
    assert "hush" not in str(error)
    harmless(status_text(status(config_of(source, destination), 5)))
