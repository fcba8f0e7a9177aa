"""The official images as source and destination, copied from this machine and from the image."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace

import pytest

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.programs import choose
from elt_script.pytest_plugin import Database, MakeDatabase, Run
from tests.copying import assert_same
from tests.docker.engine import Ended, command
from tests.zoo import SCHEMAS, load_zoo

pytestmark = pytest.mark.docker

PAIRS = [(17, 17), (17, 18), (18, 18)]
SAME = {name: name for name in SCHEMAS}
ORDERS = """
    create table customers (id int primary key, name text not null);
    create table orders (id bigserial primary key, customer int references customers, placed timestamptz);
    insert into customers select n, 'customer ' || n from generate_series(1, 100) n;
    insert into orders (customer, placed) select 1 + n % 100, now() from generate_series(1, 10000) n;
"""
NEWEST = choose(18, 18)[0]


@pytest.fixture(params=PAIRS, ids=lambda pair: "{}to{}".format(*pair))
def pair(request: pytest.FixtureRequest, elt_make_database: MakeDatabase) -> tuple[Database, Database]:
    source, destination = request.param
    return elt_make_database("source", source), elt_make_database("destination", destination)


def seen_by_newest(database: Database) -> Endpoint:
    """Return a database with the newest programs, which can compare any two."""
    version = int(database.query("show server_version_num")[0][0]) // 10_000
    return replace(database.endpoint.using(NEWEST, version), bin=NEWEST)


def run_image(image: str, source: Database, destination: Database, *options: str) -> Ended:
    argv = ["docker", "run", "--rm", "--read-only", "--network=host", *options]
    argv += ["--env", "ELT_SOURCE_URL", "--env", "ELT_DESTINATION_URL", image, "run"]
    return command(*argv, environ={"ELT_SOURCE_URL": source.url, "ELT_DESTINATION_URL": destination.url})


def test_it_runs_on_this_machine(pair: tuple[Database, Database], elt_run: Run) -> None:
    source, destination = pair
    source.execute(ORDERS)

    report = elt_run(os.devnull, source=source, destination=destination)

    assert {table.table: table.rows for table in report.tables} == {
        "public.customers": 100,
        "public.orders": 10_000,
    }
    assert destination.query("select sum(customer) from orders") == [(505_000,)]


def test_the_zoo_arrives_by_the_image_twice(pair: tuple[Database, Database], image: str) -> None:
    source, destination = pair
    load_zoo(seen_by_newest(source))

    for generation in (1, 2):
        ended = run_image(image, source, destination)

        assert ended.status == 0, ended
        assert f"generation {generation} published" in ended.stdout
    assert_same(seen_by_newest(source), seen_by_newest(destination), SAME)


@pytest.fixture
def small_destination() -> Generator[Database]:
    """A database whose disk has room for 24 MB more."""
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    folder = "/var/lib/postgresql"
    container = PostgresContainer("postgres:18", username="me", password="hush", dbname="me", driver=None)
    with container.with_tmpfs_mount(folder, "size=160m"):
        container.exec(
            ["sh", "-c", f"cat /dev/zero > {folder}/ballast; truncate --size=-24M {folder}/ballast"]
        )
        place = {"host": container.get_container_host_ip(), "port": str(container.get_exposed_port(5432))}
        yield Database(Endpoint("destination", {**place, "dbname": "me", "user": "me"}, "hush"))


def test_a_full_disk_has_its_exit_status(
    small_destination: Database, elt_make_database: MakeDatabase, image: str
) -> None:
    source = elt_make_database("source", 18)
    source.execute("create table t as select n, repeat('x', 100) from generate_series(1, 500000) n")

    ended = run_image(image, source, small_destination)

    assert ended.status == 6, ended
    assert "No space left on device" in ended.stderr
    assert small_destination.query("select to_regclass('t')") == [(None,)]
