"""Reading a config file: where it is found, where its paths start, and what is said of each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from elt_script.config.file import load
from elt_script.config.model import schema_fault
from elt_script.errors import ConfigError

URLS = {
    "ELT_SOURCE_URL": "postgresql://reader@source.example:5432/shop",
    "ELT_DESTINATION_URL": "postgresql://writer@destination.example:5432/copy",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> Path:
    path = Path("config.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def faults(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(text), {**URLS, **environ})
    return caught.value.detail.splitlines()


def test_config_yaml_is_found_where_the_command_runs() -> None:
    write("pipeline: shop\n")

    assert load(None, URLS).pipeline == "shop"


def test_an_empty_file_leaves_everything_to_the_environment() -> None:
    assert load(write(""), URLS).schemas is None
    assert load(write("# nothing but this\nsource:\n"), URLS).wait.max_retries == 30


def test_every_fault_is_told_with_its_line_and_in_their_order() -> None:
    text = """\
pipelin: shop
source:
  host: db
  port: "abc"
  databse: shop
  port: 0
destination:
  host: db.example
  dbname: copy
  gssencmode: maybe
wait: {max_retries: -1, delay_seconds: 0}
schemas: [a, pg_toast, elt, a]
jobs: ${JOBS}
max_retries: 3
tables:
  - orders
audit:
  max_shrink: 50%
  checks: [select 1, {name: none}]
publish: {keep: 10, adopt: maybe}
transform:
  - sql: missing.sql
  - command: echo 'x
  - {}
"""
    told = [line.split(" (")[0] for line in faults(text, ELT_SOURCE_URL="", ELT_DESTINATION_URL="")]

    assert told == [
        "config.yaml:1: pipelin: is not a key: did you mean pipeline?",
        "config.yaml:2: source.dbname: nothing says which database: give dbname, or a url that names it",
        "config.yaml:5: source.databse: is not a key: did you mean dbname?",
        "config.yaml:6: source.port: is given twice: it is on line 4 already",
        "config.yaml:6: source.port: must be greater than or equal to 1",
        "config.yaml:10: destination.gssencmode: must be 'disable', 'prefer' or 'require'",
        "config.yaml:11: wait.max_retries: must be greater than or equal to 0",
        "config.yaml:11: wait.delay_seconds: must be greater than 0",
        "config.yaml:12: schemas.pg_toast: is a system schema",
        f"config.yaml:12: schemas.elt: {schema_fault('elt', 'elt')}",
        "config.yaml:12: schemas.a: is listed twice",
        "config.yaml:13: jobs: JOBS is not set in the environment",
        "config.yaml:14: max_retries: is not a key here: it belongs under wait",
        "config.yaml:15: tables: must be a mapping",
        "config.yaml:18: audit.max_shrink: must be a number",
        "config.yaml:19: audit.checks[1].sql: is missing",
        "config.yaml:20: publish.keep: must be less than or equal to 9",
        "config.yaml:20: publish.adopt: must be true or false",
        "config.yaml:22: transform[0].sql: there is no such file",
        "config.yaml:23: transform[1].command: has a quote or a backslash without its other half",
        "config.yaml:24: transform[2].command: a step is either `sql: path` or `command: …`",
    ]


def test_the_message_is_one_line_that_counts() -> None:
    with pytest.raises(ConfigError) as caught:
        load(write("jobs: many\n"), {**URLS, "ELT_SOURCE_PORT": "x"})

    assert caught.value.message == "config.yaml and the environment have 2 faults"
    assert caught.value.hint == "`elt schema` describes every key."
    assert str(caught.value).startswith(
        "config.yaml and the environment have 2 faults\nconfig.yaml:1: jobs: "
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- source\n", "config.yaml:1: must be a mapping, with keys such as `source:`"),
        ("just words\n", "config.yaml:1: must be a mapping, with keys such as `source:`"),
        (
            "wait:\n\tmax_retries: 1\n",
            "config.yaml:2: is not YAML: it indents with spaces, and here is a tab",
        ),
        (
            "pipeline: a\nwait: {max_retries: 1\njobs: 3\n",
            "config.yaml:3: is not YAML: { needs its }, and within them a value with ${…} needs quotes",
        ),
        (
            "pipeline: 'a\njobs: 3\n",
            "config.yaml:2: is not YAML: found unexpected end of stream (while scanning a quoted scalar",
        ),
        (
            "jobs: 1\n\n---\njobs: 2\n",
            "config.yaml:3: is not YAML: one file holds one document: --- may only ",
        ),
        ('schemas: ["a\\0b"]\n', "config.yaml:1: schemas[0]: no text may hold a zero byte"),
        ("jobs: 1\npipeline: a\x07\n", "config.yaml:2: YAML allows no control characters"),
        (
            "jobs: !!python/object:os.system 1\n",
            "config.yaml:1: jobs: a tag (!) has no meaning here: quotes ",
        ),
        (
            "wait: &w\n  max_retries: *w\n",
            "config.yaml:1: wait.max_retries: an alias (*) leads back to what ",
        ),
        ("? [a, b]\n: c\n", "config.yaml:1: …: a key must be text"),
        (
            "source: {sslpassword: p}\n",
            "config.yaml:1: source.sslpassword: is not a key: elt takes no secret but",
        ),
        ("<<: 3\n", "config.yaml:1: …: << brings in an alias (*) of a mapping, or a list of them"),
        (
            "[" * 400_000,  # deep enough to overflow the stack of whoever reads it by recursion
            "config.yaml:1: is nested too deeply, or its aliases (*) stand for too much",
        ),
        (
            "wait: [1]\n",
            "config.yaml:1: wait: must be a mapping (key: value) (how long to wait for both servers)",
        ),
        ("source: postgresql://db/x\n", "config.yaml:1: source: must be a mapping (key: value) "),
        ("tables: {}\n", "config.yaml:1: tables: must not be empty "),
        (
            "pipeline: Shop\n",
            "config.yaml:1: pipeline: has not the form that is wanted (name of this pipeline ",
        ),
        ("jobs: .inf\n", "config.yaml:1: jobs: must be a whole number "),
        ("wait: {delay_seconds: inf}\n", "config.yaml:1: wait.delay_seconds: must be a finite number "),
        (
            "bin_dir: ~nobody-here/bin\n",
            "config.yaml:1: bin_dir: begins with ~, and there is no such home folder",
        ),
        (f"bin_dir: {'x' * 300}\n", "config.yaml:1: bin_dir: cannot be reached: File name too long"),
        ("bin_dir: config.yaml\n", "config.yaml:1: bin_dir: must be a folder"),
        ("tables: {a.b: {skp: true}}\n", 'config.yaml:1: tables."a.b".skp: is not a key: did you mean skip?'),
        ("transform: [dbt build]\n", "config.yaml:1: transform[0]: must be a mapping (key: value)"),
        (
            "source: {password: a,zzz}\n",
            "config.yaml:1: source.…: is not a key; there are url, service,",
        ),
        ("run: {retrys: 3}\n", "config.yaml:1: run.retrys: is not a key: did you mean retries?"),
        ("target: {host: x}\n", "config.yaml:1: target: is not a key: did you mean destination?"),
        (
            "publish: {colour: red}\n",
            "config.yaml:1: publish.colour: is not a key; there are patience_seconds, ",
        ),
    ],
)
def test_what_is_said_of_a_fault(text: str, told: str) -> None:
    (only,) = faults(text)

    assert only.startswith(told)


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"/dev/zero has more than 1,000,000 bytes: it is no configuration"):
        load(Path("/dev/zero"), URLS)


def test_of_very_many_faults_a_hundred_are_told() -> None:
    assert len(faults("".join(f"key{number}: 1\n" for number in range(101)))) == 100


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]

    (only,) = faults("\n".join(lines))

    assert "stand for too much" in only


@pytest.mark.parametrize("text", ["run: &a {<<: *a}\n", "run: &a {<<: [*a, *a]}\n"])
def test_a_merge_that_leads_back_is_refused(text: str) -> None:
    (only,) = faults(text)

    assert "stand for too much" in only


def test_merges_of_merges_do_not_take_forever() -> None:
    lines = ["a0: &a0 {}", *(f"a{at}: &a{at} {{<<: [*a{at - 1}, *a{at - 1}]}}" for at in range(1, 30))]

    (only,) = faults("\n".join(lines))

    assert "stand for too much" in only


def test_a_file_that_is_missing_a_folder_or_closed(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^other\.yaml does not exist\nName another file with --config"):
        load(Path("other.yaml"), URLS)

    (folder / "config.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"^config\.yaml cannot be read\nIs a directory\n"):
        load(None, URLS)


def test_a_link_that_leads_nowhere_is_not_a_missing_file(folder: Path) -> None:
    link = folder / "config.yaml"
    link.symlink_to("elsewhere.yaml")
    with pytest.raises(ConfigError, match=r"^config\.yaml does not exist\n"):
        load(None, URLS)

    link.unlink()
    link.symlink_to("config.yaml")
    with pytest.raises(
        ConfigError, match=r"^config\.yaml cannot be read\nToo many levels of symbolic links\n"
    ):
        load(None, URLS)


def test_a_file_in_another_encoding() -> None:
    Path("config.yaml").write_bytes("jobs: 1\npipeline: café\n".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"config\.yaml:2: is not UTF-8 text"):
        load(None, URLS)


def test_windows_leaves_its_marks() -> None:
    Path("config.yaml").write_bytes(b"\xef\xbb\xbfpipeline: shop\r\njobs: 2\r\n")

    config = load(None, URLS)

    assert (config.pipeline, config.jobs) == ("shop", 2)


def test_paths_start_at_the_files_folder(folder: Path) -> None:
    there = folder / "deploy"
    (there / "sql").mkdir(parents=True)
    for name in ("sql/daily.sql", "root.crt", "password"):
        (there / name).write_text("select 1\n")
    text = """\
source: {sslrootcert: root.crt, password_file: password}
destination: {sslrootcert: system}
bin_dir: sql
transform: [{sql: sql/daily.sql}]
"""
    (there / "config.yaml").write_text(text)
    (folder / "here.crt").write_text("")

    config = load(Path("deploy/config.yaml"), {**URLS, "ELT_SOURCE_SSLCERT": "here.crt"})

    source = config.source.endpoint("source", "elt")
    assert source.parameters["sslrootcert"] == str(there / "root.crt")
    assert source.parameters["sslcert"] == str(folder / "here.crt")
    assert source.password == "select 1"
    assert config.destination.endpoint("destination", "elt").parameters["sslrootcert"] == "system"
    assert config.bin_dir == there / "sql"
    assert config.transform[0].sql == there / "sql/daily.sql"


def test_one_database_cannot_be_both() -> None:
    text = "source: {host: DB, dbname: x}\ndestination: {url: 'postgresql://db:5432/x'}\n"
    (only,) = faults(text, ELT_SOURCE_URL="", ELT_DESTINATION_URL="")

    assert only == "config.yaml:2: destination: is the source's database: give another one"
