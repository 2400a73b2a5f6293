"""The public data sets and our own sentences as examples.

None of the public sets is part of this project; `SOURCES` says where each is to be had and under which terms.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from bias.errors import DataError
from bias.tables import iter_rows
from bias.training.data.basil import annotated_article
from bias.training.data.cells import vote_counts
from bias.training.data.examples import Example, Offsets, find_words
from bias.training.data.hub import hub_rows
from bias.training.data.pages import page_examples
from bias.types import Category

OUTLET_ALIASES = {
    "federalist": "the federalist",
    "daily beast": "the daily beast",
    "guardian": "the guardian",
    "huffington post": "huffpost",
    "the huffington post": "huffpost",
    "blaze": "theblaze",
    "the blaze": "theblaze",
    "nyt": "new york times",
    "the new york times": "new york times",
    "hpo": "huffpost",
    "fox": "fox news",
    "fox news (online news)": "fox news",
    "breitbart news": "breitbart",
    # Hosts of BABE's outlets: of a page no more is known than its address.
    "alternet.org": "alternet",
    "breitbart.com": "breitbart",
    "foxnews.com": "fox news",
    "huffingtonpost.com": "huffpost",
    "huffpost.com": "huffpost",
    "msnbc.com": "msnbc",
    "nypost.com": "new york post",
    "nytimes.com": "new york times",
    "reuters.com": "reuters",
    "theblaze.com": "theblaze",
    "thedailybeast.com": "the daily beast",
    "thefederalist.com": "the federalist",
    "theguardian.com": "the guardian",
    "usatoday.com": "usa today",
}

OPINION = {"Entirely factual": 0.0, "Somewhat factual but also opinionated": 0.5, "Expresses writer’s opinion": 1.0}

TECHNIQUE_COLUMNS: dict[Category, str] = {
    "loaded_language": "Loaded_Language",
    "name_calling": "Name_Calling-Labeling",
    "exaggeration": "Exaggeration-Minimisation",
    "doubt": "Doubt",
    "appeal_to_fear": "Appeal_to_Fear-Prejudice",
    "flag_waving": "Flag_Waving",
}

Read = Callable[[Iterable[Mapping[str, Any]]], Iterator[Example]]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set: its usual file name, what makes examples of its rows, where a user gets it, its authors' terms.

    `hub` is its name and part on the Hugging Face hub; None where it is not there, or not in this form.
    """

    file: str
    examples: Read
    where: str
    terms: str
    hub: tuple[str, str] | None = None

    def read(self, path: Path) -> list[Example]:
        """The examples of a local copy."""
        return list(self.examples(_rows(path)))


def outlet_name(name: str | None) -> str:
    """One spelling for an outlet that is written in several ways."""
    key = " ".join((name or "").casefold().replace("-", " ").split())
    return OUTLET_ALIASES.get(key, key)


def read_babe(path: Path) -> list[Example]:
    """BABE (Spinde et al. 2021): expert labels with the votes behind them, biased words and the opinion label."""
    return list(_babe(_rows(path)))


def _babe(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    for row in rows:
        label = float(row["label"])
        spans: Offsets | None = () if label == 0 else find_words(row["text"], _list(row.get("biased_words"))) or None
        yield Example(
            text=row["text"],
            source="babe",
            label=label,
            spans=spans,
            opinion=OPINION.get(row.get("label_opinion") or ""),
            votes=vote_counts(row.get("votes_biased"), row.get("votes")),
            marks=_marks(row, spans),
            group=row.get("news_link") or "",
            outlet=outlet_name(row.get("outlet")),
            leaning=row.get("leaning") or row.get("type") or "",
            topic=row.get("topic") or "",
        )


def _marks(row: Mapping[str, Any], spans: Offsets | None) -> tuple[tuple[int, int, float], ...] | None:
    """How many of the annotators marked each word, evened with what the authors kept; None where nobody is known.

    An annotator who called the sentence unbiased marked nothing.
    """
    votes = vote_counts(row.get("votes_biased"), row.get("votes"))
    if votes is None:
        return None
    kept = spans or ()
    counted: Counter[tuple[int, int]] = Counter()
    for entry in _list(row.get("annotator_words")):
        phrases = [phrase.strip() for phrase in re.split("[,;]", entry)]
        for start, end in find_words(row["text"], phrases):
            counted.update(
                (start + word.start(), start + word.end()) for word in re.finditer(r"\S+", row["text"][start:end])
            )
    counted.update(dict.fromkeys(kept, 0))
    return tuple(
        (*offsets, (min(1.0, count / votes[1]) + any(a < offsets[1] and offsets[0] < b for a, b in kept)) / 2)
        for offsets, count in sorted(counted.items())
    )


def _list(value: Any) -> list[str]:
    """A list, or the text of one in JSON or in Python's writing (as the authors' own files have it)."""
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError:
            value = ast.literal_eval(value)
    return list(value or ())


def _anno_lexical(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    for row in rows:
        outlet = outlet_name(row["source_name"])
        yield Example(text=row["text"], source="anno-lexical", label=float(row["label"]), outlet=outlet)


def read_anno_lexical(path: Path) -> list[Example]:
    """Anno-Lexical (Horych et al. 2025): a majority of three language models' labels for sentences of the news."""
    return list(_anno_lexical(_rows(path)))


def _basil(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    for article in map(annotated_article, rows):
        for sentence, written, own, marked in zip(
            article.sentences, article.written, article.outlets_own, article.marked, strict=True
        ):
            yield Example(
                text=sentence.text,
                source="basil",
                label=float(written),
                outlet_label=float(own),
                spans=marked if marked or not written else None,
                group=f"event {article.event}",
                outlet=outlet_name(article.outlet),
            )


def _semeval(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    for row in rows:
        techniques = tuple((name, float(row[column])) for name, column in TECHNIQUE_COLUMNS.items())
        yield Example(text=row["text"], source="semeval-2023", techniques=techniques)


def read_semeval(path: Path) -> list[Example]:
    """SemEval-2023 task 3 (Piskorski et al. 2023): persuasion techniques, for the technique head alone."""
    return list(_semeval(_rows(path)))


def _taught(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    for row in rows:
        yield Example(
            text=row["text"],
            source="taught",
            label=row["label"],
            outlet_label=row["outlet_label"],
            opinion=row["opinion"],
            techniques=tuple((name, row[name]) for name in TECHNIQUE_COLUMNS),
            marks=tuple((mark["start"], mark["end"], mark["share"]) for mark in row["marks"]),
        )


def _labelled(name: str) -> Read:
    """Sets of a text and a label each."""

    def examples(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
        return (Example(text=row["text"], source=name, label=float(row["label"])) for row in rows)

    return examples


def read_own(path: Path | None = None) -> list[Example]:
    """Our own sentences (`bias/training/sentences`), or those of a folder in the same form."""
    return [_own(row) for file in own_files(path) for row in map(json.loads, file.read_text("utf-8").splitlines())]


def own_files(path: Path | None = None) -> list[Path]:
    """The files of our own sentences, or of a folder in the same form.

    Raises:
        DataError: the folder has none.
    """
    folder = Path(str(resources.files("bias.training") / "sentences")) if path is None else path
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise DataError(f"no .jsonl files in {folder}")
    return files


def _own(row: dict[str, Any]) -> Example:
    text, label = row["text"], float(row["label"])
    words = [*row.get("spans", ()), *row.get("quoted_spans", ())]
    full = float(row.get("full_label", label))
    spans = find_words(text, words)
    return Example(
        text=text,
        source="own",
        label=full,
        outlet_label=label,
        spans=spans if spans or full == 0 else None,
        group=row["group"],
        topic=row["kind"],
    )


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    return (row for _, row in iter_rows(path))


_BABE = "mediabiasgroup/BABE"
_ANNO = "mediabiasgroup/anno-lexical"
_ON_HUB = "on the Hugging Face hub"


def _of_pages(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    return (replace(example, outlet=outlet_name(example.outlet)) for example in page_examples(rows))


SOURCES: dict[str, Source] = {
    "babe": Source("babe_train_dev.csv", _babe, f"{_BABE} {_ON_HUB}", "CC BY-NC-SA 4.0", (_BABE, "train")),
    "anno-lexical": Source(
        "anno_lexical_train.parquet", _anno_lexical, f"{_ANNO} {_ON_HUB}", "research", (_ANNO, "train")
    ),
    "anno-lexical:dev": Source(
        "anno_lexical_dev.parquet", _anno_lexical, f"{_ANNO} {_ON_HUB}", "research", (_ANNO, "dev")
    ),
    "anno-lexical:test": Source(
        "anno_lexical_test.parquet", _anno_lexical, f"{_ANNO} {_ON_HUB}", "research", (_ANNO, "test")
    ),
    "semeval-2023": Source("semeval2023_task3.parquet", _semeval, "the site of SemEval-2023 task 3", "research"),
    "mpqa": Source("mpqa.parquet", _labelled("mpqa"), "the site of the MPQA opinion corpus", "research"),
    "subj": Source("subj.parquet", _labelled("subj"), f"SetFit/subj {_ON_HUB}", "research", ("SetFit/subj", "train")),
    "cw-hard": Source("cw_hard.parquet", _labelled("cw-hard"), "CW-Hard (Hube and Fetahu 2019)", "CC BY-SA"),
    "pages": Source("news_articles.parquet", _of_pages, "`ramybaly/Article-Bias-Prediction` on GitHub", "research"),
    "basil": Source("basil_dev.jsonl", _basil, "`launchnlp/BASIL` on the Hugging Face hub", "research"),
    "taught": Source("taught.parquet", _taught, "`python -m bias.training teach`, which makes it", "as its sentences"),
    "own": Source("", lambda _: iter(read_own()), "bias/training/sentences in this project", "Apache-2.0"),
}


def read_source(name: str, folder: Path) -> list[Example]:
    """The examples of a named data set, its file looked for in the folder.

    Raises:
        DataError: the name is not known, or the file is not there.
    """
    if name not in SOURCES:
        raise DataError(f"no data set is called {name!r}; there are {', '.join(SOURCES)}")
    source = SOURCES[name]
    if not source.file:
        return read_own()
    path = folder / source.file
    if not path.is_file():
        raise DataError(f"{path} is missing; get {name} from {source.where}")
    return source.read(path)


def read_named(name: str, folder: Path | None) -> tuple[list[Example], str]:
    """The examples of a named data set with their places, and the sha256 of its file (from the hub: of its rows).

    The file is looked for in the folder; without it, the set is asked for on the hub.

    Raises:
        DataError: the set is neither there nor to be had from the hub, or the file holds something else.
    """
    source = SOURCES[name]
    path = folder / source.file if folder is not None else None
    try:
        if not source.file:
            examples, sha256 = read_own(), digest_of_files(own_files())
        elif path is not None and path.is_file():
            examples, sha256 = source.read(path), digest_of_files([path])
        elif source.hub is None:
            raise DataError(f"{_missing(name, folder)}; get it from {source.where}")
        else:
            try:
                rows = hub_rows(*source.hub)
            except DataError as error:
                raise DataError(f"{_missing(name, folder)}, and {error}") from error
            examples, sha256 = list(source.examples(rows)), digest_of_rows(rows)
    except (KeyError, TypeError, ValueError, SyntaxError, AttributeError) as error:
        raise DataError(f"{name}: {path or source.where} is not in the form of this set: {error!r}") from error
    return [replace(example, place=f"{name}:{number}") for number, example in enumerate(examples, 1)], sha256


def _missing(name: str, folder: Path | None) -> str:
    file = SOURCES[name].file
    if folder is None:
        return f"the data set {name} needs the file {file} in a folder named by --data-folder"
    return f"the data set {name} is not there: no file {folder / file}"


def digest_of_files(paths: Sequence[Path]) -> str:
    """The sha256 over the contents of the files, one after another."""
    sha256 = hashlib.sha256()
    for path in paths:
        sha256.update(path.read_bytes())
    return sha256.hexdigest()


def digest_of_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """The sha256 over the rows as lines of JSON with sorted keys."""
    sha256 = hashlib.sha256()
    for row in rows:
        sha256.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
    return sha256.hexdigest()


def outlets_of(examples: Sequence[Example]) -> frozenset[str]:
    """The outlets that the examples come from."""
    return frozenset(example.outlet for example in examples if example.outlet)
