"""A source that is always written to, a destination that is always read, and a network between that can fail."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import yaml
from psycopg import sql

from elt_script.pg import cluster
from elt_script.pg.endpoint import Endpoint
from tests.copying import server_of
from tests.proxy import Proxy

SOURCE_MAJOR, DESTINATION_MAJOR = 16, 18
SECRET = "hush of the superuser"
DISK_MB = 96
LARGE_ROWS = 12_000
EVERY_S = 1.5

# Every table holds the number of one batch alone, and each row's padding follows from what else it holds: so a
# reader can tell a mixed generation from a whole one, and rows that were damaged from good ones.
TABLES = ("small", "large", "child")
SOURCE = f"""
    create table small (id int primary key, batch int, padding text);
    create table large (id int primary key, batch int, padding text);
    create table child (id int primary key references large, batch int, padding text);
    insert into small select i, 0, md5(i || '/' || 0) from generate_series(1, 50) i;
    insert into large select i, 0, repeat(md5(i || '/' || 0), 8) from generate_series(1, {LARGE_ROWS}) i;
    insert into child select i, 0, md5(i || '/' || 0) from generate_series(1, 500) i;
    create index on large (batch, padding);
    create table heavy (id int, padding text);
    create materialized view totals as select batch, count(*) as rows from large group by batch;
    select lo_from_bytea(4000, '0'), lo_from_bytea(5000, '0');
"""
BUILT_ON = """
    create view on_top as
        select s.batch as small, l.batch as large, c.batch as child
        from small s join large l using (id) join child c using (id);
    grant select on on_top, small to pg_monitor;
"""


class Server:
    """A throw-away server that can be crashed and started again."""

    def __init__(self, folder: Path, major: int) -> None:
        self._server = cluster.start(
            folder, cluster.embedded()[major], password=SECRET, settings={"restart_after_crash": "on"}
        )
        self._lock = threading.Lock()

    def endpoint(self, role: cluster.Role, dbname: str, application: str = "harness") -> Endpoint:
        """Return a database, past every fault of the network."""
        return replace(self._server.endpoint(role, dbname), application=application)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._server.host, self._server.port

    def stop(self, *, sign: signal.Signals) -> None:
        """End it: SIGQUIT is a crash, SIGINT a restart as an administrator does it."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            os.kill(self._server.pid, sign)

    def resume(self) -> None:
        """Start it again, if it does not run."""
        with self._lock:
            cluster.stop(self._server.folder)
            self._server = cluster.resume(self._server)

    def remove(self) -> None:
        """Stop it for good."""
        cluster.remove(self._server.folder)


@dataclass(frozen=True, slots=True)
class World:
    """Both servers, the ways to them, the destination's disk (None: we may not mount one), and our folder."""

    source_server: Server
    destination_server: Server
    source_way: Proxy
    destination_way: Proxy
    disk: Path | None
    folder: Path

    @property
    def source(self) -> Endpoint:
        """The source, as its superuser, past the proxy."""
        return self.source_server.endpoint("source", "source")

    @property
    def destination(self) -> Endpoint:
        """The destination, as its superuser, past the proxy."""
        return self.destination_server.endpoint("destination", "destination")

    @property
    def config(self) -> Path:
        """The config file of the pipeline, whose servers are reached through the proxies."""
        return self.folder / "config.yaml"


@contextmanager
def world() -> Generator[World]:
    """Have both servers for as long as this block lasts."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="elt-faults-"))
        folder.chmod(0o711)  # the servers' user must get through
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        source = Server(folder / "source", SOURCE_MAJOR)
        stack.callback(source.remove)
        destination = Server(folder / "destination", DESTINATION_MAJOR)
        stack.callback(destination.remove)
        disk = stack.enter_context(_small_disk(folder / "disk"))
        ways = [Proxy(server.address) for server in (source, destination)]
        for way in ways:
            stack.callback(way.stop)
        made = World(source, destination, ways[0], ways[1], disk, folder)
        _create(made)
        stack.enter_context(_written(made))
        yield made


@contextmanager
def _small_disk(folder: Path) -> Generator[Path | None]:
    """Mount a file system that is soon full, and give it to the servers; only root may do that."""
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder))
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=False)


def _create(made: World) -> None:
    for server, name in ((made.source_server, "source"), (made.destination_server, "destination")):
        place = sql.SQL("")
        with server.endpoint("source", "postgres").connect(autocommit=True) as conn:
            if name == "destination" and made.disk is not None:
                inner = made.disk / "tablespace"
                inner.mkdir()
                inner.chmod(0o700)
                owner = (made.folder / "destination").stat()
                os.chown(inner, owner.st_uid, owner.st_gid)
                location = sql.Literal(str(inner))
                conn.execute(sql.SQL("create tablespace small_disk location {}").format(location))
                place = sql.SQL("tablespace small_disk")
            conn.execute(sql.SQL("create database {} {}").format(sql.Identifier(name), place))
    with made.source.connect() as conn:
        conn.execute("set search_path = public")
        conn.execute(SOURCE.encode())
    sides = {
        side: {**server_of(endpoint), "port": way.port, "connect_timeout": 3}
        for side, endpoint, way in (
            ("source", made.source, made.source_way),
            ("destination", made.destination, made.destination_way),
        )
    }
    keys = {
        "wait": {"max_retries": 10, "delay_seconds": 1},
        "run": {"retries": 2, "stall_seconds": 5},
        "publish": {"patience_seconds": 40},
        "jobs": 2,
    }
    made.config.write_text(yaml.safe_dump({**sides, **keys}), encoding="utf-8")
    made.config.chmod(0o600)


def build_on(made: World) -> None:
    """Build on the published tables, as others do."""
    with made.destination.connect() as conn:
        conn.execute("set search_path = public")
        conn.execute(BUILT_ON.encode())


@contextmanager
def _written(made: World) -> Generator[None]:
    """Write to the source while this block lasts: a new batch in all tables at once, and rows beside them."""
    over = threading.Event()

    def write() -> None:
        batch = 0
        while not over.wait(EVERY_S):
            batch += 1
            try:
                with made.source.with_settings(search_path="public", lock_timeout="5s").connect() as conn:
                    _write(conn, batch)
            except psycopg.Error:  # the source is being crashed
                continue

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _write(conn: psycopg.Connection[tuple[object, ...]], batch: int) -> None:
    for table in TABLES:
        times = 8 if table == "large" else 1
        statement = "update {} set batch = %s, padding = repeat(md5(id || '/' || %s), %s)"
        conn.execute(sql.SQL(statement).format(sql.Identifier(table)), (batch, batch, times))
    written = "select lo_put(4000, 0, %(said)s), lo_unlink(oid), lo_from_bytea(5000 + %(batch)s, %(said)s)"
    of_before = "from pg_largeobject_metadata where oid >= 5000"
    conn.execute(f"{written} {of_before}".encode(), {"batch": batch, "said": str(batch).encode()})
    conn.execute("truncate heavy" if batch % 20 == 0 else "delete from heavy where id % 3 = 0")
    conn.execute("insert into heavy select i, repeat('x', 200) from generate_series(1, 300) i")
