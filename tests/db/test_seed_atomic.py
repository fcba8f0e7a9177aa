"""Readers see the old table or the new one, whatever fails in between."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from elt_script.errors import EltError, SourceError
from elt_script.pg.endpoint import Endpoint
from source_db_init import load as load_module
from source_db_init.dialect import NO_WISHES, engine
from source_db_init.errors import CsvError
from source_db_init.inference import Csv, understand
from source_db_init.load import Place, load
from source_db_init.seed import Order, seed
from tests.databases import Database
from tests.gates import COPY, closed
from tests.proxy import proxied
from tests.seeds import QUIET, TABLE, Seeder, accelerometer, execute, rows


@pytest.fixture
def seeded(source: Endpoint, tmp_path: Path) -> Seeder:
    """Seed table t of the source."""
    return Seeder(source, tmp_path)


def understood(content: str, folder: Path) -> Csv:
    path = folder / "plain.csv"
    path.write_text(content, encoding="utf-8")
    with engine(folder) as con:
        return understand(con, path, NO_WISHES)


def no_report(done: int, total: int | None, rows: int | None = None) -> None:
    """Take a report for nobody."""
    del done, total, rows


@pytest.mark.parametrize("place", [Place(TABLE, replaces=True), Place(TABLE, adds=True)])
@pytest.mark.parametrize(
    ("later", "error", "said"),
    [
        ("a\n" + "2\n" * 200_000, SourceError, "the CSV has changed: it had 250000 rows"),
        ("a\n" + "2\n" * 200_000 + "3,4\n" * 50_000, CsvError, "CSV Error on Line: 200002"),
        ("a\n" + "2\n" * 200_000 + "x\n" * 50_000, SourceError, "invalid input syntax for type integer"),
    ],
)
def test_a_load_that_fails_in_the_middle_leaves_the_table_as_it_was(
    seeded: Seeder,
    source: Endpoint,
    tmp_path: Path,
    place: Place,
    later: str,
    error: type[EltError],
    said: str,
) -> None:
    seeded("a\n1\n")
    csv = understood("a\n" + "2\n" * 250_000, tmp_path)
    csv.path.write_text(later, encoding="utf-8")

    with pytest.raises(error) as raised:
        load(csv, place, source, no_report, size=0)

    assert said in raised.value.detail
    assert rows(source) == [(1,)]
    assert rows(source, "select relname from pg_class where relname like 'elt%'") == []


def test_a_server_that_ends_the_session_leaves_the_table_as_it_was(
    seeded: Seeder, source_database: Database, tmp_path: Path
) -> None:
    source = source_database.owner
    seeded("a\n1\n")
    csv = understood("a\n2\n", tmp_path)
    ended: list[tuple[Any, ...]] = []

    def end_it() -> None:
        while not ended:
            ended.extend(
                rows(
                    source_database.admin,
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where query like 'copy %' and wait_event_type = 'Lock'",
                )
            )

    with source.connect() as conn:
        conn.execute("lock table public.t in access exclusive mode")
        other = threading.Thread(target=end_it)
        other.start()
        with pytest.raises(SourceError, match="terminating connection due to administrator command"):
            load(csv, Place(TABLE, adds=True), source, no_report, size=0)
        other.join()

    assert rows(source) == [(1,)]


def test_how_much_is_loaded_is_told_meanwhile(source: Endpoint, tmp_path: Path) -> None:
    csv = understood("n\n1\n", tmp_path)
    gate = f"create table t (n int check (pg_advisory_xact_lock_shared({COPY}) is not null))"
    execute(source, "set search_path = public", gate)
    told: list[int | None] = []

    with closed(source, COPY) as holder:

        def open_gate(done: int, total: int | None, rows: int | None = None) -> None:
            del done, total
            told.append(rows)
            holder.close()

        load(csv, Place(TABLE, adds=True), source.with_settings(lock_timeout="20s"), open_gate, size=4)

    assert told
    assert rows(source) == [(1,)]


def test_a_network_that_stands_still_is_given_up(source: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a\n1\n", encoding="utf-8")
    with proxied(source) as (way, proxy):
        proxy.lose_words(b"from stdin", b"from stdin", answer=False, stalls=True)
        with pytest.raises(SourceError, match="stood still for 2 s"):
            seed(Order(way, TABLE, str(path), bin_dir=source.bin, stall_seconds=2), QUIET)

    assert rows(source, "select relname from pg_class where relname = 't' or relname like 'elt%'") == []


def test_a_reader_who_does_not_end_is_not_waited_for_forever(
    seeded: Seeder, source: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "LOCK_TIMEOUT", "100ms")
    seeded("a\n1\n")

    with source.connect() as reader:
        assert reader.execute("select a from public.t").fetchall() == [(1,)]
        with pytest.raises(SourceError, match="canceling statement due to lock timeout"):
            seeded("a\n2\n", "replace")
        assert reader.execute("select a from public.t").fetchall() == [(1,)]

    seeded("a\n2\n", "replace")
    assert rows(source) == [(2,)]


def test_readers_see_the_old_table_or_the_new_one(seeded: Seeder, source: Endpoint, tmp_path: Path) -> None:
    data = accelerometer(tmp_path)
    seeded("wconfid\n" + "1\n" * 1000)
    seen: set[tuple[Any, ...]] = set()
    done = threading.Event()

    def read() -> None:
        with source.connect(autocommit=True) as conn:
            while not done.is_set():
                seen.update(conn.execute("select count(*), min(wconfid) from public.t").fetchall())

    with source.connect() as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select 1")
        reader = threading.Thread(target=read)
        reader.start()
        seed(Order(source, TABLE, str(data.path), if_exists="replace", bin_dir=source.bin), QUIET)
        done.set()
        reader.join()
        late = old.execute("select count(*) from public.t").fetchone()

    assert seen <= {(1000, 1), (data.rows, 1)}
    assert (1000, 1) in seen
    assert late == (data.rows,)  # also for a transaction that began before the load


def test_a_table_that_is_made_meanwhile_is_not_overwritten(
    seeded: Seeder, source: Endpoint, tmp_path: Path
) -> None:
    csv = understood("a\n2\n", tmp_path)
    seeded("a\n1\n")

    with pytest.raises(SourceError, match='relation "t" already exists'):
        load(csv, Place(TABLE), source, no_report, size=0)

    assert rows(source) == [(1,)]
