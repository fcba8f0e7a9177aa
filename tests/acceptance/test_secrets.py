"""No password is in any argv, file, name, message or row of the ledger, whatever becomes of a run."""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from psycopg import sql

from elt_script.pg.endpoint import Endpoint
from tests.answering import answering, refusal
from tests.commands import Elt, Ran
from tests.copying import execute, rows_of
from tests.databases import Database
from tests.watched import Watched, watched

# A piece of it that survives all quoting is looked for; so half a password is found too.
MARKS = {"source": "Sq7hush", "destination": "Dq7hush"}
ELT_SEED = str(Path(sys.executable).with_name("elt-seed"))
NASTY = "{mark} 'quo\"te' %41 $HOME `id` \\back\\\\ {{x}} é€ #@:/? &*!\n{mark}\ttab "
ONE_LINE = "{mark} 'quo\"te' %41 $HOME `id` \\back\\\\ {{x}} é€ #@:/? &*!{mark}"
SHOP = "create table t (id int primary key, name text); insert into t values (1, 'one'), (2, 'two')"

Side = dict[str, Any]
Files = Callable[[str, str], Path]


def given(role: str, endpoint: Endpoint, files: Files, way: str) -> tuple[Side, dict[str, str]]:
    """Return a side of the config and variables, which give a server's password in one of the ways."""
    known, password = dict(endpoint.parameters), str(endpoint.password)
    prefix = f"ELT_{role}".upper()
    place = f"{known['host']}:{known['port']}"
    user, database = known["user"], known["dbname"]
    url = f"postgresql://{user}:{quote(password, safe='')}@{place}/{database}"
    side: Side = dict(known)
    variables: dict[str, str] = {}
    match way:
        case "inline":
            side["password"] = password
        case "password_file":
            side["password_file"] = str(files(role, password + "\n"))
        case "url":
            side = {"url": url}
        case "variable":
            variables[f"{prefix}_PASSWORD"] = password
        case "variable of a url":
            side, variables[f"{prefix}_URL"] = {}, url
        case "variable of a file":
            side, variables[f"{prefix}_URL_FILE"] = {}, str(files(role, url))
        case "passfile":
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            side["passfile"] = str(files(role, f"*:*:*:{user}:{escaped}\n"))
        case _:
            keys = "".join(f"{key}={value}\n" for key, value in {**known, "password": password}.items())
            variables["PGSERVICEFILE"] = str(files("services", f"[{role}]\n{keys}"))
            side = {"service": role}
    return side, variables


WAYS = {
    "inline": NASTY,
    "password_file": NASTY,
    "url": NASTY,
    "variable": NASTY,
    "variable of a url": NASTY,
    "variable of a file": NASTY,
    "passfile": ONE_LINE,
    "service": ONE_LINE,
}


class World:
    """Two databases whose owners have nasty passwords, and the command, watched."""

    def __init__(self, folder: Path, source: Database, destination: Database, seen: Watched) -> None:
        self.folder, self.seen = folder, seen
        self.databases: Mapping[str, Database] = {"source": source, "destination": destination}
        self.said: list[str] = []
        self.writes = False  # whether the command may have files of its own while it works

    def set_passwords(self, template: str) -> None:
        for role, database in self.databases.items():
            with database.admin.connect(autocommit=True) as conn:
                change = sql.SQL("alter role {} password {}")
                conn.execute(change.format(sql.Identifier(database.name), template.format(mark=MARKS[role])))

    def endpoint(self, role: str) -> Endpoint:
        return self.databases[role].owner

    def elt(
        self, keys: Mapping[str, object] | None = None, way: str = "inline", template: str | None = None
    ) -> Elt:
        """Return the command, to which both passwords are given in this way."""

        def write(name: str, content: str) -> Path:
            path = self.folder / "given" / name
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(content)
            path.chmod(0o600)
            return path

        config: dict[str, object] = {"wait": {"max_retries": 1, "delay_seconds": 0.1}}
        environment: dict[str, str] = {}
        for role, mark in MARKS.items():
            password = (template or WAYS[way]).format(mark=mark)
            config[role], variables = given(role, replace(self.endpoint(role), password=password), write, way)
            environment |= variables
        path = self.folder / "given" / "config.yaml"
        path.write_text(yaml.safe_dump({**config, **(keys or {})}, allow_unicode=True), encoding="utf-8")
        path.chmod(0o600)
        private = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "temporary")}
        return Elt(path, {**environment, **private, **self.seen.environment})

    def ran(self, ran: Ran) -> Ran:
        self.said += [ran.stdout, ran.stderr]
        return ran

    def ledger(self) -> str:
        """Return every row that elt has written at the destination about itself."""
        admin = self.databases["destination"].admin
        if rows_of(admin, "select to_regclass('elt.run')") == [(None,)]:
            return ""
        tables = ("run", "generation", "object", "published_table")
        return "\n".join(str(rows_of(admin, f"select t::text from elt.{table} t")) for table in tables)


@pytest.fixture
def world(tmp_path: Path, source_database: Database, destination_database: Database) -> Generator[World]:
    folders = [tmp_path / name for name in ("home", "temporary", "given")]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "watcher").mkdir()
    execute(source_database.admin, SHOP + f'; alter table t owner to "{source_database.name}"')
    with watched(tmp_path / "watcher", *folders[:2]) as seen:
        world = World(tmp_path, source_database, destination_database, seen)
        yield world
    assert "watching" in seen.told
    found = {"messages": "\n".join(world.said), "ledger": world.ledger(), "processes": seen.everything()}
    leaks = [
        f"{where}: {line}"
        for where, text in found.items()
        for line in text.splitlines()
        if any(mark in line for mark in MARKS.values())
    ]
    assert not leaks, "\n".join(leaks)
    if not world.writes:
        assert {line for line in seen.told if line.startswith("wrote ")} <= {"wrote '/dev/null'"}
        assert seen.made == set()
    assert not [*(tmp_path / "temporary").iterdir(), *(tmp_path / "home").iterdir()]


@pytest.mark.parametrize("way", WAYS)
def test_a_password_is_taken_in_each_way_and_told_to_nobody(world: World, way: str) -> None:
    world.set_passwords(WAYS[way])

    ran = world.ran(world.elt(way=way)("--log-format", "json", "run", "--json"))

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["tables"][0]["rows"] == 2
    assert all(json.loads(line) for line in ran.stderr.splitlines())


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_wrong_password_is_told_to_nobody(world: World, log_format: str) -> None:
    world.set_passwords(NASTY)

    ran = world.ran(world.elt(template="{mark} but wrong")("--log-format", log_format, "run"))

    assert ran.returncode == 4
    assert "Correct the user or the password." in ran.stderr


def test_what_programs_and_servers_quote_is_told_to_nobody(world: World) -> None:
    world.set_passwords(NASTY)
    tell = "import os; print(os.environ); print(os.environ['PGPASSWORD'])"
    fail = f"{tell}; import sys; print(os.environ['PGPASSWORD'], file=sys.stderr); sys.exit(3)"
    quoted = NASTY.format(mark=MARKS["destination"]).replace("'", "''")
    raising = world.folder / "given" / "raising.sql"
    raising.write_text(f"do $$ begin raise '%', '{quoted}'; end $$", encoding="utf-8")

    check = {"name": "numbers", "sql": f"select x::int from (select '{quoted}'::text as x offset 0) s"}

    def status(log_format: str, **keys: object) -> int:
        return world.ran(world.elt(keys)("--log-format", log_format, "run")).returncode

    statuses = [
        status("console", audit={"checks": [check]}),
        status("json", transform=[{"command": f'"{sys.executable}" -c "{tell}"'}]),
        status("console", transform=[{"command": f'"{sys.executable}" -c "{fail}"'}]),
        status("json", transform=[{"sql": str(raising)}]),
    ]

    assert statuses == [7, 0, 10, 10]
    assert ["***" in said for said in world.said] == [False, True, False, True, False, True, False, True]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_plan_tells_no_password_that_a_step_has(world: World, options: list[str]) -> None:
    world.set_passwords(NASTY)
    password = NASTY.format(mark=MARKS["destination"])
    keys = {"transform": [{"command": ["no-such-program", password]}]}

    ran = world.ran(world.elt(keys)("plan", *options))

    assert ran.returncode == 3
    assert "***" in ran.stdout
    assert "***" in ran.stderr


def test_a_server_that_quotes_its_connection_string_is_not_quoted(world: World) -> None:
    password = NASTY.format(mark=MARKS["source"])
    words = f"password authentication failed for postgresql://u:{quote(password)}@h/d"
    with answering(refusal("28P01", words)) as port:
        elt = world.elt()
        config = yaml.safe_load(elt.config.read_text(encoding="utf-8"))
        config["source"] |= {"port": port, "sslmode": "disable"}
        elt.config.write_text(yaml.safe_dump(config), encoding="utf-8")
        ran = world.ran(elt("run"))

    assert ran.returncode == 4
    assert "failed for postgresql://u:***@h/d" in ran.stderr


@pytest.mark.parametrize(
    "url", ["postgresql://u:{mark}/x%zz@h/d", "postgresql://u:{mark}/d", "host=h password={mark} {mark}"]
)
def test_a_url_that_cannot_be_read_is_not_quoted(world: World, url: str) -> None:
    elt = world.elt()
    elt.config.write_text(
        yaml.safe_dump({role: {"url": url.format(mark=mark)} for role, mark in MARKS.items()}),
        encoding="utf-8",
    )

    assert world.ran(elt("run")).returncode == 2


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_tells_nobody(world: World, sign: signal.Signals) -> None:
    world.set_passwords(NASTY)
    running = world.elt({"audit": {"checks": ["select 1 from pg_sleep(60)"]}}).start("run")
    running.wait_for_line("table.audited")

    ended = world.ran(running.end(sign))

    assert ended.returncode == (143 if sign == signal.SIGTERM else -signal.SIGKILL)
    with world.databases["destination"].admin.database("postgres").connect(autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%'"
            " and pid <> pg_backend_pid()"
        )


def test_a_config_with_a_password_that_others_may_read_is_warned_of(world: World) -> None:
    world.set_passwords(NASTY)
    elt = world.elt()
    elt.config.chmod(0o640)

    ran = world.ran(elt("check"))

    said = f"{elt.config} holds a password, and others may read it (mode 0640)"
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"warning: {said}")
    assert f'secret.exposed     reason="{said}' in ran.stderr
    assert stat.S_IMODE(elt.config.stat().st_mode) == 0o640


@pytest.mark.parametrize("fault", ["", "password", "csv"])
def test_seeding_tells_nobody_and_its_files_are_private_and_gone(world: World, fault: str) -> None:
    world.set_passwords(NASTY)
    world.writes = True
    known = world.endpoint("source").parameters
    folder, password = world.folder / "given", NASTY.format(mark=MARKS["source"])
    (folder / "password").write_text(
        password + "\n" + "x" * (fault == "password"), encoding="utf-8", newline=""
    )
    with gzip.open(folder / "a.csv.gz", "wt", encoding="utf-8") as csv:
        csv.write("a,b\n1,2\n" + "3,4,5\n" * (fault == "csv"))
    named = {
        "POSTGRES_HOST": "host",
        "POSTGRES_PORT": "port",
        "POSTGRES_USER": "user",
        "POSTGRES_DB": "dbname",
    }
    private = {"HOME": str(world.folder / "home"), "TMPDIR": str(world.folder / "temporary")}

    ran = subprocess.run(
        [ELT_SEED, "--csv", str(folder / "a.csv.gz"), "--table", "seeded", "--log-format", "json"],
        env={
            **{variable: known[key] for variable, key in named.items()},
            "POSTGRES_PASSWORD_FILE": str(folder / "password"),
            "PATH": os.environ["PATH"],
            **private,
            **world.seen.environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    world.ran(ran)
    assert ran.returncode == {"": 0, "password": 4, "csv": 11}[fault], ran.stderr
    temporary = str(world.folder / "temporary")
    made = [line for line in world.seen.told if line.startswith("os.mkdir")]
    assert all(line.startswith(f"os.mkdir ('{temporary}/elt-seed-") for line in made)
    assert not made or ", 448, " in made[0]  # 0700, and all others are in it
    written = {line for line in world.seen.told if line.startswith("wrote ")} - {"wrote '/dev/null'"}
    assert all(line.startswith(f"wrote '{temporary}/") for line in written)
