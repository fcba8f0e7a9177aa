"""The secrets that this process knows, and texts without them.

A server, a program or a library may say anything, and so may quote a password. What was said goes through
redacted() where it becomes an error, an event or a row of the ledger.
"""

from __future__ import annotations

import json
import re
import resource
import shlex
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote, quote_plus

from elt_script.wording import escaped

SHORTEST = 4  # characters: a shorter password is part of too many words to be taken out of all of them
HIDDEN = "***"

CREDENTIALS = re.compile(r"(://[^\s:/@]*:)\S*(?=@)|\b(password=)('[^']*'|[^\s&]+)")

_known: set[str] = set()
_forms: set[str] = set()
_pattern: re.Pattern[str] | None = None
_variables: set[str] = set()


def remember(secret: str, *public: str) -> None:
    """Have a secret left out of everything that is said from now on.

    public  what is shown of the same server: a password that is the user's name hides nobody's name
    """
    global _pattern  # noqa: PLW0603  (one process has one set of secrets)
    if secret in _known or secret in public:
        return
    _known.add(secret)
    _forms.update(form for form in _written(secret) if len(form) >= SHORTEST)
    if _forms:
        _pattern = re.compile("|".join(map(re.escape, sorted(_forms, key=len, reverse=True))))


def redacted(text: str) -> str:
    """Return text with *** in place of every secret, in whatever way it was quoted."""
    return _pattern.sub(HIDDEN, text) if _pattern else text


def redacted_value(value: object) -> object:
    """Return the value of an event's field without secrets, also in lists and mappings."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        fields = cast("dict[Any, object]", value)
        return {key: redacted_value(inner) for key, inner in fields.items()}
    if isinstance(value, (list, tuple)):
        return [redacted_value(inner) for inner in cast("list[object]", value)]
    return redacted(str(value)) if isinstance(value, (BaseException, bytes)) else value


def without_credentials(argument: str) -> str:
    """Return an argument that was not understood without what looks like the password of a URL in it."""
    return CREDENTIALS.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", argument)


def hide_variables(names: Iterable[str]) -> None:
    """Have variables of our environment kept from Postgres' programs: a password comes from them."""
    _variables.update(names)


def is_hidden(variable: str) -> bool:
    """Whether a variable of our environment is not for others."""
    return variable in _variables


def leave_no_core() -> None:
    """Let neither this process nor its programs leave their memory on the disk when they crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _written(secret: str) -> Iterator[str]:
    """Yield a secret as those write it who quote it: whole, and line by line as servers show statements."""
    for text in {secret, secret.strip(), secret.replace("\t", " "), *secret.splitlines()}:
        backslashes = text.replace("\\", "\\\\")
        yield from (text, escaped(text), text.encode("unicode_escape").decode())
        yield from (backslashes.replace("'", "\\'"), backslashes.replace("'", "''"), text.replace("'", "''"))
        yield from (text.replace('"', '""'), backslashes.replace('"', '\\"'), shlex.quote(text)[1:-1])
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
        yield from (quote(text), quote(text, safe=""), quote_plus(text))
