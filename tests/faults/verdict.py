"""What must be true after a fault, and what must be true once the next run has healed it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil
import psycopg

from elt_script.pg.endpoint import Endpoint
from tests.copying import rows_of
from tests.faults.world import LARGE_ROWS, World

GRACE_S = 5.0  # a session ends a moment after its client
ROWS = {"small": 50, "large": LARGE_ROWS, "child": 500}
LIVE = "select max(number), max(run_id) from elt.generation where place = 0"
KEPT = 2  # generations: the live one, and what rollback returns to
SESSIONS = "select application_name, state, query from pg_stat_activity where application_name like 'elt/%'"
LOCKS = "select pid, mode from pg_locks where locktype = 'advisory'"
LEFT = {
    "staging schemas": "select nspname from pg_namespace where nspname like 'elt\\_next\\_%'",
    "scratch databases": "select datname from pg_database where datname like 'elt\\_board\\_%'",
    "runs without an end": "select run_id from elt.run where status = 'running'",
    "generations without a place": "select number from elt.generation where place is null",
    "generations too many": f"select number from elt.generation where place >= {KEPT}",
    "a generation that no run is said to have published": (
        "select number from elt.generation g left join elt.run r using (run_id)"
        " where g.place is not null and r.status is distinct from 'published'"
    ),
    "large objects of no generation": (
        "select oid from pg_largeobject_metadata where oid not in"
        " (select o.oid from elt.large_object o join elt.generation g on g.number = o.generation and g.place = 0)"
    ),
    "runs that published twice": ("select run_id from elt.generation group by run_id having count(*) > 1"),
}


@dataclass(frozen=True, slots=True)
class Live:
    """Which generation readers see; 0 is none."""

    number: int
    run_id: str


def live(world: World) -> Live:
    """Ask the ledger what is live, as soon as the destination answers."""
    (row,) = _patiently(world.destination, LIVE)
    return Live(int(str(row[0] or 0)), str(row[1] or ""))


def wholly_one(world: World) -> list[str]:
    """Return what is wrong with what readers see: it must be one batch, all of it, and undamaged."""
    faults: list[str] = []
    batches: set[str] = set()
    for table, rows in ROWS.items():
        times = 8 if table == "large" else 1
        whole = f"padding is distinct from repeat(md5(id || '/' || batch), {times})"
        query = f"select count(*), count(*) filter (where {whole}), array_agg(distinct batch)::text from public.{table}"
        ((count, damaged, found),) = _patiently(world.destination, query)
        batches.add(str(found))
        if (count, damaged) != (rows, 0):
            faults.append(f"{table} has {count} rows instead of {rows}, {damaged} of them damaged")
    # one that each batch overwrites, and one that each makes anew
    of_batch = "oid = 4000 or oid = (select 5000 + max(batch) from public.small)"
    query = "select count(*), array_agg(distinct convert_from(lo_get(oid), 'UTF8')::int)::text"
    ((count, found),) = _patiently(
        world.destination, f"{query} from pg_largeobject_metadata where {of_batch}"
    )
    batches.add(str(found))
    if count != 2:
        faults.append(f"{count} large objects of the batch instead of 2")
    if len(batches) != 1 or "," in batches.copy().pop():
        faults.append(f"readers see batches {sorted(batches)}")
    return faults


def agrees(status: int, before: Live, after: Live, said: str) -> list[str]:
    """Return what is wrong with an exit status: it says whether the data is new."""
    is_new = after.number != before.number
    says_new = "The new data was published" in said or "data itself was published" in said
    if status in (0, 10) and not is_new:
        return [f"exit status {status}, but the old data is live"]
    if status in (130, 143, 129) and is_new != says_new:
        return [f"exit status {status}, the data is {'new' if is_new else 'old'}, and it says: {said}"]
    if status in range(1, 10) and is_new:
        return [f"exit status {status}, but the new data is live: {said}"]
    if status == 1 or status > 143 or (status < 0 and status != -9):
        return [f"exit status {status}: {said}"]
    return []


def processes_of(mark: str) -> list[psutil.Process]:
    """Return the processes that a run of ours has started, and theirs."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ELT_FAULTS") == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def left_over(world: World, mark: str) -> list[str]:
    """Return what has outlived a run that ended well."""
    deadline = time.monotonic() + GRACE_S
    while True:
        left = [f"process left: {process.pid} {process.name()}" for process in processes_of(mark)]
        for side in (world.source, world.destination):
            left += [f"session left at the {side.role}: {row}" for row in _patiently(side, SESSIONS)]
            left += [f"lock left at the {side.role}: {row}" for row in _patiently(side, LOCKS)]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for what, query in LEFT.items():
        left += [f"{what}: {row}" for row in _patiently(world.destination, query)]
    return left


def _patiently(endpoint: Endpoint, query: str) -> list[tuple[object, ...]]:
    """Ask a server that may still be starting."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return rows_of(endpoint, query)
        except psycopg.Error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
