"""From the bytes that came to a file that DuckDB and Postgres read alike: UTF-8, no archive around it.

A file that is so already is used where it lies. Everything is read in pieces: memory does not grow with
the file.
"""

from __future__ import annotations

import codecs
import gzip
import select
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

from elt_script.errors import ConfigError
from source_db_init.errors import CsvError

PIECE = 1 << 20
LOOK_S = 0.2
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
NAMED = {".gz": GZIP, ".zip": ZIP}
OTHERS = (".bz2", ".xz", ".zst", ".7z")
WEB_PAGE = (b"<!doctype html", b"<html")
# UTF-32 first: its little-endian mark begins with that of UTF-16. DuckDB knows UTF-8's.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LEGACY = "cp1252"  # Latin-1 and, where that has only control characters, what Windows put there

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plain:
    """A CSV as UTF-8, in a file that holds nothing else."""

    path: Path
    encoding: str  # what it was
    bytes: int


class _NotUtf8Error(Exception):
    def __init__(self, line: int, *, otherwise: bool) -> None:
        super().__init__()
        self.line = line
        self.otherwise = otherwise  # characters before it are UTF-8, beyond ASCII


def plain(path: Path, folder: Path, encoding: str | None = None) -> Plain:
    """Return path's CSV as plain UTF-8, under a name in folder that no pattern can be read into.

    folder    private, removed by the caller; takes a copy where one is needed
    encoding  any that Python knows; by default UTF-8 or what a byte order mark says, and Windows-1252
              where the first character that is not ASCII is not UTF-8 either
    """
    raw = _unpacked(path, folder)
    if next(_pieces(raw), b"") in {b"", codecs.BOM_UTF8, *MARKS}:
        raise CsvError("the CSV is empty", hint="A header line is the least that makes a table.")
    named = _known(encoding) if encoding else _marked(raw)
    encoding = named if named not in {"", "utf-8"} else _utf8_or_legacy(raw, may_guess=not named)
    mixed = _mixes_line_ends(raw, encoding)
    place = folder / "plain.csv"
    if encoding == "utf-8" and not mixed:
        place.symlink_to(raw.resolve())
    else:
        _transcode(raw, place, encoding, newline=None if mixed else "")
    return Plain(place, encoding, place.stat().st_size)


def _unpacked(path: Path, folder: Path) -> Path:
    """Return path, or a copy of what it holds if it is packed, or is no file to be read twice."""
    try:
        if not path.is_file():
            path = _received(path, folder / "received")
        with path.open("rb") as file:
            start = file.read(16)
            if start.lower().lstrip().startswith(WEB_PAGE):
                raise CsvError("that is a web page, and no CSV", hint="Name the address of the file itself.")
            _want_as_named(path, start)
            file.seek(0)
            if start.startswith(GZIP):
                with gzip.open(file) as content:
                    return _copied(content, folder / "unpacked")
            if start.startswith(ZIP):
                with zipfile.ZipFile(file) as archive:
                    return _copied(archive.open(_member(archive)), folder / "unpacked")
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise CsvError(f"{path.name} is damaged", detail=str(error), hint="Fetch it again.") from error
    except (RuntimeError, NotImplementedError) as error:  # a password, or a method that nobody uses
        raise CsvError(f"{path.name} cannot be unpacked", detail=str(error)) from error
    except OSError as error:
        raise CsvError(f"{path} cannot be read", detail=error.strerror or str(error)) from error
    return path


def _received(path: Path, place: Path) -> Path:
    """Copy what comes out of a pipe; look up meanwhile, as a signal just before a read does not end it."""
    with path.open("rb", buffering=0) as pipe, place.open("wb") as file:
        while True:
            if not select.select([pipe], [], [], LOOK_S)[0]:
                continue
            if not (piece := pipe.read(PIECE)):
                return place
            file.write(piece)


def _want_as_named(path: Path, start: bytes) -> None:
    """Raise CsvError where a name promises an archive: what is in it would be taken for text."""
    suffix = path.suffix.lower()
    if suffix in OTHERS:
        raise CsvError(f"{path.name} cannot be unpacked", hint="Unpack it, or pack it by gzip or zip.")
    if not start.startswith(NAMED.get(suffix, b"")):
        raise CsvError(
            f"{path.name} is no {suffix} file, whatever its name says",
            hint="Fetch it again, or rename it if it is a plain CSV.",
        )


def _copied(content: IO[bytes] | gzip.GzipFile, place: Path) -> Path:
    with content, place.open("wb") as file:
        shutil.copyfileobj(content, file, PIECE)
    return place


def _member(archive: zipfile.ZipFile) -> str:
    """Return the one CSV in an archive: the one file, or the one whose name says so."""
    names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
    named = [name for name in names if name.lower().endswith(".csv")]
    for found in (names, named):
        if len(found) == 1:
            return found[0]
    raise CsvError(
        f"the archive holds {len(named)} CSV files, not one",
        detail=", ".join(names[:20]),
        hint="Unpack it, and name the file.",
    )


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name.replace("utf-8-sig", "utf-8")
    except LookupError as error:
        raise ConfigError(f"there is no encoding {encoding}", hint="Correct --encoding.") from error


def _marked(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return next((encoding for mark, encoding in MARKS.items() if start.startswith(mark)), "")


def _utf8_or_legacy(path: Path, *, may_guess: bool) -> str:
    try:
        _decode(path)
    except _NotUtf8Error as fault:
        if fault.otherwise or not may_guess:
            raise CsvError(
                f"line {fault.line} is not UTF-8"
                + (", although lines before it are" if fault.otherwise else ""),
                hint="Correct the line, or name the encoding that the file is in (--encoding).",
            ) from None
        _log.warning("csv.encoding_guessed", encoding=LEGACY, line=fault.line)
        return LEGACY
    return "utf-8"


def _decode(path: Path) -> None:
    """Read path as UTF-8, which costs about a second for a gigabyte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, beyond_ascii = 1, False
    for piece in _pieces(path):
        if (at := piece.find(0)) >= 0:
            raise _zero(line + piece.count(b"\n", 0, at))
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError as error:
            before: bytes = error.object[: error.start]
            beyond_ascii = beyond_ascii or not before.removeprefix(codecs.BOM_UTF8).isascii()
            raise _NotUtf8Error(line + before.count(b"\n"), otherwise=beyond_ascii) from None
        beyond_ascii = beyond_ascii or not text.removeprefix("\ufeff").isascii()
        line += piece.count(b"\n")
    if decoder.getstate()[0]:
        raise _NotUtf8Error(line, otherwise=beyond_ascii)


def _zero(line: int) -> CsvError:
    return CsvError(
        f"line {line} holds a zero byte, which no text in Postgres can",
        hint="If the file is UTF-16 without a mark, say so: --encoding utf-16-le.",
    )


def _mixes_line_ends(path: Path, encoding: str) -> bool:
    """Tell whether CRLF and LF both end lines: DuckDB refuses that, where no quotes can make them values."""
    if encoding.startswith(("utf-16", "utf-32")):
        return False
    both, single, returns, ends_with_return = 0, 0, 0, False
    for piece in _pieces(path):
        if b'"' in piece or b"'" in piece:
            return False
        both += piece.count(b"\r\n") + (ends_with_return and piece.startswith(b"\n"))
        single += piece.count(b"\n")
        returns += piece.count(b"\r")
        ends_with_return = piece.endswith(b"\r")
    return 0 < both < single and returns == both


def _transcode(path: Path, place: Path, encoding: str, newline: str | None) -> None:
    """Write path's text to place as UTF-8; a newline of None makes every line end a plain one."""
    line = 1
    try:
        with (
            path.open(encoding=encoding, newline=newline) as file,
            place.open("w", encoding="utf-8", newline="") as out,
        ):
            while text := file.read(PIECE):
                if (at := text.find("\0")) >= 0:
                    raise _zero(line + text.count("\n", 0, at))
                out.write(text)
                line += text.count("\n")
    except LookupError as error:
        raise ConfigError(f"{encoding} is no encoding of text", hint="Correct --encoding.") from error
    except UnicodeError as error:
        raise CsvError(
            f"the CSV cannot be read as {encoding}",
            detail=f"at line {line} or later: {error}",
            hint="Name the encoding that it is in (--encoding).",
        ) from error


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
