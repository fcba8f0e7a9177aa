"""The zoo: a database with an object of every kind, and values that are easily lost."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from elt_script.pg import process
from elt_script.pg.endpoint import Endpoint

FOLDER = Path(__file__).parent / "db" / "zoo"
SCHEMAS = ("public", "shop", "Odd Schème")

# What is not in the zoo of every test, because not every role can make it, or because it is not copied.
Extra = Literal["outside_schemas", "superuser", "vector", "changed_by_pg_dump"]


def load_zoo(endpoint: Endpoint) -> None:
    """Make the zoo in an empty database, as its owner, with all that its server's version knows."""
    assert endpoint.version is not None
    since = [major for major in range(15, endpoint.version + 1) if _part(f"since_{major}").exists()]
    _load(endpoint, *sorted(FOLDER.glob("0*.sql")), *(_part(f"since_{major}") for major in since))


def load_extra(endpoint: Endpoint, extra: Extra) -> None:
    """Add an extra part to the zoo; "superuser" and "vector" need a superuser."""
    _load(endpoint, _part(extra))


def _part(name: str) -> Path:
    return FOLDER / f"{name}.sql"


def _load(endpoint: Endpoint, *parts: Path) -> None:
    plain = endpoint.with_settings(search_path='"$user", public', row_security="on")
    files = [f"--file={part}" for part in parts]
    process.run(plain.psql("--output=/dev/null", *files))
