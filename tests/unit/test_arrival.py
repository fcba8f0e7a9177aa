"""A value that was sent to another machine finds that machine's password and programs, and never takes ours."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from elt_script.arrival import at_home
from elt_script.errors import DestinationError, PreflightError, SourceError
from elt_script.pg.endpoint import Endpoint

SOURCE = Endpoint("source", {"host": "s"}, password="hush of s", version=16)
DESTINATION = Endpoint("destination", {"host": "d"}, password="hush of d", version=18)


@pytest.fixture(autouse=True)
def _at_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGPASSFILE", "ELT_SOURCE_PASSWORD", "ELT_SOURCE_PASSWORD_FILE", "ELT_DESTINATION_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def sent(*endpoints: Endpoint) -> tuple[Endpoint, ...]:
    pickled = pickle.dumps(pickle.loads(pickle.dumps(endpoints)))  # by way of a scheduler
    assert b"hush" not in pickled
    found: tuple[Endpoint, ...] = pickle.loads(pickled)
    return found


def test_what_has_not_left_us_stays_as_it_is() -> None:
    assert at_home(SOURCE, DESTINATION) == (SOURCE, DESTINATION)


def test_passwords_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("theirs of s\n")
    monkeypatch.setenv("ELT_SOURCE_PASSWORD_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("ELT_DESTINATION_PASSWORD", "theirs of d")

    source, destination = at_home(*sent(SOURCE, DESTINATION))

    assert (source.password, destination.password) == ("theirs of s", "theirs of d")
    assert source.bin == destination.bin != SOURCE.bin


def test_a_password_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="no password for source s") as failure:
        at_home(*sent(SOURCE, DESTINATION))
    assert "ELT_SOURCE_PASSWORD or ELT_SOURCE_PASSWORD_FILE" in failure.value.hint

    monkeypatch.setenv("ELT_SOURCE_PASSWORD", "theirs")
    with pytest.raises(DestinationError, match="no password for destination d"):
        at_home(*sent(SOURCE, DESTINATION))


def test_who_needs_no_password_or_has_a_passfile_needs_no_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "passfile").write_text("")
    trusted = Endpoint("destination", {"host": "d"}, version=18)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passfile"))

    source, destination = at_home(*sent(SOURCE, trusted))

    assert (source.password, destination.password) == (None, None)


def test_programs_that_are_missing_are_named() -> None:
    newer = Endpoint("source", {"host": "s"}, bin=Path("/nowhere"), version=99)

    with pytest.raises(PreflightError, match="no Postgres programs of version 99 or newer"):
        at_home(*sent(newer, DESTINATION))
