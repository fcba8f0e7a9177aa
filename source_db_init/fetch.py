"""From an address to a file that is whole, or an error that says why there is none."""

from __future__ import annotations

import base64
import contextlib
import errno
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from elt_script.errors import CannotConnectError, ConfigError
from elt_script.pg.stop import pause
from source_db_init.errors import CsvError

ATTEMPTS = 3
PAUSE = wait_exponential(max=5)  # seconds: 1, 2
ANSWER_S = 20  # what a web server is given for each answer
PIECE = 1 << 20
RESERVED = "%/?:@!$&'()*+,;=[]"  # what means something in an address, and stays as it is
UNKNOWN = "?"  # where an address has no parts, or a port that is no number
PASSING = frozenset({408, 425, 429})  # refusals that may be over in a moment, as all from 500 on

Report = Callable[[int, int | None], None]  # bytes so far, and in all if that is known

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class _ShortError(OSError):
    """The connection ended before the file did."""


def fetch(address: str, folder: Path, report: Report) -> Path:
    """Return the file at an address: a path, file://, http:// or https://.

    folder  private, removed by the caller; a download goes there

    Raises CsvError where there is no such file, CannotConnectError where nobody answers, OSError where our
    own disk is full.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _meaningless() from None
    if parts.scheme in {"http", "https"}:
        return _downloaded(parts, folder / f"download{Path(parts.path).suffix[:5]}", report)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
    elif "://" in address:
        raise ConfigError(
            f"a CSV cannot be fetched by {parts.scheme}://", hint="Use a path, file://, http:// or https://."
        )
    else:
        path = Path(address)
        with contextlib.suppress(RuntimeError):  # ~ of nobody, or of somebody without a home
            path = path.expanduser()
    if not path.exists():
        raise CsvError(f"there is no file {shown(str(path))}", hint="Correct the path (--csv, DATA_URL).")
    return path


def shown(address: str) -> str:
    """Return an address without what may be secret in it: the password, and a query that is a signature."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"}:
            return re.sub("//?[^/@]*:[^/@]*@", "//…@", address)  # http//user:password@host, perhaps
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return UNKNOWN
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _downloaded(parts: SplitResult, place: Path, report: Report) -> Path:
    address = shown(parts.geturl())
    if address == UNKNOWN or not parts.hostname:
        raise _meaningless()

    def say_so(state: RetryCallState) -> None:
        error = str(state.outcome.exception()) if state.outcome else ""
        _log.info("download.retried", address=address, attempt=state.attempt_number, error=error)

    patiently = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(ATTEMPTS),
        wait=PAUSE,
        before_sleep=say_so,
        sleep=pause,
        reraise=True,
    )
    try:
        size = patiently(_download, parts, place, report)
    except urllib.error.HTTPError as error:
        error.close()
        raise CsvError(
            f"{address} cannot be had",
            detail=f"the server said {error.code} {error.reason}",
            hint="Correct the address (--csv, DATA_URL).",
        ) from error
    except UnicodeError:  # of a host's name that can be none
        raise _meaningless() from None
    except (OSError, http.client.HTTPException) as error:
        if _is_full(error):
            raise
        raise CannotConnectError(
            f"{address} cannot be reached",
            detail="" if isinstance(error, http.client.InvalidURL) else str(getattr(error, "reason", error)),
            hint="See that the address is right, and that this machine may go there.",
        ) from error
    _log.info("csv.downloaded", address=address, bytes=size)
    return place


def _download(parts: SplitResult, place: Path, report: Report) -> int:
    request = urllib.request.Request(_without_user(parts))  # noqa: S310  (http and https alone come here)
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=ANSWER_S) as answer, place.open("wb") as file:  # noqa: S310
        said = answer.headers.get("Content-Length")
        promised = int(said) if said and said.isdecimal() else None
        size = 0
        while piece := answer.read(PIECE):
            size += file.write(piece)
            report(size, promised)
    if promised is not None and size != promised:
        raise _ShortError(f"{size} of {promised} bytes came")
    return size


def _without_user(parts: SplitResult) -> str:
    """Return the address to ask for: like a browser's, with %C3%A4 for ä."""
    path, query = (quote(part, safe=RESERVED, errors="surrogateescape") for part in (parts.path, parts.query))
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, path=path, query=query, fragment="").geturl()


def _meaningless() -> ConfigError:
    return ConfigError("the CSV's address cannot be understood", hint="Correct it (--csv, DATA_URL).")


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code in PASSING or error.code >= http.client.INTERNAL_SERVER_ERROR
    return isinstance(error, (OSError, http.client.HTTPException)) and not _is_full(error)


def _is_full(error: BaseException) -> bool:
    """Whether it is our own disk that has no more room."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
