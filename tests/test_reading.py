from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bias.errors import (
    BinaryFileError,
    ColumnError,
    EmptyTextError,
    EncodingError,
    InputError,
    MissingExtraError,
    TooLargeError,
    UsageError,
)
from bias.reading import EXTRACTED, TAGS, ReadFailure, read, read_all, read_bytes, read_text
from bias.tables import iter_rows
from bias.types import Article

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
TEXT = "The council met on Monday.\r\nIt voted 5-4.\n"

ODD_TEXTS = {
    "line ends": "one\r\ntwo\nthree\rfour\u2028five\x0csix\x85",
    "nul": "before\0after",
    "bidi": "he said \u202bשלום\u202c and left \u200f.",
    "combining": "cafe\u0301 naïve Z\u0351\u036b\u0343",
    "emoji": "👩‍👩‍👧 won 🇺🇸 twice 😀",
    "mark inside": "one\ufeff two",
    "replacement": "one \ufffd two",
}


class Pipe(io.RawIOBase):
    """A stream that cannot be sought and gives a few bytes at a time, as a pipe does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._data.read(min(7, len(buffer)))
        buffer[: len(part)] = part
        return len(part)


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def only(results: Any) -> Any:
    (result,) = results
    return result


def failure(results: Any) -> tuple[str, type, str]:
    result = only(results)
    assert isinstance(result, ReadFailure), result
    assert "\n" not in str(result.error)
    return result.source, type(result.error), str(result.error)


def sources(results: Any) -> list[str]:
    return [result.source for result in results]


# Text


@pytest.mark.parametrize("kind", ODD_TEXTS)
def test_text_comes_through_unchanged(tmp_path: Path, kind: str) -> None:
    text = ODD_TEXTS[kind]
    path = write(tmp_path / "a.txt", text)
    assert only(read(path)) == Article(text, str(path))
    assert read_text(text).text == text


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a", "a.news", ".hidden"])
def test_a_named_file_may_have_any_suffix(tmp_path: Path, name: str) -> None:
    assert only(read(write(tmp_path / name, TEXT))).text == TEXT


def test_lone_surrogates_become_replacement_characters_one_for_one() -> None:
    article = read_text("a\ud800b\udfffc \udc00\ud800", title="t\ud800")
    assert article.text == "a\ufffdb\ufffdc \ufffd\ufffd"
    assert article.title == "t\ufffd"
    assert article.warnings == ("characters that are no Unicode text, replaced by U+FFFD: 4",)


@pytest.mark.parametrize("text", ["", " \r\n\t\u00a0", "\ufeff"])
def test_nothing_but_white_space_is_an_error(tmp_path: Path, text: str) -> None:
    source, error, _ = failure(read(write(tmp_path / "a.txt", text)))
    assert (source, error) == (str(tmp_path / "a.txt"), EmptyTextError)


def test_markdown_is_kept_and_what_is_not_prose_warned_about() -> None:
    plain = "# Heading\n\nA *word* and `code`.\n\n---\n\nmore\n"
    assert read_bytes(plain.encode(), "a.md") == Article(plain, "a.md")
    marked = "---\r\ntitle: Vote\r\n---\r\nThe council met.\n\n```python\nx = 1\n```\n"
    article = read_bytes(marked.encode(), "a.md")
    assert article.text == marked
    assert [warning.split(" of ")[0] for warning in article.warnings] == ["the YAML front matter", "the fenced code"]
    assert read_bytes(marked.encode(), "a.txt").warnings == ()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text.removeprefix("\ufeff").strip()))
@example("\ufeffIt rained.")  # one mark is the file's, and another one its text's
def test_any_text_survives_its_bytes(text: str) -> None:
    assert read_bytes(b"\xef\xbb\xbf" + text.encode()).text == text
    assert read_bytes(text.encode("utf-16"), encoding="utf-16").text == text.removeprefix("\ufeff")


@settings(max_examples=200, deadline=None)
@given(st.binary(), st.sampled_from(["a.txt", "a.md", "a.jsonl", "a.csv"]))
def test_any_bytes_give_articles_or_errors_of_ours(data: bytes, name: str) -> None:
    for errors in ("strict", "replace"):
        with suppress(InputError):
            assert isinstance(read_bytes(data, name, errors=errors), Article)
        for result in read_all(["-"], stdin=io.BytesIO(data), stdin_filename=name, errors=errors):
            assert isinstance(result, Article | ReadFailure)


# Encodings


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("UTF8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
    ],
)
def test_other_encodings_by_name(encoding: str, codec: str) -> None:
    assert (
        read_bytes("Łódź, café\r\n".replace("Łódź", "Lodz").encode(codec), encoding=encoding).text == "Lodz, café\r\n"
    )


def test_a_mark_before_utf_16_of_a_stated_order_is_no_text() -> None:
    assert read_bytes(b"\xff\xfea\0", encoding="utf-16-le").text == "a"


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.jsonl", "a.csv"])
def test_the_mark_of_another_encoding_says_what_to_ask_for(tmp_path: Path, codec: str, name: str) -> None:
    path = write(tmp_path / name, '{"text": "one"}'.encode(codec))
    for errors in ("strict", "replace"):
        _, error, message = failure(read(path, errors=errors))
        assert error is EncodingError
        assert message.endswith(f"use --encoding {codec}")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.jsonl", "a.csv"])
def test_what_looks_like_another_encoding_without_a_mark_is_no_text(tmp_path: Path, codec: str, name: str) -> None:
    path = write(tmp_path / name, '{"text": "The “vote” is on Monday, said Łucja."}'.encode(codec))
    for errors in ("strict", "replace"):
        _, error, message = failure(read(path, errors=errors))
        assert error is EncodingError
        assert message == f"looks like {codec.upper()} without a byte order mark: use --encoding {codec}"
    assert read_bytes(b"a\0b\0c\0 and more of it").text == "a\0b\0c\0 and more of it"


@pytest.mark.parametrize(("prefix", "offset"), [(b"caf", 3), (b"\xef\xbb\xbfcaf", 6), ("é😀".encode(), 6)])
def test_an_invalid_byte_is_named_with_its_offset(prefix: bytes, offset: int) -> None:
    with pytest.raises(EncodingError, match=f"byte 0xE9 at offset {offset} is not valid utf-8"):
        read_bytes(prefix + b"\xe9 au lait")


def test_invalid_bytes_are_replaced_and_counted_on_request() -> None:
    article = read_bytes(b"caf\xe9 \xef\xbf\xbd caf\xe9!", errors="replace")
    assert article.text == "caf\ufffd \ufffd caf\ufffd!"
    assert article.warnings == ("2 invalid utf-8 sequences replaced by U+FFFD",)
    assert read_bytes(b"caf\xe9", errors="replace").warnings == ("1 invalid utf-8 sequence replaced by U+FFFD",)


@pytest.mark.parametrize("encoding", ["klingon", "hex", "undefined", ""])
def test_an_unknown_encoding_is_bad_usage_at_once(encoding: str) -> None:
    with pytest.raises(UsageError, match="no such text encoding"):
        read("a.txt", encoding=encoding)


def test_options_without_meaning_are_bad_usage_at_once() -> None:
    with pytest.raises(UsageError, match="max_bytes"):
        read_all(["a.txt"], max_bytes=0)
    with pytest.raises(UsageError, match="errors"):
        read("a.txt", errors="ignore")


# Binary formats


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"PK\x03\x04\x14\0", "zip"),
        (gzip.compress(b"text"), "gzip"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
        (b"GIF89a\x01\0", "GIF"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "WebP"),
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (b"MZ\x90\0\x03\0\0\0", "Windows executable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office 97"),
        (b"{\\rtf1\\ansi", "RTF"),
        (b"SQLite format 3\0", "SQLite"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\0" * 257 + b"ustar\0", "tar"),
        (b"\0\0\0\x18ftypmp42", "MP4"),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".html", ".csv", ".jsonl"])
def test_binary_formats_are_refused_by_name(tmp_path: Path, data: bytes, name: str, suffix: str) -> None:
    for errors in ("strict", "replace"):
        _, error, message = failure(read(write(tmp_path / f"a{suffix}", data), errors=errors))
        assert error is BinaryFileError
        assert name in message


@pytest.mark.parametrize(
    "text", ["MZ is a code.", "BM Motors said so.", "PK was there.", "GIF, said the maker.", "II*"]
)
def test_text_that_begins_like_a_signature_is_text(text: str) -> None:
    assert read_bytes(text.encode()).text == text


# Paths


def test_a_missing_file_names_a_similar_one(tmp_path: Path) -> None:
    near = write(tmp_path / "article.txt", TEXT)
    source, error, message = failure(read(tmp_path / "artcle.txt"))
    assert (source, error) == (str(tmp_path / "artcle.txt"), InputError)
    assert message == f"no such file: did you mean {near}?"
    assert failure(read(tmp_path / "unlike.bin"))[2] == "no such file"
    assert failure(read(tmp_path / "no" / "article.txt"))[2] == "no such file"


def test_paths_that_cannot_be_paths_fail_like_others(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", TEXT)
    results = list(read_all(["a\0b", file / "below", "x" * 5_000, file]))
    assert [type(result) for result in results] == [ReadFailure, ReadFailure, ReadFailure, Article]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "a pipe, not a file" in failure(read_all([tmp_path]))[2]
    assert "a device, not a file" in failure(read("/dev/null"))[2]


@pytest.mark.skipif(AS_ROOT, reason="root may read anything")
def test_an_unreadable_file_or_folder_does_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", TEXT).chmod(0)
    write(tmp_path / "b" / "c.txt", TEXT)
    (tmp_path / "b").chmod(0)
    write(tmp_path / "d.txt", TEXT)
    first, second, third = read_all([tmp_path])
    (tmp_path / "b").chmod(0o755)
    assert "permission denied" in str(first.error).lower()
    assert "permission denied" in str(second.error).lower()
    assert third.text == TEXT


def test_a_file_over_the_limit_is_refused_with_the_limit_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "x" * 1_001)
    _, error, message = failure(read(path, max_bytes=1_000))
    assert error is TooLargeError
    assert "1,000 bytes" in message
    assert "--max-bytes" in message
    assert only(read(path, max_bytes=1_001)).characters == 1_001


def test_a_folder_gives_its_files_sorted_and_skips_what_is_not_for_reading(tmp_path: Path) -> None:
    for name in ["b.txt", "a/z.md", "a/b/c.TXT", "c.jsonl", "notes.docx", "noext", ".hidden.txt", ".git/x.txt"]:
        write(tmp_path / name, '{"text": "one"}')
    found = sources(read_all([tmp_path]))
    assert found == [str(tmp_path / name) for name in ["a/b/c.TXT", "a/z.md", "b.txt", "c.jsonl:1"]]


def test_links_to_folders_are_not_followed_so_loops_end(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.txt", TEXT)
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "broken.txt").symlink_to(tmp_path / "gone")
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    (tmp_path / "linked.txt").symlink_to(tmp_path / "a" / "x.txt")
    article, broken, linked, itself = read_all([tmp_path])
    assert article.source == str(tmp_path / "a" / "x.txt")
    assert str(broken.error) == "a link to a file that does not exist"
    assert linked.text == TEXT
    assert isinstance(itself, ReadFailure)
    linked_folder = tmp_path / "named"
    linked_folder.symlink_to(tmp_path / "a", target_is_directory=True)
    assert sources(read_all([linked_folder])) == [str(linked_folder / "x.txt")]


def test_an_empty_folder_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path / "image.png", b"")
    source, error, message = failure(read_all([tmp_path]))
    assert (source, error) == (str(tmp_path), InputError)
    assert ".parquet" in message


def test_one_bad_file_never_stops_the_others(tmp_path: Path) -> None:
    good = write(tmp_path / "good.txt", TEXT)
    bad = write(tmp_path / "bad.txt", b"caf\xe9")
    results = list(read_all([bad, good, tmp_path / "gone", good]))
    assert [type(result) for result in results] == [ReadFailure, Article, ReadFailure, Article]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such name")
def test_a_name_that_is_not_unicode_can_still_be_shown(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(path, "wb") as file:  # noqa: PTH123  # pathlib takes no bytes
        file.write(TEXT.encode())
    assert only(read_all([tmp_path])).source == f"{tmp_path}/caf\ufffd.txt"


# Standard input


def test_standard_input_is_text_by_default_and_stays_open() -> None:
    stdin = io.BytesIO(TEXT.encode())
    assert only(read_all(["-"], stdin=stdin)) == Article(TEXT, "<stdin>")
    assert not stdin.closed
    assert failure(read_all(["-"], stdin=stdin))[:2] == ("<stdin>", EmptyTextError)


def test_the_name_given_to_standard_input_tells_its_format() -> None:
    rows = b'{"text": "one"}\n{"text": "two"}\n'
    assert only(read_all(["-"], stdin=Pipe(rows), stdin_filename="draft.txt")).source == "draft.txt"
    results = list(read_all(["-"], stdin=Pipe(rows), stdin_filename="x.jsonl"))
    assert [(result.source, result.text) for result in results] == [("x.jsonl:1", "one"), ("x.jsonl:2", "two")]


def test_standard_input_is_read_no_further_than_the_limit() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.given += len(buffer)
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    endless = Endless()
    assert failure(read_all(["-"], stdin=endless, max_bytes=100_000))[1] is TooLargeError
    assert endless.given < 300_000


def test_parquet_through_a_pipe() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["one", "two"]}), sink)
    results = list(read_all(["-"], stdin=Pipe(sink.getvalue()), stdin_filename="rows.parquet"))
    assert [(result.source, result.text) for result in results] == [
        ("rows.parquet:1", "one"),
        ("rows.parquet:2", "two"),
    ]


# JSON lines


def test_every_row_of_json_lines_is_an_article_or_a_failure(tmp_path: Path) -> None:
    lines = [
        '\ufeff{"text": "one\\r\\ntwo\u2028", "title": "T", "id": 7}\r',
        "",
        '{"text": "broken',
        '["text"]',
        '{"body": "x", "id": 1}',
        '{"text": 5}',
        '{"text": null}',
        '{"text": " "}',
        "[" * 100_000,
        '{"text": "fine", "n": NaN, "title": 3}',
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    first, *failures, last = read(path)
    assert first == Article("one\r\ntwo\u2028", f"{path}:1", "T")
    assert last == Article("fine", f"{path}:10")
    assert [(bad.source.rpartition(":")[2], type(bad.error)) for bad in failures] == [
        ("3", InputError),
        ("4", InputError),
        ("5", ColumnError),
        ("6", InputError),
        ("7", EmptyTextError),
        ("8", EmptyTextError),
        ("9", InputError),
    ]
    assert str(failures[2].error) == "no column 'text', only body, id: name the one to read by --text-column"
    assert [article.text for article in read(path, text_column="body") if isinstance(article, Article)] == ["x"]


def test_surrogates_from_json_escapes_are_replaced_and_pairs_joined(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", r'{"text": "a\ud83d\ude00b\udc80c\ud800", "\ud800": ["\udfff"]}')
    article = only(read(path))
    assert article.text == "a😀b\ufffdc\ufffd"
    assert article.warnings == ("characters that are no Unicode text, replaced by U+FFFD: 2",)
    assert only(iter_rows(path)) == (1, {"text": "a😀b\ufffdc\ufffd", "\ufffd": ["\ufffd"]})


def test_an_invalid_byte_spoils_its_row_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "one"}\n{"text": "caf\xe9"}\n{"text": "three"}\n')
    one, bad, three = read(path)
    assert (one.text, three.text) == ("one", "three")
    assert (bad.source, type(bad.error)) == (f"{path}:2", EncodingError)
    assert "byte 0xE9 at offset 13 of the line is not valid utf-8" in str(bad.error)
    _, replaced, _ = read(path, errors="replace")
    assert replaced.text == "caf\ufffd"
    assert replaced.warnings


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_tables_in_other_encodings(tmp_path: Path, encoding: str, name: str) -> None:
    rows = '{"text": "café"}\n{"text": "two"}\n' if name == "a.jsonl" else "text\r\ncafé\r\ntwo\r\n"
    results = read(write(tmp_path / name, rows.encode(encoding)), encoding=encoding)
    assert [article.text for article in results] == ["café", "two"]


def test_the_limit_of_a_table_holds_for_each_row(tmp_path: Path) -> None:
    rows = [{"text": "a" * size} for size in (50, 200, 80)] * 20
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    results = list(read(path, max_bytes=120))
    assert [type(result) for result in results] == [Article, ReadFailure, Article] * 20
    assert isinstance(results[1].error, TooLargeError)
    assert failure(read(write(tmp_path / "b.jsonl", '{"text": "' + "é" * 60 + '"}'), max_bytes=120))[1] is TooLargeError


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("data", ["", "\n\n"])
def test_a_table_without_rows_is_a_failure(tmp_path: Path, name: str, data: str) -> None:
    assert failure(read(write(tmp_path / name, data)))[1] is EmptyTextError


# CSV


def test_csv_fields_are_kept_whole(tmp_path: Path) -> None:
    huge = "word " * 60_000  # over the csv module's own limit
    with (tmp_path / "a.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([["title", "text"], ["T, 1", 'He said "no".\r\n\r\nThen\0 left.\rSo'], ["", huge]])
    first, second = read(tmp_path / "a.csv")
    assert first == Article('He said "no".\r\n\r\nThen\0 left.\rSo', f"{tmp_path / 'a.csv'}:1", "T, 1")
    assert (second.text, second.title) == (huge, None)


def test_csv_rows_that_do_not_fit_the_header_fail_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"id,text\n1,one\n2\n\n3,caf\xe9\n4,four,more\n5,five\n")
    one, short, invalid, long, five = read(path)
    assert [one.text, five.text] == ["one", "five"]
    assert [bad.source for bad in (short, invalid, long)] == [f"{path}:{row}" for row in (2, 3, 4)]
    assert str(short.error) == "a row of 1 cells under a header of 2"
    assert "byte 0xE9 at offset 3 of column 'text'" in str(invalid.error)


@pytest.mark.parametrize("broken", ['"three\nfour\nfive\n', '"three" more\n'])
def test_broken_quoting_is_a_clear_error(tmp_path: Path, broken: str) -> None:
    path = write(tmp_path / "a.csv", f"text\none\ntwo\n{broken}")
    one, two, bad = read(path)
    assert (one.text, two.text) == ("one", "two")
    assert (bad.source, type(bad.error)) == (f"{path}:3", InputError)
    assert "is a quotation mark left open?" in str(bad.error)


def test_a_csv_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\n" + "x" * 10_000)
    source, error, _ = failure(read(path, max_bytes=1_000))
    assert (source, error) == (f"{path}:1", TooLargeError)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_missing_column_is_one_failure_that_lists_the_columns(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.csv":
        write(path, "id,body\n1,one\n2,two\n")
    else:
        pq.write_table(pa.table({"id": [1, 2], "body": ["one", "two"]}), path)
    source, error, message = failure(read(path))
    assert (source, error) == (str(path), ColumnError)
    assert "only id, body" in message
    assert [article.text for article in read(path, text_column="body")] == ["one", "two"]


def test_columns_of_the_same_name_are_refused(tmp_path: Path) -> None:
    assert "two columns of the same name: 'text'" in failure(read(write(tmp_path / "a.csv", "text,text\n1,2\n")))[2]


# Parquet


@pytest.mark.parametrize("name", ["a.parquet", "a.txt", "a.csv", "noext"])
def test_parquet_is_known_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    texts = [f"article {number}" for number in range(700)]
    pq.write_table(pa.table({"text": texts, "title": ["T"] * 700}), tmp_path / name)
    articles = list(read(tmp_path / name))
    assert [article.text for article in articles] == texts
    assert articles[-1].source == f"{tmp_path / name}:700"
    assert articles[0].title == "T"


def test_parquet_cells_that_are_no_text_fail_alone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", None, "x" * 500]}), tmp_path / "a.parquet")
    one, missing, large = read(tmp_path / "a.parquet", max_bytes=100)
    assert one.text == "one"
    assert [type(bad.error) for bad in (missing, large)] == [EmptyTextError, TooLargeError]
    pq.write_table(pa.table({"text": [1]}), tmp_path / "b.parquet")
    assert "holds a value of type int, not text" in failure(read(tmp_path / "b.parquet"))[2]


@pytest.mark.parametrize("data", [b"PAR1 but only in name", b"text\none\n", b""])
def test_a_broken_parquet_file_is_an_input_error(tmp_path: Path, data: bytes) -> None:
    _, error, message = failure(read(write(tmp_path / "a.parquet", data)))
    assert error is InputError
    assert message.startswith("not a Parquet table that can be read: ")


def test_parquet_without_its_packages_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"text": ["one"]}), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    _, error, message = failure(read(tmp_path / "a.parquet"))
    assert error is MissingExtraError
    assert "newsbias[parquet]" in message


# Rows


def test_rows_keep_their_columns_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"z": [1], "text": "one", "a": {"b": null}}\n\n{"only": 1}\n')
    rows = list(iter_rows(path))
    assert rows == [(1, {"z": [1], "text": "one", "a": {"b": None}}), (3, {"only": 1})]
    assert list(rows[0][1]) == ["z", "text", "a"]
    assert list(iter_rows(write(tmp_path / "a.csv", "id,text\n1,one\n"))) == [(1, {"id": "1", "text": "one"})]


def test_rows_of_standard_input_are_json_lines() -> None:
    assert list(iter_rows("-", stdin=Pipe(b'{"a": 1}\n{"a": 2}\n'))) == [(1, {"a": 1}), (2, {"a": 2})]


def test_a_bad_row_is_raised_with_its_place_after_the_rows_before_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"a": 1}\n{"a": \n{"a": 3}\n')
    rows = iter_rows(path)
    assert next(rows) == (1, {"a": 1})
    with pytest.raises(InputError, match=rf"^{path}:2: not valid JSON: Expecting value at column \d+$"):
        next(rows)


def test_tables_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^{tmp_path / 'no.csv'}: no such file$"):
        next(iter_rows(tmp_path / "no.csv"))
    with pytest.raises(UsageError, match=r"a table ends in \.jsonl, \.csv, \.parquet, not \.txt"):
        next(iter_rows(write(tmp_path / "a.txt", TEXT)))
    with pytest.raises(BinaryFileError, match=r"a\.csv: a gzip archive"):
        next(iter_rows(write(tmp_path / "a.csv", gzip.compress(b"text"))))


# HTML

PAGE = """<!DOCTYPE html><html><head><title>Council raises tax | The Valley Post</title>
<meta property="og:title" content="Council   raises tax"></head><body>
<nav><a href="/">Home</a> <a href="/subscribe">Subscribe now</a></nav>
<article><h1>Council raises tax</h1>
<p>The council voted 5-4 on Monday to raise the property tax, officials said after the
   meeting.</p>
<p>“We had no choice,” said Ana Ruiz, who chairs the committee &amp; moved the motion. 😀</p>
<p>The tax pays for repairs in the schools of the northern districts, and takes effect in May.</p></article>
<footer>Copyright The Valley Post</footer><script>var x = "<p>not text</p>";</script></body></html>"""


@pytest.mark.parametrize("name", ["a.html", "a.HTM"])
def test_html_gives_the_extracted_article_and_says_so(tmp_path: Path, name: str) -> None:
    article = only(read(write(tmp_path / name, PAGE)))
    assert article.title == "Council raises tax"
    assert article.text.startswith(
        "The council voted 5-4 on Monday to raise the property tax, officials said after the "
    )
    assert "“We had no choice,” said Ana Ruiz, who chairs the committee & moved the motion. 😀" in article.text
    assert not any(word in article.text for word in ("Subscribe", "Copyright", "not text", "<p>"))
    assert article.warnings == (EXTRACTED,)


@pytest.mark.parametrize(
    ("quote", "lines"),
    [
        ("<p>He lied to us.</p><p>He <b>has</b> to go.</p>", ["> He lied to us.", "> He has to go."]),
        ("<p><i>He lied</i> to us.</p>", ["> He lied to us."]),
        ("He lied to us.<br>He has to go.", ["> He lied to us.", "> He has to go."]),
        ("<blockquote><p>He lied to us.</p></blockquote><p>He has to go.</p>", ["> He lied to us.", "> He has to go."]),
        ("<p> </p><p>He lied to us.</p>", ["> He lied to us."]),
    ],
)
def test_block_quotes_of_a_page_keep_their_sign(quote: str, lines: list[str]) -> None:
    page = PAGE.replace("<p>The tax pays", f"<blockquote>{quote}</blockquote><p>The tax pays")
    text = read_bytes(page.encode(), "a.html").text
    assert [line for line in text.splitlines() if "He " in line] == lines
    assert "\nThe tax pays" in text


def test_a_page_that_is_named_like_a_text_is_told_of() -> None:
    assert read_bytes(PAGE.encode(), "a.txt").warnings == (TAGS,)
    assert TAGS not in read_bytes(PAGE.encode(), "a.html").warnings
    assert not read_bytes(b"He wrote <b>no</b>, and 3 < 4.", "a.txt").warnings


def test_a_page_without_a_headline_in_its_text_is_kept_whole() -> None:
    page = PAGE.replace("<h1>Council raises tax</h1>", "").replace("og:title", "og:other")
    article = read_bytes(page.encode(), "a.html")
    assert article.title == "Council raises tax | The Valley Post"
    assert article.text.startswith("The council voted")


@pytest.mark.parametrize("page", ["<html></html>", "<p></p>", "no tags", "<" * 5_000, "<div>" * 3_000])
def test_a_page_without_an_article_is_an_error(page: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EmptyTextError, match="no article found in the page"):
        read_bytes(page.encode(), "a.html")
    assert capfd.readouterr().err == ""


def test_html_without_its_packages_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    _, error, message = failure(read(write(tmp_path / "a.html", PAGE)))
    assert error is MissingExtraError
    assert "newsbias[html]" in message


FRAGMENTS = [
    "<p>",
    "</p>",
    "<b",
    "<!--",
    "-->",
    "<script>",
    "&#0;",
    "&#xD800;",
    "\0",
    "The council met on Monday. ",
    "<html>",
    "<?xml version='1.0' encoding='utf-16'?>",
    "'",
    '"',
    "<title>",
    "<![CDATA[",
    "<svg>",
    "<base href='http://[>",
    "<meta charset=utf-16>",
    "<table><td>",
    "<h1>",
    "\ufffe",
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
def test_any_page_gives_an_article_or_an_error_of_ours(page: str) -> None:
    with suppress(EmptyTextError):
        assert read_bytes(page.encode(), "a.html").text.strip()
