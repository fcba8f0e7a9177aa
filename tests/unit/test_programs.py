"""Which of the Postgres programs on a machine are used, for which servers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elt_script.config.file import load
from elt_script.errors import PreflightError
from elt_script.pg import programs
from elt_script.pg.endpoint import Endpoint, inherited_environment
from elt_script.pg.passing import is_said_to_pass


def install(folder: Path, version: str) -> Path:
    """Put programs into folder that say they are of this version."""
    folder.mkdir(parents=True)
    for name in programs.PROGRAMS:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Postgres programs."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "INSTALLED", (f"{tmp_path}/usr/lib/postgresql/*/bin",))
    monkeypatch.setattr(programs, "WHEEL", "no_such_wheel")
    return tmp_path


def test_a_program_knows_the_password_of_its_own_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELT_SOURCE_PASSWORD", "hush")
    monkeypatch.setenv("POSTGRES_PASSWORD", "hush, too")
    destination = Endpoint("destination", {"host": "h", "dbname": "d"}, "its own")

    programs = [destination.psql(), destination.pg_dump(), destination.pg_restore()]

    for variables in (*(dict(program.env) for program in programs), inherited_environment()):
        assert not [name for name, value in variables.items() if "hush" in value]
    assert {program.env["PGPASSWORD"] for program in programs} == {"its own"}
    assert destination.environment()["ELT_SOURCE_PASSWORD"] == "hush"  # a transform's command may want it


def test_what_the_config_takes_a_password_from_is_for_no_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "{source: {url: '${SHOP}'}, destination: {host: h, dbname: '${NAME}', password: '${SECRET:-}'}}"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    for name, value in {"SHOP": "postgresql://u:hush@h/s", "SECRET": "hush", "NAME": "d"}.items():
        monkeypatch.setenv(name, value)

    load(tmp_path / "config.yaml", os.environ)

    assert not [name for name, value in inherited_environment().items() if "hush" in value]
    assert inherited_environment()["NAME"] == "d"


def test_a_program_that_is_asked_for_its_version_is_told_nothing(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(machine / "bin", "17.2")
    (folder / "pg_dump").write_text(f"#!/bin/sh\n/usr/bin/env > {machine}/told; echo '(PostgreSQL) 17.2'\n")
    monkeypatch.setenv("ELT_SOURCE_PASSWORD", "hush")

    assert programs.candidates(folder) == [(folder, 17)]

    assert "hush" not in (machine / "told").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("majors", "source", "destination", "chosen"),
    [
        ([14, 15, 16, 17, 18], 15, 17, 17),  # the oldest that both can live with
        ([15, 16, 18], 15, 17, 18),  # pg_dump reads the destination, too
        ([15, 16], 15, 17, None),
        ([18, 17], 16, 16, 17),  # the least of the newer ones
        ([14, 16, 18], 16, 14, 16),  # an older destination: no older than the source all the same
        ([18], 14, 14, 18),
        ([14, 15], 16, 18, None),  # pg_dump refuses a newer source
        ([], 16, 16, None),
    ],
)
def test_the_programs_fit_both_servers_if_any_do(
    majors: list[int], source: int, destination: int, chosen: int | None
) -> None:
    found = [(Path(f"/{major}"), major) for major in majors]

    best = programs.best(found, source, destination)

    assert best == (None if chosen is None else (Path(f"/{chosen}"), chosen))


def test_of_equals_the_first_found_is_chosen() -> None:
    found = [(Path("/a"), 16), (Path("/b"), 16)]

    assert programs.best(found, 16, 16) == (Path("/a"), 16)
    assert programs.best(found, 15, 15) == (Path("/a"), 16)


def test_programs_are_found_on_path_and_where_distributions_put_them(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = install(machine / "opt/bin", "17.2")
    monkeypatch.setenv("PATH", f"{machine}/nothing::{on_path}")
    debian = install(machine / "usr/lib/postgresql/15/bin", "15.20 (Debian 15.20-0+deb12u1)")
    beta = install(machine / "usr/lib/postgresql/19/bin", "19beta1")

    assert programs.candidates() == [(on_path, 17), (beta, 19), (debian, 15)]


def test_a_folder_that_has_two_names_counts_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = install(machine / "usr/lib/postgresql/16/bin", "16.4")
    alias = machine / "bin"
    alias.symlink_to(folder)
    monkeypatch.setenv("PATH", str(alias))

    assert programs.candidates() == [(alias, 16)]


def test_a_distributions_wrapper_is_never_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = install(machine / "bin", "15.20")
    (folder / "psql").rename(machine / "pg_wrapper")
    (folder / "psql").symlink_to(machine / "pg_wrapper")
    monkeypatch.setenv("PATH", str(folder))

    assert programs.candidates() == []
    assert programs.unfit(folder) == "has a wrapper script in place of psql"


def test_a_folder_counts_only_if_every_program_is_there_and_runs(machine: Path) -> None:
    incomplete = install(machine / "incomplete", "16.4")
    (incomplete / "pg_restore").unlink()
    broken = install(machine / "broken", "16.4")
    (broken / "pg_dump").write_text("#!/bin/sh\necho 'libpq.so.5: cannot open' >&2\nexit 127\n")

    assert programs.candidates(incomplete) == []
    assert programs.candidates(broken) == []


def test_the_embedded_wheel_brings_real_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "INSTALLED", ())

    assert [major for _, major in programs.candidates()] == [16, 18]


def test_a_given_folder_is_the_only_one(machine: Path) -> None:
    install(machine / "usr/lib/postgresql/17/bin", "17.2")
    given = install(machine / "mine", "16.4")

    assert programs.choose(16, 16, given) == (given, 16)
    assert programs.any_programs(given) == given


def test_before_versions_are_known_the_newest_will_do(machine: Path) -> None:
    install(machine / "usr/lib/postgresql/9/bin", "9.6.24")
    newest = install(machine / "usr/lib/postgresql/17/bin", "17.2")

    assert programs.any_programs() == newest


def test_too_old_programs_are_an_error_that_says_what_is_there(machine: Path) -> None:
    folder = install(machine / "usr/lib/postgresql/15/bin", "15.20")

    with pytest.raises(PreflightError) as raised:
        programs.choose(16, 17)

    assert raised.value.message == "no Postgres programs of version 17 or newer, as the destination needs"
    assert raised.value.detail == f"found 15 in {folder}"
    assert raised.value.hint.startswith("Install postgresql-client-17, or name the folder")


def test_no_programs_at_all_is_an_error_that_says_where_we_looked(machine: Path) -> None:
    with pytest.raises(PreflightError, match="neither PATH nor the usual folders"):
        programs.any_programs()
    with pytest.raises(PreflightError, match="mine has no psql, pg_dump, pg_restore, pg_isready"):
        programs.any_programs(machine / "mine")


def test_a_system_without_the_files_that_programs_are_given_is_told_what_to_mount(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "FILES", machine / "nowhere")

    with pytest.raises(PreflightError, match=r"nowhere, where Postgres' programs find the files"):
        programs.any_programs()


def test_a_deadlock_passes_that_pg_restore_tells_of_without_its_state() -> None:
    assert is_said_to_pass("pg_restore: error: could not execute query: ERROR:  deadlock detected")
    assert not is_said_to_pass("pg_restore: error: could not execute query: ERROR:  syntax error")
