"""What the live display knows, without a screen."""

from __future__ import annotations

from typing import Any

import pytest

from elt_script.display.progress import Progress, Said, Speed


def told(progress: Progress, now: float, event: str, level: str = "info", **fields: Any) -> list[Said]:
    return progress.take({"event": event, "level": level, "run_id": "r-1", **fields}, now)


@pytest.fixture
def copying() -> Progress:
    """Return a run that copies three tables of 1000 bytes each since the moment 10."""
    progress = Progress()
    told(progress, 10, "step.started", step="copy")
    told(progress, 10, "copy.planned", tables=3, rows=30, bytes=3000)
    told(progress, 10, "table.copying", table="public.a", rows_estimate=10, bytes=1000)
    told(progress, 10, "table.copying", table="public.b", rows_estimate=-1, bytes=1000)
    return progress


def test_a_table_is_as_far_as_its_rows_are(copying: Progress) -> None:
    told(copying, 12, "table.progressed", table="public.a", rows=5, bytes=9999)

    assert copying.at_work["public.a"].done == 500
    assert copying.done == 500
    assert copying.speed.per_second(12) == 250


def test_a_table_that_nobody_counted_is_as_far_as_its_bytes_are(copying: Progress) -> None:
    told(copying, 12, "table.progressed", table="public.b", rows=5, bytes=250)

    assert copying.at_work["public.b"].done == 250


def test_a_table_larger_than_the_catalog_says_is_never_more_than_whole(copying: Progress) -> None:
    told(copying, 12, "table.progressed", table="public.a", rows=50, bytes=50)
    told(copying, 13, "table.progressed", table="public.b", rows=50, bytes=5000)

    assert copying.done == 2000


def test_a_retried_table_begins_again(copying: Progress) -> None:
    told(copying, 12, "table.progressed", table="public.a", rows=9, bytes=900)
    told(copying, 13, "table.copying", table="public.a", rows_estimate=10, bytes=1000)

    assert copying.done == 0
    assert copying.speed.per_second(13) >= 0


def test_progress_of_a_table_that_is_through_comes_too_late(copying: Progress) -> None:
    told(copying, 12, "table.copied", table="public.a", rows=10, bytes=1000, seconds=2.0)
    told(copying, 12, "table.progressed", table="public.a", rows=9, bytes=900)

    assert [(work.table, work.phase) for work in copying.at_work.values()] == [
        ("public.b", "copy"),
        ("public.a", "index"),
    ]
    assert copying.done == 1000


def test_a_copied_table_is_at_its_indexes_until_they_are_built(copying: Progress) -> None:
    told(copying, 12, "table.copied", table="public.a", rows=10, bytes=1000, seconds=2.0)
    told(copying, 14, "table.indexed", table="public.a", seconds=2.0)

    assert list(copying.at_work) == ["public.b"]
    assert copying.passed["index"].tables == 1


def test_a_finished_copy_is_summed_up(copying: Progress) -> None:
    told(copying, 12, "table.copied", table="public.a", rows=10, bytes=1000, seconds=2.0)
    told(copying, 12, "table.copied", table="public.b", rows=1, bytes=1000, seconds=2.0)

    assert told(copying, 12, "step.finished", step="copy", seconds=2.0) == [
        Said("✔", "copy        2.00s  2 tables, 11 rows, 2.0 KiB, 1.0 kB/s")
    ]
    assert copying.phase is None


def test_the_audit_counts_anew_and_weighs_by_the_same_sizes(copying: Progress) -> None:
    told(copying, 12, "table.copied", table="public.a", rows=10, bytes=1000, seconds=2.0)
    told(copying, 12, "step.finished", step="copy", seconds=2.0)
    told(copying, 13, "step.started", step="audit")
    assert (copying.phase, copying.done) == ("audit", 0)

    told(copying, 14, "table.audited", table="public.a", rows=10, seconds=1.0)

    assert copying.done == 1000
    assert copying.passed["audit"].tables == 1


def test_the_server_that_is_waited_for_is_named_with_its_error() -> None:
    progress = Progress()
    told(progress, 0, "step.started", step="wait")
    told(progress, 1, "server.waiting", level="warning", role="source", attempt=2, error="refused\nreally")
    assert progress.doing == r"source, attempt 2: refused\nreally"

    told(progress, 2, "server.ready", role="source", version="16.4", seconds=2.0)

    assert progress.doing == ""
    assert told(progress, 2, "step.finished", step="wait", seconds=2.0) == [
        Said("✔", "wait        2.00s  source 16.4")
    ]


@pytest.mark.parametrize("blockers", ["pid 5", ["pid 5"]])
def test_a_publish_says_who_blocks_it_and_how_long_its_locks_were_held(blockers: object) -> None:
    progress = Progress()
    told(progress, 0, "step.started", step="publish")
    told(progress, 1, "publish.waiting", attempt=1, blockers=blockers)
    assert progress.doing == "attempt 1, blocked by pid 5"

    told(progress, 2, "publish.done", held_seconds=0.012)
    told(progress, 2, "run.published", generation=7, as_of="2026")

    assert told(progress, 2, "step.finished", step="publish", seconds=2.0) == [
        Said("✔", "publish     2.00s  locks held for 0.01s, generation 7")
    ]


def test_what_a_transform_prints_stays_on_the_screen() -> None:
    progress = Progress()
    told(progress, 0, "step.started", step="transform")
    told(progress, 0, "transform.started", name="dbt build")

    assert told(progress, 1, "transform.output", name="dbt build", line="\x1b[32mok") == [
        Said("│", r"dbt build: \x1b[32mok")
    ]
    told(progress, 2, "transform.finished", name="dbt build", seconds=2.0)
    assert told(progress, 2, "step.finished", step="transform", seconds=2.0) == [
        Said("✔", "transform   2.00s  dbt build 2.00s")
    ]


def test_an_unknown_event_is_a_line_from_warning_up() -> None:
    progress = Progress()

    assert told(progress, 0, "object.left_out", object="x") == []
    assert told(progress, 0, "object.left_out", level="warning", object="a b", reason="\n") == [
        Said("!", r'object.left_out  object="a b" reason=\n')
    ]
    assert told(progress, 0, "table.lost", level="error") == [Said("✖", "table.lost")]


def test_a_failed_run_leaves_its_step_marked_once(copying: Progress) -> None:
    assert copying.give_up(12) == [Said("✖", "copy        2.00s")]
    assert copying.at_work == {}
    assert copying.give_up(13) == []


def test_a_finished_run_has_the_last_word() -> None:
    assert told(Progress(), 9, "run.finished", status="published", seconds=9.0) == [
        Said("✔", "published   9.00s  in all")
    ]


def test_a_rate_is_that_of_the_last_seconds() -> None:
    speed = Speed(0, 0)
    for second in range(1, 101):
        speed.saw(second * 10 if second <= 50 else 500, second)

    assert speed.per_second(100) == 0


def test_a_rate_survives_a_burst_and_a_clock_that_stands() -> None:
    speed = Speed(0, 0)
    assert speed.per_second(0) == 0

    for amount in range(10_001):
        speed.saw(amount, amount / 100_000)
    speed.saw(10_000, 1.0)

    assert speed.per_second(1.0) == pytest.approx(10_000)
