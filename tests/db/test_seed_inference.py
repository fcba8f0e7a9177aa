"""Dialects and types come from the whole file, and nothing in it is lost."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import duckdb
import pytest
from structlog.testing import capture_logs

from source_db_init.dialect import NO_WISHES, Wishes, engine
from source_db_init.errors import CsvError
from source_db_init.inference import Csv, named, understand

# A type, then values of a column that has it.
COLUMNS = [
    ("boolean", "true", "false"),
    ("integer", "-2147483648", "2147483647"),
    ("bigint", "2147483648", "-9223372036854775808"),
    ("double precision", "1", "-0.125"),
    ("double precision", "1.5e-07", "0.30000000000000004"),
    ("double precision", "NaN", "-0"),
    ("numeric", "1.50", "20"),
    ("numeric", "0.12345678901234567890", "0.5"),
    ("date", "2024-02-29", "0001-01-01"),
    ("timestamp without time zone", "2024-02-29 23:59:59", "2024-01-01 00:00:00.000001"),
    ("timestamp with time zone", "2024-02-29 23:59:59+00", "2024-01-01 00:00:00.5+00"),
    ("text", "007", "8"),
    ("text", "12345678901234567890", "1"),
    ("text", "1e5", "1"),
    ("text", "1e+20", "1.5"),
    ("text", "1000000000000000.5", "1e-07"),
    ("text", "+5", "5"),
    ("text", " 12", "12"),
    ("text", "12 ", "12"),
    ("text", "-0.00", "1.50"),
    ("text", "1,5", "2,5"),
    ("text", "0x10", "1"),
    ("text", "t", "f"),
    ("text", "TRUE", "false"),
    ("text", "infinity", "1"),
    ("text", "01/02/2024", "2024-01-02"),
    ("text", "2024-02-30", "2024-01-02"),
    ("text", "2024-1-2", "2024-01-02"),
    ("text", "2024-01-02T03:04:05", "2024-01-02T03:04:05"),
    ("text", "2024-01-02 03:04:05.10", "2024-01-02 03:04:05"),
    ("text", "2024-01-02 03:04:05+02", "2024-01-02 03:04:05+00"),
    ("text", "2024-01-02", "2024-01-02 03:04:05"),
    ("text", "NULL", "1"),
    ("text", "\\N", "1"),
    ("text", "+49 30 123456", "1"),
]


Read = Callable[..., Csv]


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Generator[duckdb.DuckDBPyConnection]:
    """One DuckDB for all: opening it takes longer than most of these tests."""
    with engine(tmp_path_factory.mktemp("duckdb")) as con:
        yield con


@pytest.fixture
def read(tmp_path: Path, duck: duckdb.DuckDBPyConnection) -> Read:
    """Understand a text as a CSV."""

    def _read(content: str, wishes: Wishes = NO_WISHES) -> Csv:
        path = tmp_path / "plain.csv"
        path.write_text(content, encoding="utf-8", newline="")
        return understand(duck, path, wishes)

    return _read


def types(csv: Csv) -> list[str]:
    return [column.type for column in csv.columns]


def names(csv: Csv) -> list[str]:
    return [column.name for column in csv.columns]


def test_a_column_has_a_type_only_if_every_value_reads_back_as_the_same_text(read: Read) -> None:
    header = ";".join(f"c{place}" for place in range(len(COLUMNS)))
    first = ";".join(value for _, value, _ in COLUMNS)
    last = ";".join(value for _, _, value in COLUMNS)
    nulls = ";" * (len(COLUMNS) - 1)

    csv = read(f"{header}\n{nulls}\n{first}\n{last}\n")

    assert list(zip(types(csv), names(csv), strict=True)) == [
        (type_, f"c{place}") for place, (type_, _, _) in enumerate(COLUMNS)
    ]
    assert csv.rows == 3


def test_the_last_of_many_values_decides(read: Read) -> None:
    rows = "1,1,1,2024-01-01,\n" * 12_000

    csv = read(f"a,b,c,d,e\n{rows}1,1.5,x,soon,7\n")

    assert types(csv) == ["integer", "double precision", "text", "text", "integer"]
    assert csv.rows == 12_001


def test_a_column_without_values_is_text_and_an_empty_value_in_quotes_is_one(read: Read) -> None:
    csv = read('a,b,c\n,"",1\n,"2",\n')

    assert [(column.type, column.filled) for column in csv.columns] == [
        ("text", False),
        ("text", True),
        ("integer", True),
    ]


@pytest.mark.parametrize(
    ("content", "delimiter", "quote", "escape"),
    [
        ("a,b\r\n1,2\r\n", ",", '"', '"'),
        ("\ufeffa;b\n1;2\n", ";", '"', '"'),
        ("a\tb\r1\t2\r", "\t", '"', '"'),
        ("a|b\n1|2", "|", '"', '"'),
        ('a,b\n1,"x, ""y""\r\nz"\n', ",", '"', '"'),
        ('a,b\n1,"x \\"y\\""\n', ",", '"', "\\"),
        ("a,b\n1,'x, y'\n2,'z'\n", ",", "'", "'"),
        ("a,b\n1,'x'\n2,'z'\n", ",", '"', '"'),  # a table without them being quotes, so they are not
        ('a,b\n1,5" pipe\n', ",", '"', '"'),
        ("a,b\n#1,2\n3,4\n", ",", '"', '"'),  # no comment
    ],
)
def test_a_dialect_is_found(read: Read, content: str, delimiter: str, quote: str, escape: str) -> None:
    csv = read(content)

    assert (csv.dialect.delimiter, csv.dialect.quote, csv.dialect.escape) == (delimiter, quote, escape)
    assert names(csv) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "wishes", "expected"),
    [
        ("1,2\n3,4\n", NO_WISHES, ["column0", "column1"]),
        ("1,2\n3,4\n", Wishes(header=True), ["1", "2"]),
        ("a,b\nc,d\n", Wishes(header=False), ["column0", "column1"]),
        ("a||b\n1||2|3\n", Wishes(delimiter="||"), ["a", "b"]),
        ('a,"b"\n1,"2\n', Wishes(quote=""), ["a", '"b"']),
        ("Report\n\na,b\n1,2\n", Wishes(skip=2), ["a", "b"]),
        ("text\nhello, you\nand, me\n", Wishes(skip=0), ["text"]),
        ("# made today\n# by us\na,b\n1,2\n", NO_WISHES, ["a", "b"]),
        ("## made today\n#a,b\n1,2\n", NO_WISHES, ["#a", "b"]),
        ('"a ""b""\nc",é😀\n1,2\n', NO_WISHES, ['a "b"\nc', "é😀"]),
    ],
)
def test_a_header_is_found_and_its_names_kept(
    read: Read, content: str, wishes: Wishes, expected: list[str]
) -> None:
    with capture_logs():
        assert names(read(content, wishes)) == expected


@pytest.mark.parametrize("above", ["\n", "\r\n\r\n", "# made today\n\n"])
def test_empty_lines_above_the_header_make_it_no_row(read: Read, above: str) -> None:
    end = "\r\n" if "\r" in above else "\n"
    with capture_logs():
        csv = read(f"{above}a,b{end}1,2{end}")

    assert (names(csv), csv.rows) == (["a", "b"], 1)
    assert [column.type for column in csv.columns] == ["integer", "integer"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n3\n4,5\n", "line 3 of the CSV does not fit\n1 of 2 columns"),
        ("a,b\n1,2\n3,4,5\n", "line 3 of the CSV does not fit\n3 of 2 columns"),
        ("a,b,c\n1,2\n3,4\n", "line 2 of the CSV does not fit\n2 of 3 columns"),
        ('a,b\n1,"x\n\n\ny"\n3\n', "line 6 of the CSV does not fit\n1 of 2 columns"),
        ("a,b\r1,2\r3\r", "line 3 of the CSV does not fit"),
        ('a,b\n1,"x"y\n2,z\n', "line 2 of the CSV does not fit\na quoted value does not end, or goes on"),
        ('a,b\n1,2\n1,"x\n2,z\n', "line 3 of the CSV does not fit\na quoted value does not end"),
        ('a,b\n1,"x\\n \\"y\\""\n', "line 2 has a backslash before what is no quote"),
        ('a,b\r\n1,"2"\n3,4\r\n', "lines end in more than one way"),
        ("a,b\n1,x\n2,y\rz\n", "ends its lines in more than one way, or has a carriage return"),
        ("Report\n\na,b\n1,2\n", "the first 2 lines do not look like those below"),
        (f"{'a,' * 1600}b\n", "the CSV has 1,601 columns\na table of Postgres has at most 1,600"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(read: Read, content: str, said: str) -> None:
    with pytest.raises(CsvError) as raised:
        read(content)

    assert said in str(raised.value)


@pytest.mark.parametrize("skip", [2, 1_000_000])
def test_a_file_of_which_nothing_is_left_is_refused(read: Read, skip: int) -> None:
    with pytest.raises(CsvError, match=f"the CSV ends within its first {skip} lines"):
        read("a,b\n1,2\n", Wishes(skip=skip))


def test_a_fault_at_the_end_of_many_rows_has_its_line(read: Read) -> None:
    rows = '1,"two\nlines"\n' * 21_000

    with pytest.raises(CsvError, match="line 42002 of the CSV does not fit"):
        read(f"a,b\n{rows}1\n")


def test_names_that_postgres_refuses_or_cuts_are_told_all_at_once(read: Read) -> None:
    csv = read(f"a,a,,xmin,{'é' * 32},A\n1,2,3,4,5,6\n")

    with pytest.raises(CsvError) as raised:
        named(csv)

    assert raised.value.message == "the columns' names cannot be used"
    assert raised.value.detail.splitlines() == [
        "column 3 has no name",
        'two columns are named "a"',
        f'"{"é" * 32}" is longer than 63 bytes',
        '"xmin" is a system column of Postgres',
    ]
    assert "--columns a,b,c" in raised.value.hint
    assert names(named(csv, ["a", "b", "c", "d", "e", "f"])) == ["a", "b", "c", "d", "e", "f"]
    with pytest.raises(CsvError, match="2 names are given for 6 columns"):
        named(csv, ["a", "b"])
