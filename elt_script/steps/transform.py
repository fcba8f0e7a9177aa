"""Transform: the T, after publish. SQL files, each in one transaction, or any command such as `dbt build`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog

from elt_script.config.model import TransformStep
from elt_script.errors import EltError, TransformError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import Command, Hear, run

log = structlog.get_logger()


def transform(steps: Sequence[TransformStep], destination: Endpoint) -> None:
    """Run steps in order against the destination, their output in the log as it comes, until one fails.

    A command finds the destination in the PG… variables, as psql and dbt do.
    Raises TransformError: the data itself was published, and stays so.
    """
    for step in steps:
        started = time.monotonic()
        log.info("transform.started", name=step.title)
        try:
            _do(step, destination, partial(_hear, step.title))
        except EltError as error:
            raise TransformError(
                f"transform {step.title} failed",
                detail="\n".join(part for part in (error.message, error.detail) if part),
                hint="The copied data itself was published and is live. Mend the transform, then run again.",
            ) from error
        log.info("transform.finished", name=step.title, seconds=time.monotonic() - started)


def unready(steps: Sequence[TransformStep]) -> list[str]:
    """Return why steps could not even start: it would be a pity to learn that after publish."""
    programs = ((step.title, step.command[0]) for step in steps if step.command)
    missing = [
        f"transform {title}: there is no program {program}"
        for title, program in programs
        if shutil.which(program) is None
    ]
    files = [step.sql for step in steps if step.sql]
    return missing + [
        f"transform {file.name}: {file} is no file that can be read"
        for file in files
        if not file.is_file() or not os.access(file, os.R_OK)
    ]


def _hear(title: str, line: str) -> None:
    log.info("transform.output", name=title, line=line)


def _do(step: TransformStep, destination: Endpoint, hear: Hear) -> None:
    if step.sql is not None:
        try:
            script = step.sql.read_bytes()
        except OSError as error:
            raise TransformError(f"{step.sql} cannot be read", detail=str(error)) from error
        ordinary = destination.unpinned()
        run(ordinary.psql("--single-transaction", "--file=-"), script=script, hear=hear)
        return
    assert step.command is not None  # noqa: S101  (a step is one or the other)
    environment = destination.unpinned().environment()
    run(replace(Command(step.title, step.command, environment), error=TransformError), hear=hear)
