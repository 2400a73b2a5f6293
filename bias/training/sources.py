"""The public data sets and our own sentences as examples.

None of the public sets is part of this project; `SOURCES` says where each is to be had and under which terms.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from bias.errors import DataError
from bias.training.examples import Example, Offsets, find_words
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
    "reuters.com": "reuters",
    "breitbart news": "breitbart",
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


@dataclass(frozen=True, slots=True)
class Source:
    """A data set: its usual file name, its reader, where a user gets it and its authors' terms."""

    file: str
    read: Callable[[Path], list[Example]]
    where: str
    terms: str


def outlet_name(name: str | None) -> str:
    """One spelling for an outlet that is written in several ways."""
    key = " ".join((name or "").casefold().replace("-", " ").split())
    return OUTLET_ALIASES.get(key, key)


def read_babe(path: Path) -> list[Example]:
    """BABE (Spinde et al. 2021): expert labels, biased words and the opinion label."""
    examples = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label = float(row["label"])
            words = json.loads(row["biased_words"] or "[]")
            spans: Offsets | None = () if label == 0 else find_words(row["text"], words) or None
            examples.append(
                Example(
                    text=row["text"],
                    source="babe",
                    label=label,
                    spans=spans,
                    opinion=OPINION.get(row["label_opinion"]),
                    group=row["news_link"],
                    outlet=outlet_name(row["outlet"]),
                    leaning=row["leaning"],
                    topic=row["topic"],
                )
            )
    return examples


def read_anno_lexical(path: Path) -> list[Example]:
    """Anno-Lexical (Horych et al. 2025): a majority of three language models' labels for sentences of the news."""
    return [
        Example(
            text=row["text"], source="anno-lexical", label=float(row["label"]), outlet=outlet_name(row["source_name"])
        )
        for row in _parquet(path)
    ]


def read_semeval(path: Path) -> list[Example]:
    """SemEval-2023 task 3 (Piskorski et al. 2023): persuasion techniques, for the technique head alone."""
    return [
        Example(
            text=row["text"],
            source="semeval-2023",
            techniques=tuple((name, float(row[column])) for name, column in TECHNIQUE_COLUMNS.items()),
        )
        for row in _parquet(path)
    ]


def read_own(path: Path | None = None) -> list[Example]:
    """Our own sentences (`bias/training/sentences`), or those of a folder in the same form."""
    folder = Path(str(resources.files("bias.training") / "sentences")) if path is None else path
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise DataError(f"no .jsonl files in {folder}")
    return [_own(row) for file in files for row in map(json.loads, file.read_text("utf-8").splitlines())]


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


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    from datasets import Dataset

    return iter(Dataset.from_parquet(str(path), keep_in_memory=True))


SOURCES: dict[str, Source] = {
    "babe": Source("babe_train_dev.csv", read_babe, "mediabiasgroup/BABE on the Hugging Face hub", "CC BY-NC-SA 4.0"),
    "anno-lexical": Source(
        "anno_lexical_train.parquet",
        read_anno_lexical,
        "mediabiasgroup/anno-lexical on the Hugging Face hub",
        "research",
    ),
    "semeval-2023": Source("semeval2023_task3.parquet", read_semeval, "the site of SemEval-2023 task 3", "research"),
    "own": Source("", read_own, "bias/training/sentences in this project", "Apache-2.0"),
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


def outlets_of(examples: Sequence[Example]) -> frozenset[str]:
    """The outlets that the examples come from."""
    return frozenset(example.outlet for example in examples if example.outlet)
