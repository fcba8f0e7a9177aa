"""A destination that was moved: what its ledger says of objects is true where it was made, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elt_script.errors import PreflightError
from elt_script.pg.cluster import Server
from elt_script.pg.process import run as run_program
from elt_script.rollback import rollback
from tests.copying import config_of, copied, execute, rows_of
from tests.databases import MakeDatabase
from tests.untouched import untouched
from tests.worlds import SHOP, World


def test_a_ledger_that_came_with_a_copy_of_its_database_is_not_believed(
    new_world: World, destination_server: Server, make_database: MakeDatabase
) -> None:
    source, first = new_world.source, new_world.destination
    execute(source, SHOP)
    for _ in range(2):
        copied(source, first)
    second = make_database(destination_server, "destination")
    whole = replace(new_world.admin, application="pg_dump").pg_dump("--no-owner", "--no-privileges")
    run_program(second.owner.psql("--file=-", "--output=/dev/null"), script=run_program(whole).stdout)
    execute(second.owner, "create table mine (n int)")

    said = "of which this one is a copy"
    with untouched(second.admin), pytest.raises(PreflightError, match=said):
        copied(source, second.owner)
    with untouched(second.admin), pytest.raises(PreflightError, match=said):
        rollback(config_of(source, second.owner))

    execute(second.owner, "drop schema elt, elt_prev_public cascade")
    copied(source, second.owner, publish={"adopt": True})
    copied(source, second.owner)
    assert rows_of(second.owner, "select count(*) from public.orders") == [(30,)]
    assert rows_of(second.owner, "select to_regclass('public.mine') is not null") == [(True,)]
    assert copied(source, first).warnings == ()
