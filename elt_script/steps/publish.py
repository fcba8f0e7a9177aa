"""Publish: the staged generation takes the place of the live one, in one transaction."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import structlog
from psycopg import errors, sql

from elt_script.errors import DestinationError, PreflightError, PublishTimeoutError
from elt_script.pg import dependants
from elt_script.pg.dependants import Dependant
from elt_script.pg.session import Connection, move_objects, query, rows, value
from elt_script.tables import TableName

SHORTEST_WAIT_MS = 1  # the first try: as good as nowait, so that nobody queues behind us
FIRST_WAIT_MS = 20

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Swap:
    """Which generation takes the place of which, and where each stands.

    staged    final schema → where the new generation waits
    previous  final schema → where the live one goes
    renames   schemas of older generations that make room first: (from, to), in order
    opaque    materialized views, by final name, that can be filled only under the final names
    """

    new: int
    live: int | None
    staged: Mapping[str, str]
    previous: Mapping[str, str]
    renames: tuple[tuple[str, str], ...] = ()
    opaque: tuple[TableName, ...] = ()


@dataclass(frozen=True, slots=True)
class _Blocker:
    pid: int
    username: str
    application: str
    age: object
    state: str
    query: str

    def __str__(self) -> str:
        return (
            f"pid {self.pid} ({self.username} {self.application}), {self.state} for {self.age}: {self.query}"
        )


def build_extra_indexes(conn: Connection, swap: Swap) -> list[str]:
    """Build on the staged tables the indexes that people added to the published ones; return their names."""
    built: list[str] = []
    if swap.live is None:
        return built
    for index in dependants.read_extra_indexes(conn, swap.live):
        place = TableName(swap.staged[index.schema], index.table)
        if not _exists(conn, place) or _exists(conn, TableName(place.schema, index.name)):
            continue
        statement = index.on(place)
        if statement is None:
            raise PreflightError(
                f"index {index.name} on {index.schema}.{index.table} cannot be carried over",
                detail=index.definition,
                hint="Drop it at the destination, or create it at the source.",
            )
        conn.execute(statement)
        if index.comment:
            note = sql.SQL("comment on index {} is {}")
            conn.execute(note.format(sql.Identifier(place.schema, index.name), sql.Literal(index.comment)))
        built.append(f"index {index.schema}.{index.name}")
    return built


def _exists(conn: Connection, name: TableName) -> bool:
    found = value(conn, sql.SQL("select to_regclass(%(name)s) is not null"), name=name.quoted.as_string(None))
    return bool(found)


@contextmanager
def swap_in(
    conn: Connection, swap: Swap, patience_seconds: float, may_drop: frozenset[str] = frozenset()
) -> Generator[list[str]]:
    """Put the new generation under the final names, the live one aside, in one transaction with this block.

    may_drop  dependants, by name, that the config gives up where they cannot come along
    yields    what was pointed at the new generation

    The block adds what must be written with it (the ledger), and then all is committed. Raises
    PublishTimeoutError where others hold locks for longer than patience; then nothing has changed.
    """
    with _locked(conn, swap, patience_seconds):
        others = dependants.read(conn, swap.live) if swap.live is not None else []
        carried = dependants.read_carried(conn, swap.live) if swap.live is not None else []
        kept = [one for one in others if str(one) not in may_drop]
        _execute(conn, (one.drop for one in reversed(others) if str(one) in may_drop))
        _execute(conn, (one.before for one in kept))
        _make_room(conn, swap)
        if swap.live is not None:
            move_objects(conn, swap.previous, _of_generation(swap.live))
        move_objects(conn, {staged: final for final, staged in swap.staged.items()})
        _repoint(conn, kept)
        _execute(conn, dependants.still_there(conn, carried))
        _execute(conn, _default_grants(conn, swap))
        for view in swap.opaque:
            conn.execute(sql.SQL("refresh materialized view {}").format(view.quoted))
        _clear_aside(conn)
        _want_no_stragglers(conn, swap)
        _drop_staging(conn, swap)
        yield [str(one) for one in kept if one.after]


def drop_generation(conn: Connection, generation: int, schemas: Sequence[str]) -> list[str]:
    """Drop an old generation where it stands; return what still rests on it, in which case it stays.

    Never takes anything along that is not ours. Waits for locks only shortly.
    """
    with conn.transaction():
        conn.execute("set local lock_timeout = '2s'")
        commands = _lock_commands(conn, generation)
        if commands:
            conn.execute(_in_one_statement(commands))
        left = [str(one) for one in dependants.read(conn, generation) if not one.part]
        if not left:
            for schema in schemas:
                conn.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
        return left


@contextmanager
def _locked(conn: Connection, swap: Swap, patience_seconds: float) -> Generator[None]:
    """Be in a transaction that holds every lock the swap takes.

    All locks are taken by one statement under one limit, half of deadlock_timeout: lock_timeout counts each
    lock anew, and a chain of waits would outlast the deadlock check of a reader that waits for us, and kill it.
    """
    limit = value(conn, sql.SQL("select setting::int / 2 from pg_settings where name = 'deadlock_timeout'"))
    deadline = time.monotonic() + patience_seconds
    wait_ms, attempt = SHORTEST_WAIT_MS, 0
    while True:
        attempt += 1
        try:
            with conn.transaction():
                _take_locks(conn, swap, max(1, min(wait_ms, limit)), limit)
                started = time.monotonic()
                yield
        except _LocksNotAvailableError:
            blockers = [] if swap.live is None else [str(one) for one in _blockers(conn, swap.live)]
        else:
            log.info("publish.done", held_seconds=time.monotonic() - started)
            return
        log.info("publish.waiting", attempt=attempt, blockers=blockers)
        if time.monotonic() > deadline:
            raise PublishTimeoutError(
                f"publish did not get its locks within {patience_seconds:g} s",
                detail="\n".join(blockers),
                hint="The old data is still live. End those sessions, or raise `publish.patience_seconds`.",
            )
        time.sleep(min(random.uniform(0.5, 1.5) * wait_ms / 100, 2.0))  # noqa: S311  (jitter)
        wait_ms = max(FIRST_WAIT_MS, wait_ms * 2)


class _LocksNotAvailableError(Exception):
    """Others hold locks that we need; our transaction is over."""


def _take_locks(conn: Connection, swap: Swap, wait_ms: int, limit_ms: int) -> None:
    if swap.live is None:
        return
    commands = _lock_commands(conn, swap.live)
    commands += [one.lock for one in dependants.read(conn, swap.live) if one.lock]
    if not commands:
        return
    conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(wait_ms)))
    conn.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(limit_ms)))
    try:
        conn.execute(_in_one_statement(commands))
    except (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected) as error:
        raise _LocksNotAvailableError from error
    conn.execute("set local lock_timeout = 0; set local statement_timeout = 0")


def _lock_commands(conn: Connection, generation: int) -> list[str]:
    return [command for (command,) in conn.execute(query("locks"), {"generation": generation})]


def _in_one_statement(commands: Iterable[str]) -> sql.Composed:
    body = "begin " + " ".join(f"{command};" for command in commands) + " end"
    return sql.SQL("do {}").format(sql.Literal(body))


def _blockers(conn: Connection, generation: int) -> list[_Blocker]:
    return rows(conn, _Blocker, "blockers", generation=generation)


def _of_generation(number: int) -> sql.Composed:
    return query("of_generation").format(sql.Literal(number))


def _execute(conn: Connection, statements: Iterable[str | None]) -> None:
    """Run statements that the server itself wrote, all in one message."""
    wanted = [statement.rstrip().rstrip(";") for statement in statements if statement]
    if wanted:
        conn.execute(";\n".join(wanted).encode())


def _make_room(conn: Connection, swap: Swap) -> None:
    """Create the final schemas, with the source's comment, and those that the live generation goes to."""
    for old, new in swap.renames:
        conn.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))
    comments = dict(conn.execute(query("schema_comments")).fetchall())
    for final, staged in swap.staged.items():
        conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(final)))
        if staged in comments and final not in comments:
            note = sql.SQL("comment on schema {} is {}")
            conn.execute(note.format(sql.Identifier(final), sql.Literal(comments[staged])))
    if swap.live is not None:
        for schema in swap.previous.values():
            conn.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))


def _repoint(conn: Connection, kept: Sequence[Dependant]) -> None:
    for one in kept:
        if one.after is None:
            continue
        try:
            _execute(conn, [one.after])
        except psycopg.Error as error:
            raise DestinationError(
                f"{one} cannot be pointed at the new data",
                detail=str(error).strip(),
                hint="Nothing was published. Change or drop it, or set `publish.dependants: drop`.",
            ) from error


def _default_grants(conn: Connection, swap: Swap) -> list[str]:
    facts = {"generation": swap.new, "previous": json.dumps(dict(swap.previous))}
    return [statement for (statement,) in conn.execute(query("default_grants"), facts)]


def _clear_aside(conn: Connection) -> None:
    """Drop the materialized views that were rebuilt; nothing may rest on them any more."""
    found = conn.execute(query("aside")).fetchall()
    views = [name for name, _ in found if name]
    if views:
        _execute(conn, [f"drop materialized view {', '.join(views)}"])
    _execute(conn, dict.fromkeys(f"drop schema {schema}" for _, schema in found))


def _want_no_stragglers(conn: Connection, swap: Swap) -> None:
    """Raise if anything still rests on the generation that was put aside: it would show old data for ever."""
    if swap.live is None:
        return
    left = [one for one in dependants.read(conn, swap.live) if not one.part]
    if left:
        raise DestinationError(
            f"{len(left)} object{'s' if len(left) > 1 else ''} would be left on the old data",
            detail="\n".join(f"{one}{f': {one.fault}' if one.fault else ''}" for one in left),
            hint="Nothing was published. Drop what is named here, or set `publish.dependants: drop`.",
        )


def _drop_staging(conn: Connection, swap: Swap) -> None:
    for schema in swap.staged.values():
        conn.execute(sql.SQL("drop schema {}").format(sql.Identifier(schema)))
