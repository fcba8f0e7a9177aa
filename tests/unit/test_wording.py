"""Names, sizes and durations, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elt_script.wording import (
    counted,
    escaped,
    human_bytes,
    human_part,
    human_rate,
    human_seconds,
    key_values,
    plain,
)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (8372224, "8.0 MiB"),
        (3 * 1024**4, "3.0 TiB"),
        (5000 * 1024**5, "5,000.0 PiB"),
    ],
)
def test_a_size_is_in_the_largest_unit_that_it_fills(amount: int, text: str) -> None:
    assert human_bytes(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00s"),
        (0.0449, "0.04s"),
        (9.994, "9.99s"),
        (9.996, "10.0s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (125.4, "2m05s"),
        (3599.6, "1h00m"),
        (90_000, "25h00m"),
    ],
)
def test_a_duration_never_rounds_up_to_a_unit_that_does_not_exist(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


def test_a_rate_is_decimal_and_a_part_is_in_the_unit_of_the_whole() -> None:
    assert human_rate(45_000_000) == "45.0 MB/s"
    assert human_part(512, 1536) == "0.5 of 1.5 KiB"
    assert human_part(0, 12) == "0 of 12 B"


def test_one_of_a_thing_is_not_many() -> None:
    assert [counted(number, "table") for number in (0, 1, 1200)] == ["0 tables", "1 table", "1,200 tables"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("public.Ünïcode 表 😀", "public.Ünïcode 表 😀"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        (r"a\nb", r"a\\nb"),
        ("\x1b[2J\x9b1A\x07\x7f\x00", r"\x1b[2J\x9b1A\x07\x7f\x00"),
        ("exe\u202etxt\u2066\u200b\ufeff", r"exe\u202etxt\u2066\u200b\ufeff"),
        ("two\u2028lines\u2029\x85", r"two\u2028lines\u2029\x85"),
        ("half\ud800", r"half\ud800"),
        ("tag\U000e0041", r"tag\U000e0041"),
    ],
)
def test_nothing_in_a_name_is_obeyed_by_a_terminal(text: str, safe: str) -> None:
    assert escaped(text) == safe
    assert escaped(text).isprintable()


def test_a_value_can_not_pretend_to_be_another_field() -> None:
    fields = {"table": "a rows=5", "said": 'he "x"', "empty": "", "blockers": ["pid 1", "pid 2"], "rows": 5}

    assert key_values(fields) == (r'table="a rows=5" said="he \"x\"" empty="" blockers="pid 1; pid 2" rows=5')


def test_a_field_is_shown_to_the_millisecond() -> None:
    assert plain(1.23456) == 1.235
    assert plain(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"
    assert plain("1.23456") == "1.23456"
