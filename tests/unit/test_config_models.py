"""The config's own rules: tables by pattern, schemas and their names, checks, transforms."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from elt_script.config.model import TAKEN, Check, Config, TableSettings, TransformStep
from elt_script.tables import TableName

SERVERS = {"source": {"host": "a", "dbname": "x"}, "destination": {"host": "b", "dbname": "x"}}


def config(**keys: object) -> Config:
    return Config.model_validate({**SERVERS, **keys})


def faults(**keys: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        config(**keys)
    return {".".join(map(str, found["loc"])): found["msg"] for found in caught.value.errors()}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("public.*", True),
        ("public.orders", True),
        ("orders", True),
        ("ord*", True),
        ("*.orders", True),
        ("public.order?", True),
        ("[op]rders", True),
        ("Orders", False),
        ("public", False),
        ("other.orders", False),
        ("order", False),
    ],
)
def test_which_tables_a_pattern_matches(pattern: str, *, matches: bool) -> None:
    found = config(tables={pattern: {}}).table_settings(TableName("public", "orders"))

    assert (found is not None) is matches


def test_a_table_with_a_dot_in_its_name() -> None:
    tables = {"a.b*": {"skip": True}}

    assert config(tables=tables).table_settings(TableName("a", "b.c")) is not None
    assert config(tables=tables).table_settings(TableName("x", "a.b")) is None
    assert config(tables={"*": {}}).table_settings(TableName("x", "a.b")) is not None


def test_later_patterns_override_what_they_set() -> None:
    made = config(
        audit={"max_shrink": 0.9, "allow_empty": True},
        defaults={"checksum": "none", "max_shrink": 0.5},
        tables={
            "*": {},
            "public.*": {"max_shrink": 0.2},
            "log_*": {"skip": True, "max_shrink": None},
            "log_kept": {"skip": False, "checksum": "all"},
        },
    )

    def settings(schema: str, name: str) -> TableSettings | None:
        return made.table_settings(TableName(schema, name))

    assert settings("x", "a") == TableSettings(skip=False, checksum="none", max_shrink=0.5, allow_empty=True)
    assert settings("public", "log_b") == TableSettings(
        skip=True, checksum="none", max_shrink=0.2, allow_empty=True
    )
    assert settings("x", "log_kept") == TableSettings(
        skip=False, checksum="all", max_shrink=0.5, allow_empty=True
    )


def test_every_table_is_copied_by_default_and_emptied_ones_are_refused() -> None:
    found = config().table_settings(TableName("any", "thing"))

    assert found == TableSettings(skip=False, checksum="all", max_shrink=None, allow_empty=False)


def test_schemas_as_a_list_and_as_a_mapping() -> None:
    assert config(schemas=["a", "b"]).schemas == {"a": "a", "b": "b"}
    assert config(schemas={"a": "raw", "elt": "elt_raw", "b": None}).schemas == {
        "a": "raw",
        "elt": "elt_raw",
        "b": "b",
    }
    assert config().schemas is None


def test_schemas_that_cannot_be() -> None:
    long = "é" * 32

    assert faults(schemas=[]) == {"schemas": "names no schema: leave the key out to copy every schema"}
    assert faults(schemas=["a", "b", "a"]) == {"schemas.a": "is listed twice"}
    assert faults(
        schemas={"a": "x", "b": "x", "pg_temp": "y", "c": "elt", "d": "elt_next_d", "e": "", long: "f"}
    ) == {
        "schemas.a": "another schema has the same name at the destination",
        "schemas.b": "another schema has the same name at the destination",
        "schemas.pg_temp": "is a system schema",
        **dict.fromkeys(
            ("schemas.c", "schemas.d"),
            f"needs another name at the destination: {', '.join(TAKEN)} are taken",
        ),
        "schemas.e": "a schema has a name",
        f"schemas.{long}": "Postgres' names have at most 63 bytes",
    }


def test_the_source_cannot_be_the_destination() -> None:
    assert faults(destination={"host": "A", "port": 5432, "dbname": "x"}) == {
        "destination": "is the source's database: give another one"
    }


def test_checks_with_and_without_a_name() -> None:
    sql = "select id\n  from orders\n where customer_id is null and total > 100 or total < 0"
    made = config(audit={"checks": [sql, {"name": "no debts", "sql": "select 1"}, {"sql": "select 2"}]})

    assert made.audit.checks == (
        Check(name="select id from orders where customer_id is null and total >…", sql=sql),
        Check(name="no debts", sql="select 1"),
        Check(name="select 2", sql="select 2"),
    )
    assert "audit.checks.0.sql" in faults(audit={"checks": [{"name": "x"}]})


def test_commands_are_lists_or_lines() -> None:
    made = config(
        transform=[
            {"command": "dbt build --vars '{a: 1}'"},
            {"command": ["sh", "-c", "exit 3"], "name": "the end"},
            {"command": "dbt deps && dbt build > log"},
            {"sql": "daily.sql"},
        ]
    )

    assert [step.command for step in made.transform] == [
        ("dbt", "build", "--vars", "{a: 1}"),
        ("sh", "-c", "exit 3"),
        ("sh", "-c", "dbt deps && dbt build > log"),
        None,
    ]
    assert [step.title for step in made.transform] == [
        "dbt build --vars '{a: 1}'",
        "the end",
        "sh -c 'dbt deps && dbt build > log'",
        "daily.sql",
    ]


@pytest.mark.parametrize("step", [{}, {"name": "x"}, {"sql": "a", "command": "b"}])
def test_a_step_is_one_thing(step: dict[str, str]) -> None:
    assert faults(transform=[step]) == {"transform.0.command": "a step is either `sql: path` or `command: …`"}
    with pytest.raises(ValidationError):
        TransformStep.model_validate(step)


def test_values_are_frozen() -> None:
    made = config()

    with pytest.raises(ValidationError):
        setattr(made, "jobs", 3)  # noqa: B010  (a type checker would refuse the other way)
