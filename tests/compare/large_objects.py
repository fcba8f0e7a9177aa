"""The fourth look: large objects, which are in no schema, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from elt_script.pg.endpoint import Endpoint

ANY = "select 1 from pg_largeobject_metadata limit 1"
QUERY = Path(__file__).with_name("large_objects.sql").read_text(encoding="utf-8")
FACTS = ("length", "content", "owner", "grants", "comment")


def different_large_objects(
    source: Endpoint, destination: Endpoint, ignored: frozenset[str]
) -> Iterator[str]:
    """Yield each fact of a large object that differs; ignored are those that do not count."""
    ours, theirs = _facts(source), _facts(destination)
    for oid in sorted({*ours, *theirs}):
        if oid not in theirs or oid not in ours:
            yield f"large object {oid}: only at the {'source' if oid in ours else 'destination'}"
            continue
        for fact in FACTS:
            if fact not in ignored and ours[oid][fact] != theirs[oid][fact]:
                yield f"large object {oid}: {fact} is {ours[oid][fact]!r} → {theirs[oid][fact]!r}"


def _facts(endpoint: Endpoint) -> Mapping[int, Mapping[str, object]]:
    with endpoint.connect() as conn:
        if not conn.execute(ANY).fetchall():  # whoever is no superuser may not look for their content
            return {}
        return {oid: dict(zip(FACTS, facts, strict=True)) for oid, *facts in conn.execute(QUERY.encode())}
