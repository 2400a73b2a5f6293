"""What holds for any text whatever, on nasty texts: small ones and mixtures, and large ones for the time they take."""

from __future__ import annotations

import gzip
import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from invariants import (
    check_lexicon,
    check_quotation,
    check_reading,
    check_rendering,
    check_report,
    check_segmentation,
    hash_detector,
)
from nasty import BLANK, CASES, LARGE, TEXTS

from bias.blinding import BlindEncoder
from bias.cli import main
from bias.detector import Detector
from bias.language import looks_english
from bias.lexicon import default_lexicon
from bias.quotation import attribute
from bias.reading import read_bytes
from bias.reporting import RENDERERS, renderer
from bias.reporting.marking import pieces
from bias.segmentation import segment
from bias.types import Article

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TIMES, SLOPE = 8, 20
"""A text 8 times as long may take 20 times as long: linear time has room on a busy machine, quadratic time has none."""

IN_REPORTS = (
    "no space",
    "many quotes in one sentence",
    "one sentence",
    "loaded words",
    "names in one sentence",
    "short lines",
    "combining marks",
)
"""Large texts that reports could grow with the square of: sentences of many parts, and many sentences."""


@pytest.mark.parametrize("name", CASES)
def test_every_nasty_text_keeps_what_holds(name: str) -> None:
    text = CASES[name]
    check_segmentation(text)
    check_quotation(text)
    check_lexicon(text)
    if (report := check_report(text, hash_detector())) is not None:
        check_rendering(report)


@MANY
@given(TEXTS)
def test_sentences_cover_any_text_in_order(text: str) -> None:
    check_segmentation(text)


@MANY
@given(TEXTS)
def test_quotations_of_any_text_are_ordered_and_bounded(text: str) -> None:
    check_quotation(text)


@MANY
@given(TEXTS)
def test_terms_in_any_text_are_whole_words(text: str) -> None:
    check_lexicon(text)


@SOME
@given(TEXTS)
def test_reports_of_any_text_are_sound_and_render(text: str) -> None:
    if (report := check_report(text, hash_detector())) is not None:
        check_rendering(report)


@SOME
@given(TEXTS, TEXTS)
def test_neither_time_nor_order_changes_a_report(tiny_detector: Detector, one: str, two: str) -> None:
    first = check_report(one, tiny_detector), check_report(two, tiny_detector)
    second = check_report(two, tiny_detector), check_report(one, tiny_detector)
    assert first == second[::-1]


@SOME
@given(TEXTS, BLANK)
def test_blank_space_after_a_text_changes_nothing(tiny_detector: Detector, text: str, blank: str) -> None:
    before, after = check_report(text, tiny_detector), check_report(text + blank, tiny_detector)
    if before is None or after is None:
        assert before == after
        return
    assert after.sentences == before.sentences
    assert (after.score, after.interval) == (before.score, before.interval)


@MANY
@given(TEXTS)
def test_any_text_is_read_in_every_form(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    for name in ("a.txt", "a.md", "a.jsonl", "a.csv"):
        check_reading(data, name)
        check_reading(data, name, errors="replace")
    check_reading(json.dumps({"text": text, "title": text}).encode(), "a.jsonl")
    check_reading(text.encode("utf-16", "surrogatepass"), "a.txt", "utf-16")


# Time


def assert_linear(run: Callable[[str], object], make: Callable[[int], str], small: int = 8_000) -> None:
    """Assert that a text `TIMES` as long takes the processor at most `SLOPE` times as long; 5 ms are nothing."""

    def seconds(text: str) -> float:
        begun = time.process_time()
        run(text)
        return time.process_time() - begun

    seconds(make(100))
    short = max(min(seconds(make(small)), seconds(make(small))), 0.005)
    assert any(seconds(make(TIMES * small)) < SLOPE * short for _ in range(3))  # another process can slow one


def structure(text: str) -> None:
    """All that is done with a text before the model reads it."""
    attribute(text, segment(text))
    default_lexicon().find(text)
    looks_english(text)


@pytest.mark.parametrize("name", LARGE)
def test_reading_the_structure_of_a_text_takes_linear_time(name: str) -> None:
    assert_linear(structure, LARGE[name])


@pytest.mark.parametrize("name", IN_REPORTS)
def test_scoring_takes_linear_time(name: str) -> None:
    assert_linear(hash_detector().score, LARGE[name], 4_000)


@pytest.mark.parametrize("name", IN_REPORTS)
def test_rendering_takes_linear_time(name: str) -> None:
    def seconds(output_format: str, size: int) -> float:
        report = hash_detector().score(LARGE[name](size), threshold=0.0)
        begun = time.process_time()
        renderer(output_format)([report])
        return time.process_time() - begun

    for output_format in RENDERERS:
        seconds(output_format, 100)
        short = max(seconds(output_format, 2_000), seconds(output_format, 2_000), 0.01)
        assert any(seconds(output_format, TIMES * 2_000) < SLOPE * short for _ in range(3))


def test_cutting_a_sentence_into_its_pieces_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        report = hash_detector().score(LARGE["many quotes in one sentence"](size))
        begun = time.process_time()
        assert len(pieces(report, report.sentences[0])) > size / 100
        return time.process_time() - begun

    short = max(min(seconds(8_000), seconds(8_000)), 0.002)
    assert any(seconds(TIMES * 8_000) < SLOPE * short for _ in range(3))


def test_blind_reading_takes_linear_time() -> None:
    blind = BlindEncoder(hash_detector()._encoder)
    assert_linear(lambda text: list(blind.encode([text])), LARGE["names in one sentence"], 4_000)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.jsonl", "a.csv"])
@pytest.mark.parametrize("text", ["no space", "quotation marks", "blanks", "carriage returns", "NULs", "markup"])
def test_reading_a_file_takes_linear_time(name: str, text: str) -> None:
    assert_linear(lambda made: check_reading(made.encode(), name), LARGE[text])


def test_a_million_characters_without_a_space_are_scored(tiny_detector: Detector) -> None:
    report = tiny_detector.score("a" * 1_000_000)
    assert report.sentences[0].sentence.end == 1_000_000


def test_a_sentence_of_fifty_thousand_words_is_read_whole(tiny_detector: Detector) -> None:
    text = "The regime " + "and a vote " * 16_666 + "fell."
    report = tiny_detector.score(text)
    assert len(report.sentences) == 1
    assert report.article.words > 50_000


def test_a_hundred_thousand_quotation_marks_are_read(tiny_detector: Detector) -> None:
    assert tiny_detector.score('"a" ' * 50_000).sentences


# Files


NEWS = "The council voted 5-4 on Monday to raise the property tax, officials said after the meeting."


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "blockquote", "a", "font"])
def test_a_page_of_twenty_thousand_nested_elements_is_read_or_refused(tag: str) -> None:
    close = "".join(f"</{name}>" for name in reversed(tag.split("><")))
    page = f"<html><body><article>{f'<{tag}>' * 20_000}<p>{NEWS}</p>{close * 20_000}</article></body></html>"
    check_reading(page.encode()[:99_000], "a.html")
    check_reading(page.encode(), "a.html")


def hostile_files(folder: Path) -> dict[str, str]:
    """Files as they come from strangers, and what the command says of each."""

    def write(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)

    archive, table = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    pq.write_table(pa.table({"text": [f"{NEWS} {number}" for number in range(3_000)]}), table)
    parquet = table.getvalue()
    write("empty.txt", b"")
    write("blank.txt", " \r\n\t\u3000\u2028".encode())
    write("mark.txt", b"\xef\xbb\xbf")
    write("invalid.txt", b"caf\xe9 met.")
    write("utf16.txt", NEWS.encode("utf-16"))
    write("unmarked.txt", NEWS.encode("utf-16-le"))
    write("zip.txt", archive.getvalue())
    write("gzip.txt", gzip.compress(b"text"))
    write("pdf.txt", b"%PDF-1.7\n%\xe2\xe3")
    write("elf.txt", b"\x7fELF\x02\x01\x01" + bytes(range(256)))
    write("cut.parquet", parquet[: len(parquet) // 2])
    write("end.parquet", parquet[:-4] + b"XXXX")
    write("middle.parquet", parquet[:200] + b"\xff" * 400 + parquet[600:])
    write("open.csv", b'text\n"never closed\n' + b"x\n" * 1_000)
    write("large.jsonl", json.dumps({"text": NEWS, "more": "x" * 1_100_000}).encode())
    write("long.txt", b"a " * 600_000)
    write("loop.txt", b"")
    (folder / "loop.txt").unlink()
    (folder / "loop.txt").symlink_to("loop.txt")
    os.mkfifo(folder / "fifo.txt")
    (folder / "in").mkdir()
    (folder / "in" / "out").symlink_to(folder, target_is_directory=True)
    return {
        "blank.txt": "nothing but white space",
        "cut.parquet": "not a Parquet table that can be read",
        "elf.txt": "an ELF executable",
        "empty.txt": "empty, no text",
        "end.parquet": "not a Parquet table that can be read",
        "fifo.txt": "a pipe, not a file",
        "gzip.txt": "a gzip archive",
        "invalid.txt": "byte 0xE9 at offset 3 is not valid utf-8",
        "large.jsonl:1": "a line over the limit of 1,000,000 bytes",
        "long.txt": "a file over the limit of 1,000,000 bytes",
        "loop.txt": "cannot be read",
        "mark.txt": "empty, no text",
        "middle.parquet": "not a Parquet table that can be read",
        "open.csv:1": "is a quotation mark left open?",
        "pdf.txt": "a PDF document",
        "unmarked.txt": "looks like UTF-16-LE without a byte order mark: use --encoding utf-16-le",
        "utf16.txt": "byte order mark of UTF-16",
        "zip.txt": "a zip archive",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_folder_of_hostile_files_stops_no_good_one(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = hostile_files(tmp_path)
    (tmp_path / "good.txt").write_text(NEWS)
    options = ["--model", str(tiny_folder), "--output-format", "jsonl", "--max-bytes", "1000000"]
    assert main(["score", str(tmp_path), *options]) == 2
    out, err = capsys.readouterr()
    records = {Path(record["article"]["source"]).name: record for record in map(json.loads, out.splitlines())}
    assert [name for name, record in records.items() if "error" not in record] == ["good.txt"]
    told = {name: record["error"]["message"] for name, record in records.items() if "error" in record}
    assert sorted(told) == sorted(expected)
    assert all(part in told[name] for name, part in expected.items())
    assert err.count("\n") == len(expected)
    assert "Traceback" not in err


def test_a_line_of_ten_megabytes_is_an_article_like_another() -> None:
    text = "The council met on Monday. " * 400_000
    check_reading(json.dumps({"text": "x", "more": text}).encode(), "a.jsonl")
    article = read_bytes(text.encode(), "a.txt")
    assert isinstance(article, Article)
    assert article.characters == len(text)
