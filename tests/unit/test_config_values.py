"""Values: ${NAME}, what stays text, what is taken for no value, anchors; and that no secret is ever told."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from elt_script.config.file import load
from elt_script.config.model import Config
from elt_script.errors import ConfigError

URLS = {
    "ELT_SOURCE_URL": "postgresql://r@s.example/shop",
    "ELT_DESTINATION_URL": "postgresql://w@d.example/copy",
}
SECRET = "Hush-4711"


def read(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, {**URLS, **environ})


def test_values_come_from_the_environment_or_from_their_default(tmp_path: Path) -> None:
    text = """\
pipeline: ${NAME}_${DAY:-monday}
jobs: ${JOBS:-4}
wait: {max_retries: "${RETRIES}", delay_seconds: "${EMPTY:-0.5}"}
audit: {allow_empty: "${YES}", max_shrink: "${EMPTY}", checks: ["select '$${x}', '$y', '$'"]}
schemas: ["${NAME}"]
"""
    config = read(tmp_path, text, NAME="shop", RETRIES="7", EMPTY="", YES="yes")

    assert config.pipeline == "shop_monday"
    assert config.jobs == 4
    assert (config.wait.max_retries, config.wait.delay_seconds) == (7, 0.5)
    assert (config.audit.allow_empty, config.audit.max_shrink) == (True, None)
    assert config.audit.checks[0].sql == "select '${x}', '$y', '$'"
    assert config.schemas == {"shop": "shop"}


def test_a_value_cannot_bring_in_structure(tmp_path: Path) -> None:
    text = "source: {user: '${USER_NAME}', dbname: '${DBNAME}'}\n"
    hostile = "a, host: evil}\npublish: {adopt: true"

    config = read(tmp_path, text, USER_NAME=hostile, DBNAME="shop # x", ELT_SOURCE_URL="postgresql://s/")

    parameters = config.source.endpoint("source", "elt").parameters
    assert (parameters["user"], parameters["dbname"], parameters["host"]) == (hostile, "shop # x", "s")
    assert config.publish.adopt is False


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("${NAME", "has a ${ that is neither"),
        ("${}", "has a ${ that is neither"),
        ("${a b}", "has a ${ that is neither"),
        ("${A:-${B}}", "has a ${ that is neither"),
        ("${A-b}", "has a ${ that is neither"),
        ("${UNSET}", "UNSET is not set in the environment (${UNSET:-…} would give it a default)"),
        ("x${UNSET}", "UNSET is not set in the environment"),
    ],
)
def test_a_reference_that_leads_nowhere(tmp_path: Path, value: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"jobs: 2\nsource:\n  user: '{value}'\n")

    (only,) = caught.value.detail.splitlines()
    assert only.startswith(f"{tmp_path}/config.yaml:3: source.user: {fault}")


@pytest.mark.parametrize(
    "text", ["0123", "true", "null", "yes", "~", "1_000", "2024-01-01", "1e5", "=", "$x", "a b"]
)
def test_a_password_stays_the_text_that_it_is(tmp_path: Path, text: str) -> None:
    plain = read(tmp_path, f"source: \n  password: {text}\n").source
    referred = read(tmp_path, "source: {password: '${P}'}\n", P=text).source
    filled = read(tmp_path, "", ELT_SOURCE_PASSWORD=text).source

    assert [server.endpoint("source", "elt").password for server in (plain, referred, filled)] == [text] * 3


def test_names_stay_text_too(tmp_path: Path) -> None:
    text = "source: {dbname: 0123, user: no, host: 1e5}\nschemas: {2024: on}\ntables: {1.5: {}}\n"
    config = read(tmp_path, text, ELT_SOURCE_URL="")

    parameters = config.source.endpoint("source", "elt").parameters
    assert (parameters["dbname"], parameters["user"], parameters["host"]) == ("0123", "no", "1e5")
    assert config.schemas == {"2024": "on"}
    assert list(config.tables) == ["1.5"]


def test_a_password_that_yaml_swallowed_is_a_fault(tmp_path: Path) -> None:
    for value in ("", "#hush", "&hush"):
        with pytest.raises(ConfigError, match=r":2: source\.password: has no value: text that begins with #"):
            read(tmp_path, f"source:\n  password: {value}\n")

    assert read(tmp_path, "source: {password: ''}\n").source.endpoint("source", "elt").password is None
    assert read(tmp_path, "source: {password: '${P:-}'}\n").source.endpoint("source", "elt").password is None


def test_a_key_without_a_value_is_a_key_left_out(tmp_path: Path) -> None:
    text = "wait:\n  max_retries:\naudit: ~\njobs: null\ntables: {a: , b: {skip: }}\nschemas: {public: }\n"
    config = read(tmp_path, text)

    assert config.wait.max_retries == 30
    assert config.jobs is None
    assert list(config.tables) == ["a", "b"]
    assert config.schemas == {"public": "public"}


def test_anchors_and_merges(tmp_path: Path) -> None:
    text = """\
defaults: &strict {max_shrink: 0.1, checksum: all}
tables:
  "*": {}
  a: {<<: *strict, max_shrink: 0.2}
  b: *strict
"""
    config = read(tmp_path, text)

    assert (config.tables["a"].max_shrink, config.tables["a"].checksum) == (0.2, "all")
    assert config.tables["b"].max_shrink == 0.1


def test_a_fault_in_what_a_merge_brings_in_has_its_own_line(tmp_path: Path) -> None:
    text = "defaults: &loose\n  checksum: none\n  max_shrink: 7\ntables:\n  a:\n    <<: *loose\n"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)

    assert [line.split(": ")[0][-2:] for line in caught.value.detail.splitlines()] == [":3", ":3"]


LEAKS = [
    f"source: {{password: {SECRET}, port: x}}",
    f"source: {{port: {SECRET}}}",
    f"source: {{sslmode: {SECRET}}}",
    f"source: {{passwrd: {SECRET}}}",
    f"source: {{host: a, password:{SECRET}}}",
    f"source: {{require_auth: {SECRET}}}",
    f"source: {{password: [{SECRET}]}}",
    f"source: {{password: half,{SECRET}, user: me}}",
    f"source: {{password: {{{SECRET}}}}}",
    f"source: {{host: 'postgresql://u:{SECRET}@h/x'}}",
    f"source: {{service: 'postgresql://u:{SECRET}@h/x'}}",
    f"source: {{password: {SECRET}, password_file: config.yaml}}",
    "source: {password_file: config.yaml, password: x}",
    f"source: postgresql://u:{SECRET}@h/x",
    f"source:\n  password: *{SECRET}",
    f"source:\n  password: &{SECRET}",
    f"source:\n  password: !{SECRET}",
    f"source:\n  password: !{SECRET} x",
    f"source:\n  password: @{SECRET}",
    f"source:\n  password: '{SECRET}",
    f'source:\n  password: "\\q{SECRET}"',
    f"source:\n  password: a: {SECRET}",
    f"source:\n  password: a${{{SECRET}",
    f"source:\n  password: |{SECRET}",
    f"source:\n  password: {SECRET}\n  password: {SECRET}\n",
    f"jobs: {SECRET}\npipeline: {SECRET}\nschemas: {SECRET}\ntables: {SECRET}\naudit: {SECRET}",
    f'transform: [{SECRET}, {{command: "\'{SECRET}"}}, {{sql: {SECRET}}}]',
    *(
        f"source: {{url: '{url}'}}"
        for url in (
            f"postgresql://u:a@{SECRET}@h/x",
            f"postgresql://u:12/{SECRET}@h/x",
            f"postgresql://u:%{SECRET}@h/x",
            f"postgresql://[{SECRET}/x",
            f"postgresql://h/x?sslpassword={SECRET}",
            f"postgresql://h/x?oauth_client_secret={SECRET}",
            f"postgresql://h/x?pasword={SECRET}",
            f"postgresql://h/x?{SECRET}",
            f"postgresql://u:{SECRET}@/",
            f"mysql://u:{SECRET}@h/x",
            f"{SECRET}",
            f"host=h dbname=x passwd={SECRET}",
            f"host=h dbname=postgresql://u:{SECRET}@h/x",
            f"host=h options={SECRET} dbname=x",
        )
    ),
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_fault_tells_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, ELT_SOURCE_URL="", ELT_SOURCE_USER=SECRET, ELT_DESTINATION_PORT=SECRET)

    told = "".join(traceback.format_exception(caught.value)) + str(caught.value) + repr(caught.value)
    assert SECRET not in told
    assert SECRET.lower() not in told.lower()


def test_a_config_shows_no_secret(tmp_path: Path) -> None:
    text = f"source: {{password: {SECRET}}}\n"
    config = read(tmp_path, text, ELT_DESTINATION_URL=f"postgresql://w:{SECRET}@d.example/copy")

    endpoints = [config.source.endpoint("source", "elt"), config.destination.endpoint("destination", "elt")]
    assert SECRET not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()} {endpoints}"
    assert [endpoint.password for endpoint in endpoints] == [SECRET, SECRET]
