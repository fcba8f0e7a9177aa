"""A program of its own, between the CSV and psql: DuckDB writes the rows, as Postgres' text format has them.

It reads its task from stdin, as JSON, and writes a psql script with the rows in it to stdout. The script
commits with its last line, so that whatever ends this program early leaves nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import duckdb


def main() -> None:
    """Write what comes before the rows, the rows, and what comes after them."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # psql has gone, and has said why
    task = json.load(sys.stdin)
    try:
        with duckdb.connect(config=task["config"]) as con:
            _write(task["before"])
            con.execute(task["copy"])
            _write(task["after"])
    except (duckdb.Error, OSError) as error:
        sys.exit(f"the CSV cannot be read again: {str(error).partition(chr(10))[0]}")


def _write(text: str) -> None:
    left = text.encode()
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
