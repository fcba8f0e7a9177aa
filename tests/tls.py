"""A certificate authority of a test's own, and a server whose sessions it vouches for."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from elt_script.pg.cluster import Server, cluster
from elt_script.pg.programs import candidates
from tests.gates import as_somebody

HOST = "db.elt.test"  # nobody's name: clients are told the address
CERTIFIED = "certified"  # a role that comes by a certificate, and has no password

# Programs that can encrypt: the wheel's cannot.
TLS = {major: folder for folder, major in candidates(tls=True) if (folder / "initdb").exists()}


@dataclass(frozen=True, slots=True)
class Authority:
    """One that signs; its own certificate is `certificate`."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.crt"

    def sign(self, name: str, subject: str, host: str = "") -> tuple[Path, Path]:
        """Return a certificate and its key: of a client by its subject, of a server by host."""
        key, request, signed = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
        openssl("req", "-new", *NEW_KEY, "-subj", f"/CN={subject}", "-keyout", key, "-out", request)
        more = self.folder / f"{name}.ext"
        more.write_text(f"subjectAltName=DNS:{host}\n" if host else "", encoding="ascii")
        issuer = ("-CA", self.certificate, "-CAkey", self.folder / "authority.key", "-CAcreateserial")
        openssl("x509", "-req", *issuer, "-days", "2", "-extfile", more, "-in", request, "-out", signed)
        key.chmod(0o600)
        return signed, key


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def authority(folder: Path) -> Authority:
    folder.mkdir()
    made = Authority(folder)
    key = ("-keyout", folder / "authority.key", "-out", made.certificate)
    openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={folder.name}", *key)
    return made


@contextmanager
def server_with_tls(signer: Authority) -> Generator[Server]:
    """Run a server that ordinary roles reach by TLS alone, also by this machine's outer address."""
    folder = Path(tempfile.mkdtemp(prefix="elt-test-"))
    major = max(TLS)
    settings = {"listen_addresses": "*"}
    with cluster(folder, TLS[major], password="hush of the superuser", settings=settings) as server:
        certificate, key = signer.sign("server", HOST, HOST)
        for name, content in {
            "server.crt": certificate,
            "server.key": key,
            "root.crt": signer.certificate,
        }.items():
            _place(server.folder / "data" / name, content.read_bytes())
        _place(server.folder / "data" / "pg_hba.conf", HBA.encode())
        with as_somebody(server.endpoint("source", "postgres"), autocommit=True) as conn:
            for setting in ("ssl = on", "ssl_ca_file = 'root.crt'"):
                conn.execute(f"alter system set {setting}".encode())
            conn.execute("select pg_reload_conf()")
        yield server


HBA = f"""
host      all  postgres     samehost  scram-sha-256
host      all  unencrypted  samehost  scram-sha-256
hostnossl all  all          samehost  reject
hostssl   all  {CERTIFIED}  samehost  cert
hostssl   all  all          samehost  scram-sha-256
"""


def _place(path: Path, content: bytes) -> None:
    """Write a file that is its folder's owner's alone, as the server wants its key."""
    path.write_bytes(content)
    path.chmod(0o600)
    os.chown(path, path.parent.stat().st_uid, path.parent.stat().st_gid)


def outer_address() -> str:
    """Return an address of this machine that is not the loopback's."""
    found = (one.address for ends in psutil.net_if_addrs().values() for one in ends if one.family == 2)
    return next(address for address in found if not address.startswith("127."))
