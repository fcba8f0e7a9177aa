"""Schemas as they are found in the world, whole: each arrives, and arrives again over the live one.

The environment's ELT_TEST_SCHEMAS names a folder of them; one of our own is always tried.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from elt_script.rollback import rollback
from tests.copying import assert_same, config_of, copied
from tests.databases import OLD, MakeDatabase
from tests.public_schemas import LIBRARY, leave_out, load_schema, schemas_at_hand

PAIRS = {
    "16→18": ("source_server", "destination_server"),
    "18→18": ("destination_server", "destination_server"),
    **({f"{OLD}→18": ("old_server", "destination_server")} if OLD else {}),
}
CASES = [("16→18", LIBRARY), *itertools.product(PAIRS, schemas_at_hand())]


@pytest.mark.parametrize(("pair", "file"), CASES, ids=[f"{file.stem}, {pair}" for pair, file in CASES])
def test_a_schema_of_the_world_arrives_whole(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    make_database: MakeDatabase,
    pair: str,
    file: Path,
) -> None:
    before, after = (request.getfixturevalue(name) for name in PAIRS[pair])
    source = make_database(before, "source").admin
    destination = make_database(after, "destination").admin
    loaded = load_schema(source, file)

    started = time.monotonic()
    first = copied(source, destination)
    again = copied(source, destination)
    seconds = time.monotonic() - started

    leave_out(source, again.left_out)
    assert_same(source, destination)
    rollback(config_of(source, destination))
    assert_same(source, destination)
    with capsys.disabled():
        rows = sum(table.rows for table in again.tables)
        print(  # noqa: T201  (for whoever has schemas at hand)
            f"\n{file.stem}, {pair}: {loaded.tables} tables, {loaded.objects} objects, {rows} rows,"
            f" {len(loaded.errors)} statements failed to load, {len(again.left_out)} left out,"
            f" {first.seconds:.1f} s, {seconds - first.seconds:.1f} s over the live one"
        )
