"""What a user reads after a run, and when asking for the status."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from elt_script.display.summary import report_json, status_json, status_text, summary
from elt_script.report import Generation, Profile, RunReport, RunRow, Status, TableReport, Waited

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MIB = 1024**2

REPORT = RunReport(
    run_id="r-1",
    pipeline="shop",
    generation=7,
    as_of=MOMENT,
    seconds=83.2,
    steps=(("wait", 0.04), ("copy", 10.0), ("audit", 2.5)),
    tables=(
        TableReport("public.customers", 1_000, 2 * MIB, 0.5, 0.25, 0.1),
        TableReport("public.orders", 2_000_000, 98 * MIB, 9.5, 3.25, 2.4),
    ),
    left_out=("foreign table public.remote: foreign tables are not copied",),
    warnings=(),
)
ROW = RunRow("r-1", MOMENT, MOMENT, "published", 0, "report", None, 83.2, 2, 2_001_000, 100 * MIB)
GENERATION = Generation(7, "r-1", MOMENT, MOMENT + timedelta(seconds=80), "live", 2, 2_001_000, 100 * MIB)


def test_the_summary_reads_like_this() -> None:
    assert summary(REPORT) == (
        "shop: generation 7 published in 1m23s\n"
        "data as of 2026-01-02 03:04:05 UTC\n"
        "\n"
        "table                  rows      bytes   copy  index  audit\n"
        "-----------------------------------------------------------\n"
        "public.orders     2,000,000   98.0 MiB  9.50s  3.25s  2.40s\n"
        "public.customers      1,000    2.0 MiB  0.50s  0.25s  0.10s\n"
        "-----------------------------------------------------------\n"
        "2 tables          2,001,000  100.0 MiB  10.0s  3.50s  2.50s\n"
        "\n"
        "copied 10.5 MB/s, 200,100 rows/s over 10.0s\n"
        "\n"
        "step     time\n"
        "-------------\n"
        "wait    0.04s\n"
        "copy    10.0s\n"
        "audit   2.50s\n"
        "-------------\n"
        "in all  1m23s\n"
        "\n"
        "left out (1)\n"
        "  foreign table public.remote: foreign tables are not copied\n"
    )


def test_the_profile_sums_the_steps_up_and_leaves_out_what_took_no_hundredth() -> None:
    waits = (
        Waited("destination", "copy", "", 40.0),
        Waited("destination", "audit", "", 20.0),
        Waited("destination", "copy", "Client: ClientRead", 2.5),
        Waited("source", "copy", "IO: DataFileRead", 8.3),
        Waited("source", "copy", "Client: ClientWrite", 10.0),
        Waited("source", "copy", "LWLock: WALWrite", 0.5),
    )

    text = summary(replace(REPORT, profile=Profile(0.5, 2.0, waits)))

    assert text.partition("in all  1m23s\n\n")[2].partition("\n\n")[0] == (
        "side         what its sessions did                                  time  at once\n"
        "---------------------------------------------------------------------------------\n"
        "source       waits for its rows to be taken (Client: ClientWrite)  10.0s     0.12\n"
        "source       waits for the disk (IO: DataFileRead)                 8.30s     0.10\n"
        "destination  computes                                              1m00s     0.72\n"
        "destination  waits for rows to come (Client: ClientRead)           2.50s     0.03\n"
        "here         Python computes                                       0.50s     0.01\n"
        "here         programs compute                                      2.00s     0.02"
    )


def test_of_many_tables_the_largest_are_listed_and_the_rest_is_one_line() -> None:
    tables = tuple(TableReport(f"public.t{i:02}", 10, (i + 1) * MIB, 0.5, 0.25, 0.1) for i in range(51))

    text = summary(replace(REPORT, tables=tables))

    names = [line.split()[0] for line in text.splitlines() if line.startswith("public.")]
    rest, total = (line for line in text.splitlines() if " tables  " in line)
    assert names == [f"public.t{i:02}" for i in range(50, 10, -1)]
    assert rest.split() == ["11", "smaller", "tables", "110", "66.0", "MiB", "5.50s", "2.75s", "1.10s"]
    assert total.split() == ["51", "tables", "510", "1.3", "GiB", "25.5s", "12.8s", "5.10s"]


def test_fifty_tables_are_all_listed() -> None:
    tables = tuple(TableReport(f"public.t{i:02}", 10, MIB, 0.5, 0.25, 0.1) for i in range(50))

    assert summary(replace(REPORT, tables=tables)).count("public.t") == 50


def test_a_run_of_no_tables_has_no_throughput() -> None:
    text = summary(replace(REPORT, tables=(), left_out=()))

    assert "copied" not in text
    assert "0 tables" in text


@pytest.mark.parametrize("width", [60, 40])
def test_on_a_narrow_terminal_names_are_folded_and_figures_are_whole(width: int) -> None:
    name = "warehouse.measurements_of_the_year_2024_and_before"
    tables = (TableReport(name, 12_345_678, 98 * MIB, 531.0, 177.0, 124.0), *REPORT.tables)

    text = summary(replace(REPORT, tables=tables), width)

    table = text[text.index("table ") : text.index("\n\ncopied")].splitlines()
    assert name in "".join(line.split()[0] for line in table)
    assert max(map(len, table)) <= 60  # the figures need so much
    assert "12,345,678 98.0 MiB 8m51s 2m57s 2m04s" in " ".join(text.split())


def test_hostile_names_stay_on_their_line_and_are_no_markup() -> None:
    name = "public.a\nb\x1b[2J\u202e[red]c[/red]"
    tables = (TableReport(name, 1, 1, 0.1, 0.1, 0.1),)

    text = summary(replace(REPORT, tables=tables, left_out=(name,), warnings=("x\r\ny",)))

    assert r"public.a\nb\x1b[2J\u202e[red]c[/red]     1    1 B" in text
    assert r"  x\r\ny" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_the_report_as_json_holds_plain_values() -> None:
    read = json.loads(report_json(REPORT))

    assert read["as_of"] == "2026-01-02T03:04:05+00:00"
    assert read["steps"][1] == {"step": "copy", "seconds": 10.0}
    assert read["tables"][1]["bytes"] == 98 * MIB
    assert read["left_out"] == list(REPORT.left_out)


def test_the_status_reads_like_this() -> None:
    failed = replace(ROW, status="failed", exit_status=7, step="audit", error="rows differ in public.a\nhint")
    running = RunRow("r-3", MOMENT, None, "running", None, "copy", None, None, None, None, None)
    older = replace(GENERATION, number=6, state="previous")

    text = status_text(
        Status("shop", GENERATION, (older,), (running, failed, ROW)), now=MOMENT + timedelta(hours=5)
    )

    assert text == (
        "pipeline  shop\n"
        "live      generation 7, published 2026-01-02 03:05:25 UTC\n"
        "          data as of 2026-01-02 03:04:05 UTC, 5h00m ago\n"
        "          2 tables, 2,001,000 rows, 100.0 MiB\n"
        "kept      generation 6, published 2026-01-02 03:05:25 UTC\n"
        "          data as of 2026-01-02 03:04:05 UTC, 5h00m ago\n"
        "          2 tables, 2,001,000 rows, 100.0 MiB\n"
        "\n"
        "started (UTC)     status      time  tables       rows      bytes\n"
        "----------------------------------------------------------------\n"
        "2026-01-02 03:04  running\n"
        "    at copy\n"
        "2026-01-02 03:04  failed     1m23s       2  2,001,000  100.0 MiB\n"
        "    exit status 7, at audit: rows differ in public.a\n"
        "2026-01-02 03:04  published  1m23s       2  2,001,000  100.0 MiB\n"
    )


def test_a_narrow_status_is_whole() -> None:
    text = status_text(Status("shop", None, (), (replace(ROW, status="interrupted", exit_status=130),)), 60)

    assert "2026-01-02 03:04 interrupted 1m23s      2 2,001,000 100.0 MiB\n" in text
    assert "    exit status 130, at report\n" in text


def test_a_destination_that_never_saw_a_run_has_a_status() -> None:
    nothing = Status("shop", None, (), ())

    assert status_text(nothing) == "pipeline  shop\nlive      nothing yet\n\nno runs yet\n"
    assert json.loads(status_json(nothing)) == {"pipeline": "shop", "live": None, "previous": [], "runs": []}


def test_of_the_last_run_all_that_went_wrong_is_told_but_no_more_than_a_screen_holds() -> None:
    facts = [f"table {number}: it lost rows" for number in range(40)]
    failed = replace(
        ROW, status="failed", exit_status=7, error="\n".join(("the copy failed 40 checks", *facts))
    )

    text = status_text(Status("shop", None, (), (failed, failed)))

    assert text.count("exit status 7, at report: the copy failed 40 checks\n") == 2
    assert text.count("      table 0: it lost rows\n") == 1
    assert "      table 10: it lost rows\n      … and 29 more lines: see `elt status --json`\n" in text
    assert "table 11" not in text


def test_an_error_in_the_status_cannot_forge_a_line() -> None:
    failed = replace(ROW, status="failed", exit_status=5, error="\x1b[2Jbad\rname\nsecond line")

    text = status_text(Status("shop\n", None, (), (failed,)))

    assert "at report: \\x1b[2Jbad\\rname\n      second line\n" in text
    assert text.startswith("pipeline  shop\\n\n")


def test_the_status_as_json_holds_plain_values() -> None:
    read = json.loads(status_json(Status("shop", GENERATION, (), (ROW,))))

    assert read["live"]["as_of"] == "2026-01-02T03:04:05+00:00"
    assert read["runs"][0]["exit_status"] == 0
