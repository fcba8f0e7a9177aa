"""The config's JSON Schema, for editors and for `elt schema`: what users write, not what it is read into."""

from __future__ import annotations

from typing import Any, cast

from elt_script.config.model import Config

Schema = dict[str, Any]

REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
NULL: Schema = {"type": "null"}
NOISE = ("title", "format", "writeOnly")
AROUND = ("description", "default")


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of config.yaml."""
    required = {"required": ()}  # the environment may fill what the file leaves out
    schema = _as_written(Config.model_json_schema() | required)
    del schema["required"]
    schema["$defs"]["Check"] = {"anyOf": [{"type": "string"}, schema["$defs"]["Check"]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "elt's config.yaml", **schema}


def _as_written(given: Schema) -> Schema:
    """Return a schema that also takes ${NAME} for a number, a number for text, and null for no value."""
    schema = {key: value for key, value in given.items() if key not in NOISE}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _as_written(schema[key])
    for key in ("$defs", "properties"):
        inner = cast("dict[str, Schema]", schema.get(key, {}))
        if inner:
            schema[key] = {name: _as_written(child) for name, child in inner.items()}
    for name, child in schema.get("properties", {}).items():
        if name not in schema.get("required", ()):
            schema["properties"][name] = _or(child, NULL)
    if schema.get("additionalProperties"):  # false forbids them
        schema["additionalProperties"] = _or(schema["additionalProperties"], NULL)
    if "anyOf" in schema:
        choices = (_as_written(choice) for choice in schema["anyOf"])
        schema["anyOf"] = [flat for choice in choices for flat in choice.get("anyOf", [choice])]
    return _scalar(schema)


def _scalar(schema: Schema) -> Schema:
    kind = schema.get("type")
    if kind in ("integer", "number", "boolean") or "enum" in schema or "pattern" in schema:
        return _or(schema, REFERENCE)
    if kind == "string":
        return {**schema, "type": ["string", "number", "boolean"]}
    return schema


def _or(schema: Schema, other: Schema) -> Schema:
    """Return a schema that takes either, described as the first one is."""
    around = {key: schema[key] for key in AROUND if key in schema}
    inner = {key: value for key, value in schema.items() if key not in AROUND}
    choices: list[Schema] = inner.get("anyOf", [inner])
    return {**around, "anyOf": choices if other in choices else [*choices, other]}
