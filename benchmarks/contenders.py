"""The contenders: how each is installed, and what is started to copy one database into another."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installs import (
    BASES,
    HERE,
    Installed,
    environment,
    image,
    in_container,
    newest_image,
    said,
)
from benchmarks.measure import Job
from benchmarks.servers import Database


@dataclass(frozen=True, slots=True)
class Task:
    """What to copy, from where to where.

    bin      the folder of Postgres' programs
    scratch  the folder for files
    env      the variables that all contenders get
    jobs     how much to do at once, where a contender can be told
    """

    source: Database
    destination: Database
    tables: Sequence[str]
    bin: Path
    scratch: Path
    env: Mapping[str, str]
    jobs: int

    def job(self, *pipelines: tuple[tuple[str, ...], ...], container: str = "", **env: str) -> Job:
        """Return a job with these variables beyond those for all."""
        return Job(pipelines, {**self.env, **env}, container)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to copy a database.

    says     what is started, in words, for the report
    earlier  whether a first, unmeasured copy is made, so that the measured one replaces it
    growing  whether the growth series are run with it unless asked otherwise
    """

    name: str
    says: str
    install: Callable[[Path], Installed]
    job: Callable[[Installed, Task], Job]
    earlier: bool = False
    growing: bool = False


def _postgres(folder: Path) -> Installed:
    return Installed("", said(str(folder / "pg_dump"), "--version").split()[2])


def _elt(_: Path) -> Installed:
    return Installed(sys.executable, said(sys.executable, "-m", "elt_script", "--version").split()[-1])


def _script(_: Installed, task: Task) -> Job:
    dump = ("pg_dump", *task.source.arguments, "-f", "dump.sql", "-w")
    return task.job((dump,), (("psql", *task.destination.arguments, "-a", "-f", "dump.sql"),))


def _pipe(_: Installed, task: Task) -> Job:
    dump = ("pg_dump", *task.source.arguments, "-w")
    return task.job((dump, ("psql", *task.destination.arguments, "-q")))


def _dirdump(_: Installed, task: Task) -> Job:
    jobs = ("-j", str(task.jobs))
    dump = ("pg_dump", *task.source.arguments, "-w", "-Fd", *jobs, "-Z0", "-f", "dump")
    return task.job((dump,), (("pg_restore", *task.destination.arguments, *jobs, "dump"),))


def _rows(_: Installed, task: Task) -> Job:
    """The rows alone: as many pairs of psql at once as there are jobs, one a table."""
    dump = ("pg_dump", *task.source.arguments, "-w", "--section=pre-data")
    out = ("psql", *task.source.arguments, "-qc", "copy {} to stdout (format binary)")
    into = ("begin", "truncate {}", "copy {} from stdin (format binary, freeze)", "commit")
    load = ("psql", *task.destination.arguments, "-q", *(f"-c{statement}" for statement in into))
    pair = ("sh", "-c", f"{shlex.join(out)} | {shlex.join(load)}")
    names = task.scratch / "tables"
    names.write_text("".join(f"public.{table}\n" for table in task.tables), "utf-8")
    return task.job(
        (dump, ("psql", *task.destination.arguments, "-q")),
        (("xargs", "-a", str(names), "-P", str(task.jobs), "-I", "{}", *pair),),
    )


def _run_elt(checksum: str) -> Callable[[Installed, Task], Job]:
    def job(installed: Installed, task: Task) -> Job:
        config = task.scratch.with_name(f"elt-{checksum}.yaml")
        config.write_text(
            f"pipeline: bench\nsource: {{}}\ndestination: {{}}\naudit: {{checksum: {checksum}}}\n", "utf-8"
        )
        argv = (installed.program, "-m", "elt_script", "--config", str(config), "--log-format", "json")
        urls = {"ELT_SOURCE_URL": task.source.url, "ELT_DESTINATION_URL": task.destination.url}
        return task.job(((*argv, "run", "--json"),), **urls)

    return job


def _pgcopydb(*options: str) -> Callable[[Installed, Task], Job]:
    def job(installed: Installed, task: Task) -> Job:
        container = f"elt-benchmarks-{secrets.token_hex(4)}"
        urls = {"PGCOPYDB_SOURCE_PGURI": task.source.url, "PGCOPYDB_TARGET_PGURI": task.destination.url}
        jobs = ("--table-jobs", str(task.jobs), "--index-jobs", str(task.jobs))
        argv = ("pgcopydb", "clone", "--dir", str(task.scratch / "pgcopydb"), *jobs, *options)
        started = in_container(installed, container, task.bin, task.scratch, tuple(urls), *argv)
        return task.job((started,), container=container, **urls)

    return job


def _pgloader(installed: Installed, task: Task) -> Job:
    container = f"elt-benchmarks-{secrets.token_hex(4)}"
    command = task.scratch / "copy.load"
    command.write_text(
        f"LOAD DATABASE FROM {task.source.url} INTO {task.destination.url}"
        f" WITH workers = {task.jobs}, concurrency = 1, max parallel create index = {task.jobs},"
        " prefetch rows = 10000"  # what its documentation advises where its memory does not suffice
        " INCLUDING ONLY TABLE NAMES MATCHING ~/.*/ IN SCHEMA 'public';\n",
        "utf-8",
    )
    argv = ("pgloader", "--root-dir", str(task.scratch), "--on-error-stop", str(command))
    started = in_container(installed, container, task.bin, task.scratch, (), *argv)
    return task.job((started,), container=container)


def _sling(installed: Installed, task: Task) -> Job:
    replication = task.scratch / "replication.json"
    defaults = {"mode": "full-refresh", "object": "public.{stream_table}"}
    streams: dict[str, dict[str, str]] = {"public.*": {}}
    replication.write_text(
        json.dumps({"source": "SOURCE", "target": "DESTINATION", "defaults": defaults, "streams": streams}),
        "utf-8",
    )
    urls = {
        "SOURCE": f"{task.source.url}?sslmode=disable",
        "DESTINATION": f"{task.destination.url}?sslmode=disable",
        "SLING_HOME_DIR": str(task.scratch),
        "SLING_DISABLE_TELEMETRY": "true",
    }
    return task.job(((installed.program, "run", "--replication", str(replication)),), **urls)


def _dlt(installed: Installed, task: Task) -> Job:
    urls = {
        "SOURCE": task.source.url,
        "DESTINATION": task.destination.url,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(task.scratch),
        "LOAD__WORKERS": str(task.jobs),
        "EXTRACT__WORKERS": str(task.jobs),
        "EXTRACT__NEXT_ITEM_MODE": "fifo",  # or each table would hold a connection open, of all at once
    }
    return task.job(((installed.program, str(HERE / "dlt_copy.py")),), **urls)


def _ingestr(installed: Installed, task: Task) -> Job:
    """One table a process, as many processes at once as there are jobs."""
    names = task.scratch / "tables"
    names.write_text("".join(f"public.{table}\n" for table in task.tables), "utf-8")
    ingest = (installed.program, "ingest", "--yes", "--progress", "log", "--no-load-timestamp")
    argv = ("xargs", "-a", str(names), "-P", str(task.jobs), "-I", "{}", *ingest)
    return task.job(
        ((*argv, "--source-table", "{}", "--dest-table", "{}"),),
        SOURCE_URI=f"{task.source.url}?sslmode=disable",
        DESTINATION_URI=f"{task.destination.url}?sslmode=disable",
        PIPELINES_DIR=str(task.scratch),
        INGESTR_DISABLE_TELEMETRY="true",
        DISABLE_TELEMETRY="true",
    )


def _in_image(base: str) -> Callable[[Path], Installed]:
    return lambda _: image(base, "pgcopydb")


def _dlt_python(_: Path) -> Installed:
    return environment("dlt", "python")


BINARY = "--use-copy-binary"
CONTENDERS = (
    Contender(
        "script", "`pg_dump -f dump.sql`, then `psql -a -f dump.sql`", _postgres, _script, growing=True
    ),
    Contender("elt", "`elt run`, audit on, over an earlier generation", _elt, _run_elt("all"), True, True),
    Contender("elt-noaudit", "`elt run` with `audit: {checksum: none}`", _elt, _run_elt("none"), True, True),
    Contender(
        "rows", "for each table `psql | psql`, binary and frozen: the rows and no more", _postgres, _rows
    ),
    Contender("pipe", "`pg_dump | psql -q`", _postgres, _pipe),
    Contender("dirdump", "`pg_dump -Fd -j -Z0`, then `pg_restore -j`", _postgres, _dirdump),
    Contender(
        "pgcopydb", "`pgcopydb clone`, in a container", lambda _: newest_image("pgcopydb"), _pgcopydb()
    ),
    Contender(
        "pgcopydb-binary",
        f"`pgcopydb clone {BINARY}`, in a container",
        lambda _: newest_image("pgcopydb"),
        _pgcopydb(BINARY),
        growing=True,
    ),
    Contender(
        "pgcopydb-stable",
        "`pgcopydb clone` of Debian stable, in a container",
        _in_image(BASES[1]),
        _pgcopydb(),
    ),
    Contender(
        "pgcopydb-stable-binary",
        f"`pgcopydb clone {BINARY}` of Debian stable, in a container",
        _in_image(BASES[1]),
        _pgcopydb(BINARY),
    ),
    Contender(
        "pgloader", "`pgloader copy.load`, in a container", lambda _: newest_image("pgloader"), _pgloader
    ),
    Contender(
        "sling",
        "`sling run`, full refresh of public.*",
        lambda _: environment("sling", "sling", "--version"),
        _sling,
    ),
    Contender("dlt", "sql_database with pyarrow, replace, CSV", _dlt_python, _dlt),
    Contender(
        "ingestr",
        "`ingestr ingest` for each table",
        lambda _: environment("ingestr", "ingestr", "--version"),
        _ingestr,
    ),
)
