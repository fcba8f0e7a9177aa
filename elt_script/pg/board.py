"""The drawing board: a scratch database beside the destination, in which Postgres rearranges a schema."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from elt_script.errors import PreflightError
from elt_script.pg import stop
from elt_script.pg.catalog import Extension
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.passing import is_passing
from elt_script.pg.session import EVERY_OBJECT, Connection, query

HINT = (
    "Install it on the destination's server. If only a superuser may create it, let one do that in template1 "
    "too, in schema {schema}: the scratch database that the schema is drawn in is made from there."
)

HBA = "pg_hba.conf"


@contextmanager
def drawing_board(destination: Endpoint, name: str, extensions: Sequence[Extension]) -> Generator[Endpoint]:
    """Have a scratch database with extensions beside the destination while this block lasts."""
    place = destination.database(name)
    try:
        with destination.connect(autocommit=True) as conn:
            drop_board(conn, name)
            _create_board(conn, name, "template0", str(destination))
            with _let_in(destination):
                refused = _prepare(place, extensions)
            if refused:  # only a superuser may create it: an administrator can do that in template1
                drop_board(conn, name)
                _create_board(conn, name, "template1", str(destination))
                if _prepare(place, extensions) or not _is_bare(place):
                    raise refused
        yield place
    finally:
        with stop.unstoppable(), destination.connect(autocommit=True) as conn:
            drop_board(conn, name)


@contextmanager
def _let_in(destination: Endpoint) -> Generator[None]:
    """Say what to do where a scratch database does not let us in, as a server may for databases by name."""
    try:
        yield
    except psycopg.OperationalError as error:
        if HBA not in str(error):
            raise
        raise PreflightError(
            f"the scratch database does not let us in at {destination}",
            detail=str(error).strip(),
            hint=f"Let the user into databases whose names begin with elt_board_ by the server's {HBA}, too.",
        ) from error


def drop_board(conn: Connection, name: str) -> None:
    """Drop a scratch database, whoever is in it.

    By force only a superuser may end an autovacuum worker; without force the server ends those by itself, and
    waits some seconds for other sessions to leave.
    """
    plainly = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
    by_force = sql.SQL("{} with (force)").format(plainly)
    try:
        conn.execute(by_force)
    except psycopg.errors.InsufficientPrivilege:
        try:
            conn.execute(plainly)
        except psycopg.errors.ObjectInUse:
            conn.execute(by_force)


def _create_board(conn: Connection, name: str, template: str, destination: str) -> None:
    try:
        conn.execute(like_this_database(conn, name, template))
    except psycopg.Error as error:
        if is_passing(error):
            raise
        raise PreflightError(
            f"the scratch database {name} cannot be created at {destination}",
            detail=str(error).strip(),
            hint="The destination's user needs createdb, and its server room for a small database.",
        ) from error


def _is_bare(board: Endpoint) -> bool:
    """Whether the board holds nothing but extensions: what else template1 has would be copied too."""
    with board.connect() as conn:
        schemas = {name: name for name, _ in conn.execute(query("user_schemas"))}
        statement = query("movable").format(only=EVERY_OBJECT)
        return conn.execute(statement, {"moves": json.dumps(schemas)}).fetchone() is None


def like_this_database(conn: Connection, name: str, template: str) -> sql.Composed:
    """Return `create database` with this database's encoding and locale, whatever its server's version."""
    row = conn.execute(query("new_database")).fetchone()
    assert row is not None  # noqa: S101  (there is always a current database)
    encoding, collate, ctype, facts = row
    options = [("template", sql.Identifier(template)), ("encoding", sql.Literal(encoding))]
    options += [("lc_collate", sql.Literal(collate)), ("lc_ctype", sql.Literal(ctype))]
    provider = {"c": "libc", "i": "icu", "b": "builtin"}.get(facts.get("datlocprovider", "c"), "libc")
    if provider != "libc":
        locale = facts.get("datlocale") or facts.get("daticulocale")
        options += [
            ("locale_provider", sql.Identifier(provider)),
            (f"{provider}_locale", sql.Literal(locale)),
        ]
        if rules := facts.get("daticurules"):
            options.append(("icu_rules", sql.Literal(rules)))
    said = sql.SQL(" ").join(sql.SQL("{} {}").format(sql.SQL(word), value) for word, value in options)  # pyright: ignore[reportArgumentType]  (our own words)
    return sql.SQL("create database {} {}").format(sql.Identifier(name), said)


def _prepare(board: Endpoint, extensions: Sequence[Extension]) -> PreflightError | None:
    """Create what the archive takes for granted: extensions, where the source has them.

    Returns the error where one of them may only be created by others; raises it where nobody can do that.
    """
    with board.connect(autocommit=True) as conn:
        for extension in extensions:
            try:
                conn.execute(create_schema(extension.schema))
                conn.execute(create_extension(extension))
            except psycopg.Error as error:
                if is_passing(error):
                    raise
                refused = PreflightError(
                    f"extension {extension.name} cannot be created at the destination",
                    detail=str(error).strip(),
                    hint=HINT.format(schema=extension.schema),
                )
                if not isinstance(error, psycopg.errors.InsufficientPrivilege):
                    raise refused from error
                return refused
    return None


def create_schema(name: str) -> sql.Composed:
    """Return the statement that creates a schema unless it is there."""
    return sql.SQL("create schema if not exists {}").format(sql.Identifier(name))


def create_extension(extension: Extension) -> sql.Composed:
    """Return the statement that creates an extension, and those it needs, unless it is there."""
    return sql.SQL("create extension if not exists {} with schema {} cascade").format(
        sql.Identifier(extension.name), sql.Identifier(extension.schema)
    )
