"""The rules that keep this code readable, where no tool of `make lint` knows them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
OURS = ("elt_script", "source_db_init", "tests", "benchmarks")
SHIPPED = ("elt_script", "source_db_init")
FILE_LINES = 400
FUNCTION_LINES = 50


def files(*folders: str, pattern: str = "*.py") -> Iterator[Path]:
    for folder in folders:
        yield from sorted((REPOSITORY / folder).rglob(pattern))


def place(file: Path) -> str:
    return str(file.relative_to(REPOSITORY))


@cache
def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def functions(body: Iterable[ast.AST]) -> Iterator[ast.FunctionDef]:
    """Yield every function, without a look at expressions: those are most of a file, and hold none."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield node
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from functions(ast.iter_child_nodes(node))


@cache
def project() -> dict[str, Any]:
    return tomllib.loads(text(REPOSITORY / "pyproject.toml"))


def test_a_file_is_short() -> None:
    long = [
        f"{place(file)}: {lines} lines"
        for file in files(*OURS)
        if (lines := text(file).count("\n")) > FILE_LINES
    ]

    assert not long, "\n".join((f"above {FILE_LINES} lines; which two things is it?", *long))


def test_a_function_is_short() -> None:
    long = [
        f"{place(file)}:{node.lineno} {node.name}: {lines} lines"
        for file in files(*SHIPPED)
        for node in functions(ast.parse(text(file)).body)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]

    assert not long, "\n".join((f"above {FUNCTION_LINES} lines", *long))


def test_a_module_says_first_what_it_is() -> None:
    silent = [place(file) for file in files(*OURS) if not re.match(r'r?"""\S|$', text(file))]

    assert not silent


def test_every_package_is_shipped() -> None:
    packages = sorted(place(file.parent).replace("/", ".") for file in files(*SHIPPED, pattern="__init__.py"))

    assert sorted(project()["tool"]["setuptools"]["packages"]) == packages


def test_every_query_is_used_and_says_what_it_returns() -> None:
    queries = list(files("elt_script/pg/sql", pattern="*.sql"))
    code = "\n".join(text(file) for file in files(*SHIPPED))

    unused = [place(file) for file in queries if f'"{file.stem}"' not in code]
    headless = [place(file) for file in queries if not text(file).startswith("-- ")]
    assert queries
    assert not unused
    assert not headless


def test_only_the_edge_starts_programs_and_opens_sessions() -> None:
    allowed = ("elt_script/pg/", "elt_script/pytest_plugin.py")
    found = [
        f"{place(file)}: {call}"
        for file in files("elt_script")
        if not place(file).startswith(allowed)
        for call in re.findall(
            r"\b(?:subprocess\.\w+|os\.(?:exec|spawn|fork)\w*|psycopg\.connect)\(", text(file)
        )
    ]

    assert not found


def test_the_locks_pin_all_by_hash_and_name_no_registry() -> None:
    places = (
        "requirements*.txt",
        "containers/requirements*.txt",
        "deploy/*/requirements*.txt",
        "benchmarks/requirements/*.txt",
    )
    locks = [path for pattern in places for path in REPOSITORY.glob(pattern)]

    assert locks
    for lock in locks:
        lines = text(lock).splitlines()
        starts = [line for line in lines if not line.startswith(" ")]
        assert "://" not in text(lock), place(lock)
        assert [line for line in starts if not re.match(r"[a-z0-9][\w.-]*==[\w.]+ ", line)] == [], place(lock)
        assert text(lock).count("--hash=sha256:") >= len(starts), place(lock)
