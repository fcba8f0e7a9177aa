"""Which schemas of one side are compared, and what they are called on both."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

OURS = ("elt", "elt_prev_*", "elt_next_*")  # pg_dump's patterns for what elt keeps for itself
PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class Scope:
    """One side's view of the schemas that are compared.

    common  this side's names → the names that both sides are compared by; None means all schemas
    shown   names that stand for a compared schema in this side's texts → the names they are compared by
    """

    common: Mapping[str, str] | None = None
    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    without: tuple[str, ...] = ()

    @classmethod
    def of_source(cls, schemas: Mapping[str, str] | None) -> Scope:
        """Return the scope of the side whose names are the mapping's keys."""
        return cls() if schemas is None else cls(dict(schemas), dict(schemas))

    @classmethod
    def of_destination(cls, schemas: Mapping[str, str] | None) -> Scope:
        """Return the scope of the side whose names are the mapping's values.

        Its function bodies are strings, which no server renames anything in: they show the source's names.
        """
        if schemas is None:
            return cls(without=OURS)
        names = {name: name for name in schemas.values()}
        old = {before: after for before, after in schemas.items() if before not in names}
        return cls(names, old)

    def pg_dump_arguments(self) -> list[str]:
        """Return the flags that make pg_dump write this scope and no more."""
        chosen = [f'--schema="{name.replace(chr(34), 2 * chr(34))}"' for name in self.common or ()]
        return chosen + [f"--exclude-schema={pattern}" for pattern in self.without]

    def holds(self, schema: str) -> bool:
        """Tell whether a schema of this side is compared."""
        if self.common is not None:
            return schema in self.common
        return not any(fnmatch.fnmatchcase(schema, pattern) for pattern in self.without)

    def compared(self, schema: str) -> str:
        """Return the name that a schema of this side is compared by."""
        return schema if self.common is None else self.common[schema]

    def translated(self, text: str) -> str:
        """Return SQL text of this side with the names that both sides are compared by."""
        if not self.shown:
            return text
        forms = {form: _written(after) for before, after in self.shown.items() for form in _forms(before)}
        longest_first = sorted(forms, key=len, reverse=True)
        found = re.compile("|".join(f"(?:{_bounded(form)})" for form in longest_first))
        replacement: Callable[[re.Match[str]], str] = lambda match: forms[match[0]]  # noqa: E731
        return found.sub(replacement, text)


def _written(name: str) -> str:
    """Return a name as SQL text shows it."""
    return name if PLAIN_NAME.fullmatch(name) else f'"{name.replace(chr(34), 2 * chr(34))}"'


def _forms(name: str) -> set[str]:
    """Return the ways a name is written: in SQL, and bare in pg_dump's comments."""
    return {name, _written(name)}


def _bounded(form: str) -> str:
    return rf'(?<![\w$"]){re.escape(form)}(?![\w$"])' if not form.startswith('"') else re.escape(form)
