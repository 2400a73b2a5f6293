from __future__ import annotations

import csv
import hashlib
import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bias.cli.data import columns_of, needs_training, print_notes, read_data
from bias.errors import (
    BiasError,
    BinaryFileError,
    ColumnError,
    DataError,
    EmptyTextError,
    EncodingError,
    InputError,
    MissingExtraError,
    UsageError,
)
from bias.output import row_writer
from bias.training.data import hub
from bias.training.data.examples import Example, find_words
from bias.training.data.readers import Columns, is_named, load_data, with_soft_labels
from bias.training.data.rows import DEFAULT_COLUMNS
from bias.training.data.splits import remove_duplicates

WRITERS = ("csv", "jsonl", "parquet")


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    with row_writer(path) as writer:
        for row in rows:
            writer.write(row)
    return str(path)


def read(path: Path, *rows: Mapping[str, Any], columns: Columns = DEFAULT_COLUMNS, **options: Any) -> list[Example]:
    return list(load_data([write(path, rows)], columns, **options).examples)


def one(path: Path, **row: Any) -> Example:
    return read(path, {"text": "The vile plan passed.", "label": 1} | row)[0]


def message(path: Path, *rows: Mapping[str, Any], error: type[BiasError] = DataError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        read(path, *rows, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Round trips

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)


@st.composite
def labelled(draw: st.DrawFn) -> Example:
    text = draw(TEXTS)
    label = draw(st.sampled_from([0.0, 1.0, 0.25]))
    ends = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    spans = tuple(zip(ends[::2], ends[1::2], strict=False))
    everyone = draw(st.integers(1, 9))
    return Example(
        text=text,
        source="",
        label=label,
        outlet_label=draw(st.sampled_from([None, 0.0, 1.0])),
        spans=spans if spans or label < 0.5 else None,
        opinion=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
        votes=draw(st.none() | st.tuples(st.integers(0, everyone), st.just(everyone))),
        group=draw(st.sampled_from(["", "a1", "7", "https://news.example/1"])),
        outlet=draw(st.sampled_from(["", "morning post"])),
        leaning=draw(st.sampled_from(["", "left", "right"])),
        topic=draw(st.sampled_from(["", "tax"])),
        weight=draw(st.sampled_from([1.0, 0.5, 3.0])),
    )


def as_row(e: Example, offsets: str) -> dict[str, Any]:
    spans: Any = e.spans and [
        {"start": a, "end": b, "text": e.text[a:b]} if offsets == "objects" else [a, b] for a, b in e.spans
    ]
    return {
        "text": e.text,
        "label": e.label,
        "outlet_label": e.outlet_label,
        "spans": None if e.spans is None else spans,
        "opinion": e.opinion,
        "votes": e.votes and f"{e.votes[0]}/{e.votes[1]}",
        "group": e.group,
        "outlet": e.outlet,
        "leaning": e.leaning,
        "topic": e.topic,
        "weight": e.weight,
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(labelled(), min_size=1, max_size=4), st.sampled_from(WRITERS), st.sampled_from(["objects", "pairs"]))
def test_what_is_written_is_read_back(tmp_path: Path, examples: list[Example], suffix: str, offsets: str) -> None:
    path = tmp_path / f"mine.{suffix}"
    found = read(path, *(as_row(e, offsets) for e in examples))
    expected = [replace(e, source=path.name, place=f"{path.name}:{n}") for n, e in enumerate(examples, 1)]
    assert found == expected


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_is_known_by_name_digest_and_counts(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": "A vile plan.", "label": 1}, {"text": "It rained.", "label": None}]
    path = tmp_path / f"mine.{suffix}"
    loaded = load_data([write(path, rows) + "@2"])
    (file,) = loaded.files
    assert (file.name, file.rows, file.labelled, file.unlabelled, file.weight) == (path.name, 2, 1, 1, 2.0)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


# Labels


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (1, 1.0),
        ("0", 0.0),
        (True, 1.0),
        ("FALSE", 0.0),
        ("Opinionated", 1.0),
        ("neutral", 0.0),
        ("Biased", 1.0),
        ("Non-biased", 0.0),
        ("not biased", 0.0),
        ("unbiased", 0.0),
        (" loaded ", 1.0),
        ("subjective", 1.0),
        ("OBJECTIVE", 0.0),
        ("0.75", 0.75),
        (0.2, 0.2),
        (1.0, 1.0),
        ("", None),
        (None, None),
        (float("nan"), None),
        ("No agreement", None),
    ],
)
def test_labels_have_many_spellings(tmp_path: Path, value: Any, label: float | None) -> None:
    rows = {"text": "a", "label": 1}, {"text": "b", "label": value}
    assert read(tmp_path / "l.jsonl", *rows, labels="optional")[1].label == label


@pytest.mark.parametrize("third", ["center", 2, "-1", "1.5", [1], "nan", "1_0", "inf", "maybe"])
def test_an_unknown_label_is_told_with_its_row_and_the_way_out(tmp_path: Path, third: Any) -> None:
    rows = {"text": "a", "label": 1}, {"text": "b", "label": third}, {"text": "c", "label": 0}
    said = message(tmp_path / "l.jsonl", *rows)
    assert said.startswith("l.jsonl:2: column 'label': found ")
    assert "expected 1/0, true/false, opinionated/neutral" in said
    assert "--positive" in said


def test_three_labels_are_told_even_if_each_is_known(tmp_path: Path) -> None:
    rows = [{"text": str(n), "label": label} for n, label in enumerate(["neutral", "loaded", "1", "subjective"])]
    said = message(tmp_path / "l.csv", *rows)
    assert said.startswith("l.csv:4: column 'label': found a third label, 'subjective'")
    assert "'neutral', 'loaded', '1', 'subjective'" in said
    assert "--positive" in said


def test_other_labels_by_the_positive_one(tmp_path: Path) -> None:
    rows = [{"text": str(n), "label": label} for n, label in enumerate(["left", "center", "Hyper", "", 2])]
    found = read(tmp_path / "l.jsonl", *rows, positive="hyper", labels="optional")
    assert [e.label for e in found] == [0.0, 0.0, 1.0, None, 0.0]
    assert [e.label for e in read(tmp_path / "l.jsonl", *rows, positive="2")] == [0.0, 0.0, 0.0, 1.0]
    said = message(tmp_path / "l.jsonl", *rows, positive="hyped")
    assert "no row is labelled 'hyped'" in said
    assert "'left', 'center', 'Hyper', '2'" in said


def test_rows_without_a_label_are_left_out_or_kept(tmp_path: Path) -> None:
    rows = {"text": "a", "label": ""}, {"text": "b", "label": "1"}, {"text": "c", "label": " "}
    assert [e.place for e in read(tmp_path / "l.csv", *rows)] == ["l.csv:2"]
    assert [e.label for e in read(tmp_path / "l.csv", *rows, labels="optional")] == [None, 1.0, None]
    assert "none of the 1 rows has a label" in message(tmp_path / "l.csv", rows[0])
    assert read(tmp_path / "p.csv", {"text": "a"}, labels="optional")[0].label is None
    message(tmp_path / "p.csv", {"text": "a"}, error=ColumnError)
    message(tmp_path / "p.csv", {"text": "a"}, error=ColumnError, columns=Columns(label="gold"), labels="optional")


# Votes, spans, weights, groups


@pytest.mark.parametrize(
    ("value", "votes"),
    [
        ([1, 0, 1], (2, 3)),
        ("[1, 0, 1, null]", (2, 3)),
        (["biased", "neutral"], (1, 2)),
        ("3/5", (3, 5)),
        (" 0 / 4 ", (0, 4)),
        ("0/0", None),
        ([], None),
        ("", None),
    ],
)
def test_votes(tmp_path: Path, value: Any, votes: tuple[int, int] | None) -> None:
    assert one(tmp_path / "v.jsonl", votes=value).votes == votes


@pytest.mark.parametrize("value", ["5/3", 7, "[0.5]", "[2]", "{}", "three", [[1]]])
def test_votes_that_are_none(tmp_path: Path, value: Any) -> None:
    said = message(tmp_path / "v.jsonl", {"text": "a", "label": 1, "votes": value})
    assert said.startswith("v.jsonl:1: column 'votes': found ")
    assert "--votes-column ''" in said
    row = {"text": "a", "label": 1, "votes": value}
    assert read(tmp_path / "v.jsonl", row, columns=Columns(votes=""))[0].votes is None


def test_votes_in_two_columns(tmp_path: Path) -> None:
    row = {"text": "a", "label": 1, "votes_biased": "3.0", "votes": "5.0"}
    assert read(tmp_path / "v.csv", row)[0].votes == (3, 5)
    named = {"text": "a", "label": 1, "for": 1, "all": 2}
    assert read(tmp_path / "v.csv", named, columns=Columns(votes="for/all"))[0].votes == (1, 2)
    assert "counts such as 3 of 5" in message(tmp_path / "v.csv", row | {"votes_biased": "6"})
    message(tmp_path / "v.csv", named, columns=Columns(votes="for/total"), error=ColumnError)


@pytest.mark.parametrize("suffix", WRITERS)
def test_spans_as_words_are_found_in_the_text(tmp_path: Path, suffix: str) -> None:
    text = "A vile plan by a vile, greedy mob."
    found = read(tmp_path / f"s.{suffix}", {"text": text, "label": 1, "spans": ["vile", "greedy mob", "absent"]})
    assert found[0].spans == find_words(text, ["vile", "greedy mob"])
    path = write(tmp_path / f"s.{suffix}", [{"text": text, "label": 1, "spans": ["vile", "absent"]}])
    assert load_data([path]).files[0].missed == 1


def test_spans_that_overlap_are_joined(tmp_path: Path) -> None:
    assert one(tmp_path / "s.jsonl", spans=[[4, 8], [0, 6], [9, 13]]).spans == ((0, 8), (9, 13))


@pytest.mark.parametrize(
    ("label", "value", "spans"),
    [
        (0, [], ()),
        (1, [], None),
        (0.3, "[]", ()),
        (0, None, None),
        (0, "", None),
        (1, ["absent"], None),
        (None, [], None),
    ],
)
def test_an_empty_list_means_none_in_a_neutral_row_alone(
    tmp_path: Path, label: Any, value: Any, spans: tuple[()] | None
) -> None:
    rows = {"text": "The plan.", "label": label, "spans": value}, {"text": "b", "label": 1}
    assert read(tmp_path / "s.jsonl", *rows, labels="optional")[0].spans == spans


@pytest.mark.parametrize(
    "value",
    [
        [[4, 99]],
        [[8, 4]],
        [[4, 4]],
        [[-1, 3]],
        [[0.5, 3]],
        [[0, 1, 2]],
        [0, 4],
        [{"start": 4, "end": 8, "text": "plan"}],
        [{"start": 4}],
        [None],
        {"start": 4, "end": 8},
        "vile",
        "[[4, 8",
        7,
    ],
)
def test_spans_that_do_not_fit_the_text(tmp_path: Path, value: Any) -> None:
    said = message(tmp_path / "s.jsonl", {"text": "The vile plan passed.", "label": 1, "spans": value})
    assert said.startswith("s.jsonl:1: column 'spans': found ")


def test_weights_multiply(tmp_path: Path) -> None:
    path = write(tmp_path / "w.csv", [{"text": "a", "label": 1, "weight": 2}, {"text": "b", "label": 0, "weight": ""}])
    assert [e.weight for e in load_data([path, f"{path}@0.5"]).examples] == [2.0, 1.0, 1.0, 0.5]
    for bad in ("0", "-1", "much"):
        assert "expected a number above 0" in message(tmp_path / "w.csv", {"text": "a", "label": 1, "weight": bad})
    for spec in (f"{path}@0", f"{path}@-1", f"{path}@1e999", "own@0"):
        with pytest.raises(UsageError, match="above 0"):
            load_data([spec])
    odd = write(tmp_path / "w@2.csv", [{"text": "a", "label": 1}])
    assert [e.weight for e in load_data([odd]).examples] == [1.0]


def test_the_article_is_the_first_that_is_known(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "label": 1, "group": "g", "news_link": "n"},
        {"text": "b", "label": 1, "group": None, "news_link": "n"},
        {"text": "c", "label": 1, "article": 12.0},
        {"text": "d", "label": 1},
    ]
    assert [e.group for e in read(tmp_path / "g.jsonl", *rows)] == ["g", "n", "12", ""]
    assert [e.group for e in read(tmp_path / "g.jsonl", *rows, columns=Columns(group="article"))] == ["", "", "12", ""]


def test_outlets_get_their_one_name(tmp_path: Path) -> None:
    assert one(tmp_path / "o.csv", outlet="The New York Times").outlet == one(tmp_path / "o.csv", outlet="NYT").outlet


def test_what_predict_and_suggest_write_is_taken_back(tmp_path: Path) -> None:
    span = {"start": 4, "end": 8, "text": "vile", "probability": 0.9, "voice": "outlet", "category": None}
    row = {"text": "The vile plan.", "label": "opinionated", "outlet_label": "neutral", "probability": 0.91}
    found = read(tmp_path / "p.jsonl", row | {"spans": [span], "voice": "mixed", "place": "story.txt:3"})[0]
    assert (found.label, found.outlet_label, found.spans) == (1.0, 0.0, ((4, 8),))
    empty = {"text": "It rained.", "label": None, "spans": None, "suggested_spans": [span], "group": ""}
    assert [e.label for e in read(tmp_path / "p.jsonl", row, empty, labels="optional")] == [1.0, None]


def test_soft_labels_are_the_share_of_votes() -> None:
    known, unknown = Example("a", "t", label=1.0, votes=(3, 5)), Example("b", "t", label=1.0)
    assert [e.label for e in with_soft_labels([known, unknown])] == [0.6, 1.0]
    assert [e.label for e in with_soft_labels([known, unknown], 0.5)] == [0.8, 1.0]


# What cannot be read


def test_wrong_columns_list_what_is_there(tmp_path: Path) -> None:
    row = {"sentence": "a", "gold": 1}
    assert message(tmp_path / "c.csv", row, error=ColumnError) == (
        "c.csv: no column 'text', only sentence, gold: name another by --text-column"
    )
    said = message(tmp_path / "c.csv", row, columns=Columns(text="sentence"), error=ColumnError)
    assert "no column 'label'" in said
    assert "--label-column" in said
    asked = Columns(text="sentence", label="gold", outlet="paper")
    assert "--outlet-column" in message(tmp_path / "c.csv", row, columns=asked, error=ColumnError)
    (tmp_path / "semicolons.csv").write_text("text;label\na;1\n", "utf-8")
    with pytest.raises(ColumnError, match="commas, not by ';'"):
        load_data([str(tmp_path / "semicolons.csv")])


@pytest.mark.parametrize("text", ["", "  ", None, 12, ["a"]])
def test_a_row_that_is_no_text_is_named(tmp_path: Path, text: Any) -> None:
    said = message(tmp_path / "t.jsonl", {"text": "a", "label": 1}, {"text": text, "label": 0})
    assert said.startswith("t.jsonl:2: column 'text': found ")


@pytest.mark.parametrize("content", [b"", b"text,label\n", b"\xef\xbb\xbf\n\n"])
def test_a_table_without_rows(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e.csv").write_bytes(content)
    with pytest.raises(EmptyTextError, match=r"e\.csv: a table without rows"):
        load_data([str(tmp_path / "e.csv")])


def test_another_encoding_is_told_and_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("text,label\nLe café a fermé.,1\n".encode("latin-1"))
    with pytest.raises(EncodingError, match=r"latin\.csv:1: .*--encoding"):
        load_data([str(path)])
    assert load_data([str(path)], encoding="latin-1").examples[0].text == "Le café a fermé."
    assert load_data([str(path)], errors="replace").examples[0].text == "Le caf\ufffd a ferm\ufffd."


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbftext,label\na,1\n")
    assert load_data([str(tmp_path / "bom.csv")]).examples[0].text == "a"


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    pickled = pickle.dumps([{"text": "a", "label": 1}])
    for name in ("data.pkl", "data.txt", "data.xlsx", "data"):
        (tmp_path / name).write_bytes(pickled)
        with pytest.raises(DataError, match=r"a \.csv, \.jsonl or \.parquet file"):
            load_data([str(tmp_path / name)])
    for protocol in (2, 3, 4, 5):
        (tmp_path / "pickle.csv").write_bytes(pickle.dumps([{"text": "a"}], protocol))
        with pytest.raises(BinaryFileError, match="a Python pickle"):
            load_data([str(tmp_path / "pickle.csv")], encoding="latin-1")
    with zipfile.ZipFile(tmp_path / "zip.jsonl", "w") as archive:
        archive.writestr("a.jsonl", "{}")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "nulls.csv").write_bytes(b"\0\1\2\3" * 100)
    for name in ("zip.jsonl", "cut.parquet", "nulls.csv", "missing.csv"):
        with pytest.raises(InputError, match=name):
            load_data([str(tmp_path / name)])
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="a folder"):
        load_data([str(tmp_path / "folder")])


@pytest.mark.parametrize("specs", [[], ["-"], ["hf:"]])
def test_no_data_is_bad_usage(specs: list[str]) -> None:
    with pytest.raises(UsageError):
        load_data(specs)


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["start", "end", "text"]), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["text", "label", "spans", "votes", "votes_biased", "weight", "outlet_label", "opinion", "group", "outlet"]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(NAMES, CELLS), max_size=3), st.sampled_from([None, "1", ""]))
@example([{"text": "a", "label": 1, "spans": [[0, 1e999]]}], None)
def test_broken_rows_end_in_one_line(tmp_path: Path, rows: list[dict[str, Any]], positive: str | None) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("".join(json.dumps({"text": "a b", "label": 1} | row) + "\n" for row in rows), "utf-8")
    try:
        examples = load_data([str(path)], positive=positive).examples
    except BiasError as error:
        examples, said = (), str(error)
    else:
        said = ""
    assert "\n" not in said
    for e in examples:
        assert e.label is not None
        assert 0 <= e.label <= 1
        assert all(0 <= a < b <= len(e.text) for a, b in e.spans or ())
        assert e.votes is None or 0 <= e.votes[0] <= e.votes[1] > 0


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.sampled_from(["csv", "jsonl", "parquet"]), st.sampled_from(["utf-8", "utf-16"]))
def test_any_bytes_end_in_one_line(tmp_path: Path, content: bytes, suffix: str, encoding: str) -> None:
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(b"text,label\n" * (suffix == "csv") + content)
    with pytest.raises(BiasError):  # chance does not hit on a label
        load_data([str(path)], encoding=encoding)


def test_nesting_without_end_is_told(tmp_path: Path) -> None:
    for depth in (100, 600, 5000):
        (tmp_path / "deep.jsonl").write_text('{"text": "a", "label": ' + "[" * depth + "]" * depth + "}\n", "utf-8")
        with pytest.raises(BiasError, match=r"deep\.jsonl:1"):
            load_data([str(tmp_path / "deep.jsonl")])


# Named sets and the hub

BABE = "text,label,label_opinion,biased_words,votes_biased,votes,outlet,leaning,topic,news_link\n"


def test_a_named_set_lies_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "babe_train_dev.csv").write_text(
        BABE + '"A vile plan, she said.",1,No agreement,"[""vile""]",3.0,5.0,HuffPost,left,tax,u1\n'
        "It passed.,0,Entirely factual,[],,,Reuters,center,tax,u2\n",
        "utf-8",
    )
    loaded = load_data(["babe@2"], folder=tmp_path)
    first, second = loaded.examples
    assert (first.votes, first.spans, first.weight, first.place) == ((3, 5), ((2, 6),), 2.0, "babe:1")
    assert (second.votes, second.spans, second.outlet) == (None, (), "reuters")
    assert loaded.files[0].sha256 == hashlib.sha256((tmp_path / "babe_train_dev.csv").read_bytes()).hexdigest()
    (tmp_path / "babe_train_dev.csv").write_text("sentence,label\na,1\n", "utf-8")
    with pytest.raises(DataError, match="not in the form of this set"):
        load_data(["babe"], folder=tmp_path)


def test_sets_of_text_and_label(tmp_path: Path) -> None:
    for name, file in (("mpqa", "mpqa.parquet"), ("subj", "subj.parquet"), ("cw-hard", "cw_hard.parquet")):
        write(tmp_path / file, [{"text": "a fine film .", "label": 1}, {"text": "it rains .", "label": 0}])
        loaded = load_data([name], folder=tmp_path)
        assert [(e.source, e.label) for e in loaded.examples] == [(name, 1.0), (name, 0.0)]
    for part in ("train", "dev", "test"):
        write(tmp_path / f"anno_lexical_{part}.parquet", [{"text": part, "label": 1, "source_name": "fox"}])
    found = load_data(["anno-lexical", "anno-lexical:dev", "anno-lexical:test"], folder=tmp_path).examples
    assert [(e.text, e.source, e.outlet) for e in found] == [
        (t, "anno-lexical", "fox news") for t in ("train", "dev", "test")
    ]


def test_sets_that_label_techniques_keep_their_rows(tmp_path: Path) -> None:
    from bias.training.data.sources import TECHNIQUE_COLUMNS

    write(tmp_path / "semeval2023_task3.parquet", [{"text": "a", **dict.fromkeys(TECHNIQUE_COLUMNS.values(), 1)}])
    (found,) = load_data(["semeval-2023"], folder=tmp_path).examples
    assert found.label is None
    assert len(found.techniques) == 6


def test_a_file_goes_before_a_named_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_named("own")
    assert is_named("babe@0.5")
    (tmp_path / "own").mkdir()  # a folder of that name, such as a model, is no data
    assert is_named("own")
    (tmp_path / "babe").write_text("text,label\n", "utf-8")
    assert not is_named("babe")
    assert not is_named("hf:some/set")


def test_our_own_sentences_need_no_folder() -> None:
    loaded = load_data(["own"])
    assert loaded.files[0].rows == len(loaded.examples) > 1500
    assert len(loaded.files[0].sha256) == 64


def test_an_unknown_name_is_told_with_a_similar_one() -> None:
    with pytest.raises(DataError, match="did you mean babe"):
        load_data(["bab"])
    with pytest.raises(DataError, match="the sets are babe, "):
        load_data(["nothing"])


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError("Name or service not known")

    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub, "getproxies", dict)
    monkeypatch.setattr(hub.socket, "getaddrinfo", unknown)


@pytest.mark.usefixtures("offline")
def test_without_a_network_the_way_out_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"huggingface\.co cannot be reached.*as a \.csv, \.jsonl or \.parquet file"):
        load_data(["hf:someone/news:test"])
    with pytest.raises(DataError, match=r"babe_train_dev\.csv.*mediabiasgroup/BABE"):
        load_data(["babe"], folder=tmp_path)
    with pytest.raises(DataError, match=r"mpqa\.parquet.*the site of"):
        load_data(["mpqa"], folder=tmp_path)


def test_the_hub_gives_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets

    asked = []

    def load(name: str, split: str) -> list[dict[str, Any]]:
        asked.append((name, split))
        if split == "dev":
            raise ValueError("Unknown split \"dev\". Should be one of ['train', 'validation'].")
        if name == "mediabiasgroup/BABE":
            return [{"text": "A vile plan.", "label": 1, "biased_words": "['vile']", "outlet": "NYT", "type": "left"}]
        return [{"sentence": "A vile plan.", "gold": 1}]

    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "proxy"})
    monkeypatch.setattr(datasets, "load_dataset", load)
    loaded = load_data(["hf:someone/news:dev@3"], Columns(text="sentence", label="gold"))
    assert asked == [("someone/news", "dev"), ("someone/news", "validation")]
    assert (loaded.examples[0].weight, loaded.examples[0].place) == (3.0, "hf:someone/news:dev:1")
    (found,) = load_data(["babe"], folder=tmp_path).examples
    assert (found.spans, found.leaning, found.votes) == (((2, 6),), "left", None)
    with pytest.raises(DataError, match="OWNER/NAME"):
        load_data(["hf:../secrets"])


def test_what_the_hub_says_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load(name: str, split: str) -> None:
        raise FileNotFoundError("Dataset 'x/y'\ndoes not exist")

    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "proxy"})
    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DataError, match=r"x/y .part train. could not be had .*: Dataset 'x/y' does not exist"):
        load_data(["hf:x/y"])


# The command line


def test_the_notes_count_and_name_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"gold": "", "text": "No label."}] + [
        {"gold": gold, "text": f"Sentence {n}."} for n in range(7) for gold in ("biased", "non-biased")
    ]
    rows += [{"gold": "biased", "text": "A vile plan."}, {"gold": "biased", "text": "a VILE plan"}]
    path = write(tmp_path / "mine.csv", rows)
    loaded = read_data([f"{path}@2"], columns_of(label="gold"))
    kept, duplicates = remove_duplicates(loaded.examples)
    assert [e.text for e in kept] == ["A vile plan."]
    print_notes(loaded, duplicates)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "mine.csv: 17 rows of weight 2, 1 without a label",
        "left out 1 repeat: mine.csv:17 (as mine.csv:16)",
        "left out 7 texts with labels that contradict each other, for you to settle: mine.csv:2 and mine.csv:3; "
        "mine.csv:4 and mine.csv:5; mine.csv:6 and mine.csv:7; mine.csv:8 and mine.csv:9; "
        "mine.csv:10 and mine.csv:11; and 2 more",
    ]


def test_a_missing_package_is_an_extra_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"newsbias\[train\]"), needs_training("training"):
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.metrics")
    with pytest.raises(ModuleNotFoundError), needs_training("training"):
        raise ModuleNotFoundError("No module named 'bias.nothing'", name="bias.nothing")


def test_excel_like_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "label"], ["Two\nlines, quoted.", "1"]])
    assert load_data([str(path)]).examples[0].text == "Two\nlines, quoted."
