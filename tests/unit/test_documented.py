"""What a user can meet is in README.md or docs: commands, statuses, events, keys of the config, variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from elt_script import errors
from elt_script.cli import cli
from elt_script.config.env import NAMES
from elt_script.config.model import Config, Server, TableSettings, TransformStep
from elt_script.config.value import Section
from elt_script.errors import EltError
from source_db_init.cli import cli as seeding

REPOSITORY = Path(__file__).parents[2]
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
LOGGED = r'\b(?:_?log\.(?:debug|info|warning|error|critical|exception)|patiently)\(\s*"([^"]*)"'


@cache
def pages() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@cache
def named() -> frozenset[str]:
    """The names that stand in `backquotes`, each part of a longer span for itself."""
    prose = re.sub(r"^```.*?^```", "", pages(), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`]+)`", prose)
    return frozenset(name for span in spans for name in re.findall(r"[\w.-]+", span))


def found_in_code(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what a pattern's group catches in the code, and where."""
    for file in sorted((REPOSITORY / "elt_script").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for found in re.finditer(pattern, text):
            line = text.count("\n", 0, found.start()) + 1
            yield found[1], f"{file.relative_to(REPOSITORY)}:{line}"


def want_named(names: Mapping[str, str]) -> None:
    """Fail with each name that no page has, and where it comes from."""
    missing = [f"`{name}`, {where}" for name, where in sorted(names.items()) if name not in named()]
    assert not missing, "\n".join(("neither README.md nor docs/*.md names", *missing))


def test_every_command() -> None:
    missing = [name for name in cli.commands if not re.search(rf"`(elt )?{name}\b", pages())]

    assert not missing, f"neither README.md nor docs/*.md names elt {', elt '.join(missing)}"


def typed() -> Iterator[list[str]]:
    """Yield what the pages, and the commands' own examples, show to be typed of our commands."""
    helps = [command.epilog or command.help or "" for command in (cli, seeding, *cli.commands.values())]
    text = "\n".join((pages(), *helps))
    for line in re.findall(
        r'^(?:\$|  ) *(?:[A-Z_]+=(?:"[^"]*"|\S*) )*(elt(?:-seed)? .*)$', text, re.MULTILINE
    ):
        words = shlex.split(line, comments=True)
        ends = [at for at, word in enumerate(words) if word in {"&&", "|", ">"}]
        yield words[: ends[0]] if ends else words


def test_every_command_line_can_be_typed_as_it_is_shown() -> None:
    lines = list(typed())

    assert len(lines) > 20
    for program, *words in lines:
        if program == "elt-seed":
            seeding.make_context(program, words).close()
            continue
        at = next(at for at, word in enumerate(words) if word in cli.commands)
        with cli.make_context(program, words[: at + 1]) as above:
            cli.commands[words[at]].make_context(words[at], words[at + 1 :], parent=above).close()


def test_every_exit_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EltError)]
    rows = "\n".join(re.findall(r"^\| [\d, ]+ \|", pages(), re.MULTILINE))
    without_row = [str(kind.exit_status) for kind in kinds if not re.search(rf"\b{kind.exit_status}\b", rows)]

    assert not without_row, f"no table has a row `| {' |`, `| '.join(without_row)} |`"
    want_named({kind.__name__: "elt_script/errors.py" for kind in kinds if kind is not EltError})


def test_every_event() -> None:
    found = dict(found_in_code(LOGGED))

    assert len(found) > 20  # else they are no longer found where we look
    odd = [f"{name}, {where}" for name, where in found.items() if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)]
    assert not odd, f"an event is called noun.past_tense: {'; '.join(odd)}"
    want_named(found)


def keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield a section's keys, those of inner sections with a dot."""
    for key, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section) and inner not in (Server, TableSettings):
            yield from keys(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@pytest.mark.parametrize("section", [Config, Server, TableSettings, TransformStep])
def test_every_key_of_the_config(section: type[BaseModel]) -> None:
    want_named(dict.fromkeys(keys(section), f"a key of {section.__name__}"))


def variables() -> Iterator[tuple[str, str]]:
    """Yield variables that options take, that stand for keys, and that stand somewhere in the code."""
    for command in (cli, *cli.commands.values()):
        for option in command.params:
            if isinstance(option.envvar, str):
                yield option.envvar, f"elt {command.name} {option.opts[0]}"
    yield from ((name, f"the key {key}") for (*above, key), name in NAMES.items() if not above)
    yield from found_in_code(r'"(ELT_[A-Z_]*[A-Z])"')


def test_every_variable() -> None:
    missing = [
        f"{name}, {where}"
        for name, where in dict(variables()).items()
        if not re.search(rf"\b{name}\b", pages())
    ]

    assert not missing, "\n".join(("neither README.md nor docs/*.md names", *missing))
