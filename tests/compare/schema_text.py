"""The first look: what pg_dump writes about the schema, object by object."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Iterator, Sequence

from elt_script.pg.endpoint import Endpoint
from tests.compare.scope import Scope

# What says where and when the text was made, and what holds for all that follows it: the latter moves about
# with the order of the objects, and is compared as facts of the catalog.
PASSING = re.compile(
    r"(\\(un)?restrict .*|-- Dumped (from|by) .*|-- PostgreSQL database dump.*|--|"
    r"SET default_(tablespace|table_access_method) = .*;|)"
)
# Before 18 a not-null constraint had no name, and pg_dump writes those that are not the usual one.
NOT_NULL_NAME = re.compile(r'CONSTRAINT (?:[\w$]+|"(?:[^"]|"")+") NOT NULL')
NOT_NULL_NAMES_SINCE = 18
# Before 16 a view that reads one table names that table before each column, and later ones do not.
QUALIFIER = re.compile(r'(?:"(?:[^"]|"")*"|[\w$]+)\.(?=["\w])')
FEWER_QUALIFIERS_SINCE = 16
# Some minor releases keep a number of their own among a column's options, and others' pg_dump writes it.
NAME = r'(?:[\w$]+|"(?:[^"]|"")+")'
OWN_NUMBER = re.compile(
    rf"(?m)^ALTER (?:FOREIGN )?TABLE ONLY {NAME}\.{NAME} ALTER COLUMN {NAME} SET \(pg_attver=\d+\);\n"
    r"|\bpg_attver=\d+, |, pg_attver=\d+"
)
# Releases differ in how they write a stored MERGE.
MERGED = re.compile(r"(?m)^(\s*MERGE INTO .+) AS (\w+)$")
# What belongs to no schema, and is about a type that elt keeps for itself.
PUT_ASIDE = re.compile(r"-- Name: (CAST|TRANSFORM) .*\belt_(prev|next)_")
# A trigger that enforces a foreign key has its own OID in its name.
NUMBERED = re.compile(r"(?<=RI_ConstraintTrigger_[ac]_)\d+")
HEADER = re.compile(r"-- Name: .*; Type: .*; Schema: .*; Owner: .*")


def different_text(
    source: Endpoint, destination: Endpoint, here: Scope, there: Scope, ignored: Sequence[str]
) -> Iterator[str]:
    """Yield the unified diff of both schemas' texts; ignored are flags of pg_dump."""
    versions = (source.version or 0, destination.version or 0)
    ours, theirs = _text(source, here, ignored), _text(destination, there, ignored)
    if min(versions) < NOT_NULL_NAMES_SINCE:
        ours, theirs = (NOT_NULL_NAME.sub("NOT NULL", text) for text in (ours, theirs))
    if min(versions) < FEWER_QUALIFIERS_SINCE <= max(versions):
        ours, theirs = (QUALIFIER.sub("", text) for text in (ours, theirs))
    ours, theirs = (MERGED.sub(r"\1 \2", text) for text in (ours, theirs))
    labels = ("schema (source)", "schema (destination)")
    return difflib.unified_diff(ours.split("\n"), theirs.split("\n"), *labels, lineterm="")


def _text(endpoint: Endpoint, scope: Scope, ignored: Sequence[str]) -> str:
    """Return the lines that matter, the objects in the order of their names.

    pg_dump's own order follows the schemas' names, which a mapping changes, and OIDs.
    """
    dump = endpoint.pg_dump("--schema-only", *ignored, "--encoding=UTF8", *scope.pg_dump_arguments())
    written = subprocess.run(
        dump.argv, env=dict(dump.env), check=True, stdout=subprocess.PIPE
    ).stdout.decode()
    entries: list[list[str]] = [[]]
    for line in NUMBERED.sub("…", OWN_NUMBER.sub("", written)).split("\n"):
        if HEADER.fullmatch(line):
            entries.append([])
        entries[-1].append(line)
    preamble, *objects = [_stripped(entry) for entry in entries]
    if scope.common is not None:
        objects = [entry for entry in objects if not _is_special_to_public(entry)]
    objects = [entry for entry in objects if not PUT_ASIDE.match(entry[0])]
    translated = sorted([_header(scope, entry[0]), *map(scope.translated, entry[1:])] for entry in objects)
    return "\n".join(line for entry in (preamble, *translated) for line in entry)


def _header(scope: Scope, line: str) -> str:
    """Return the comment above an object without quotes, as names there have them or not."""
    return scope.translated(line).replace('"', "")


def _is_special_to_public(entry: list[str]) -> bool:
    """Tell what pg_dump writes for other schemas and not for public, or the reverse."""
    return "; Type: SCHEMA; " in entry[0] or entry[-1].endswith(" IS 'standard public schema';")


def _stripped(entry: list[str]) -> list[str]:
    """Return an object's lines without what passes around them; lines of a function's body stay.

    Grants are in the order in which they were made, which means nothing.
    """
    lines = [entry[0], *sorted(entry[1:])] if "; Type: ACL; " in entry[0] else list(entry)
    while lines and PASSING.fullmatch(lines[-1]):
        lines.pop()
    while lines and PASSING.fullmatch(lines[0]):
        lines.pop(0)
    return lines
