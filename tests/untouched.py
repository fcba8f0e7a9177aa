"""What readers of a destination can see, byte for byte, and what must not be left there."""

from __future__ import annotations

import difflib
import re
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from elt_script.pg.endpoint import Endpoint
from tests.copying import rows_of

PASSING = re.compile(r"(?m)^(\\(un)?restrict .*|-- .*)\n")
BOARDS = "select datname from pg_database where datname like 'elt\\_board\\_%'"
GRACE_S = 3.0  # a session ends a moment after its client
SESSIONS = "select application_name from pg_stat_activity where application_name like 'elt/%'"


def content_of(admin: Endpoint) -> str:
    """Return all that readers see, as pg_dump writes it: not the ledger, nor what is kept for a rollback."""
    dump = replace(admin, application="pg_dump").pg_dump("--exclude-schema=elt", "--exclude-schema=elt_prev*")
    done = subprocess.run(dump.argv, env=dict(dump.env), check=True, stdout=subprocess.PIPE)
    return PASSING.sub("", done.stdout.decode())


@contextmanager
def untouched(admin: Endpoint) -> Generator[None]:
    """Want the database to be the same after this block, and nothing of ours at work on its server."""
    before = content_of(admin)
    yield
    changes = difflib.unified_diff(before.splitlines(), content_of(admin).splitlines(), lineterm="")
    assert not (changed := "\n".join(changes)), changed
    assert rows_of(admin, BOARDS) == []
    assert sessions_of_ours(admin) == []


def sessions_of_ours(admin: Endpoint) -> list[str]:
    """Return the names of our own sessions at a server that do not end by themselves."""
    deadline = time.monotonic() + GRACE_S
    while True:
        left = [str(name) for (name,) in rows_of(replace(admin, application="look"), SESSIONS)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)
