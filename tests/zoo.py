"""The zoo: a database with an object of every kind, and values that are easily lost."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from elt_script.pg import process
from elt_script.pg.endpoint import Endpoint

FOLDER = Path(__file__).parent / "db" / "zoo"
SCHEMAS = ("public", "shop", "Odd Schème")

# What is not in every test's zoo: not every role may make it, not every server has it, not all is copied.
OwnersExtra = Literal["outside_schemas", "changed_by_pg_dump", "xml", "icu"]
SuperusersExtra = Literal["superuser", "contrib", "vector"]


def load_zoo(endpoint: Endpoint) -> None:
    """Make the zoo in an empty database, as its owner, with all that its server's version knows."""
    assert endpoint.version is not None
    since = [major for major in range(15, endpoint.version + 1) if _part(f"since_{major}").exists()]
    _load(endpoint, *sorted(FOLDER.glob("0*.sql")), *(_part(f"since_{major}") for major in since))


def load_extra(endpoint: Endpoint, extra: OwnersExtra | SuperusersExtra) -> None:
    """Add an extra part to the zoo; its first line says what it needs."""
    _load(endpoint, _part(extra))


def _part(name: str) -> Path:
    return FOLDER / f"{name}.sql"


def _load(endpoint: Endpoint, *parts: Path) -> None:
    plain = endpoint.with_settings(search_path='"$user", public', row_security="on")
    files = [f"--file={part}" for part in parts]
    process.run(plain.psql("--output=/dev/null", *files))
