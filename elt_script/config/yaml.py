"""YAML → plain values, with the line of each, `${NAME}` filled in, and every fault found on the way.

Scalars stay text: pydantic makes of them what the key's type wants, as YAML would, and text such as a
password is never changed (YAML reads 0123 as 83, and no as false). Nothing here quotes a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Location = tuple[str | int, ...]

MERGE = "tag:yaml.org,2002:merge"  # the key <<
NULL = "tag:yaml.org,2002:null"
NULLS = ("", "~", "null", "Null", "NULL")
TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value")
)
REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|\$\{")

EXPLAINED = {
    "found undefined alias": "a value that begins with * needs quotes",
    "mapping values are not allowed in this context": "a value with a colon and a space in it needs quotes, "
    "and the keys of one mapping begin in the same column",
    "found character that cannot start any token": "a value that begins with @, ` or % needs quotes",
    "did not find expected ',' or '}'": "{ needs its }, and within them a value with ${…} needs quotes",
    "did not find expected ',' or ']'": "[ needs its ], and within them a value with ${…} needs quotes",
    "found unknown directive name": "a value that begins with % needs quotes",
    "but found another document": "one file holds one document: --- may only begin it",
    "second occurrence": "a value that begins with & needs quotes",
}

MOST_VALUES = 100_000  # aliases of aliases could stand for billions
MOST_LEVELS = 50
MOST_MERGES = 100  # that make up one mapping
NAMED_BY_USERS = ("schemas", "tables")


class _TooManyValuesError(Exception):
    pass


class Unusable:
    """Stands for a value that had a fault, so that whoever looks at it does not take it for missing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: line is the file's, or 0 where no line is to blame."""

    line: int
    place: str
    text: str


@dataclass(slots=True)
class Document:
    """A file's values, the faults found so far and where they are, and which names it refers to where."""

    root: Node | None
    environ: Mapping[str, str] = field(repr=False)
    secrets: frozenset[Location]
    value: object = field(default=None, repr=False)
    faults: dict[Location, list[Fault]] = field(default_factory=dict[Location, list[Fault]])
    names: dict[str, set[Location]] = field(default_factory=dict[str, set[Location]])
    values: int = 0

    def line(self, location: Location) -> int:
        """Return the line of a value, or of the nearest thing around it that the file has."""
        node, line = self.root, 1
        for step in location:
            found = _child(node, step)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line + 1
        return line

    def holds(self, location: Location) -> bool:
        """Whether the file itself has text at a location, not only a ${NAME} that stands for it."""
        node = self.root
        for step in location:
            found = _child(node, step)
            if found is None:
                return False
            node = found[1]
        return isinstance(node, ScalarNode) and bool(node.value) and not REFERENCE.search(node.value)

    def found(self) -> list[Fault]:
        """Return the faults found so far."""
        return [fault for here in self.faults.values() for fault in here]

    def drop(self, keys: Collection[str]) -> None:
        """Be as if these keys at the top were not there, and none of their faults."""
        if isinstance(self.value, dict):
            value = cast("dict[str, object]", self.value)
            self.value = {key: below for key, below in value.items() if key not in keys}
        self.faults = {at: found for at, found in self.faults.items() if not at or at[0] not in keys}

    def is_at_fault(self, location: Location) -> bool:
        """Whether a fault is known already for this value or for one around it."""
        return any(location[:length] in self.faults for length in range(len(location) + 1))


def read_yaml(text: str, environ: Mapping[str, str], secrets: frozenset[Location]) -> Document:
    """Read a document.

    secrets  where text is taken as it stands, even `null`
    """
    document = Document(None, environ, secrets)
    try:
        _want_shallow(text)
        document.root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if document.root is not None:
            document.value = _value(document, document.root, (), ())
    except yaml.YAMLError as error:
        document.faults[()] = [_syntax(error, text)]
    except _TooManyValuesError:
        document.faults[()] = [Fault(1, "", "is nested too deeply, or its aliases (*) stand for too much")]
    return document


def _want_shallow(text: str) -> None:
    """Refuse what is nested deeply: composing it, which is done by recursion in C, would crash."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            raise _TooManyValuesError


def is_text(value: str) -> bool:
    """Whether value is Unicode: Python keeps other bytes of the environment as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def place(location: Location) -> str:
    """Return a location as messages write it: `tables."public.*".skip`, `transform[0]`.

    A key that is no word is shown only where users name things: elsewhere it may be `password:secret`, where
    a space is missing.
    """
    text = ""
    for depth, step in enumerate(location):
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_][\w-]*", step):
            text += f".{step}" if text else step
        else:
            users = depth == 1 and location[0] in NAMED_BY_USERS
            name = json.dumps(step, ensure_ascii=False) if users else "…"
            text += f".{name}" if text else name
    return text


def _value(document: Document, node: Node, location: Location, within: tuple[Node, ...]) -> object:
    document.values += 1
    if document.values > MOST_VALUES:
        raise _TooManyValuesError
    if node in within:
        return _blame(document, node, location, "an alias (*) leads back to what holds it")
    if isinstance(node, MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return _mapping(document, node, location, (*within, node))
    if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        items = enumerate(node.value)
        return [_value(document, item, (*location, index), (*within, node)) for index, item in items]
    if isinstance(node, ScalarNode) and node.tag in TAGS:
        return _scalar(document, node, location)
    return _blame(document, node, location, "a tag (!) has no meaning here: quotes make it part of the text")


def _mapping(
    document: Document, node: MappingNode, location: Location, within: tuple[Node, ...]
) -> dict[str, object]:
    first: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            _blame(document, key, (*location, "?"), "a key must be text")
        elif key.tag == MERGE and not _is_merge(value):
            text = "<< brings in an alias (*) of a mapping, or a list of them"
            _blame(document, key, (*location, key.value), text)
        elif key.value in first and key.tag != MERGE:
            text = f"is given twice: it is on line {first[key.value]} already"
            _blame(document, key, (*location, key.value), text, hides=False)
        else:
            first[key.value] = key.start_mark.line + 1
    return {key.value: _value(document, value, (*location, key.value), within) for key, value in _pairs(node)}


def _scalar(document: Document, node: ScalarNode, location: Location) -> object:
    whole = REFERENCE.fullmatch(node.value)
    try:
        text = REFERENCE.sub(lambda found: _filled(document, found, location), node.value)
    except ValueError as error:
        return _blame(document, node, location, str(error))
    if "\0" in text:
        return _blame(document, node, location, "no text may hold a zero byte")
    secret = location in document.secrets
    if secret and not node.value and not node.style:
        text = "has no value: text that begins with # or & needs quotes, and '' stands for none"
        return _blame(document, node, location, text)
    if whole and whole["name"]:
        empty = not text or (text in NULLS and not secret)
    else:
        empty = node.tag == NULL and not secret
    return None if empty else text


def _filled(document: Document, found: re.Match[str], location: Location) -> str:
    if found[0] == "$${":
        return "${"
    name: str | None = found["name"]
    if name is None:
        raise ValueError("has a ${ that is neither ${NAME} nor ${NAME:-default} ($${ stands for ${ itself)")
    document.names.setdefault(name, set()).add(location)
    value = document.environ.get(name)
    if not value and found["default"] is not None:
        return found["default"]
    if value is None:
        raise ValueError(f"{name} is not set in the environment (${{{name}:-…}} would give it a default)")
    if not is_text(value):
        raise ValueError(f"{name} is not UTF-8 text in the environment")
    return value


def _pairs(node: MappingNode, merges: Iterator[int] | None = None) -> Iterator[tuple[ScalarNode, Node]]:
    """Yield a mapping's keys and values; what << brings in comes first, so that its own keys win.

    merges  has an item for each << that may still be followed: they may lead back, or stand for billions
    """
    left = iter(range(MOST_MERGES)) if merges is None else merges
    for key, value in node.value:
        if key.tag == MERGE:
            sources: Sequence[Node] = value.value if isinstance(value, SequenceNode) else [value]
            for source in reversed(sources):  # of several, the first one wins
                if isinstance(source, MappingNode):
                    if next(left, None) is None:
                        raise _TooManyValuesError
                    yield from _pairs(source, left)
    for key, value in node.value:
        if key.tag != MERGE and isinstance(key, ScalarNode):
            yield key, value


def _is_merge(value: Node) -> bool:
    sources: Sequence[Node] = value.value if isinstance(value, SequenceNode) else [value]
    return all(isinstance(source, MappingNode) for source in sources)


def _child(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    """Return the node that names a step (a key, an item) and the node it leads to."""
    if isinstance(node, MappingNode):
        return next((pair for pair in reversed([*_pairs(node)]) if pair[0].value == step), None)
    if isinstance(node, SequenceNode):
        items: Sequence[Node] = node.value
        if isinstance(step, int):
            return (items[step], items[step]) if step < len(items) else None
        return next(((item, item) for item in items if item.value == step), None)
    return None


def _blame(document: Document, node: Node, location: Location, text: str, *, hides: bool = True) -> Unusable:
    """Note a fault; hides is whether other faults of the same value are only its consequence."""
    found = Fault(node.start_mark.line + 1, place(location), text)
    document.faults.setdefault(location if hides else (*location, ""), []).append(found)
    return Unusable()


def _syntax(error: yaml.YAMLError, text: str) -> Fault:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Fault(line, "", "YAML allows no control characters")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Fault(1, "", "is not YAML")
    mark, problem = error.problem_mark, error.problem or ""
    if text[mark.index : mark.index + 1] == "\t":
        return Fault(mark.line + 1, "", "is not YAML: it indents with spaces, and here is a tab")
    begun = ""
    if error.context_mark and error.context_mark.line != mark.line:
        begun = f" ({error.context or ''} that began on line {error.context_mark.line + 1})"
    line = min(mark.line, text.rstrip("\n").count("\n")) + 1
    return Fault(line, "", f"is not YAML: {EXPLAINED.get(problem, problem)}{begun}")
