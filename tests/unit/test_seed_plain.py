"""Whatever a CSV comes as, DuckDB gets UTF-8; what cannot be read without a loss is refused."""

from __future__ import annotations

import gzip
import io
import os
import threading
import zipfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from elt_script.errors import ConfigError
from source_db_init import plain as plain_module
from source_db_init.errors import CsvError
from source_db_init.plain import plain

TEXT = "name,n\r\nJosé,1\r\n"


def arrived(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "what came [*].csv"
    path.write_bytes(content)
    return path


def made_plain(tmp_path: Path, content: bytes, encoding: str | None = None) -> tuple[bytes, str]:
    (tmp_path / "private").mkdir()
    found = plain(arrived(tmp_path, content), tmp_path / "private", encoding)
    assert found.bytes == found.path.stat().st_size
    return found.path.read_bytes(), found.encoding


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("orders.csv.gz", b"a,b\n1,2\n", "orders.csv.gz is no .gz file, whatever its name says"),
        ("ORDERS.ZIP", gzip.compress(b"a\n", mtime=0), "ORDERS.ZIP is no .zip file, whatever its name says"),
        ("orders.csv.xz", b"\xfd7zXZ", "orders.csv.xz cannot be unpacked"),
    ],
)
def test_a_name_that_promises_what_the_file_is_not_is_an_error(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(CsvError) as raised:
        plain(path, tmp_path)

    assert raised.value.message == said


@pytest.mark.parametrize(
    ("content", "encoding", "found"),
    [
        (TEXT.encode(), None, "utf-8"),
        (TEXT.encode("utf-16"), None, "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), None, "utf-16"),
        (TEXT.encode("utf-32"), None, "utf-32"),
        (TEXT.encode("latin-1"), None, "cp1252"),
        (TEXT.encode("utf-16-le"), "UTF-16-LE", "utf-16-le"),
        (TEXT.encode("cp850"), "cp850", "cp850"),
        (gzip.compress(TEXT.encode(), mtime=0), None, "utf-8"),
        (gzip.compress(TEXT.encode("latin-1"), mtime=0), None, "cp1252"),
        (zipped(a_csv=TEXT.encode()), None, "utf-8"),
        (zipped(a_csv=TEXT.encode(), readme_txt=b"?"), None, "utf-8"),
    ],
)
def test_every_encoding_and_packing_becomes_utf8(
    tmp_path: Path, content: bytes, encoding: str | None, found: str
) -> None:
    assert made_plain(tmp_path, content, encoding) == (TEXT.encode(), found)


def test_a_file_that_is_plain_already_is_not_copied(tmp_path: Path) -> None:
    path = arrived(tmp_path, b"\xef\xbb\xbf" + TEXT.encode())
    (tmp_path / "private").mkdir()

    found = plain(path, tmp_path / "private")

    assert found.path.resolve() == path
    assert [file.name for file in (tmp_path / "private").iterdir()] == ["plain.csv"]


def test_what_can_be_read_once_only_is_kept(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[gzip.compress(TEXT.encode())])
    writer.start()
    (tmp_path / "private").mkdir()

    found = plain(pipe, tmp_path / "private")
    writer.join()

    assert found.path.read_bytes() == TEXT.encode()


def test_a_guessed_encoding_is_told(tmp_path: Path) -> None:
    with capture_logs() as logs:
        made_plain(tmp_path, "a\nb\nJosé €\n".encode("cp1252"))

    assert logs == [
        {"event": "csv.encoding_guessed", "encoding": "cp1252", "line": 3, "log_level": "warning"}
    ]


def test_line_ends_of_both_kinds_become_one_where_none_can_be_in_a_value(tmp_path: Path) -> None:
    assert made_plain(tmp_path, b"a,b\n1,2\r\n3,4\r\n") == (b"a,b\n1,2\n3,4\n", "utf-8")


@pytest.mark.parametrize("content", [b'a,b\n1,"x\r\ny"\n', b"a,b\r\n1,x\ry\r\n3,4\n", b"a\rb\r"])
def test_line_ends_that_may_be_values_are_kept(tmp_path: Path, content: bytes) -> None:
    assert made_plain(tmp_path, content) == (content, "utf-8")


def test_line_ends_are_counted_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_module, "PIECE", 4)

    assert made_plain(tmp_path, b"a,\xc3\xa9\r\n1,2\r\n3,4\n") == (b"a,\xc3\xa9\n1,2\n3,4\n", "utf-8")


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (b"", None, "the CSV is empty"),
        (b"\xef\xbb\xbf", None, "the CSV is empty"),
        (b"\xff\xfe", None, "the CSV is empty"),
        (gzip.compress(b"", mtime=0), None, "the CSV is empty"),
        (b"a\nb\n\0", None, "line 3 holds a zero byte"),
        ("a\nb\0".encode("utf-16"), None, "line 2 holds a zero byte"),
        ("é\nb\n".encode() + b"\xff\n", None, "line 3 is not UTF-8, although lines before it are"),
        ("é\nb\n".encode() + b"\xc3", None, "line 3 is not UTF-8, although lines before it are"),
        (b"a\n\xff\n", "utf8", "line 2 is not UTF-8\n"),
        (b"a\n\x81\n", None, "the CSV cannot be read as cp1252"),
        (b"\xff\xfea", None, "the CSV cannot be read as utf-16"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], None, "is damaged"),
        (b"\x1f\x8bno", None, "is damaged"),
        (b"PK\x03\x04no", None, "is damaged"),
        (zipped(a_csv=b"a", b_csv=b"b"), None, "holds 2 CSV files, not one\na.csv, b.csv"),
        (zipped(a_txt=b"a", b_txt=b"b"), None, "holds 0 CSV files, not one"),
        (b"\n<!DOCTYPE html><html>", None, "that is a web page, and no CSV"),
    ],
)
def test_what_is_no_csv_is_refused(tmp_path: Path, content: bytes, encoding: str | None, said: str) -> None:
    with pytest.raises(CsvError) as raised:
        made_plain(tmp_path, content, encoding)

    assert said in f"{raised.value}\n"


@pytest.mark.parametrize("encoding", ["no such", "base64"])
def test_an_unknown_encoding_is_a_fault_of_the_settings(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConfigError, match="no encoding"):
        made_plain(tmp_path, TEXT.encode(), encoding)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CsvError, match="Is a directory"):
        plain(tmp_path, tmp_path)
