"""Other people's databases: schemas at hand as files, loaded as far as this server knows what is in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import run

VARIABLE = "ELT_TEST_SCHEMAS"  # a folder whose .sql files are a database each
HERE = Path(__file__).parent / "db"
LIBRARY = HERE / "library.sql"  # our own, in their style

COUNTS = """
    select
        (select count(*) from pg_class where oid >= 16384 and relkind in ('r', 'p', 'f')),
        (select count(*) from pg_class where oid >= 16384 and relkind <> 't' and relname !~ '^pg_toast')
        + (select count(*) from pg_proc where oid >= 16384) + (select count(*) from pg_constraint where oid >= 16384)
        + (select count(*) from pg_type where oid >= 16384 and typtype <> 'c' and typcategory <> 'A')
        + (select count(*) from pg_trigger where oid >= 16384 and not tgisinternal)
        + (select count(*) from pg_policy) + (select count(*) from pg_operator where oid >= 16384)
        + (select count(*) from pg_rewrite where oid >= 16384 and rulename <> '_RETURN')
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file has made: tables, objects of all kinds (these among them), and statements that failed."""

    tables: int
    objects: int
    errors: tuple[str, ...]


def schemas_at_hand() -> list[Path]:
    """Return the files of the folder that the environment names."""
    named = os.environ.get(VARIABLE)
    return sorted(Path(named).resolve().glob("*.sql")) if named else []


def load_schema(admin: Endpoint, file: Path) -> Loaded:
    """Run a file in an empty database as psql does by itself: what fails is told, and the rest goes on.

    Tables without rows then get some.
    """
    plain = admin.with_settings(search_path='"$user", public', row_security="on", client_min_messages="error")
    command = plain.psql("--set=ON_ERROR_STOP=0", "--output=/dev/null", f"--file={file}")
    told = subprocess.run(
        command.argv,
        env=dict(command.env),
        cwd=file.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    ).stderr
    run(admin.psql(f"--file={HERE / 'fill.sql'}"))
    with admin.connect() as conn:
        row = conn.execute(COUNTS.encode()).fetchone()
    assert row is not None
    errors = [line for line in told.decode(errors="replace").splitlines() if "ERROR:" in line]
    tables, objects = row
    return Loaded(tables, objects, tuple(errors))


def leave_out(admin: Endpoint, named: Iterable[str]) -> None:
    """Drop what elt says that it does not copy; named are the lines of its report."""
    extensions = [
        line.removeprefix("extension ").split(": ")[0] for line in named if line[:10] == "extension "
    ]
    run(
        admin.psql(
            *(f'--command=drop extension "{name}"' for name in extensions), f"--file={HERE / 'leave_out.sql'}"
        )
    )
