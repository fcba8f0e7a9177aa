"""config.yaml at the top, what `elt init` writes, and the JSON Schema: one truth in three places."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from elt_script.config.file import json_schema, load
from elt_script.config.model import (
    Audit,
    Check,
    Config,
    Executor,
    Publish,
    Schedule,
    Server,
    TableSettings,
    TransformStep,
    Wait,
)
from elt_script.config.starter import TAIL, starter
from elt_script.tables import TableName

EXAMPLE = Path(__file__).parents[2] / "config.yaml"
URLS = {
    "ELT_SOURCE_URL": "postgresql://r@s.example/shop",
    "ELT_DESTINATION_URL": "postgresql://w@d.example/copy",
}
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)  # made once: validate() would check the schema itself each time
SECTIONS = (Config, Server, Wait, TableSettings, Audit, Check, Executor, Publish, TransformStep, Schedule)


def schema_faults(text: str) -> list[str]:
    try:
        VALIDATOR.validate(yaml.safe_load(text))  # pyright: ignore[reportUnknownMemberType]  (a loose stub)
    except ValidationError as error:
        return [error.message]
    return []


def with_all_keys(text: str) -> str:
    """Return text with its keys taken out of comments: `#key: value`, while `# prose` stays one."""
    return re.sub(r"^(\s*)#(?=[^ \n#])", r"\1", text, flags=re.MULTILINE)


def test_the_example_is_right() -> None:
    config = load(EXAMPLE, URLS)

    assert config.pipeline == "accelerometer"
    assert config.model_dump(
        exclude={"pipeline", "source", "destination", "schemas"}
    ) == Config.model_validate(
        {"source": {"host": "a", "dbname": "a"}, "destination": {"host": "b", "dbname": "b"}}
    ).model_dump(exclude={"pipeline", "source", "destination", "schemas"})
    assert schema_faults(EXAMPLE.read_text()) == []


def test_the_example_shows_every_key_rightly() -> None:
    text = EXAMPLE.read_text()

    assert schema_faults(with_all_keys(text)) == []
    for section in SECTIONS:
        for key in section.model_fields:
            assert re.search(rf"(^|[ #{{\-]){key}:", text, re.MULTILINE), f"{section.__name__}.{key}"


def test_the_example_and_the_starter_do_not_drift_apart() -> None:
    assert EXAMPLE.read_text().endswith(TAIL)


def test_the_defaults_that_the_example_shows_are_the_defaults() -> None:
    shown: dict[str, Any] = yaml.safe_load(with_all_keys(TAIL))

    for section, made in (("wait", Wait()), ("publish", Publish())):
        assert made.model_dump() == shown[section]
    assert {key: shown["audit"][key] for key in ("checksum", "allow_empty")} == Audit().model_dump(
        include={"checksum", "allow_empty"}
    )
    theirs = ("time_zone", "jitter_seconds", "missed", "stop_seconds")
    assert {key: shown["schedule"][key] for key in theirs} == Schedule().model_dump(include=set(theirs))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("source: {host: db, port: '${PORT:-5432}', dbname: 2024}", True),
        ("schemas: {public: shop_raw, other: }", True),
        ("schemas: [public]", True),
        ("wait:\njobs: ${JOBS}\ntables: {a: , b: {skip: '${SKIP}'}}", True),
        ("audit: {checks: [select 1, {name: x, sql: select 2}]}", True),
        ("transform: [{command: dbt build}, {command: [dbt, build]}, {sql: x.sql}]", True),
        ("bin_dir: /usr/bin\npipeline: ${NAME}", True),
        ("port: 1", False),
        ("source: {port: many}", False),
        ("source: {sslmode: verify}", False),
        ("schemas: public", False),
        ("tables: [a]", False),
        ("publish: {keep: 10}", False),
        ("audit: {checks: [{name: x}]}", False),
        ("pipeline: Shop", False),
    ],
)
def test_the_schema_takes_what_users_write(text: str, *, right: bool) -> None:
    assert (schema_faults(text) == []) is right


def test_every_key_is_described() -> None:
    for section in SECTIONS:
        for key, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{key}"


HOSTILE = [
    "public",
    "no",
    "a b",
    "${HOME}",
    "it's: {x} # y",
    'q"\\\n',
    "smile 😀",
    "\u202etxt",
    "elt",
    "pg_x",
]


def test_what_init_writes_can_be_read(tmp_path: Path) -> None:
    source = {
        "host": "db.example",
        "port": "5432",
        "dbname": 'No "${x}" 1',
        "user": "null",
        "sslmode": "require",
    }
    tables = [(TableName("public", name), 10 * size, size * 10**7) for size, name in enumerate(HOSTILE)]
    text = starter({**source, "password": "hush-4711"}, HOSTILE, tables)
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")

    config = load(path, {"ELT_SOURCE_PASSWORD": "p"})

    endpoint = config.source.endpoint("source", "elt")
    assert dict(endpoint.parameters) == source
    assert endpoint.password == "p"
    assert list(config.schemas or {}) == HOSTILE[:-2]
    assert config.destination.endpoint("destination", "elt").parameters["dbname"] == 'No "${x}" 1_copy'
    assert config.pipeline == "no_x_1"
    assert "hush-4711" not in text
    assert text.replace("\n", "").isprintable()  # nothing in it turns a line around
    assert schema_faults(text) == []
    assert load(path, {"ELT_DESTINATION_URL": "postgresql://w:p@d/x"}).destination.url is not None


def test_a_line_of_the_starter_leaves_just_its_table_out(tmp_path: Path) -> None:
    names = [TableName("public", name) for name in ("a*", "[b]", "c?d", 'e"\nf', "g.h")]
    text = starter({"host": "h", "dbname": "x"}, ["public"], [(name, 1, 1) for name in names])
    path = tmp_path / "config.yaml"
    path.write_text(re.sub(r"^  #(?=\")", "  ", text, flags=re.MULTILINE), encoding="utf-8")

    config = load(path, {})

    def skipped(name: TableName) -> bool:
        found = config.table_settings(name)
        return found is not None and found.skip

    assert [skipped(name) for name in names] == [True] * 5
    assert not any(skipped(TableName("public", other)) for other in ("ab", "b", "cxd", "g"))


def test_the_starter_shows_the_largest_tables() -> None:
    tables = [(TableName("public", f"t{index}"), index, index * 1_500_000) for index in range(30)]
    text = starter(
        {"host": "h", "dbname": "x"}, ["public"], [*tables, (TableName("public", "new"), -1, 10**12)]
    )

    assert "The source's 20 largest of 31 tables" in text
    assert '  #"public.new": {skip: true} # 931.3 GiB\n' in text
    assert '  #"public.t29": {skip: true} # 41.5 MiB, about 29 rows\n' in text
    assert 'public.t3"' not in text


def test_what_libpq_knows_and_we_do_not_goes_by_url(tmp_path: Path) -> None:
    source = {"host": "a,b", "port": "1,2", "dbname": "x y", "krbsrvname": "pg"}
    path = tmp_path / "config.yaml"
    path.write_text(starter(source, [], [], {"service": "warehouse"}), encoding="utf-8")

    config = load(path, {})

    assert dict(config.source.endpoint("source", "elt").parameters) == source
    assert dict(config.destination.endpoint("destination", "elt").parameters) == {"service": "warehouse"}


def test_the_environment_that_init_used_does_not_contradict_its_file(tmp_path: Path) -> None:
    environ = {"ELT_SOURCE_URL": "postgresql://r:p@s.example:5433/shop", "ELT_SOURCE_SSLMODE": "require"}
    source = load(None, {**URLS, **environ}).source.endpoint("source", "elt")
    path = tmp_path / "config.yaml"
    path.write_text(starter(source.parameters, ["public"], []), encoding="utf-8")

    assert load(path, environ).source.endpoint("source", "elt") == source
