"""Every right that is missing is named before anything is touched; one database is not copied into itself."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from elt_script.errors import ConfigError, PreflightError
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from elt_script.rollback import rollback
from elt_script.run import plan
from tests.copying import config_of, copied, execute
from tests.databases import Database, MakeDatabase
from tests.gates import closed, wait_for_waiter
from tests.untouched import untouched

LIMITED, PASSWORD = "limited", "hush"
SHOP = """
    create table plain (n int);
    create table parted (n int) partition by range (n);
    create table part partition of parted for values from (0) to (10);
    create sequence numbers;
    create view seen as select * from plain;
"""
READER = (
    f"grant usage on schema public to {LIMITED}; grant select on all tables in schema public to {LIMITED};"
)
GATE = 7
WAITS_ONCE_IT_KNOWS_WHAT_IS_LIVE = f"""
    alter table elt.published_table rename to hidden;
    create view elt.published_table as select * from elt.hidden
        where case when current_setting('application_name') like '%/rollback' then true
            else pg_advisory_xact_lock_shared({GATE}) is not null end;
"""
SEQUENCES = f"grant select on all sequences in schema public to {LIMITED};"


@pytest.fixture(scope="module")
def limited(source_server: Server, destination_server: Server) -> Generator[None]:
    """A role at both servers that may do nothing yet."""
    servers = (
        source_server.endpoint("source", "postgres"),
        destination_server.endpoint("destination", "postgres"),
    )
    for server in servers:
        execute(server, f"create role {LIMITED} login password '{PASSWORD}'")
    yield
    for server in servers:
        execute(server, f"drop role {LIMITED}")


def as_limited(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, parameters={**endpoint.parameters, "user": LIMITED}, password=PASSWORD)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("granted", "named"),
    [
        ("", "source: schema public: no usage"),
        (
            READER + SEQUENCES + f"revoke select on plain from {LIMITED}",
            "source: table public.plain: no select",
        ),
        (
            READER + SEQUENCES + f"revoke select on parted from {LIMITED}",
            "source: table public.parted: no select",
        ),
        (READER, "source: sequence public.numbers: no select"),
        (
            READER + SEQUENCES + "alter table plain enable row level security",
            "source: table public.plain: row security would hide rows from limited",
        ),
    ],
)
def test_what_the_source_does_not_allow_is_named(
    granted: str, named: str, source_database: Database, destination_database: Database
) -> None:
    execute(source_database.owner, SHOP + "revoke all on schema public from public;" + granted)

    with untouched(destination_database.admin), pytest.raises(PreflightError) as failure:
        copied(as_limited(source_database.owner), destination_database.owner)

    assert str(failure.value).splitlines()[0].startswith(f"{named}: ")
    assert "elt check" in failure.value.hint


ALLOWED = (
    f"alter role {LIMITED} createdb; grant create on schema public to {LIMITED};"
    f' grant create on database "{{database}}" to {LIMITED}'
)
DESTINATION = {
    f"alter role {LIMITED} nocreatedb": "destination: role limited: no createdb",
    f'revoke create on database "{{database}}" from {LIMITED}': "destination: database {database}: no create",
    f"revoke create on schema public from {LIMITED}": "destination: schema public: no create",
}


@pytest.mark.parametrize(
    ("role", "what", "needed"),
    [("source", "role", 4), ("destination", "role", 6), ("destination", "database", 6)],
)
def test_so_many_sessions_as_are_asked_for_are_enough(
    source_database: Database, destination_database: Database, role: str, what: str, needed: int
) -> None:
    source, destination = source_database.owner, destination_database.owner
    limited = {"source": source_database, "destination": destination_database}[role]
    execute(source, SHOP)
    execute(limited.admin, f"alter {what} {limited.name} connection limit {needed - 1}")

    with untouched(destination_database.admin), pytest.raises(PreflightError) as failure:
        copied(source, destination, jobs=2)

    assert failure.value.message == (
        f"{role}: {what} {limited.name} may have {needed - 1} sessions at once, and 2 jobs may take {needed}: "
        f"alter {what} {limited.name} connection limit {needed}, or lower `jobs`"
    )
    execute(limited.admin, f"alter {what} {limited.name} connection limit {needed}")
    copied(source, destination, jobs=2)
    execute(limited.admin, f"alter {what} {limited.name} connection limit {needed - 1}")
    copied(source, destination)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("revoked", DESTINATION)
def test_what_the_destination_does_not_allow_is_named(
    revoked: str, source: Endpoint, destination_database: Database
) -> None:
    execute(source, SHOP)
    admin, name = destination_database.admin, destination_database.name
    execute(admin, ALLOWED.format(database=name))
    execute(admin, revoked.format(database=name))

    with untouched(admin), pytest.raises(PreflightError) as failure:
        copied(source, as_limited(destination_database.owner))

    assert str(failure.value).startswith(DESTINATION[revoked].format(database=name))


@pytest.mark.usefixtures("limited")
def test_a_role_that_owns_no_database_can_publish_and_its_ledger_is_its_own(
    source: Endpoint, destination_database: Database
) -> None:
    execute(source, SHOP)
    admin = destination_database.admin
    execute(admin, ALLOWED.format(database=destination_database.name))
    copied(source, as_limited(destination_database.owner))
    copied(source, as_limited(destination_database.owner))

    with untouched(admin), pytest.raises(PreflightError) as failure:
        copied(source, destination_database.owner, pipeline="another", schemas={"public": "another"})

    assert failure.value.message == "the ledger, schema elt, belongs to another role"


@pytest.mark.parametrize("by", ["name", "socket"])
def test_a_database_is_not_copied_into_itself_by_another_name(
    by: str, destination_database: Database
) -> None:
    database = destination_database
    execute(database.owner, SHOP)
    host = "localhost" if by == "name" else str(database.server.folder.resolve())
    source = replace(database.owner, role="source", parameters={**database.owner.parameters, "host": host})

    with untouched(database.admin), pytest.raises(ConfigError) as failure:
        copied(source, database.owner)

    assert failure.value.message == "source and destination are the same database"
    assert failure.value.exit_status == 2


def test_two_databases_of_one_server_are_two(
    destination_database: Database, make_database: MakeDatabase
) -> None:
    other = make_database(destination_database.server, "source")
    execute(other.owner, SHOP)

    assert len(copied(replace(other.owner, role="source"), destination_database.owner).tables) == 2


def test_a_destination_that_is_read_only_is_refused(source: Endpoint, destination_database: Database) -> None:
    execute(source, SHOP)
    copied(source, destination_database.owner)
    execute(
        destination_database.admin,
        f'alter database "{destination_database.name}" set default_transaction_read_only = on',
    )

    with pytest.raises(PreflightError) as failure:
        copied(source, destination_database.owner)

    assert "is read only: default_transaction_read_only is on" in failure.value.message


def test_patterns_that_only_skip_leave_no_table_and_the_message_says_what_does(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table orders (id int); create table secrets (id int)")

    with pytest.raises(PreflightError) as refused:
        copied(source, destination, tables={"secrets": {"skip": True}})

    assert "no table is left to copy" in refused.value.message
    assert '`"*": {}` stands for all' in refused.value.message


def test_a_plan_that_met_a_publish_looks_again(source: Endpoint, destination: Endpoint) -> None:
    execute(source, SHOP)
    copied(source, destination)
    copied(source, destination)
    execute(destination, WAITS_ONCE_IT_KNOWS_WHAT_IS_LIVE)
    config = config_of(source, destination)

    with ThreadPoolExecutor(1) as beside:
        with closed(destination, GATE) as holder:
            planning = beside.submit(plan, config)
            wait_for_waiter(holder, destination)
            rollback(config)
        _, faults = planning.result()

    assert faults == []
