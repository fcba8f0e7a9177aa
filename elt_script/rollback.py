"""What comes after a run: look at what is live, and go back to what was."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import psycopg
import structlog

from elt_script import generations, ledger, recover
from elt_script.config.model import Config
from elt_script.errors import DestinationError, PreflightError
from elt_script.pg import large_objects, stop
from elt_script.pg.endpoint import Endpoint, translating
from elt_script.pg.extension_rows import may_write, read_extension_tables
from elt_script.pg.listening import listened
from elt_script.pg.process import supervised
from elt_script.pg.programs import any_programs
from elt_script.pg.session import Connection, is_lost, own_settings
from elt_script.prepare import application
from elt_script.report import Status
from elt_script.steps import indexes, publish
from elt_script.steps.wait import ask, wait
from elt_script.swap import Carried
from elt_script.wording import escaped

log = structlog.get_logger()


@stop.interruptible
@translating()
def status(config: Config, last: int) -> Status:
    """Return what is live at the destination, and the last runs.

    Raises CannotConnectError at once where that does not answer: nobody waits for a status.
    """
    destination = _destination(config, "status")
    with supervised():
        ask(destination)
    with listened((destination,), config.run.stall_seconds), destination.connect() as conn:
        return ledger.status(conn, config.pipeline, last)


@stop.interruptible
@translating()
def rollback(config: Config) -> str:
    """Swap the live generation with the one before it, by publish's own mechanism; return what is live now.

    Rows that runs have put into tables of extensions stay, and are named.

    Raises PreflightError where there is nothing to go back to.
    """
    destination = _destination(config, "rollback")
    with supervised():
        wait(destination, config.wait.max_retries, config.wait.delay_seconds)
    with (
        listened((destination,), config.run.stall_seconds),
        ledger.locked(destination, config.pipeline) as control,
    ):
        ledger.want_home(control)
        places = {kept.place: kept for kept in ledger.kept(control, config.pipeline)}
        live, before = places.get(0), places.get(1)
        if live is None or before is None:
            raise PreflightError(
                f"pipeline {config.pipeline} has no earlier generation to go back to at {destination}",
                hint="A published run keeps one, where `publish.keep` is at least 1. The next run drops it "
                "as it begins, unless that is at least 2.",
            )
        ledger.install(control)
        large_objects.unlink(control)
        staying = [
            f"{one} {'stays as it is' if one.is_sequence else 'stay as they are'}: no generation holds "
            f"{'it' if one.is_sequence else 'them'}"
            for one in read_extension_tables(control)
            if may_write(control, one.kind, one.full_name)
        ]
        extra, carried = _swapped_back(config, destination, control, live, before)
        try:
            large_objects.unlink(control)
        except psycopg.Error as error:  # the rollback is done, and the next run removes them
            log.warning("run.left_behind", error=str(error).strip())
    for one in (*extra.dropped, *carried.dropped):
        log.warning("dependant.dropped", object=one)
    log.info("run.rolled_back", generation=before.number, instead_of=live.number)
    done = f"generation {before.number} of run {before.run_id} is live again, instead of {live.number}"
    return "\n".join((done, *map(escaped, (*extra.warnings, *carried.warnings, *staying))))


def _swapped_back(
    config: Config, destination: Endpoint, control: Connection, live: ledger.Kept, before: ledger.Kept
) -> tuple[Carried, Carried]:
    """Swap both generations; return what others built on them, the extra indexes first.

    Raises DestinationError where the session was lost as it committed and nobody can tell whether it did: a
    second rollback would be one too many.
    """
    large = any(large_objects.has_any(control, one.number) for one in (live, before))
    keeps = config.privileges == "keep"
    swap = generations.swap_back(live, before, own_settings(destination), keeps=keeps, large=large)
    publish.want_room(control, swap)
    drop = config.publish.dependants == "drop"
    extra = indexes.build_extra(control, swap, drop=drop)
    patience, carried = config.publish.patience_seconds, Carried()
    try:
        with publish.swap_in(control, swap, patience, drop=drop, built=extra.seen) as carried:
            ledger.place(control, live.number, 1)
            ledger.place(control, before.number, 0)
            ledger.rolled_back(control, live.run_id, before.run_id)
    except psycopg.Error as error:
        if not is_lost(control):
            raise
        is_done = partial(ledger.is_live, number=before.number)
        committed = recover.was_committed(destination, config.wait, is_done)
        if committed is None:
            raise DestinationError(
                f"whether generation {before.number} is live again is not known: the session was lost",
                detail=str(error).strip(),
                hint="`elt status` will say what is live. Roll back again only if it is not.",
            ) from error
        if not committed:
            raise
    return extra, carried


def _destination(config: Config, command: str) -> Endpoint:
    endpoint = config.destination.endpoint("destination", application(config.pipeline, command))
    return replace(endpoint, bin=any_programs(config.bin_dir, tls=endpoint.demands_tls))
