"""The text of a first config.yaml, for `elt init`: what the source holds, and every key with its default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import yaml
from psycopg.conninfo import make_conninfo

from elt_script.config.model import Server, schema_fault
from elt_script.tables import TableName
from elt_script.wording import counted, human_bytes

SHOWN = 20  # of the source's tables, the largest
SECRET = ("password", "sslpassword")

HEAD = """\
# What elt copies, and how. `elt plan` tells what that means before anything happens; `elt schema` prints
# this file's JSON Schema, which editors can use.
#
# A key behind # shows its default or an example. A value may be ${NAME} or ${NAME:-default}, from the
# environment; $${ stands for ${ itself. A relative path starts at this file's folder.
"""

SOURCE = """\
# The database to copy; it is only read. A key that is missing here is taken from the environment, such as
# ELT_SOURCE_PASSWORD, or ELT_SOURCE_PASSWORD_FILE for a file that holds it.
"""

TABLES = """\
# Tables to copy: patterns (*, ?, [abc]) of schema.table, or of a table's name in any schema. Settings:
# skip, checksum, max_shrink, allow_empty (see audit). A later pattern overrides an earlier one.
tables:
  "*": {}
"""

# What is the same in every config.yaml: a test holds the one at the top of the repository against it.
TAIL = """\
# How long to wait for servers that do not answer yet.
wait:
  #max_retries: 30 # attempts after the first
  #delay_seconds: 1 # between attempts

# What a run does about failures that pass: a lost connection, a restarted server.
run:
  #retries: 2 # how often to begin again, with a new snapshot, 0 to 100
  #stall_seconds: 120 # for what no server is at work for, and whose rows do not move, 2 to 86400

# Tables to copy at once; by default as many as suits the cores, or the executor's threads.
#jobs: 4
# Bytes above which a table is copied in parts, which pays where cores would idle; by default 1 GiB, if there
# are more than two jobs, and more than large tables. Publish then waits for older readers.
#split_bytes: 1073741824

# Where the programs run that rows move through.
executor:
  #kind: dask # on the workers of a Dask cluster (the extra dask); by default threads, on this machine
  #address: tcp://scheduler.example.com:8786 # of its scheduler

# The folder of psql, pg_dump and pg_restore; by default found on PATH and where they usually are.
#bin_dir: /usr/lib/postgresql/18/bin

# Who may do what with the copy: keep what was granted at the destination, copy what was granted at the source
# to roles that the destination has too, or none but the owner.
#privileges: keep
# Whom the copy belongs to: none says the destination's user; copy the role of the same name as at the source.
#owners: none
# Large objects, which are in no schema: copy or none. By default they are copied where no schema is left out.
#large_objects: copy

# What the staged copy must be before readers see it. Where it is not, the old data stays.
audit:
  #checksum: all # compare the content of all tables on both sides, or of none; rows are always counted
  #max_shrink: 0.5 # refuse a table that lost more than this share of its rows, 0 to 1; by default no limit
  #allow_empty: false # whether a table without rows may replace one that has some
  #checks: # queries that must return no rows, on the staged data
  #- name: orders without a customer
    #sql: select id from orders where customer_id is null

# How the copy takes the place of the old data: at once, in one transaction.
publish:
  #patience_seconds: 60 # to try for locks that others hold, 0 to 86400
  # Old generations to keep for `elt rollback`, 0 to 9. A run drops the one it pushes out as it begins, to
  # need room for two, not three: with 2 there is one to go back to after a run that failed, too.
  #keep: 1
  #dependants: refuse # what to do with others' views and keys that cannot come along: refuse the run, or drop
  #adopt: false # whether to replace tables of the same name that elt did not publish

# What to run at the destination after publish, in order: a file of SQL (in one transaction), or a command.
transform:
  #- name: daily figures
    #sql: transform/daily.sql
  #- command: dbt build --project-dir warehouse

# When `elt schedule` runs, one at a time.
schedule:
  #cron: "*/15 * * * *" # as in a crontab, or six fields that begin with seconds; ELT_SCHEDULE
  #time_zone: UTC # whose clock that is, such as Europe/Berlin
  #jitter_seconds: 0 # start up to so much later, at random, 0 to 86400
  #missed: skip # runs that were due while another one was at work: skip, or run_once when it has ended
  #max_age_seconds: 86400 # unhealthy when no run has succeeded for longer; by default no limit
  #stop_seconds: 20 # for a run to end cleanly when the scheduler is stopped, 0 to 3600
  #state_file: state/schedule.json # for `elt healthcheck`; by default below ~/.local/state
"""


def starter(
    source: Mapping[str, str],
    schemas: Sequence[str],
    tables: Sequence[tuple[TableName, int, int]],
    destination: Mapping[str, str] | None = None,
) -> str:
    """Return a commented config.yaml for a source.

    source, destination  libpq keywords, as Endpoint.parameters has them; no secret is taken over
    schemas              the source's
    tables               the source's, with rows (as the server estimates them) and bytes

    Where the destination is not known, ELT_DESTINATION_URL is to give it.
    """
    dbname = source.get("dbname", "")
    target = _server("destination", destination) if destination else _unknown(dbname)
    parts = (
        HEAD,
        f"# The name of this pipeline at the destination: a-z, 0-9 and _.\npipeline: {_pipeline(dbname)}\n",
        f"{SOURCE}source:\n{_server('source', source)}",
        f"# The database whose readers get the copy.\ndestination:\n{target}",
        _schemas(schemas),
        _tables(tables),
        TAIL,
    )
    return "\n".join(part for part in parts if part)


def _pipeline(dbname: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", dbname.lower()).strip("_")[:31]
    return name if re.match("[a-z]", name) else "default"


def _server(role: str, keywords: Mapping[str, str]) -> str:
    public = {key: value for key, value in keywords.items() if key not in SECRET}
    if not public.keys() <= Server.model_fields.keys() or "," in public.get("port", ""):
        public = {"url": make_conninfo(**public)}  # libpq knows more than we have keys for
    lines = [f"  {key}: {_scalar(value)}" for key, value in public.items()]
    return "\n".join([*lines, f"  password: ${{ELT_{role.upper()}_PASSWORD:-}}", ""])


def _unknown(dbname: str) -> str:
    place = f"postgresql://localhost:5432/{quote(dbname or 'elt', safe='')}_copy"
    return (
        f"  url: ${{ELT_DESTINATION_URL:-{place}}}\n"
        "  password: ${ELT_DESTINATION_PASSWORD:-}\n"
        "  #sslmode: verify-full # and every other key that source may have\n"
    )


def _schemas(schemas: Sequence[str]) -> str:
    """Return the schemas; those whose names elt cannot use at the destination, as comments."""
    usable = [name for name in schemas if not schema_fault(name, name)]
    if not usable:
        return ""
    lines = [
        "# Schemas to copy. As a mapping, one gets another name at the destination: {public: shop_raw}.",
        "schemas:",
        *(f"  - {_scalar(name)}" for name in usable),
        *(f"  # {_scalar(name)} {schema_fault(name, name)}" for name in schemas if name not in usable),
    ]
    return "\n".join([*lines, ""])


def _tables(tables: Sequence[tuple[TableName, int, int]]) -> str:
    text = TABLES
    largest = sorted(tables, key=lambda table: (-table[2], table[0]))[:SHOWN]
    if largest:
        which = f"{len(largest)} largest of " if len(largest) < len(tables) else ""
        of = counted(len(tables), "table")
        text += f"  # The source's {which}{of}; without its #, a line leaves its table out:\n"
    for name, rows, size in largest:
        about = f", about {counted(rows, 'row')}" if rows >= 0 else ""  # -1: never analyzed
        text += f"  #{_quoted(_pattern(name))}: {{skip: true}} # {human_bytes(size)}{about}\n"
    return text + "# What holds for all of them.\ndefaults:\n  #max_shrink: 0.5\n"


def _pattern(name: TableName) -> str:
    return re.sub(r"([*?[])", r"[\1]", str(name))


def _scalar(text: str) -> str:
    """Return text as a YAML scalar, without quotes where it is a plain word or number."""
    plain = re.fullmatch(r"[A-Za-z_/][\w./:-]*|\d+", text, re.ASCII)
    if plain and (text.isdigit() or isinstance(yaml.safe_load(text), str)):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return text as a YAML scalar in double quotes, on one line."""
    escaped = text.replace("${", "$${")
    return yaml.safe_dump(escaped, default_style='"', allow_unicode=text.isprintable(), width=1 << 20).strip()
