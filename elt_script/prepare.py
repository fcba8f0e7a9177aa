"""Prepare: wait for both servers, choose programs, and make a plan of one moment of the source."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import psycopg
import structlog

from elt_script import generations, ledger
from elt_script.clock import Clock
from elt_script.config.model import Config
from elt_script.errors import ConfigError, EltError, PreflightError, SourceError
from elt_script.pg import dependants, fingerprint
from elt_script.pg.dependants import Dependant
from elt_script.pg.endpoint import Endpoint, translated
from elt_script.pg.exposure import exposure
from elt_script.pg.listening import listened
from elt_script.pg.programs import any_programs
from elt_script.pg.session import Connection, Moment, one_moment
from elt_script.plan import Plan
from elt_script.selection import SourceFacts, idle_patterns
from elt_script.steps import preflight
from elt_script.steps.transform import unready
from elt_script.steps.wait import wait
from elt_script.tables import TableName

# Whoever alters a table of the source waits for our snapshot, and everybody else waits behind him, we too: it
# is for us to give way.
SOURCE_LOCK_TIMEOUT = "20s"
LOOKS = 5  # at a destination where others publish

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Servers:
    """Both sides, with the programs that suit them."""

    source: Endpoint
    destination: Endpoint
    major: int  # of the programs


@dataclass(frozen=True, slots=True)
class Seen:
    """The source's schema as it was at a moment: see fingerprint.of_source."""

    source: Endpoint
    facts: Sequence[object]

    @contextmanager
    def read(self) -> Generator[None]:
        """Let what cannot be read in this block pass where somebody has altered the schema meanwhile.

        Postgres describes views, functions and the like as they are, not as a snapshot sees them: one that is
        dropped meanwhile is nothing at all, and its text makes no sense.
        """
        try:
            yield
        except psycopg.errors.LockNotAvailable:  # whoever holds it is named elsewhere
            raise
        except psycopg.Error as error:
            failure = translated(error)
            self._forgive(failure)
            raise failure from error
        except EltError as error:
            self._forgive(error)
            raise

    def _forgive(self, failure: EltError) -> None:
        """Let a failure pass if somebody has altered the schema; any other one stays as it is."""
        if isinstance(failure, SourceError | PreflightError) and not failure.transient and self._is_altered():
            failure.detail += "\nthe source's schema was altered while it was read"
            failure.transient = True

    def _is_altered(self) -> bool:
        try:
            with self.source.connect() as now:
                return fingerprint.of_source(now) != self.facts
        except psycopg.Error:
            return False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A complete plan, the moment of the source that it was made from, and the session that holds it."""

    servers: Servers
    plan: Plan
    unpopulated: frozenset[TableName]
    moment: Moment
    source: Connection
    schema: Seen
    live: ledger.Kept | None


def application(pipeline: str, who: str) -> str:
    """Return the name that our sessions have at both servers: a run's, or a command's."""
    return f"elt/{pipeline}/{who}"


@contextmanager
def ready(config: Config, clock: Clock, run_id: str) -> Generator[Servers]:
    """Wait for both servers, choose the programs for them, and give up what stands still in this block."""
    name = application(config.pipeline, run_id)
    ends = (config.source.endpoint("source", name), config.destination.endpoint("destination", name))
    folder = any_programs(config.bin_dir, tls=any(one.demands_tls for one in ends))
    source, destination = (replace(one, bin=folder) for one in ends)
    source = source.with_settings(lock_timeout=SOURCE_LOCK_TIMEOUT)
    with clock.at("wait"):
        versions = (
            wait(source, config.wait.max_retries, config.wait.delay_seconds),
            wait(destination, config.wait.max_retries, config.wait.delay_seconds),
        )
    servers = Servers(*preflight.choose_programs(source, destination, versions, config))
    with listened((servers.source, servers.destination), config.run.stall_seconds):
        preflight.want_writable(servers.destination)
        yield servers


@contextmanager
def prepared(config: Config, servers: Servers, control: Connection) -> Generator[Prepared]:
    """Give the plan, with every reason why it could not be carried out; hold its moment for this block."""
    with ExitStack() as stack:
        source, moment = stack.enter_context(one_moment(servers.source))
        schema = Seen(servers.source, fingerprint.of_source(source))
        stack.enter_context(schema.read())
        if preflight.is_same_database(source, control):
            raise ConfigError(
                "source and destination are the same database",
                detail=f"{servers.source} and {servers.destination} are one server",
                hint="Point one of them elsewhere; nothing has been changed.",
            )
        ledger.want_home(control)
        facts = preflight.source_facts(source, config)
        live, plan = _planned(config, source, control, facts)
        altered = ledger.altered(control, live.number) if live else ()
        plan = replace(
            plan,
            faults=(*plan.faults, *unready(config.transform)),
            warnings=(
                *_warnings(config, (servers.source, source), (servers.destination, control)),
                *idle_patterns(config, facts),
                *(f"{one} was altered at the destination: the next is as at the source" for one in altered),
            ),
        )
        unpopulated = frozenset(
            plan.staged(relation.full_name)
            for relation in facts.relations
            if relation.kind == "m" and not relation.populated and relation.schema in plan.schemas
        )
        yield Prepared(servers, plan, unpopulated, moment, source, schema, live)


def _planned(
    config: Config, source: Connection, control: Connection, facts: SourceFacts
) -> tuple[ledger.Kept | None, Plan]:
    """Return the live generation, and the plan that replaces it.

    Who only plans holds no lock: where a run publishes meanwhile, what was seen before that and after it does
    not fit together, and looks like a fault.
    """
    looks = LOOKS
    while True:
        looks -= 1
        live = generations.live(control, config.pipeline)
        there = preflight.destination_facts(
            control,
            config,
            facts,
            source,
            live and live.number,
            ledger.rows_of(control, live.number) if live else {},
            ledger.publishers(control, config.pipeline),
        )
        plan = preflight.make_plan(config, source, control, facts, there, partial(_built_on, control, live))
        if not plan.faults or not looks or generations.live(control, config.pipeline) == live:
            return live, plan


def _warnings(config: Config, *sides: tuple[Endpoint, Connection]) -> tuple[str, ...]:
    """Return what a stranger could read that is not meant for him, and what is misspelt; and say so."""
    unknown = ", ".join(config.unknown)
    if unknown:
        log.warning("variable.unknown", names=unknown)
    exposed = (exposure(endpoint, session) for endpoint, session in sides)
    found = (*config.warnings, *(one for one in exposed if one))
    for one in found:
        log.warning("secret.exposed", reason=one)
    return (*found, f"the environment has {unknown}: elt has no such settings") if unknown else found


def _built_on(control: Connection, live: ledger.Kept | None, plan: Plan) -> list[Dependant]:
    """Return what others built on what the plan replaces, the things that it adopts among it."""
    if live is not None:
        return _all_of(control, live.number, [oid for one in plan.staying for oid in one.oids])
    if not plan.adopted:
        return []
    with control.transaction(force_rollback=True):  # looked at as if they had been adopted
        ledger.install(control)
        return _all_of(control, generations.adopt(control, plan).number)


def _all_of(control: Connection, generation: int, staying: Sequence[int] = ()) -> list[Dependant]:
    return [
        *dependants.read(control, generation, staying=staying),
        *dependants.read_changes(control, generation),
    ]
