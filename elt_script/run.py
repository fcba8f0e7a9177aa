"""The recipe: the order of the steps. Until publish commits, readers of the destination see no change."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import psycopg
import structlog

from elt_script import ledger
from elt_script.config.model import Config
from elt_script.errors import ConfigError, EltError, InterruptedRunError
from elt_script.load import Loaded, Loader
from elt_script.pg.catalog import read_sequences
from elt_script.pg.endpoint import Endpoint, translated, translating
from elt_script.pg.process import supervised
from elt_script.pg.programs import any_programs
from elt_script.pg.session import Connection, Moment, export_snapshot, one_moment
from elt_script.plan import Plan, previous_name
from elt_script.report import RunReport, TableReport
from elt_script.steps import audit, cleanup, finish, preflight, publish, stage
from elt_script.steps.transform import transform
from elt_script.steps.wait import wait
from elt_script.steps.watch import watched
from elt_script.tables import TableName

SOURCE_LOCK_PATIENCE_S = 60  # for DDL at the source to end

log = structlog.get_logger()


@dataclass(slots=True)
class Clock:
    """Which step is at work, and how long each has taken."""

    step: str = ""
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def at(self, step: str) -> Generator[None]:
        """Be in a step while this block lasts."""
        self.step = step
        log.info("step.started", step=step)
        started = time.monotonic()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - started
        log.info("step.finished", step=step, seconds=self.seconds[step])


@dataclass(frozen=True, slots=True)
class Servers:
    """Both sides, with the programs that suit them."""

    source: Endpoint
    destination: Endpoint
    major: int  # of the programs


@dataclass(frozen=True, slots=True)
class Prepared:
    """A complete plan, the moment of the source that it was made from, and the session that holds it."""

    servers: Servers
    plan: Plan
    given_up: frozenset[str]
    faults: list[str]
    unpopulated: frozenset[TableName]
    moment: Moment
    source: Connection
    live: ledger.Kept | None


def new_run_id() -> str:
    """Return a name for a run that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def ready(config: Config, clock: Clock, run_id: str) -> Servers:
    """Wait for both servers, and choose the programs for them."""
    name = f"elt/{config.pipeline}/{run_id}"
    folder = any_programs(config.bin_dir)
    source = replace(config.source.endpoint("source", name), bin=folder)
    destination = replace(config.destination.endpoint("destination", name), bin=folder)
    with clock.at("wait"):
        versions = (
            wait(source, config.wait.max_retries, config.wait.delay_seconds),
            wait(destination, config.wait.max_retries, config.wait.delay_seconds),
        )
    return Servers(*preflight.choose_programs(source, destination, versions, config))


@contextmanager
def prepared(config: Config, servers: Servers, control: Connection) -> Generator[Prepared]:
    """Give the plan, with every reason why it could not be carried out; hold its moment for this block."""
    with one_moment(servers.source) as (source, moment):
        if preflight.is_same_database(source, control):
            raise ConfigError(
                "source and destination are the same database",
                detail=f"{servers.source} and {servers.destination} are one server",
                hint="Point one of them elsewhere; nothing has been changed.",
            )
        live = next(iter(ledger.kept(control, config.pipeline)), None)
        live = live if live and live.place == 0 else None
        facts = preflight.source_facts(source, config)
        there = preflight.destination_facts(
            control,
            config,
            facts,
            live and live.number,
            ledger.rows_of(control, live.number) if live else {},
            ledger.publishers(control, config.pipeline),
        )
        plan, given_up, faults = preflight.make_plan(
            config, source, control, facts, there, live and live.number
        )
        unpopulated = frozenset(
            plan.staged(relation.full_name)
            for relation in facts.relations
            if relation.kind == "m" and not relation.populated and relation.schema in plan.schemas
        )
        yield Prepared(servers, plan, given_up, faults, unpopulated, moment, source, live)


@translating()
def plan(config: Config) -> tuple[Plan, Sequence[str]]:
    """Return what a run would do, and why it could not; try the schema on a drawing board, change nothing."""
    clock, run_id = Clock(), new_run_id()
    with supervised():
        servers = ready(config, clock, run_id)
        with (
            servers.destination.connect(autocommit=True) as control,
            clock.at("preflight"),
            prepared(config, servers, control) as ready_plan,
        ):
            faults = list(ready_plan.faults)
            if not faults:
                try:
                    _draw(ready_plan, run_id)
                except EltError as error:
                    faults.append(str(error))
            return ready_plan.plan, faults


def run(config: Config, run_id: str) -> RunReport:
    """Copy, audit and publish; return what was done.

    Raises an EltError that says what failed, on what, and what to do; unless it is a TransformError, the
    destination's readers still have the old data.
    """
    clock, started = Clock(), time.monotonic()
    log.info(
        "run.started",
        source=str(config.source.endpoint("source")),
        destination=str(config.destination.endpoint("destination")),
    )
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(max_workers=64))
        stack.enter_context(supervised())  # ends first, so that nothing the pool waits for is left
        servers = ready(config, clock, run_id)
        with ledger.locked(servers.destination, config.pipeline) as control:
            try:
                report = _run(config, run_id, clock, servers, control, executor, started)
            except psycopg.Error as error:
                failure = translated(error)
                _give_up(config, run_id, clock, servers, failure)
                raise failure from error
            except BaseException as error:
                _give_up(config, run_id, clock, servers, error)
                raise
            with clock.at("transform"):
                try:
                    transform(config.transform, servers.destination)
                except EltError as error:
                    ledger.end(control, run_id, "published", error.exit_status, "transform", str(error))
                    raise
            ledger.end(control, run_id, "published", 0)
            seconds = time.monotonic() - started
            report = replace(report, seconds=seconds, steps=tuple(clock.seconds.items()))
            ledger.write_report(control, report)
    log.info("run.finished", status="published", seconds=report.seconds)
    return report


def _run(
    config: Config,
    run_id: str,
    clock: Clock,
    servers: Servers,
    control: Connection,
    executor: ThreadPoolExecutor,
    started: float,
) -> RunReport:
    with ExitStack() as stack:
        with clock.at("preflight"):
            if ledger.is_installed(control):
                _heal(control, config.pipeline, run_id)
            ready_plan = stack.enter_context(prepared(config, servers, control))
            preflight.demand(ready_plan.faults)
            servers, plan = ready_plan.servers, ready_plan.plan
            ledger.install(control)
            ledger.begin(control, run_id, config.pipeline, list(plan.staging.values()))
            live = ready_plan.live
            if plan.adopted and live is None:
                live = _adopt(control, plan)
            for what, why in plan.left_out:
                log.warning("object.left_out", object=what, reason=why)
        with clock.at("snapshot"):
            snapshot = export_snapshot(ready_plan.source, plan.copies, SOURCE_LOCK_PATIENCE_S)
        with clock.at("stage"):
            board = _board_name(config.pipeline, run_id)
            staging = stage.draw(servers.source, servers.destination, snapshot, plan, board, servers.major)
            _drop_old(control, config)
            cleanup.drop_staging(control, list(plan.staging.values()))
            stage.create(servers.destination, control, staging, plan)
        loader = Loader(servers.source, servers.destination, snapshot, plan, staging, _content(config, plan))
        with clock.at("copy"):
            log.info(
                "copy.planned",
                tables=len(plan.copies),
                rows=sum(max(0, copy.table.rows_estimate) for copy in plan.copies),
                bytes=sum(copy.table.bytes for copy in plan.copies),
            )
            places = {place: copy.table.name for copy in plan.copies for place in copy.places}
            with watched(servers.destination, places):
                done = loader.load(executor)
        with clock.at("finish"):
            loader.join(executor)
            places = {source: plan.staging[final] for source, final in plan.schemas.items()}
            finish.set_sequences(control, read_sequences(ready_plan.source, list(plan.schemas)), places)
            _, opaque = finish.refresh(control, list(plan.staging.values()), ready_plan.unpopulated)
        with clock.at("audit"):
            _audit(config, plan, done, control, live)
        # the snapshot has done its work: let go of the source before waiting for readers of the destination
        stack.close()
        finals = {staged: final for final, staged in plan.staging.items()}
        with clock.at("publish"):
            number = _publish(
                config,
                run_id,
                ready_plan,
                live,
                control,
                done,
                tuple(TableName(finals[view.schema], view.name) for view in opaque),
            )
        return _report(config, run_id, ready_plan, done, number, time.monotonic() - started)


def _draw(ready_plan: Prepared, run_id: str) -> None:
    servers, plan = ready_plan.servers, ready_plan.plan
    snapshot = export_snapshot(ready_plan.source, (), SOURCE_LOCK_PATIENCE_S)
    board = _board_name(plan.pipeline, run_id)
    stage.draw(servers.source, servers.destination, snapshot, plan, board, servers.major)


def _board_name(pipeline: str, run_id: str) -> str:
    return f"elt_board_{pipeline}__{run_id[-6:]}"


def _content(config: Config, plan: Plan) -> frozenset[TableName]:
    """Return the tables whose content is checked."""
    return frozenset(
        table
        for table, settings in plan.settings.items()
        if (settings.checksum or config.audit.checksum) == "all"
    )


def _heal(control: Connection, pipeline: str, run_id: str) -> None:
    """Remove what killed runs left: we hold the pipeline's lock, so nobody else is at work on it."""
    cleanup.end_orphans(control, f"elt/{pipeline}/")
    for left in ledger.unfinished(control, pipeline):
        log.warning("run.cleaned_up", killed=left.run_id)
        cleanup.drop_staging(control, left.staging)
        ledger.end(control, left.run_id, "failed", 1, "", f"killed; cleaned up by {run_id}")
    cleanup.drop_boards(control, pipeline)


def _adopt(control: Connection, plan: Plan) -> ledger.Kept:
    names = [(taken.schema, taken.name, taken.kind) for taken in plan.adopted]
    schemas = list(plan.staging)
    number = ledger.adopt(control, plan.pipeline, schemas, names)
    return ledger.Kept(number, "adopted", 0, schemas)


def _drop_old(control: Connection, config: Config) -> None:
    """Drop generations beyond those the config keeps: a run needs twice the space, and not three times."""
    for kept in reversed(ledger.kept(control, config.pipeline)):
        if kept.place >= max(1, config.publish.keep):
            schemas = [previous_name(final, kept.place) for final in kept.schemas]
            try:
                left = publish.drop_generation(control, kept.number, schemas)
            except psycopg.errors.LockNotAvailable:
                left = ["somebody who reads it"]
            if left:
                log.warning("generation.kept", generation=kept.number, because=left)
            else:
                ledger.forget(control, kept.number)


def _audit(config: Config, plan: Plan, done: Loaded, control: Connection, live: ledger.Kept | None) -> None:
    faults = audit.compare(done.source, done.staged)
    rows = {plan.final(table): count for table, count in done.rows.items()}
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
    live: ledger.Kept | None,
    control: Connection,
    done: Loaded,
    opaque: tuple[TableName, ...],
) -> int:
    plan = ready_plan.plan
    contents = [
        ledger.Content(plan.final(copy.table.name), done.source[copy.table.name], copy.table.bytes)
        for copy in plan.copies
    ]
    number = ledger.add_generation(
        control, run_id, config.pipeline, ready_plan.moment, plan.staging, contents
    )
    older = [kept for kept in ledger.kept(control, config.pipeline) if kept.place > 0]
    swap = publish.Swap(
        new=number,
        live=live and live.number,
        staged=plan.staging,
        previous={final: previous_name(final, 1) for final in live.schemas} if live else {},
        renames=tuple(
            (previous_name(final, kept.place), previous_name(final, kept.place + 1))
            for kept in reversed(older)
            for final in kept.schemas
        ),
        opaque=opaque,
    )
    extra = publish.build_extra_indexes(control, swap)
    with publish.swap_in(control, swap, config.publish.patience_seconds, ready_plan.given_up) as repointed:
        for kept in reversed(older):
            ledger.place(control, kept.number, kept.place + 1)
        if live:
            ledger.place(control, live.number, 1)
        ledger.place(control, number, 0)
    log.info("run.published", generation=number, as_of=ready_plan.moment.as_of.isoformat())
    for one in [*extra, *repointed]:
        log.info("dependant.repointed", object=one)
    if config.publish.keep == 0:
        _drop_old(control, config)
    return number


def _report(
    config: Config,
    run_id: str,
    ready_plan: Prepared,
    done: Loaded,
    number: int,
    seconds: float,
) -> RunReport:
    tables = tuple(
        TableReport(
            str(ready_plan.plan.final(copy.table.name)),
            done.rows[copy.table.name],
            copy.table.bytes,
            done.copy_seconds[copy.table.name],
            done.index_seconds[copy.table.name],
            done.audit_seconds[copy.table.name],
        )
        for copy in ready_plan.plan.copies
    )
    return RunReport(
        run_id=run_id,
        pipeline=config.pipeline,
        generation=number,
        as_of=ready_plan.moment.as_of,
        seconds=seconds,
        steps=(),
        tables=tables,
        left_out=tuple(f"{what}: {why}" for what, why in ready_plan.plan.left_out),
        warnings=tuple(f"{one} was dropped: it could not come along" for one in sorted(ready_plan.given_up)),
    )


def _give_up(config: Config, run_id: str, clock: Clock, servers: Servers, error: BaseException) -> None:
    """Remove what the failed run staged, and write down how it ended; what fails here, the next run does."""
    interrupted = isinstance(error, InterruptedRunError | KeyboardInterrupt)
    status = getattr(error, "exit_status", 1)
    message = error.message if isinstance(error, EltError) else str(error)
    log.debug("run.gives_up", step=clock.step)
    try:
        with servers.destination.connect(autocommit=True) as conn:
            if not ledger.is_installed(conn):
                return
            mine = [left for left in ledger.unfinished(conn, config.pipeline) if left.run_id == run_id]
            for left in mine:
                cleanup.drop_staging(conn, left.staging)
                conn.execute("delete from elt.generation where run_id = %s and place is null", (run_id,))
                ledger.end(
                    conn, run_id, "interrupted" if interrupted else "failed", status, clock.step, message
                )
    except psycopg.Error as failure:
        log.warning("run.left_behind", error=str(failure).strip())
