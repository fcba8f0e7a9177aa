"""The recipe: the order of the steps. Until publish commits, readers of the destination see no change."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count

import psycopg
import structlog
from structlog.contextvars import bound_contextvars

from elt_script import generations, ledger, recover
from elt_script.clock import Clock
from elt_script.config.model import Config
from elt_script.errors import EltError, InterruptedRunError, SourceError
from elt_script.load import Loaded, Loader, Pools
from elt_script.movers import MOST_THREADS, movers
from elt_script.pg import large_objects, locks, stop
from elt_script.pg.catalog import read_sequences
from elt_script.pg.endpoint import translating
from elt_script.pg.extension_rows import create_places
from elt_script.pg.passing import is_passing
from elt_script.pg.process import supervised
from elt_script.pg.session import Connection, export_snapshot, loss, own_settings
from elt_script.plan import Plan
from elt_script.prepare import Prepared, Servers, prepared, ready
from elt_script.report import RunReport, TableReport
from elt_script.staging import fingerprint_of, staged_schema
from elt_script.steps import audit, finish, grant, indexes, preflight, publish, stage
from elt_script.steps.copy import for_loading
from elt_script.steps.sample import sampled
from elt_script.steps.transform import transform
from elt_script.steps.watch import watched
from elt_script.swap import Carried
from elt_script.tables import TableName

SOURCE_LOCK_PATIENCE_S = 60  # for DDL at the source to end
PAUSE_S = 1  # before a run begins again: a server that ends our sessions may be about to stop

log = structlog.get_logger()


def new_run_id() -> str:
    """Return a name for a run that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@stop.interruptible
@translating()
def plan(config: Config) -> tuple[Plan, Sequence[str]]:
    """Return what a run would do, and why it could not; try the schema on a drawing board, change nothing."""
    clock, run_id = Clock(), new_run_id()
    with movers(config) as crew, supervised(), ready(config, clock, run_id) as servers:
        config = crew.sized(config)
        crew.want_fit(servers.source, servers.destination)
        with (
            servers.destination.connect(autocommit=True) as control,
            clock.at("preflight"),
            prepared(config, servers, control) as ready_plan,
        ):
            faults = list(ready_plan.plan.faults)
            if not faults:
                ledger.draw(control, config.pipeline)
                try:
                    with ready_plan.schema.read():
                        _draw(ready_plan, run_id)
                except EltError as error:
                    if error.transient or isinstance(error, InterruptedRunError):
                        raise
                    faults.append(str(error))
            stop.current().heed()  # who stopped it does not want it to have succeeded
            return ready_plan.plan, faults


@stop.interruptible
@translating()
def run(config: Config, run_id: str, *, profile: bool = False) -> RunReport:
    """Copy, audit and publish; return what was done.

    profile  also look at what the sessions on both sides wait for

    Raises an EltError that says what failed, on what, and what to do; unless it is a TransformError, or says
    so, the destination's readers still have the old data.

    After a failure that passes (a lost snapshot, a restarted server) all begins again as another run, with a
    snapshot of its own, as often as the config allows; what the first one left is removed.
    """
    clock, before = Clock(), ""
    for attempt in count(1):
        try:
            with bound_contextvars(run_id=run_id), translating():
                return _attempt(config, run_id, clock, before, profile=profile)
        except EltError as error:
            error.run_id = run_id
            if not error.transient or attempt > config.run.retries:
                raise
            failure = error
        stop.pause(PAUSE_S)
        before, run_id = run_id, new_run_id()
        log.warning("run.retried", run_id=run_id, instead_of=before, attempt=attempt, error=failure.message)
    raise AssertionError


def _attempt(config: Config, run_id: str, clock: Clock, before: str, *, profile: bool) -> RunReport:
    """Run once; before is the attempt that failed, whose sessions may not know that it has."""
    log.info(
        "run.started",
        source=str(config.source.endpoint("source")),
        destination=str(config.destination.endpoint("destination")),
    )
    with ExitStack() as stack:
        minders = stack.enter_context(ThreadPoolExecutor(MOST_THREADS))
        crew = stack.enter_context(movers(config))
        stack.enter_context(supervised())  # ends first, so that nothing the pools wait for is left
        servers, config = stack.enter_context(ready(config, clock, run_id)), crew.sized(config)
        crew.want_fit(servers.source, servers.destination)
        recover.end_attempt(servers, config.pipeline, before)
        pools = Pools(minders, crew.executor)
        with ledger.locked(servers.destination, config.pipeline) as control:
            try:
                with sampled((servers.source, servers.destination) if profile else (), clock.now) as sample:
                    report = _run(config, run_id, clock, servers, control, pools)
                if profile:
                    report = replace(report, profile=sample())
                    with recover.lasting(servers.destination, control) as conn:
                        ledger.write_report(conn, report)
            except BaseException as error:  # noqa: BLE001  (raised again, as what it means)
                failure = recover.given_up(run_id, clock.step, servers, config.wait, control, error)
                raise failure from (None if failure is error else error)
    log.info("run.finished", status="published", seconds=report.seconds)
    return report


def _run(
    config: Config, run_id: str, clock: Clock, servers: Servers, control: Connection, pools: Pools
) -> RunReport:
    with ExitStack() as moment:
        with clock.at("preflight"):
            ready_plan = _ready_to_begin(config, run_id, servers, control, moment)
            plan, live = ready_plan.plan, ready_plan.live
        with clock.at("snapshot"):
            rests_on = fingerprint_of(ready_plan, ready_plan.schema.facts, control)
            snapshot = export_snapshot(ready_plan.source, plan.copies, SOURCE_LOCK_PATIENCE_S)
        with clock.at("stage"):
            board = recover.board_name(config.pipeline, run_id)
            dropping = stop.submit(pools.minders, generations.drop_beside, servers.destination, config)
            staging = staged_schema(ready_plan, control, snapshot, board, rests_on)
            stage.create(servers.destination, control, staging, plan)
            _create_places(control, plan)
        loading = for_loading(servers.destination, control)
        content = plan.all_compared(config.audit.checksum)
        loader = Loader(servers.source, loading, snapshot, plan, staging, content, pools)
        with clock.at("copy"):
            if plan.split:
                ledger.expect_parts(control)
            done = _copied(ready_plan, loader)
        with clock.at("finish"):
            loader.join()
            places = {source: plan.staging[final] for source, final in plan.schemas.items()}
            positions = read_sequences(ready_plan.source, list(plan.schemas), plan.fallen_relations)
            finish.set_sequences(control, positions, places)
            opaque = finish.fill(control, servers.source, plan.staging.values(), ready_plan.unpopulated)
            finish.amend(control, plan.amends, places)
            finish.add_last(staging, servers.destination)
            grant.grant(control, plan.access, places)
        with clock.at("audit"):
            _audit(config, plan, done, control, live)
            warnings = dropping.result()
        # the snapshot has done its work: let go of the source before waiting for readers of the destination
        recover.end_lost(servers, ready_plan.source, control)
        moment.close()
    with clock.at("publish"):
        number, dropped = _publish(config, run_id, ready_plan, control, done, opaque)
        if config.publish.keep == 0 and not control.closed:
            warnings = generations.drop_old(control, config.pipeline, 0)
    if config.transform:
        with clock.at("transform"):
            transform(config.transform, servers.destination)
    report = _report(config, run_id, clock, ready_plan, done, number, [*plan.warnings, *dropped, *warnings])
    with stop.current().shielded(), recover.lasting(servers.destination, control) as conn:
        ledger.end(conn, run_id, "published", 0)
        ledger.write_report(conn, report)
    return report


def _ready_to_begin(
    config: Config, run_id: str, servers: Servers, control: Connection, moment: ExitStack
) -> Prepared:
    """Clean up after killed runs, make the plan, and write down that this run is at work."""
    known = ledger.is_installed(control)
    killed = recover.heal(control, config.pipeline, run_id) if known else []
    ledger.draw(control, config.pipeline)
    if known:
        ledger.install(control)
        ledger.begin(control, run_id, config.pipeline)
        large_objects.unlink(control)
    ready_plan = moment.enter_context(prepared(config, servers, control))
    recover.end_orphans(ready_plan.source, config.pipeline, killed)
    preflight.demand(ready_plan.plan.faults)
    plan = ready_plan.plan
    ledger.claim(control, plan.staging)
    if not known:
        ledger.install(control)
        ledger.begin(control, run_id, config.pipeline)
    ledger.staging(control, run_id, plan.staging_schemas)
    if plan.adopted and ready_plan.live is None:
        ready_plan = replace(ready_plan, live=generations.adopt(control, plan))
    for what, why in plan.left_out:
        log.warning("object.left_out", object=what, reason=why)
    return ready_plan


def _create_places(control: Connection, plan: Plan) -> None:
    """Create the staged tables of what is in no schema that is copied."""
    create_places(control, plan.extensions.rows)
    if plan.large_objects:
        large_objects.create_places(control, *plan.large_objects.places)


def _draw(ready_plan: Prepared, run_id: str) -> None:
    servers, plan = ready_plan.servers, ready_plan.plan
    snapshot = export_snapshot(ready_plan.source, (), SOURCE_LOCK_PATIENCE_S)
    board = recover.board_name(plan.pipeline, run_id)
    stage.draw(servers.source, servers.destination, snapshot, plan, board, servers.major)


def _copied(ready_plan: Prepared, loader: Loader) -> Loaded:
    plan = ready_plan.plan
    copies = plan.all_copies
    log.info(
        "copy.planned",
        tables=len(copies),
        rows=sum(max(0, copy.table.rows_estimate) for copy in copies),
        bytes=plan.bytes,
    )
    places = {place: copy.table.name for copy in copies for place in copy.places}
    with watched(ready_plan.servers.destination, places):
        try:
            return loader.load()
        except SourceError as error:
            if words := loss(ready_plan.source):
                lost = SourceError(
                    "the source ended the session that held the snapshot",
                    detail=f"{words}\n{error.message}\n{error.detail}",
                )
                lost.transient = True
                raise lost from error
            raise


def _audit(config: Config, plan: Plan, done: Loaded, control: Connection, live: ledger.Kept | None) -> None:
    faults = audit.compare(done.source, done.staged)
    rows = {plan.final(copy.table.name): done.rows[copy.table.name] for copy in plan.copies}
    limits = {
        plan.final(table): (
            config.audit.allow_empty if settings.allow_empty is None else settings.allow_empty,
            config.audit.max_shrink if settings.max_shrink is None else settings.max_shrink,
        )
        for table, settings in plan.settings.items()
    }
    faults += audit.shrunk(rows, plan.live, limits)
    checks = [(check.name, check.sql) for check in config.audit.checks]
    faults += audit.failed_checks(control, checks, plan.staging, live and live.number)
    audit.demand(faults)


def _publish(
    config: Config,
    run_id: str,
    ready_plan: Prepared,
    control: Connection,
    done: Loaded,
    opaque: finish.Opaque,
) -> tuple[int, list[str]]:
    """Publish; return the generation's number, and warnings."""
    plan, live = ready_plan.plan, ready_plan.live
    if plan.split:
        locks.outwait(control, locks.readers(control), config.publish.patience_seconds)
    contents = [
        ledger.Content(plan.final(copy.table.name), done.source[copy.table.name], copy.table.bytes)
        for copy in plan.copies
    ]
    number = ledger.add_generation(
        control, run_id, config.pipeline, ready_plan.moment, plan.staging, contents
    )
    finals = {staged: final for final, staged in plan.staging.items()}
    views = [TableName(finals[view.schema], view.name) for view in opaque.views]
    settings = opaque.settings, own_settings(ready_plan.servers.destination)
    older = generations.older(control, config.pipeline)
    swap = generations.swap_for_new(number, live, older, plan, views, settings)
    publish.want_room(control, swap)
    if plan.large_objects:
        waiting = large_objects.staged(*plan.large_objects.places, adopts=config.publish.adopt)
        swap = replace(swap, large_objects=waiting)
    elif live and large_objects.has_any(control, live.number):
        swap = replace(swap, large_objects=large_objects.of_generation(None))
    patience, drop = config.publish.patience_seconds, config.publish.dependants == "drop"
    extra = indexes.build_extra(control, swap, plan.given_up, drop=drop)
    carried = Carried()
    try:
        with publish.swap_in(control, swap, patience, plan.given_up, drop=drop, built=extra.seen) as carried:
            for kept in older:
                ledger.place(control, kept.number, kept.place + 1)
            if live:
                ledger.place(control, live.number, 1)
            ledger.place(control, number, 0)
    except psycopg.Error as error:  # lost as it committed, or just before: the ledger knows
        is_done, destination = partial(ledger.is_published, run_id=run_id), ready_plan.servers.destination
        if not is_passing(error) or not recover.was_committed(destination, config.wait, is_done):
            raise
    log.info("run.published", generation=number, as_of=ready_plan.moment.as_of.isoformat())
    for one in (*extra.over, *carried.over):
        log.info("dependant.repointed", object=one)
    if not control.closed:
        large_objects.unlink(control)
    return number, [*_unpublished(plan), *extra.warnings, *carried.warnings]


def _unpublished(plan: Plan) -> list[str]:
    """Name the tables that readers no longer have: the source may have dropped them."""
    for name in plan.gone:
        log.warning("object.unpublished", object=str(name), reason="it is no longer copied")
    return [f"{name} is no longer copied: readers do not have it any more" for name in plan.gone]


def _report(
    config: Config,
    run_id: str,
    clock: Clock,
    ready_plan: Prepared,
    done: Loaded,
    number: int,
    warnings: Sequence[str],
) -> RunReport:
    plan = ready_plan.plan
    tables = tuple(
        TableReport(
            str(plan.final(copy.table.name)),
            done.rows[copy.table.name],
            copy.table.bytes,
            done.copy_seconds[copy.table.name],
            done.index_seconds[copy.table.name],
            done.audit_seconds.get(copy.table.name, 0.0),
        )
        for copy in plan.copies
    )
    return RunReport(
        run_id=run_id,
        pipeline=config.pipeline,
        generation=number,
        as_of=ready_plan.moment.as_of,
        seconds=clock.passed,
        steps=tuple(clock.seconds.items()),
        tables=tables,
        left_out=tuple(f"{what}: {why}" for what, why in plan.left_out),
        warnings=tuple(warnings),
    )
