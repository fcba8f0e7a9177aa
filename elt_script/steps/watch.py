"""Watch a run: rows and bytes so far, as Postgres counts them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import copy_context

import psycopg
import structlog

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.session import query
from elt_script.tables import TableName

EVERY_S = 0.5

log = structlog.get_logger()


@contextmanager
def watched(destination: Endpoint, tables: Mapping[TableName, TableName]) -> Generator[None]:
    """Say `table.progressed` for each load at work while this block lasts.

    tables  staged name → the source's name
    """
    done = threading.Event()

    def watch() -> None:
        try:
            with destination.connect(autocommit=True) as conn:
                while not done.wait(EVERY_S):
                    for schema, name, rows, bytes_ in conn.execute(query("progress")):
                        if table := tables.get(TableName(schema, name)):
                            log.info("table.progressed", table=str(table), rows=rows, bytes=bytes_)
        except psycopg.Error as error:  # a run must not fail because nobody can watch it
            log.debug("watch.failed", error=str(error))

    thread = threading.Thread(target=copy_context().run, args=(watch,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
