"""What a plan says, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from elt_script.config.model import Config
from elt_script.plan import Plan
from elt_script.secret import redacted
from elt_script.wording import counted, escaped, human_bytes, human_seconds, safe_json


def plan_text(plan: Plan, config: Config) -> str:
    """Return everything a run would do, one line a fact."""
    return "\n".join((*_lines(plan), *_then(plan, config)))


def plan_json(plan: Plan, config: Config, faults: Sequence[str]) -> str:
    """Return the plan for machines."""
    compared = plan.compared(config.audit.checksum)
    batch = {copy.table.name: job.binary for job in plan.jobs for copy in job.copies}
    text = json.dumps(
        {
            "pipeline": plan.pipeline,
            "schemas": dict(plan.schemas),
            "tables": [
                {
                    "source": str(copy.table.name),
                    "destination": str(plan.final(copy.table.name)),
                    "rows_estimate": copy.table.rows_estimate,
                    "bytes": copy.table.bytes,
                    "format": "binary" if batch[copy.table.name] else "text",
                    "replaces": plan.final(copy.table.name) in plan.live,
                    "content_compared": copy.table.name in compared,
                }
                for copy in plan.copies
            ],
            "extensions": [extension.name for extension in plan.extensions.needed],
            "extension_rows": [str(one.target) for one in plan.extensions.rows],
            "large_objects": plan.large_objects
            and {"count": plan.large_objects.count, "bytes": plan.large_objects.bytes},
            "adopted": [
                f"{taken.schema}.{taken.name}" if taken.schema else str(taken) for taken in plan.adopted
            ],
            "gone": [str(name) for name in plan.gone],
            "changes": list(plan.changes),
            "dependants": list(plan.dependants),
            "given_up": sorted(plan.given_up),
            "left_out": [{"object": what, "reason": why} for what, why in plan.left_out],
            "warnings": list(plan.warnings),
            "checks": [redacted(check.name) for check in config.audit.checks],
            "publish": config.publish.model_dump(include={"patience_seconds", "keep"}),
            "transform": [redacted(step.title) for step in config.transform],
            "faults": list(map(redacted, faults)),
        },
        indent=2,
    )
    return safe_json(text)


def _lines(plan: Plan) -> Iterable[str]:
    size = sum(copy.table.bytes for copy in plan.copies)
    yield f"pipeline {plan.pipeline}: copy {counted(len(plan.copies), 'table')}, {human_bytes(size)}"
    for source, final in plan.schemas.items():
        place = escaped(source) if source == final else f"{escaped(source)} as {escaped(final)}"
        yield f"schema {place}, staged in {escaped(plan.staging[final])}"
    yield from _tables(plan)
    for extension in plan.extensions.needed:
        yield escaped(f"extension {extension.name}: needed by {', '.join(extension.needed_by)}")
    yield from (escaped(f"replace {one.table} at {one.target}") for one in plan.extensions.rows)
    if large := plan.large_objects:
        yield f"copy {counted(large.count, 'large object')}, {human_bytes(large.bytes)}"
    for taken in plan.adopted:
        yield f"adopt {escaped(str(taken))}: elt did not publish it"
    for name in plan.gone:
        yield f"unpublish {escaped(str(name))}: it is no longer copied"
    yield from (f"change {escaped(change)}" for change in plan.changes)
    yield from (f"keep {escaped(one)}: it will rest on the new data" for one in plan.dependants)
    yield from (f"drop {escaped(one)}: it cannot come along" for one in sorted(plan.given_up))
    for what, why in plan.left_out:
        yield f"leave out {escaped(what)}: {escaped(why)}"
    yield from (f"warning: {escaped(one)}" for one in plan.warnings)


def _then(plan: Plan, config: Config) -> Iterable[str]:
    """Yield what comes after the copy."""
    tables, compared = len(plan.copies), len(plan.compared(config.audit.checksum))
    yield f"audit rows of {counted(tables, 'table')}, and the content of {compared:,}"
    yield from (f"check {escaped(redacted(check.name))}: must find no rows" for check in config.audit.checks)
    kept = counted(config.publish.keep, "generation")
    yield f"publish within {human_seconds(config.publish.patience_seconds)}; keep {kept} to roll back to"
    yield from (f"transform {escaped(redacted(step.title))}" for step in config.transform)


def _tables(plan: Plan) -> Iterable[str]:
    for job in plan.jobs:
        if job.part and job.part.number > 1:
            continue  # of a table that is told already
        how = "binary" if job.binary else "text"
        if job.part:
            how += f", in {counted(job.part.of, 'part')}"
        if len(job.copies) > 1:
            how += f", with {counted(len(job.copies) - 1, 'other small table')}"
        for copy in job.copies:
            rows = (
                "rows not yet counted"
                if copy.table.rows_estimate < 0
                else f"about {copy.table.rows_estimate:,} rows"
            )
            verb = "replace" if plan.final(copy.table.name) in plan.live else "create"
            yield (
                f"{verb} {escaped(str(plan.final(copy.table.name)))}: {rows}, "
                f"{human_bytes(copy.table.bytes)}, {how}"
            )
