"""Load: copy, finish and audit every table, in one pool, each table as soon as it can."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import structlog

from elt_script.copies import SMALL_BYTES
from elt_script.errors import concerning
from elt_script.pg.archive import Staging
from elt_script.pg.endpoint import Endpoint
from elt_script.plan import Plan
from elt_script.pool import Task, work_off
from elt_script.steps import audit, finish, stage
from elt_script.steps.copy import copy_extension_rows, copy_rows
from elt_script.tables import Checksum, Copied, CopyJob, TableName
from elt_script.wording import counted

NAMED = 5  # tables that an error names, of a job that has many

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the pool has done, by the source's names."""

    parts: dict[TableName, list[Copied]] = field(default_factory=dict[TableName, list[Copied]])
    rows: dict[TableName, int] = field(default_factory=dict[TableName, int])
    copy_seconds: dict[TableName, float] = field(default_factory=dict[TableName, float])
    index_seconds: dict[TableName, float] = field(default_factory=dict[TableName, float])
    audit_seconds: dict[TableName, float] = field(default_factory=dict[TableName, float])
    source: dict[TableName, Checksum] = field(default_factory=dict[TableName, Checksum])
    staged: dict[TableName, Checksum] = field(default_factory=dict[TableName, Checksum])


@dataclass(frozen=True, slots=True)
class Pools:
    """Who does the work.

    minders  threads, each of which looks after one thing that is at work
    movers   where rows move, and nothing else is done: here, or on other machines
    """

    minders: Executor
    movers: Executor


@dataclass(frozen=True, slots=True)
class Loader:
    """What every task needs: both sides, the moment to read, where rows go, and what is to be checked."""

    source: Endpoint
    destination: Endpoint
    snapshot: str
    plan: Plan
    staging: Staging
    content: frozenset[TableName]  # tables whose content is checked, not only their number of rows
    pools: Pools

    def load(self) -> Loaded:
        """Copy every table, then build its keys and indexes and read both sides of it; largest first.

        Raises the first failure once what is running has ended.
        """
        done = Loaded()
        tasks = [self._copy(job, done) for job in self.plan.all_jobs]
        tasks += [
            task
            for job in self.plan.all_jobs
            if job.part is None or job.part.number == 1
            for task in self._audit(job, done, self.source, self.snapshot)
        ]
        work_off(self.pools.minders, self.plan.workers, tasks)
        if rows := self.plan.extensions.rows:
            with concerning("rows of extensions' tables"):
                job = self.plan.jobs[0]
                copy_extension_rows(rows, job, self.source, self.destination, self.snapshot)
                read = audit.extension_checksums
                done.source.update(read(self.source, rows, job.encoding, self.snapshot))
                done.staged.update(read(self.destination, rows, job.encoding, None))
        return done

    def join(self) -> None:
        """Build what needs all tables: keys of partitioned ones, triggers; then foreign keys."""
        with concerning("triggers, rules, policies, keys of partitioned tables"):
            finish.join_tables(self.staging, self.destination)
        sizes = {copy.staged: copy.table.bytes for copy in self.plan.copies}
        tasks: list[Task] = []
        for tables in _shared_out(self.staging.keys, sizes, self.plan.workers):
            do = partial(finish.add_foreign_keys, tables, self.staging, self.destination)
            weight = sum(sizes.get(table, 0) for table in tables)
            tasks.append(Task(weight, _about(f"foreign keys of {_first(tables)}", do)))
        work_off(self.pools.minders, self.plan.workers, tasks)

    def _copy(self, job: CopyJob, done: Loaded) -> Task:
        def then(copied: list[Copied]) -> Iterator[Task]:
            if job.part:
                parts = done.parts.setdefault(job.copies[0].table.name, [])
                parts += copied
                if len(parts) < job.part.of:
                    return
                copied = [_joined(parts)]
            done.rows.update({one.copy.table.name: one.rows for one in copied})
            done.copy_seconds.update({one.copy.table.name: one.seconds for one in copied})
            for one in copied:
                if one.copy.table.name not in self.content:  # its rows are what both servers have counted
                    done.source[one.copy.table.name] = done.staged[one.copy.table.name] = Checksum(one.rows)
            yield self._complete(replace(job, part=None), done)
            yield from self._audit(job, done, self.destination, None)

        def do() -> list[Copied]:
            whole = stage.creating(job, self.staging, self.destination)
            return copy_rows(whole, self.source, self.destination, self.snapshot, self.pools.movers)

        return Task(job.bytes * 4, _about(f"rows of {_names(job)}", do), then)

    def _complete(self, job: CopyJob, done: Loaded) -> Task:
        def then(seconds: float) -> Iterator[Task]:
            done.index_seconds.update({copy.table.name: seconds for copy in job.copies})
            return iter(())

        at_once = self.plan.share(job)
        do = partial(finish.complete_tables, job, self.staging, self.destination, at_once)
        return Task(job.bytes * 3, _about(f"keys and indexes of {_names(job)}", do), then)

    def _audit(self, job: CopyJob, done: Loaded, endpoint: Endpoint, snapshot: str | None) -> Iterator[Task]:
        """Read the tables whose content is compared; at the source, that need not wait for their copy."""
        copies = tuple(copy for copy in job.copies if copy.table.name in self.content)
        if not copies:
            return
        into = done.source if snapshot else done.staged

        def do() -> tuple[list[Checksum], float]:
            started = time.monotonic()
            return audit.checksums(endpoint, copies, job.encoding, snapshot), time.monotonic() - started

        def then(result: tuple[list[Checksum], float]) -> Iterator[Task]:
            found, seconds = result
            for copy, checksum in zip(copies, found, strict=True):
                name = copy.table.name
                into[name] = checksum
                done.audit_seconds[name] = done.audit_seconds.get(name, 0.0) + seconds / len(found)
                if name in done.source and name in done.staged:
                    log.info(
                        "table.audited", table=str(name), rows=checksum.rows, seconds=done.audit_seconds[name]
                    )
            return iter(())

        names = _first([copy.table.name for copy in copies])
        weight = sum(copy.table.bytes for copy in copies) * (1 if snapshot else 2)
        yield Task(weight, _about(f"checksums of {names}", do), then)


def _joined(parts: list[Copied]) -> Copied:
    """Return a table that was copied in parts as one that is there."""
    copy, seconds = parts[0].copy, max(part.seconds for part in parts)
    whole = Copied(copy, sum(part.rows for part in parts), seconds)
    table = copy.table
    log.info("table.copied", table=str(table.name), rows=whole.rows, bytes=table.bytes, seconds=seconds)
    return whole


def _about(what: str, do: Callable[[], T]) -> Callable[[], T]:
    """Return do, whose errors say what it is about."""

    def concerned() -> T:
        with concerning(what):
            return do()

    return concerned


def _shared_out(
    tables: Iterable[TableName], sizes: Mapping[TableName, int], workers: int
) -> Iterator[Sequence[TableName]]:
    """Yield large tables one by one, and a share of the small ones for each worker."""
    small = [table for table in tables if sizes.get(table, 0) < SMALL_BYTES]
    yield from ((table,) for table in tables if sizes.get(table, 0) >= SMALL_BYTES)
    yield from (share for at in range(workers) if (share := small[at::workers]))


def _names(job: CopyJob) -> str:
    """Name a job's tables, or the first of many; what a server says names the one."""
    return _first([copy.table.name for copy in job.copies])


def _first(tables: Sequence[TableName]) -> str:
    names = ", ".join(map(str, tables[:NAMED]))
    more = len(tables) - NAMED
    return names + (f" and {counted(more, 'more table')}" if more > 0 else "")
