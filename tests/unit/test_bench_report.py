"""The benchmark's pure parts: what is made of what was measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks import results
from benchmarks.figures import SERIES, Spread, best_mode, ratios, tables
from benchmarks.report import grid, number, spread, text
from benchmarks.results import Run, Session
from benchmarks.verify import Fact, Picture, compare

SESSION = Session(
    "2026-01-02 03:04 UTC", {"memory": "24 GiB"}, {"elt": "1.0"}, {"fsync": "on"}, {"elt": "`elt run`"}
)
GOOD = Run(
    "tpch", 1, "script", 1, "ok", wall=30.0, cores=2, source_cpu=8.0, destination_cpu=20.0, same_content=True
)


def _run(contender: str, number: int, wall: float) -> Run:
    return replace(GOOD, contender=contender, round=number, wall=wall)


def test_a_ratio_is_of_two_runs_of_the_same_round() -> None:
    runs = [_run("script", 1, 30.0), _run("elt", 1, 10.0), _run("script", 2, 40.0), _run("elt", 2, 10.0)]

    assert ratios(runs, "elt", "script") == [3.0, 4.0]


def test_a_round_without_the_other_gives_no_ratio() -> None:
    runs = [_run("script", 1, 30.0), _run("elt", 2, 10.0)]

    assert ratios(runs, "elt", "script") == []


def test_a_failed_run_gives_no_ratio() -> None:
    runs = [replace(_run("script", 1, 1.0), status="failed"), _run("elt", 1, 10.0)]

    assert ratios(runs, "elt", "script") == []


def test_pgcopydb_is_represented_by_its_fastest_mode() -> None:
    runs = [_run("pgcopydb", 1, 20.0), _run("pgcopydb-binary", 1, 12.0), _run("elt", 1, 10.0)]

    (table,) = tables(runs)
    row = table.row("elt")

    assert best_mode(runs) == table.best_pgcopydb == "pgcopydb-binary"
    assert row is not None
    assert row.to_pgcopydb == Spread(1.2, 1.2, 1.2)


def test_rows_come_in_the_order_asked_for() -> None:
    (table,) = tables([_run(name, 1, 1.0) for name in ("new", "elt", "script")], ["script", "elt"])

    assert [row.contender for row in table.rows] == ["script", "elt", "new"]


def test_other_scales_are_other_tables() -> None:
    found = tables([GOOD, replace(GOOD, scale=0.01)])

    assert [table.label for table in found] == ["tpch", "tpch at 0.01"]


def test_the_bound_is_the_servers_work_on_all_cores() -> None:
    assert GOOD.bound == 14.0


def test_a_contender_that_failed_before_counts_by_what_went_well() -> None:
    runs = [replace(GOOD, status="failed", note="no"), GOOD]

    (table,) = tables(runs)

    assert table.rows[0].failure is None
    assert table.rows[0].wall == Spread(30.0, 30.0, 30.0)


def test_the_report_names_what_failed_and_what_is_left_out() -> None:
    runs = [
        GOOD,
        replace(GOOD, contender="sling", left_out=("9 of 9 indexes",)),
        replace(GOOD, contender="dlt", status="not installed", note="no network"),
        replace(GOOD, contender="slow", status="timeout", note="it had not ended"),
    ]

    said = text([SESSION], tables(runs), ["walls.png"])

    assert "- sling leaves out 9 of 9 indexes." in said
    assert "- dlt: not installed: no network" in said
    assert "- slow: timeout: it had not ended" in said
    assert "| script | 30.0 (1.00x) |" in said
    assert "| sling | 30.0 (1.00x) * |" in said
    assert "![walls.png](walls.png)" in said
    assert "| fsync | on |" in said


def test_a_series_grows_with_its_number() -> None:
    runs = [
        replace(GOOD, dataset="small100", tables=100, wall=1.0),
        replace(GOOD, dataset="small10", tables=10, wall=0.5),
        replace(GOOD, dataset="accel1m", rows=1_000_000),
    ]

    rows, small = (series.lines(tables(runs)) for series in SERIES)

    assert small == {"script": [(10, 0.5), (100, 1.0)]}
    assert rows == {}


def test_a_cell_cannot_break_the_table() -> None:
    assert grid(["a", "b"], [["x|y\nz"]]) == "| a | b |\n|---|---|\n| x\\|y z |  |\n"


def test_figures_have_the_digits_that_matter() -> None:
    assert [number(value) for value in (0.123, 12.34, 1234.5)] == ["0.12", "12.3", "1,234"]
    assert spread(Spread(2.0, 1.0, 3.0)) == "2.00 (1.00 to 3.00)"
    assert spread(Spread(2.0, 2.0, 2.0)) == "2.00"
    assert not spread(None)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.jsonl"
    run = replace(GOOD, left_out=("1 of 2 indexes",), steps={"copy": 1.5})

    results.append(path, SESSION)
    results.append(path, run)

    assert results.read(path) == results.Results((SESSION,), (run,))


def test_a_line_that_was_cut_off_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    results.append(path, GOOD)
    with path.open("a") as file:
        file.write('{"run": {"data')

    results.append(path, _run("elt", 1, 10.0))

    assert [run.contender for run in results.read(path).runs] == ["script", "elt"]


def test_only_what_is_missing_is_run_again() -> None:
    late = replace(GOOD, contender="slow", status="timeout")
    broken = replace(GOOD, contender="broken", status="failed")
    done = results.Results((), (GOOD, late, broken)).done

    assert done("tpch", 1, "script", 1)
    assert not done("tpch", 1, "script", 2)
    assert not done("tpch", 0.1, "script", 1)
    assert done("tpch", 1, "slow", 2)
    assert not done("tpch", 1, "broken", 1)


SOURCE = Picture(
    Counter(
        (
            Fact("table", "t", "", ""),
            Fact("column", "t", "id", "integer"),
            Fact("primary key", "t", "", "PRIMARY KEY (id)"),
            Fact("index", "t", "", "CREATE INDEX ON public.t USING btree (id)"),
        )
    ),
    {"t": (3, 123)},
)


def test_a_whole_copy_leaves_nothing_out() -> None:
    verdict = compare(SOURCE, SOURCE)

    assert verdict.same_content
    assert verdict.left_out == verdict.added == ()


def test_what_a_copy_leaves_out_is_counted() -> None:
    copy = Picture(
        Counter(
            (
                Fact("table", "t", "", ""),
                Fact("column", "t", "id", "bigint"),
                Fact("column", "t", "_loaded", "text"),
            )
        ),
        {"t": (3, 123)},
    )

    verdict = compare(SOURCE, copy)

    assert verdict.same_content
    assert verdict.left_out == (
        "1 of 1 indexes",
        "1 of 1 primary keys",
        "the type of 1 of 1 columns (integer → bigint)",
    )
    assert verdict.added == ("1 columns",)


def test_lost_rows_changed_values_and_lost_tables_are_told_apart() -> None:
    source = Picture(Counter(), {"a": (3, 1), "b": (3, 1), "c": (3, 1)})

    verdict = compare(source, Picture(Counter(), {"a": (2, 1), "b": (3, 9), "c": None}))

    assert not verdict.same_content
    assert verdict.left_out == ("the content of c", "rows of a", "values as they were in b")
