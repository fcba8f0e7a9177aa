"""Whether what a session carries can be read on its way: rows, and what proves the password."""

from __future__ import annotations

import ipaddress
from typing import Any

import psycopg
from psycopg import sql

from elt_script.pg.endpoint import Endpoint
from elt_script.pg.programs import without_tls
from elt_script.pg.session import Connection, value

ALSO_WITHOUT = ("allow", "prefer")  # they begin with TLS or fall back from it, whoever asks for that
MEND = "set sslmode: verify-full"
ENCRYPTED_BY_GSSAPI = sql.SQL("select encrypted from pg_stat_gssapi where pid = pg_backend_pid()")


def exposure(endpoint: Endpoint, conn: Connection) -> str:
    """Say how what goes to an endpoint could be read on the way, or nothing if it could not.

    conn  a session with it, which knows how it came out: by default libpq takes TLS if it can have it
    """
    if _is_local(conn):
        return ""
    mode = conn.info.get_parameters().get("sslmode", "prefer")
    if not conn.pgconn.ssl_in_use:
        if value(conn, ENCRYPTED_BY_GSSAPI):
            return ""
        return (
            f"the connection to the {endpoint} is not encrypted (sslmode={mode}): whoever is on the way "
            f"can read its rows, and what proves the password; {MEND}"
        )
    if mode not in ALSO_WITHOUT:
        return ""
    if endpoint.bin and without_tls(endpoint.bin):
        return (
            f"the programs in {endpoint.bin} have no TLS: rows of the {endpoint} cross the network in clear; "
            f"install postgresql-client, and {MEND}"
        )
    return (
        f"the connection to the {endpoint} is encrypted, but sslmode={mode} would also take one that is not, "
        f"from whoever is on the way; {MEND}"
    )


def _is_local(conn: psycopg.Connection[Any]) -> bool:
    """Whether the session does not leave this machine: by a socket, or by the loopback interface."""
    if conn.info.host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(conn.info.hostaddr.partition("%")[0]).is_loopback
    except ValueError:
        return False
