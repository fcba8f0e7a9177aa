"""Whoever answers is proved by his certificate, to our sessions and to every program; so are we, if wanted."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Literal

import pytest
from psycopg import sql
from structlog.testing import capture_logs

from elt_script.errors import CannotConnectError, EltError
from elt_script.pg.cluster import Server, embedded
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import run, status
from elt_script.run import plan
from elt_script.steps.wait import wait
from tests.copying import assert_same, config_of, copied, execute
from tests.databases import Database, MakeDatabase
from tests.tls import CERTIFIED, HOST, TLS, Authority, authority, outer_address, server_with_tls

Side = Literal["source", "destination"]
ADDRESS = {"host": HOST, "hostaddr": "127.0.0.1"}

pytestmark = pytest.mark.skipif(not TLS, reason="this machine has no server programs with TLS")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("certificates") / "trusted")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("certificates") / "stranger")


@pytest.fixture(scope="module")
def server(trusted: Authority) -> Generator[Server]:
    with server_with_tls(trusted) as running:
        yield running


@pytest.fixture
def sides(server: Server, make_database: MakeDatabase) -> tuple[Database, Database]:
    return make_database(server, "source"), make_database(server, "destination")


def at(endpoint: Endpoint, **parameters: str) -> Endpoint:
    """Return an endpoint as a config with these keys gives it, with programs that can encrypt."""
    return replace(endpoint, parameters={**endpoint.parameters, **parameters}, bin=TLS[max(TLS)])


def verified(endpoint: Endpoint, signer: Authority, **parameters: str) -> Endpoint:
    strict = {"sslmode": "verify-full", "sslrootcert": str(signer.certificate)}
    return at(endpoint, **{**ADDRESS, **strict, **parameters})


def test_a_run_goes_through_verified_tls_on_both_sides(
    sides: tuple[Database, Database], trusted: Authority
) -> None:
    source, destination = (verified(side.owner, trusted) for side in sides)
    execute(source, "create table t (id int primary key); insert into t values (1), (2)")

    report = copied(source, destination)  # the server lets these roles in by TLS alone

    assert report.warnings == ()
    assert_same(sides[0].admin, sides[1].admin)


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("name", f'server certificate for "{HOST}" does not match host name "other.elt.test"'),
        ("authority", "certificate verify failed"),
    ],
)
def test_a_server_that_is_not_the_one_it_should_be_is_refused(
    sides: tuple[Database, Database],
    trusted: Authority,
    stranger: Authority,
    side: Side,
    wrong: str,
    said: str,
) -> None:
    endpoint = sides[side == "destination"].owner
    changed = {"host": "other.elt.test"} if wrong == "name" else {"sslrootcert": str(stranger.certificate)}
    wary = verified(endpoint, trusted, **changed)

    with pytest.raises(CannotConnectError) as failure:
        wait(wary, 3, 0.1)  # at once: waiting is no cure

    assert said in failure.value.detail
    assert failure.value.hint == "Correct sslmode, or the certificates (TLS)."
    for program in (wary.psql(), wary.pg_dump("--schema-only")):
        with pytest.raises(EltError) as refused:
            run(program, script=b"select 1;")
        assert said in refused.value.detail
    assert status(wary.pg_isready(timeout_seconds=5))[0] != 0


def test_pg_restore_refuses_a_wrong_server_too(sides: tuple[Database, Database], stranger: Authority) -> None:
    destination = sides[1].admin
    archive = run(at(destination).pg_dump("--format=custom", "--schema-only")).stdout

    with pytest.raises(EltError) as refused:
        run(verified(destination, stranger).pg_restore(), script=archive)

    assert "certificate verify failed" in refused.value.detail


@pytest.fixture
def certified(sides: tuple[Database, Database]) -> Generator[None]:
    """A role without a password, who may do all that the owner of the source may."""
    owner = sql.Identifier(sides[0].name)
    with sides[0].admin.connect(autocommit=True) as conn:
        conn.execute(sql.SQL("create role {} login in role {}").format(sql.Identifier(CERTIFIED), owner))
    yield
    with sides[0].admin.connect(autocommit=True) as conn:
        conn.execute(sql.SQL("drop role {}").format(sql.Identifier(CERTIFIED)))


@pytest.mark.usefixtures("certified")
def test_a_client_certificate_opens_where_there_is_no_password(
    sides: tuple[Database, Database], trusted: Authority, stranger: Authority
) -> None:
    execute(at(sides[0].admin), "create table t (id int); grant select on t to public")
    nobody = replace(verified(sides[0].owner, trusted, user=CERTIFIED), password=None)
    certificates = {who: who.sign("client", CERTIFIED) for who in (trusted, stranger)}
    own, forged = (
        at(nobody, sslcert=str(certificate), sslkey=str(key)) for certificate, key in certificates.values()
    )

    report = copied(own, verified(sides[1].owner, trusted))

    assert [table.table for table in report.tables] == ["public.t"]
    for without in (nobody, forged):
        with pytest.raises(CannotConnectError) as failure:
            wait(without, 3, 0.1)
        assert failure.value.hint == "Correct sslmode, or the certificates (TLS)."


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("disable", "is not encrypted (sslmode=disable): whoever is on the way can read its rows"),
        ("prefer", "is encrypted, but sslmode=prefer would also take one that is not"),
        ("require", ""),
    ],
)
def test_what_crosses_a_network_in_clear_is_said(
    sides: tuple[Database, Database], mode: str, said: str
) -> None:
    source, destination = sides
    with source.admin.connect(autocommit=True) as conn:
        conn.execute(
            f"create role unencrypted login superuser password 'hush' in role \"{source.name}\"".encode()
        )
    outer = at(source.admin, host=outer_address(), sslmode=mode, user="unencrypted")
    execute(at(source.admin), "create table t (id int)")
    try:
        with capture_logs() as logs:
            found, faults = plan(
                config_of(replace(outer, password="hush"), at(destination.admin), bin_dir=str(TLS[max(TLS)]))
            )
    finally:
        with source.admin.connect(autocommit=True) as conn:
            conn.execute("drop role unencrypted")

    assert not faults
    reasons = [log["reason"] for log in logs if log["event"] == "secret.exposed"]
    assert list(found.warnings) == reasons
    assert [said in reason for reason in reasons] == [True] * bool(said)  # the destination is on this machine


def test_programs_without_tls_are_passed_over_where_it_is_demanded(
    sides: tuple[Database, Database], trusted: Authority
) -> None:
    source, destination = (verified(side.owner, trusted) for side in sides)
    execute(source, "create table t (id int)")
    assert embedded()  # which are newer, and cannot encrypt

    found, faults = plan(config_of(source, destination))

    assert (len(found.copies), faults) == (1, [])
    with pytest.raises(EltError, match="and with TLS, which sslmode demands"):
        plan(config_of(source, destination, bin_dir=str(embedded()[18])))
