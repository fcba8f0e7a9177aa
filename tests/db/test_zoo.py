"""The zoo loads into every version, and pg_dump and psql bring it over as the comparer sees it."""

from __future__ import annotations

import re

from elt_script.pg import process
from elt_script.pg.cluster import Server
from elt_script.pg.endpoint import Endpoint
from tests.compare import differences
from tests.databases import MakeDatabase
from tests.zoo import load_extra, load_zoo

# What pg_dump does not write: names of foreign keys that others made, comments on what comes with something else.
UNWRITTEN = re.compile(r"constraint .* > .*: conname is |comment .*: only at the source", re.DOTALL)


def different(source: Endpoint, destination: Endpoint) -> list[str]:
    """Return what differs, but for what pg_dump does not write."""
    return [line for line in differences(source, destination) if not UNWRITTEN.match(line)]


def copy_plainly(source: Endpoint, destination: Endpoint) -> None:
    script = process.run(source.pg_dump("--no-owner", "--no-privileges")).stdout
    process.run(destination.psql("--single-transaction", "--output=/dev/null"), script=script)


def test_the_zoo_of_16_is_the_same_in_18_after_a_plain_copy(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    load_zoo(source)

    copy_plainly(source, destination)

    assert different(source_admin, destination_admin) == []


def test_the_zoo_of_18_is_the_same_after_a_plain_copy(
    destination_server: Server, make_database: MakeDatabase
) -> None:
    before = make_database(destination_server, "source")
    after = make_database(destination_server, "destination")
    load_zoo(before.owner)

    copy_plainly(before.owner, after.owner)

    assert different(before.admin, after.admin) == []


def test_what_an_owner_may_not_make_is_the_same_after_a_plain_copy(
    source: Endpoint, source_admin: Endpoint, destination_admin: Endpoint
) -> None:
    load_zoo(source)
    load_extra(source, "outside_schemas")
    load_extra(source_admin, "superuser")
    load_extra(source_admin, "vector")

    copy_plainly(source_admin, destination_admin)

    assert different(source_admin, destination_admin) == []


def test_what_pg_dump_changes_is_known(
    source: Endpoint, source_admin: Endpoint, destination: Endpoint, destination_admin: Endpoint
) -> None:
    load_extra(source, "changed_by_pg_dump")

    copy_plainly(source, destination)

    found = differences(source_admin, destination_admin)
    assert [line for line in found if not re.match(r"[-+]{3} |@@| ", line)] == [
        "-    own integer,",
        "+    id integer,",
        "-    id integer",
        "+    own integer",
        "-   FROM (VALUES (1,'one'::text), (2,'two'::text)) \"*VALUES*\";",
        "+   FROM ( VALUES (1,'one'::text), (2,'two'::text)) \"*VALUES*\";",
        "column changed.heir.id: position is 3 → 1",
        "column changed.heir.own: position is 1 → 3",
        "rows of changed.heir: 1 only at the source: (1,heir,7)",
        "rows of changed.heir: 1 only at the destination: (7,heir,1)",
    ]
