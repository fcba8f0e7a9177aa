"""A schema as pg_dump's custom archive: made, listed, filtered and restored, always in memory.

An archive of a source may hold what its user mappings hold, so it is never a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from json import dumps, loads
from typing import IO, Any, Literal
from zlib import compress, decompress

from elt_script.errors import EltError
from elt_script.pg.endpoint import Endpoint
from elt_script.pg.process import in_memory, run
from elt_script.tables import TableName

Section = Literal["pre-data", "post-data"]

FIRST_WITH_TRANSACTION_TIMEOUT = 17
TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"

END_OF_PARTS = b"\0"  # which JSON does not hold
FAST = 1  # of zlib's levels: a schema is repetitive

# Some minor releases (seen: 15.20, 17.12) keep a number of their own among a column's options, which
# their pg_dump knows to leave out. Others' pg_dump writes it, and others' servers refuse it.
_OWN_OPTION = b"pg_attver="
_IDENTIFIER = rb'(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")'
_COLUMN_OPTIONS = re.compile(
    rb"^(ALTER (?:FOREIGN )?TABLE ONLY %(id)s\.%(id)s ALTER COLUMN %(id)s SET \()([^()\n]*)(\);\n)"
    % {b"id": _IDENTIFIER},
    re.MULTILINE,
)

RESTORED = ("--no-owner", "--no-privileges", "--no-tablespaces")
PLAIN = ("--schema-only", "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions")
_NEEDS = ";\tdepends on: "
_ENTRY = re.compile(r"^(\d+); (\d+) (\d+) (.*)$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an archive's table of contents.

    catalog, oid  where the dumped database's catalog holds the object; 0 for comments and the like
    what          type, schema, tag and owner, as pg_restore prints them: for prefixes we know, not to parse
    needs         ids of other entries: a comment needs what it is about
    """

    id: int
    catalog: int
    oid: int
    what: str
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Archive:
    """A custom-format archive of a schema."""

    content: bytes = field(repr=False)
    major: int  # of the pg_dump that wrote it

    def entries(self, lister: Endpoint, section: Section) -> list[Entry]:
        """Return the section's table of contents, in the order in which it restores."""
        needs: dict[int, tuple[int, ...]] = {}
        entry = 0
        for line in self._listed(lister, "--verbose"):  # which names every section's entries
            if match := _ENTRY.match(line):
                entry = int(match[1])
            elif line.startswith(_NEEDS):
                needs[entry] = tuple(map(int, line.removeprefix(_NEEDS).split()))
        matches = (_ENTRY.match(line) for line in self._listed(lister, f"--section={section}"))
        return [Entry(int(m[1]), int(m[2]), int(m[3]), m[4], needs.get(int(m[1]), ())) for m in matches if m]

    def _listed(self, lister: Endpoint, *arguments: str) -> list[str]:
        command = lister.program("pg_restore", "--list", *arguments)
        return run(command, script=self.content).stdout.decode().split("\n")

    def restore(
        self,
        endpoint: Endpoint,
        entries: Iterable[Entry],
        *,
        one_transaction: bool,
        at_once: int = 1,
        error: type[EltError] | None = None,
    ) -> None:
        """Restore entries, in the given order, and stop at the first failure.

        at_once  how many sessions may do it, in what order they like: of several transactions, by pg_restore

        A server older than 17 refuses a setting that newer programs send first; that line is left out, and
        so are options of columns that belong to the source's server alone.
        """
        wanted = list(entries)
        if not wanted:
            return
        whole = ["--single-transaction"] if one_transaction else []
        together = [f"--jobs={at_once}", "/dev/stdin"] if at_once > 1 and len(wanted) > 1 else []
        with _listing(wanted) as listing:
            if self._is_too_new(endpoint) or _OWN_OPTION in self.content:
                command, content = endpoint.psql("--echo-errors", *whole), self.script(endpoint, wanted)
            else:
                command = endpoint.pg_restore(*RESTORED, _use(listing), *(whole or together))
                command, content = replace(command, files=(listing.fileno(),)), self.content
            try:
                run(command, script=content)
            except command.error as failure:
                if error is None or failure.transient:
                    raise
                raise error(failure.message, detail=failure.detail, hint=failure.hint) from failure

    def script(self, endpoint: Endpoint, entries: Iterable[Entry]) -> bytes:
        """Return entries as a script for endpoint's psql, in the given order."""
        with _listing(entries) as listing:
            write = endpoint.program("pg_restore", "--file=-", *RESTORED, _use(listing))
            script = run(replace(write, files=(listing.fileno(),)), script=self.content).stdout
        too_new = self._is_too_new(endpoint)
        return understood(script.replace(TRANSACTION_TIMEOUT, b"", 1) if too_new else script)

    def _is_too_new(self, endpoint: Endpoint) -> bool:
        return (endpoint.version or 0) < FIRST_WITH_TRANSACTION_TIMEOUT <= self.major


def understood(script: bytes) -> bytes:
    """Return a script without the options of columns that only the server knows which set them."""

    def others(match: re.Match[bytes]) -> bytes:
        options = [one for one in match[2].split(b", ") if not one.startswith(_OWN_OPTION)]
        return match[1] + b", ".join(options) + match[3] if options else b""

    return _COLUMN_OPTIONS.sub(others, script) if _OWN_OPTION in script else script


@dataclass(frozen=True, slots=True)
class Staging:
    """The staging archive, taken apart: what is restored when.

    before    types, functions, tables: everything that rows need
    alone     those of before that create a table on which nothing else of before rests: its load may do it
    tables    keys and indexes of one table, once its rows are in
    joined    once every table has its own: keys of partitioned tables, views that rest on keys, triggers, …
    keys      foreign keys by referencing table, or by the first of a circle of such tables,
              once all that they may refer to is there
    last      row security, which could hide rows from those who build the above; comments on any of it
    """

    archive: Archive
    before: tuple[Entry, ...]
    alone: Mapping[TableName, tuple[Entry, ...]]
    tables: Mapping[TableName, tuple[Entry, ...]]
    joined: tuple[Entry, ...]
    keys: Mapping[TableName, tuple[Entry, ...]]
    last: tuple[Entry, ...]

    def packed(self) -> bytes:
        """Return all of it as bytes, to be kept."""
        lists = [[astuple(entry) for entry in entries] for entries in (self.before, self.joined, self.last)]
        by_table = [
            [
                [table.schema, table.name, [astuple(entry) for entry in entries]]
                for table, entries in some.items()
            ]
            for some in (self.alone, self.tables, self.keys)
        ]
        parts = dumps([self.archive.major, *lists, *by_table]).encode()
        return compress(parts + END_OF_PARTS + self.archive.content, FAST)

    @classmethod
    def unpacked(cls, kept: bytes) -> Staging:
        """Return what was packed."""
        parts, _, content = decompress(kept).partition(END_OF_PARTS)
        major, before, joined, last, alone, tables, keys = loads(parts)
        return cls(
            archive=Archive(content, major),
            before=_entries(before),
            alone=_by_table(alone),
            tables=_by_table(tables),
            joined=_entries(joined),
            keys=_by_table(keys),
            last=_entries(last),
        )


def _entries(found: Iterable[list[Any]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(number, catalog, oid, what, tuple(needs)) for number, catalog, oid, what, needs in found
    )


def _by_table(found: Iterable[list[Any]]) -> dict[TableName, tuple[Entry, ...]]:
    return {TableName(schema, name): _entries(some) for schema, name, some in found}


def _listing(entries: Iterable[Entry]) -> IO[bytes]:
    return in_memory(b"".join(b"%d;\n" % entry.id for entry in entries))


def _use(listing: IO[bytes]) -> str:
    return f"--use-list=/dev/fd/{listing.fileno()}"


def dump(endpoint: Endpoint, major: int, *arguments: str) -> Archive:
    """Return the schema of endpoint's database, without owners, privileges and replication."""
    return Archive(run(endpoint.pg_dump("--format=custom", *PLAIN, *arguments)).stdout, major)


def pattern(*parts: str) -> str:
    """Return a name as pg_dump's patterns want it: quoted, so that nothing in it is a wildcard."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def without(entries: Sequence[Entry], unwanted: Callable[[Entry], bool]) -> list[Entry]:
    """Return entries but for the unwanted, and for comments and the like on them.

    The attachment of an index names the extensions of its operators too, which are none of what it is about.
    """
    gone = {entry.id for entry in entries if unwanted(entry)}
    extensions = {entry.id for entry in entries if entry.what.startswith("EXTENSION - ")}

    def falls(entry: Entry) -> bool:
        about = gone - extensions if entry.what.startswith("INDEX ATTACH ") else gone
        return entry.catalog == 0 and bool(about.intersection(entry.needs))

    return [entry for entry in entries if entry.id not in gone and not falls(entry)]
