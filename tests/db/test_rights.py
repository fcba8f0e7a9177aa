"""With the rights that docs/rights.md grants, and no others, all works; whichever is missing is named and mended."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg.board import drop_board
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from elt_script.run import plan
from tests.copying import assert_same, config_of, copied, execute, rows_of
from tests.databases import Database
from tests.gates import PATIENCE_S, as_somebody
from tests.untouched import untouched

PAGE = Path(__file__).parents[2] / "docs" / "rights.md"
PASSWORD = "only these"
NAMES = {"source": ("shop", "shop_reader"), "destination": ("warehouse", "warehouse_elt")}
SHOP = """
    create schema "Odd ""name";
    create table "Odd ""name".t (id int generated always as identity primary key, at timestamptz default now());
    create table parts (n int, primary key (n)) partition by range (n);
    create table part partition of parts for values from (0) to (10);
    create table refers (n int references parts);
    create sequence numbers;
    create view seen as select * from parts;
    create materialized view counted as select count(*) from parts;
    create function twice(n int) returns int language sql immutable as 'select 2 * n';
    create index on refers (twice(n));
    insert into parts values (1), (2);
    insert into refers values (1);
    select lo_from_bytea(5000, 'one'), lo_from_bytea(5001, 'two');
"""


def blocks(heading: str) -> list[str]:
    """Return the page's statements below a heading."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sql\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def as_written(script: str, role: str, database: str) -> str:
    """Return statements of the page for a test's database."""
    name, _ = NAMES[role]
    return re.sub(rf"\bdatabase {name}\b", f'database "{database}"', script).replace("'…'", f"'{PASSWORD}'")


def limited(database: Database, role: str) -> Endpoint:
    _, user = NAMES[role]
    return replace(database.owner, parameters={**database.owner.parameters, "user": user}, password=PASSWORD)


@pytest.fixture
def bare(source_database: Database, destination_database: Database) -> Generator[tuple[Database, Database]]:
    """Two databases of which nobody but their owners may do anything, and no limited roles yet."""
    sides = {"source": source_database, "destination": destination_database}
    execute(source_database.owner, SHOP)
    for side in sides.values():
        execute(
            side.admin,
            f'revoke all on database "{side.name}" from public; revoke all on schema public from public',
        )
    yield source_database, destination_database
    for role, side in sides.items():
        name = sql.Identifier(NAMES[role][1])
        with side.admin.connect(autocommit=True) as conn:
            for (board,) in conn.execute(
                "select datname from pg_database where datname like 'elt_board_%'"
            ).fetchall():
                conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(board)))
            conn.execute(sql.SQL("drop owned by {}").format(name))
            conn.execute(sql.SQL("drop role {}").format(name))


def grant(sides: tuple[Database, Database], *, short: bool = False) -> tuple[Endpoint, Endpoint]:
    """Run the page's statements; return both sides as the limited roles."""
    source, destination = sides
    long, later, brief, large = blocks("The source's role")
    for_odd = re.sub(r"\bschema public\b", 'schema "Odd ""name"', "\n".join(long.splitlines()[2:]))
    connect = "\n".join(long.splitlines()[:2])
    reading = connect + brief if short else long + for_odd + later + large
    execute(source.admin, as_written(reading, "source", source.name))
    execute(
        destination.admin, as_written(blocks("The destination's role")[0], "destination", destination.name)
    )
    return limited(source, "source"), limited(destination, "destination")


@pytest.mark.parametrize("short", [False, True])
def test_the_documented_rights_are_enough_for_two_runs_and_a_rollback(
    bare: tuple[Database, Database], *, short: bool
) -> None:
    source, destination = grant(bare, short=short)

    first = copied(source, destination)
    execute(bare[0].owner, "insert into parts values (3); refresh materialized view counted")
    copied(source, destination)

    assert_same(bare[0].admin, bare[1].admin)
    assert rollback(config_of(source, destination)).startswith(f"generation {first.generation} ")
    assert rows_of(bare[1].admin, "select count(*) from public.parts") == [(2,)]


MISSING = {
    'revoke usage on schema "Odd ""name" from shop_reader': "source",
    "revoke select on refers from shop_reader": "source",
    "revoke select on parts from shop_reader": "source",
    "revoke select on sequence numbers from shop_reader": "source",
    "revoke select on pg_largeobject from shop_reader": "source",
    "alter role warehouse_elt nocreatedb": "destination",
    'revoke create on database "{database}" from warehouse_elt': "destination",
    "revoke create on schema public from warehouse_elt": "destination",
    "revoke usage on schema public from warehouse_elt": "destination",
}


@pytest.mark.parametrize("revoked", MISSING)
def test_a_missing_right_is_named_with_the_statement_that_grants_it(
    bare: tuple[Database, Database], revoked: str
) -> None:
    source, destination = grant(bare)
    side = bare[MISSING[revoked] == "destination"]
    execute(side.admin, revoked.format(database=side.name))

    with untouched(bare[1].admin), pytest.raises(PreflightError) as failure:
        copied(source, destination)

    assert failure.value.message.startswith(f"{MISSING[revoked]}: ")
    execute(side.admin, failure.value.message.rpartition(": ")[2])
    assert plan(config_of(source, destination))[1] == []


def test_rows_that_row_security_hides_are_never_left_out(bare: tuple[Database, Database]) -> None:
    source, destination = grant(bare, short=True)
    execute(
        bare[0].owner, "alter table refers enable row level security; create policy p on refers using (n > 1)"
    )

    with untouched(bare[1].admin), pytest.raises(PreflightError) as failure:
        copied(source, destination)

    assert "table public.refers: row security would hide rows from shop_reader" in failure.value.message
    execute(bare[0].admin, "alter role shop_reader bypassrls")
    assert plan(config_of(source, destination))[1] == []


SLOWLY_VACUUMED = """
    create table dirty with (
        autovacuum_vacuum_threshold = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1
    ) as select n, repeat('x', 1000) as v from generate_series(1, 2000) n;
    delete from dirty
"""


@contextmanager
def vacuumed(admin: Endpoint, database: Endpoint) -> Generator[None]:
    """Let an autovacuum worker be in a database for seconds to come, from the block's beginning on."""
    at_work = "select pid from pg_stat_activity where backend_type = 'autovacuum worker' and datname = %s"
    execute(database, SLOWLY_VACUUMED)
    with as_somebody(admin, autocommit=True) as conn:
        conn.execute("alter system set autovacuum_naptime = '1s'")
        conn.execute("select pg_reload_conf()")
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not conn.execute(at_work, [database.parameters["dbname"]]).fetchone():
                assert time.monotonic() < deadline, "no worker came"
                time.sleep(0.01)
            yield
        finally:
            conn.execute("alter system reset autovacuum_naptime")
            conn.execute("select pg_reload_conf()")


def test_a_scratch_database_is_dropped_though_autovacuum_is_in_it(
    destination: Endpoint, destination_admin: Endpoint
) -> None:
    board = destination.database(f"elt_board_{destination.parameters['dbname']}")
    with destination.connect(autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(board.parameters["dbname"])))

        with vacuumed(destination_admin, board):
            drop_board(conn, board.parameters["dbname"])

        there = "select oid from pg_database where datname = %s"
        assert conn.execute(there, [board.parameters["dbname"]]).fetchone() is None
