"""Audit: whether the staged copy is the same as the snapshot, and fit to be published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
import structlog
from psycopg import sql
from psycopg.pq import ExecStatus

from elt_script.errors import AuditError
from elt_script.pg.digest import digest_query
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.extension_rows import ExtensionRows
from elt_script.pg.passing import is_passing, patiently
from elt_script.pg.process import run
from elt_script.pg.session import Connection, query
from elt_script.tables import Checksum, TableCopy, TableName

log = structlog.get_logger()


def checksums(
    endpoint: Endpoint, copies: Sequence[TableCopy], encoding: str, snapshot: str | None
) -> list[Checksum]:
    """Count and digest tables on one side.

    encoding  the source's
    snapshot  the moment to read at the source; at the destination None, and the staged tables are read

    Reads every row: about 0.2 s a million narrow rows. Parallel plans are welcome.
    """
    parts = [
        digest_query(copy.table.columns, copy.source if snapshot else copy.whole(copy.staged), at)
        for at, copy in enumerate(copies)
    ]
    return _read(endpoint, parts, encoding, snapshot)


def extension_checksums(
    endpoint: Endpoint, wanted: Sequence[ExtensionRows], encoding: str, snapshot: str | None
) -> dict[TableName, Checksum]:
    """Count and digest the rows of extensions' tables on one side, as checksums(); sequences have none."""
    tables = [one for one in wanted if not one.table.is_sequence]
    parts = [
        digest_query(one.columns, one.of(one.table.full_name) if snapshot else one.place.quoted, at)
        for at, one in enumerate(tables)
    ]
    found = _read(endpoint, parts, encoding, snapshot) if parts else []
    return {one.table.full_name: checksum for one, checksum in zip(tables, found, strict=True)}


def _read(
    endpoint: Endpoint, parts: Sequence[sql.Composed], encoding: str, snapshot: str | None
) -> list[Checksum]:
    begin: list[sql.Composable] = [sql.SQL("begin isolation level repeatable read read only;")]
    if encoding == "SQL_ASCII":  # bytes of any encoding or none: they are not to be looked at as UTF-8
        begin.insert(0, sql.SQL("set client_encoding = 'SQL_ASCII';"))
    if snapshot:
        begin.append(sql.SQL("set transaction snapshot {};").format(sql.Literal(snapshot)))
    script = sql.SQL("\n").join([*begin, sql.SQL("\nunion all\n").join(parts), sql.SQL(";")])
    finished = patiently("audit.retried")(run, endpoint.psql("--file=-"), script=script.as_bytes(None))
    found = [line.split("|") for line in finished.stdout.decode().splitlines()]
    by_place = {int(at): Checksum(int(rows), int(digest)) for at, rows, digest in found}
    return [by_place[at] for at in range(len(parts))]


def compare(source: Mapping[TableName, Checksum], staged: Mapping[TableName, Checksum]) -> list[str]:
    """Return one line for each table whose staged copy is not what the source holds."""
    faults: list[str] = []
    for table, expected in sorted(source.items()):
        found = staged[table]
        if found.rows != expected.rows:
            faults.append(f"{table}: {expected.rows} rows at the source, {found.rows} in the copy")
        elif found.digest != expected.digest:
            faults.append(f"{table}: {expected.rows} rows on both sides, but not the same content")
    return faults


def shrunk(
    rows: Mapping[TableName, int],
    live: Mapping[TableName, int],
    limits: Mapping[TableName, tuple[bool, float | None]],
) -> list[str]:
    """Return a line for each limit of the config that a table breaks by the rows it lost.

    rows    of the copy, by final name
    live    of the published generation
    limits  may the table be emptied; what share of its rows may it lose
    """
    faults: list[str] = []
    for table, now in sorted(rows.items()):
        before = live.get(table, 0)
        may_be_empty, max_shrink = limits[table]
        if before and not now and not may_be_empty:
            faults.append(
                f"{table}: it had {before} rows and would have none; set `allow_empty` if that is right"
            )
        if max_shrink is not None and before and (before - now) / before > max_shrink:
            lost = f"{(before - now) / before:.1%}"
            faults.append(
                f"{table}: {before} rows would become {now}, {lost} less; `max_shrink` is {max_shrink:.1%}"
            )
    return faults


def failed_checks(
    conn: Connection, checks: Iterable[tuple[str, str]], staging: Mapping[str, str], live: int | None
) -> list[str]:
    """Run the config's checks on the staged data; return one line for each that finds rows.

    A check is SQL that must return no rows. Its unqualified names are found in staging first, then under the
    final names. One that names a published table in full would check the old data, which its locks betray.
    It only reads, also where it ends the transaction that it is given.
    """
    conn.execute("set default_transaction_read_only = on")
    try:
        return _failed_checks(conn, checks, staging, live)
    finally:
        if not conn.closed:
            conn.execute("reset default_transaction_read_only")


def _failed_checks(
    conn: Connection, checks: Iterable[tuple[str, str]], staging: Mapping[str, str], live: int | None
) -> list[str]:
    places = [*staging.values(), *staging]
    path = sql.SQL(", ").join(sql.Identifier(place) for place in places)
    faults: list[str] = []
    for name, statement in checks:
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(sql.SQL("set local search_path = {}").format(path))
                cursor = conn.execute(statement.encode())
                found = _rows_found(cursor)
                touched = [table for (table,) in conn.execute(query("locked_of"), {"generation": live})]
        except psycopg.Error as error:
            if is_passing(error):
                raise
            why = str(error).strip()
            if isinstance(error, psycopg.errors.UndefinedTable):
                why = f"{error.diag.message_primary}: staged tables have their names alone, no schema's"
            faults.append(f"check {name}: {why}")
            continue
        if touched:
            faults.append(
                f"check {name}: it reads {', '.join(touched)}, the old data; leave out the schema's name"
            )
        elif found:
            faults.append(f"check {name}: it found {found} row{'s' if found > 1 else ''}, and must find none")
    return faults


def _rows_found(cursor: psycopg.Cursor[Any]) -> int:
    """Return the number of rows of a check, which must be a query; it need not have columns."""
    kinds: list[ExecStatus] = []
    found = 0
    while True:
        result = cursor.pgresult
        kinds.append(ExecStatus(result.status) if result else ExecStatus.EMPTY_QUERY)
        found += result.ntuples if result else 0
        if not cursor.nextset():
            break
    if ExecStatus.TUPLES_OK not in kinds:
        raise psycopg.ProgrammingError("it is no query")
    return found


def demand(faults: Sequence[str]) -> None:
    """Raise AuditError if anything is wrong, naming all of it."""
    if faults:
        raise AuditError(
            f"the copy failed {len(faults)} check{'s' if len(faults) > 1 else ''} of the audit",
            detail="\n".join(faults),
            hint="Nothing was published, the old data is still live. See what is named here, then run again.",
        )
