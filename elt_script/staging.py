"""Staging: the staged schema's archive, drawn anew only where something that it rests on has changed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from json import dumps

import structlog

from elt_script import ledger
from elt_script.errors import concerning
from elt_script.pg import fingerprint
from elt_script.pg.archive import Staging
from elt_script.pg.session import Connection
from elt_script.plan import Plan
from elt_script.prepare import Prepared
from elt_script.steps import stage

log = structlog.get_logger()


def staged_schema(ready: Prepared, control: Connection, snapshot: str, board: str, rests_on: str) -> Staging:
    """Return the staging archive: that of an earlier run where it would be the same, else a new one.

    board     the name of the scratch database that a new one is drawn in
    rests_on  the fingerprint at the snapshot
    """
    plan, servers = ready.plan, ready.servers
    kept = ledger.staged_before(control, plan.pipeline, rests_on)
    if kept is not None:
        log.info("schema.unchanged", bytes=len(kept))
        return Staging.unpacked(kept)
    with concerning("the source's schema at the destination"):
        drawn = stage.draw(servers.source, servers.destination, snapshot, plan, board, servers.major)
    # pg_dump reads names and definitions as they are, not as they were at its snapshot
    with servers.source.connect() as now:
        unchanged = fingerprint_of(ready, fingerprint.of_source(now), control) == rests_on
    if unchanged:
        ledger.keep_staged(control, plan.pipeline, rests_on, drawn.packed())
    log.info("schema.drawn", kept=unchanged)
    return drawn


def fingerprint_of(ready: Prepared, schema: Sequence[object], control: Connection) -> str:
    """Return a digest of all that the archive depends on: whatever would change it changes this.

    schema  the source's, as fingerprint.of_source gives it
    """
    facts = [
        fingerprint.of_elt(),
        fingerprint.of_programs(ready.servers.destination),
        schema,
        fingerprint.of_destination(control, [extension.name for extension in ready.plan.extensions.needed]),
        _decided(ready.plan),
    ]
    return sha256(dumps(facts).encode()).hexdigest()


def _decided(plan: Plan) -> list[object]:
    """Return what of the plan decides how the schema is staged."""
    return [
        sorted(plan.schemas.items()),
        sorted(plan.staging.items()),
        [(name.schema, name.name) for name in plan.excluded],
        plan.other_schemas,
        sorted(plan.fallen),
        [(one.name, one.schema, one.version, one.relocatable) for one in plan.extensions.needed],
        sorted(plan.extensions.schemas.items()),
        sorted((one.schema, one.name) for one in plan.staying),
        sorted((place.schema, place.name) for copy in plan.copies for place in copy.places),
    ]
