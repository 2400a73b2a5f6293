"""`bias calibrate` on a tiny model that knows two words: what it changes, what it leaves, what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from taught import LOADED, sentences, write_rows, write_taught_folder

from bias.cli import main
from bias.detector import Detector
from bias.errors import DataError, InputError
from bias.modelfolder import open_model
from bias.segmentation import segment
from bias.training.calibration import recalibrate as module
from bias.training.calibration.calibrate import NEWS_SHARE, RECORD
from bias.training.calibration.recalibrate import Material, recalibrate, refuse_packaged
from bias.training.calibration.reference import FEWEST_PAGES
from bias.training.data.pages import read_pages
from bias.training.data.splits import Split, read_seen, write_seen


class Result(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str | Path) -> Result:
        status = main(["calibrate", *map(str, arguments)])
        return Result(status, *capsys.readouterr())

    return command


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_taught_folder(tmp_path_factory.mktemp("taught"))


@pytest.fixture
def folder(taught: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taught, tmp_path / "model"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "held-out.jsonl", sentences(120, 1000))


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "bias.json").read_text("utf-8"))
    return found


def plain(text: str) -> str:
    """The text without the loaded words."""
    for word in LOADED:
        text = text.replace(word, "a")
    return text


def write_articles(path: Path, events: int = 6) -> Path:
    """Annotated articles in BASIL's form: two an event, every fifth sentence with a loaded word of the outlet's own."""
    rows = []
    for event in range(events):
        for outlet in ("One", "Other"):
            own = [e.text for e in sentences(20, 5000 + 100 * event + 40 * (outlet == "One"))]
            body = [[text if i % 5 == 1 else plain(text)] for i, text in enumerate(own)]
            quote = 'The minister said the vote was "a reckless tax on the vote".'
            marks = [{"id": f"p{i}", "bias": "lex", "quote": "no"} for i in range(1, 20, 5)]
            marks += [{"id": "p20", "bias": "lex", "quote": "yes"}, {"id": "title", "bias": "lex", "quote": "no"}]
            rows.append(
                {
                    "event": f"e{event}",
                    "article": {"source": outlet, "body-paragraphs": [*body, [quote]]},
                    "annotation": {"phrase-level-annotations": marks},
                }
            )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_pages(folder: Path, each: int = FEWEST_PAGES) -> Path:
    """A folder of pages: news with one loaded sentence of ten, opinion with five."""
    for section, loaded in (("news", 1), ("opinion", 5)):
        (folder / section).mkdir(parents=True)
        for number in range(each):
            texts = [e.text for e in sentences(20, 100 * number)]
            kept = [t if i // 2 < loaded or i % 2 == 0 else plain(t) for i, t in enumerate(texts)]
            body = " ".join(f"{text[0].upper()}{text[1:]}." for text in kept)
            (folder / section / f"{number}.txt").write_text(body + "\n", "utf-8")
    return folder


# Labelled sentences


def test_in_place_only_the_calibration_changes(run: Run, folder: Path, data: Path) -> None:
    (folder / "README.md").write_text("my own card")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run(data, "--model", folder)
    assert result.status == 0, result.err
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"bias.json", "seen.txt"}
    for part in ("platt on 120 sentences", "60 opinionated", "before", "after", "by the rule macro-f1", "share of 5%"):
        assert part in result.out
    assert "still tells of the former calibration" in result.err
    record = manifest(folder)[RECORD]
    assert record["balanced"]["data"][0]["name"] == "held-out.jsonl"
    assert record["balanced"]["sentences"] == 120
    assert str(folder.parent) not in json.dumps(record)
    assert "reckless" not in json.dumps(record)
    again = run(data, "--model", folder)
    assert again.out == result.out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == after


def test_the_calibrated_model_says_what_the_labels_say(run: Run, folder: Path, data: Path) -> None:
    assert run(data, "--model", folder, "--method", "temperature", "--threshold-rule", "f1").status == 0
    report = Detector(folder).score("The minister said on the vote. The reckless regime and the tax.", prior="balanced")
    assert [result.label for result in report.sentences] == ["neutral", "opinionated"]
    # One in ten is labelled the other way, so nothing is more certain than about nine in ten.
    assert 0.8 < report.sentences[1].probability < 0.97
    assert 0.03 < report.sentences[0].probability < 0.2
    assert manifest(folder)["calibration"]["balanced"]["written"]["intercept"] == 0


def test_a_copy_leaves_the_model_as_it_is(run: Run, folder: Path, data: Path, tmp_path: Path) -> None:
    (folder / "extra").mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = run(data, "--model", folder, "-o", tmp_path / "copy")
    assert result.status == 0, result.err
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    copy = open_model(tmp_path / "copy")
    assert copy.info.sha256 == open_model(folder).info.sha256
    assert (copy.path / "model.onnx").read_bytes() == before["model.onnx"]
    assert not (copy.path / "extra").exists()
    assert "fitted on 120 sentences" in (copy.path / "README.md").read_text("utf-8")
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    result = run(data, "--model", folder, "-o", tmp_path / "copy")
    assert (result.status, "it exists" in result.err) == (2, True)


def test_what_was_trained_on_is_left_out(run: Run, folder: Path, tmp_path: Path) -> None:
    known, other = sentences(60), sentences(80, 2000)
    write_seen(folder, Split(tuple(known), tuple(other[:10]), ()))
    result = run(write_rows(tmp_path / "all.jsonl", [*known, *other]), "--model", folder)
    assert result.status == 0, result.err
    assert "left out 60 sentences that the model was trained on" in result.out
    assert "platt on 80 sentences" in result.out
    assert "does not say what it was trained on" not in result.out
    seen = read_seen(folder)
    assert (sum(part == "train" for part in seen.values()), len(seen)) == (60, 140)
    again = run(tmp_path / "all.jsonl", "--model", folder)
    assert again.out == result.out
    result = run(write_rows(tmp_path / "known.jsonl", known), "--model", folder)
    assert result.status == 2
    assert "trained on all 60 sentences" in result.err.splitlines()[-1]


def test_json_tells_the_same(run: Run, folder: Path, data: Path) -> None:
    facts = json.loads(run(data, "--model", folder, "--output-format", "json").out)
    assert facts["balanced"]["sentences"] == 120
    assert set(facts["balanced"]["after"]["brier"]) == {"value", "low", "high"}
    assert facts["news"] is None


def test_the_card_is_written_in_place_when_asked(run: Run, folder: Path, data: Path) -> None:
    assert run(data, "--model", folder, "--card-template", "default").status == 0
    assert "fitted on 120 sentences" in (folder / "README.md").read_text("utf-8")


# What is refused


def test_bad_usage_is_one_line_and_changes_nothing(run: Run, folder: Path, data: Path, tmp_path: Path) -> None:
    before = (folder / "bias.json").read_bytes()
    one = write_rows(tmp_path / "one.jsonl", [e for e in sentences(40) if e.label == 1])
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.jsonl").write_text("")
    for arguments, named in (
        ((), "nothing to calibrate on"),
        ((data,), "--model DIR"),
        ((data, "--model", tmp_path / "no"), "is not a folder"),
        ((one, "--model", folder), "has 20 opinionated and 0 neutral"),
        ((data, "--model", folder, "--threshold-rule", "best"), "threshold rule"),
        ((data, "--model", folder, "--card-template", tmp_path / "no"), "cannot be read"),
        ((data, "--model", folder, "-o", folder), "it exists"),
        ((data, "--model", folder, "-o", tmp_path / "no" / "deep"), "there is no folder"),
        (("--model", folder, "--articles", tmp_path / "no.jsonl"), "no.jsonl"),
        (("--model", folder, "--articles", tmp_path / "bad.jsonl"), "bad.jsonl:1"),
        (("--model", folder, "--articles", tmp_path / "bytes.jsonl"), "bytes.jsonl"),
        (("--model", folder, "--articles", tmp_path / "empty.jsonl"), "empty.jsonl"),
        (("--model", folder, "--reference", tmp_path), "no folder news"),
        (("--model", folder, "--reference", data), "no column 'section'"),
        (("--model", folder, "--reference", tmp_path / "no.csv"), "no.csv"),
    ):
        result = run(*arguments)
        assert result.status == 2, arguments
        assert named in result.err.splitlines()[-1], (arguments, result.err)
        assert result.err.splitlines()[-1].startswith("bias: ")
        assert "internal" not in result.err
    assert (folder / "bias.json").read_bytes() == before


def test_a_damaged_model_is_not_given_new_digests(run: Run, folder: Path, data: Path, tmp_path: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    for more in ((), ("-o", tmp_path / "copy")):
        result = run(data, "--model", folder, *more)
        assert result.status == 2
        assert "does not match its sha256" in result.err
    assert not (tmp_path / "copy").exists()


def test_the_installed_model_is_not_changed(
    run: Run, folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.resources, "files", lambda name: folder.parent)
    before = (folder / "bias.json").read_bytes()
    result = run(data, "--model", folder)
    assert result.status == 2
    assert "part of the installed package" in result.err
    assert (folder / "bias.json").read_bytes() == before
    monkeypatch.undo()
    refuse_packaged(folder)
    with pytest.raises(Exception, match="installed package"):
        refuse_packaged(Path(str(resources.files("bias"))) / "models" / "default")


# Whole articles


def test_articles_give_the_news_map_and_sentences_leave_it(run: Run, folder: Path, data: Path, tmp_path: Path) -> None:
    articles = write_articles(tmp_path / "articles.jsonl")
    result = run("--model", folder, "--articles", articles)
    assert result.status == 0, result.err
    assert "news: 12 articles of 6 events, 252 sentences, 60 marked, 48 in the outlet's own words" in result.out
    assert "auroc" in result.out
    assert "95 % intervals" in result.out
    fitted = manifest(folder)
    assert fitted[RECORD]["news"]["articles"] == 12
    assert fitted["calibration"]["balanced"] == manifest(folder)["calibration"]["balanced"]
    probability = open_model(folder).calibration.news.written
    assert len(probability.weights) >= 1
    result = run(data, "--model", folder)
    assert result.status == 0
    assert "news:" not in result.out
    assert manifest(folder)["calibration"]["news"] == fitted["calibration"]["news"]
    assert manifest(folder)["calibration"]["balanced"] != fitted["calibration"]["balanced"]


def test_too_few_articles_and_known_ones_are_told(run: Run, folder: Path, tmp_path: Path) -> None:
    few = run("--model", folder, "--articles", write_articles(tmp_path / "few.jsonl", events=3))
    assert few.status == 2
    assert "5 events and 40 marked sentences" in few.err
    assert "there are 3, 30 and 24" in few.err
    known = write_articles(tmp_path / "known.jsonl", events=8)
    lines = known.read_text().splitlines()
    texts = [s for line in lines[:2] for p in json.loads(line)["article"]["body-paragraphs"] for s in p]
    seen = tuple(replace(sentences(1)[0], text=text) for text in texts if '"' not in text)
    write_seen(folder, Split(seen, (), ()))
    result = run("--model", folder, "--articles", known)
    assert result.status == 0, result.err
    assert "left out 2 articles that the model was trained on" in result.out


# The reference corpus


def test_a_folder_of_pages_gives_percentiles_that_go_when_their_maps_do(
    run: Run, folder: Path, data: Path, tmp_path: Path
) -> None:
    pages = write_pages(tmp_path / "pages")
    result = run(data, "--model", folder, "--reference", pages, "--reference-name", "two towns, 2026")
    assert result.status == 0, result.err
    assert "percentiles: 20 news and 20 opinion pages of two towns, 2026" in result.out
    reference = open_model(folder).reference
    assert reference is not None
    assert set(reference.quantiles) == {f"{p}/{q}" for p in ("news", "balanced") for q in ("separate", "include")}
    found = reference.quantiles["news/separate"]
    assert found["news"][50] < found["opinion"][50]
    loaded = Detector(folder).score(" ".join(f"The {word} vote said to the tax." for word in LOADED))
    assert loaded.percentile == {"news": 100, "opinion": 100}
    kept = manifest(folder)["reference"]
    assert "dropped" not in run(data, "--model", folder).out  # the same maps: the ranks still hold
    assert manifest(folder)["reference"] == kept
    result = run(data, "--model", folder, "--method", "temperature")
    assert "percentiles of --prior news dropped" in result.out
    assert "percentiles of --prior balanced dropped" in result.out
    assert manifest(folder)["reference"] is None
    assert Detector(folder).score("The vote.").percentile is None


def test_no_page_is_ranked_among_that_the_model_was_trained_on(run: Run, folder: Path, tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages", 22)
    known = segment((pages / "opinion" / "0.txt").read_text("utf-8"))
    write_seen(folder, Split(tuple(replace(sentences(1)[0], text=sentence.text) for sentence in known[:2]), (), ()))
    result = run("--model", folder, "--reference", pages)
    assert result.status == 0, result.err
    counts = [int(count) for count in re.findall(r"(\d+) (?:news|opinion)", result.out)]
    left_out = int(re.findall(r"left out (\d+) pages", result.out)[0])
    assert left_out == 44 - sum(counts) >= 1


def test_a_table_of_pages_weighs_leanings_and_takes_a_sample(folder: Path, tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages", 30)
    rows = [
        {"text": file.read_text(), "section": section.upper(), "leaning": ("left", "right")[int(file.stem) % 2]}
        for section in ("news", "opinion")
        for file in sorted((pages / section).iterdir())
    ]
    table = tmp_path / "pages.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_pages(table)
    assert len(read) == 60
    outcome = recalibrate(folder, Material(pages=read, reference="towns"), each=10)
    assert outcome.corpus == "20 news and 20 opinion pages of towns, leanings weighted equally"
    with pytest.raises(DataError, match="20 news pages of 100 words or more, and has 18 of 30"):
        recalibrate(folder, Material(pages=read, reference="towns"), each=9)
    table.write_text(json.dumps({"text": "x", "section": "sports"}) + "\n")
    with pytest.raises(DataError, match=r"pages\.jsonl:1: section is news or opinion, not 'sports'"):
        read_pages(table)
    (pages / "news" / "0.txt").write_bytes(b"caf\xe9 " * 200)
    with pytest.raises(InputError, match=r"0\.txt: byte 0xE9"):
        read_pages(pages)


def test_the_share_of_news_is_that_of_basil() -> None:
    assert 145 / 3246 < NEWS_SHARE < 182 / 3246
