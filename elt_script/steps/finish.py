"""Finish: keys, indexes, foreign keys, triggers, materialized views, positions of sequences, statistics."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from psycopg import sql

from elt_script.amends import Amends
from elt_script.pg.archive import Staging
from elt_script.pg.catalog import Unwritten
from elt_script.pg.endpoint import Endpoint, translating
from elt_script.pg.passing import patiently
from elt_script.pg.process import run
from elt_script.pg.session import Connection, compute_by, own_settings, query, refresh, rows
from elt_script.tables import CopyJob, TableName
from elt_script.tables import Sequence as SequenceState

DROP_DEFAULTS = sql.SQL(
    "select format('alter domain %%s drop default', d) from jsonb_array_elements_text(%(domains)s::jsonb) d"
    " where to_regtype(d) is not null"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MaterializedView:
    """A staged materialized view; see pg/sql/materialized_views.sql.

    opaque  it rests on functions whose text we cannot follow: they name tables as they are after publish
    reads   schema and name of materialized views that it rests on
    """

    schema: str
    name: str
    depth: int
    opaque: bool
    reads: list[tuple[str, str]]

    @property
    def full_name(self) -> TableName:
        """The name in two parts."""
        return TableName(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Opaque:
    """The staged materialized views that are filled by publish, and by what settings."""

    views: tuple[TableName, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


def complete_tables(job: CopyJob, staging: Staging, destination: Endpoint, at_once: int = 1) -> float:
    """Build the keys and indexes of a job's tables, gather their statistics; return the seconds a table.

    at_once  how many indexes of a table that is alone may be built at the same time

    Tried again where its failure passes, from what the tables' loads left; then one by one, since two indexes
    with options of the table's may each wait for the other.
    """
    started = time.monotonic()
    places = [place for copy in job.copies for place in copy.places]
    for attempt in patiently("index.retried"):
        with attempt:
            if attempt.retry_state.attempt_number > 1:
                _remove_keys(places, destination)
                at_once = 1
            entries = [entry for place in places for entry in staging.tables.get(place, ())]
            several = len(places) > 1
            staging.archive.restore(destination, entries, one_transaction=several, at_once=at_once)
            analyze = sql.SQL("\n").join(
                sql.SQL("analyze {};").format(copy.staged.quoted) for copy in job.copies
            )
            run(destination.psql("--file=-"), script=analyze.as_bytes(None))
    seconds = (time.monotonic() - started) / len(job.copies)
    for copy in job.copies:
        log.info("table.indexed", table=str(copy.table.name), seconds=seconds)
    return seconds


def _remove_keys(tables: Sequence[TableName], destination: Endpoint) -> None:
    """Remove the keys and indexes that a failed attempt has built, and end what it still does."""
    facts = {"tables": [table.quoted.as_string(None) for table in tables]}
    with translating(), destination.connect(autocommit=True) as conn:
        conn.execute(query("end_builder"), {**facts, "application": destination.application})
        for (statement,) in conn.execute(query("built"), facts).fetchall():
            conn.execute(statement.encode())


def join_tables(staging: Staging, destination: Endpoint) -> None:
    """Build what needs more than one table's own: keys of partitioned tables, rules, triggers, policies."""
    staging.archive.restore(destination, staging.joined, one_transaction=True)


def add_foreign_keys(tables: Sequence[TableName], staging: Staging, destination: Endpoint) -> None:
    """Add and validate referencing tables' foreign keys, by one program: two would wait for one lock.

    Whoever reads the archive reads all of it, which takes longer than the keys of small tables.
    """
    entries = [entry for table in tables for entry in staging.keys[table]]
    staging.archive.restore(destination, entries, one_transaction=False)


def add_last(staging: Staging, destination: Endpoint) -> None:
    """Restore row security, which could hide rows from whoever builds keys and views, and comments."""
    staging.archive.restore(destination, staging.last, one_transaction=True)


def amend(conn: Connection, amends: Amends, places: Mapping[str, str]) -> None:
    """Do what pg_dump did not write; places maps the source's schemas to staging ones."""
    _name_parts(conn, amends.parts, places)
    domains = [TableName(places[one.schema], one.name).quoted.as_string(None) for one in amends.domains]
    _execute_each(conn, DROP_DEFAULTS, domains=domains)
    own = sql.SQL("alter table {} alter column {} set not null")
    for table, column in amends.own:
        place = TableName(places[table.schema], table.name)
        conn.execute(own.format(place.quoted, sql.Identifier(column)))
    validate = sql.SQL("alter table {} validate constraint {}")
    for table, constraint in amends.validated:
        place = TableName(places[table.schema], table.name)
        conn.execute(validate.format(place.quoted, sql.Identifier(constraint)))
    wanted = [
        [places[one.schema], one.name, one.object, places.get(schema, schema), *facts]
        for one in amends.triggers
        for schema, *facts in [one.facts]
    ]
    _execute_each(conn, query("switched"), triggers=wanted)
    said = [[places[one.schema], one.name, one.object, *one.facts] for one in amends.comments]
    _execute_each(conn, query("commented"), comments=said)


def _name_parts(conn: Connection, parts: Sequence[Unwritten], places: Mapping[str, str]) -> None:
    """Give foreign keys that others made, for partitions, the names that they have at the source."""
    wanted = [
        [places[one.schema], one.name, one.object, places[to], referred, places[of], *other]
        for one in parts
        for to, referred, of, *other in [one.facts]
        if to in places and of in places
    ]
    _execute_each(conn, query("renamed"), parts=wanted)


def _execute_each(conn: Connection, statements: sql.SQL, **facts: object) -> None:
    """Execute the statements that a query gives, whose parameters are JSON."""
    found = conn.execute(statements, {name: json.dumps(value) for name, value in facts.items()}).fetchall()
    for (statement,) in found:
        conn.execute(statement.encode())


def set_sequences(conn: Connection, positions: Sequence[SequenceState], places: Mapping[str, str]) -> None:
    """Put every staged sequence where the source's is; places maps the source's schemas to staging ones."""
    conn.execute(
        query("set_sequences"),
        {
            "schemas": [places[position.name.schema] for position in positions],
            "names": [position.name.name for position in positions],
            "values": [position.last_value for position in positions],
            "called": [position.is_called for position in positions],
        },
    )


def fill(
    conn: Connection, source: Endpoint, schemas: Iterable[str], unpopulated: frozenset[TableName]
) -> Opaque:
    """Fill the staged materialized views, each after those it reads; by the settings that the source has.

    unpopulated  those without rows at the source, too; they have some while others are filled from them
    returns      those that can be filled only where functions find the final names
    """
    views = rows(conn, MaterializedView, "materialized_views", schemas=list(schemas))
    if not views:
        return Opaque()
    settings = own_settings(source, known_to=conn)
    read = {TableName(*one) for view in views if view.full_name not in unpopulated for one in view.reads}
    opaque: list[TableName] = []
    for view in views:
        if view.full_name in unpopulated - read:
            continue
        if view.opaque:
            opaque.append(view.full_name)
        else:
            with conn.transaction():
                compute_by(conn, settings)
                refresh(conn, view.full_name)
                conn.execute(sql.SQL("analyze {}").format(view.full_name.quoted))
    for name in unpopulated & read:
        conn.execute(sql.SQL("refresh materialized view {} with no data").format(name.quoted))
    return Opaque(tuple(opaque), settings)
