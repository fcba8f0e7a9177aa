"""The profile of a run: what its sessions waited for."""

from __future__ import annotations

from elt_script.pg.endpoint import Endpoint
from elt_script.run import new_run_id, run
from tests.copying import config_of, execute, rows_of

SLOW = {"name": "slow", "sql": "select from pg_sleep(0.5) as slept where slept is null"}


def test_a_profile_names_what_a_session_waited_for_and_in_which_step(
    source: Endpoint, destination: Endpoint
) -> None:
    execute(source, "create table t as select generate_series(1, 10) as id")
    config = config_of(source, destination, audit={"checks": [SLOW]})

    report = run(config, new_run_id(), profile=True)

    assert report.profile is not None
    assert report.profile.python_cpu_seconds > 0
    assert report.profile.programs_cpu_seconds > 0
    waits = {(one.side, one.step, one.reason) for one in report.profile.waits}
    assert ("destination", "audit", "Timeout: PgSleep") in waits
    written = "select report #> '{profile,waits}' @> '[{\"reason\": \"Timeout: PgSleep\"}]' from elt.run"
    assert rows_of(destination, written) == [(True,)]
