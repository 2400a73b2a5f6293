"""BASIL (Fan et al. 2019): whole articles with annotated spans, which the news prior is fitted on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bias.errors import DataError
from bias.files import cannot_read
from bias.quotation import attribute
from bias.types import Sentence


@dataclass(frozen=True, slots=True)
class AnnotatedArticle:
    """An article with two labels a sentence: lexical bias anywhere in it, and lexical bias of the outlet's own.

    `marked` holds (start, end) of the biased words, offsets in the sentence, where the file gives them.
    """

    event: str
    outlet: str
    text: str
    sentences: tuple[Sentence, ...]
    written: tuple[int, ...]
    outlets_own: tuple[int, ...]
    marked: tuple[tuple[tuple[int, int], ...], ...]


def read_basil(path: Path) -> list[AnnotatedArticle]:
    """The articles of a JSONL file in BASIL's form, paragraphs joined by blank lines.

    Raises:
        DataError: it cannot be read, holds no article, or a line is not in that form.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        raise DataError(f"{path}: {cannot_read(error)}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: {error}") from error
    articles = []
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                articles.append(annotated_article(json.loads(line)))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path}:{number}: not an article of BASIL: {error!r}") from error
    if not articles:
        raise DataError(f"{path} holds no article")
    return articles


def annotated_article(row: Mapping[str, Any]) -> AnnotatedArticle:
    """The article in a row of BASIL's form.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: it is in another form.
    """
    text = ""
    sentences: list[Sentence] = []
    for paragraph, lines in enumerate(row["article"]["body-paragraphs"]):
        text += "\n\n" if text else ""
        for position, line in enumerate(lines):
            text += " " if position else ""
            sentences.append(Sentence(len(sentences), paragraph, len(text), len(text) + len(line), line))
            text += line
    written, outlets_own = [0] * len(sentences), [0] * len(sentences)
    marked: list[list[tuple[int, int]]] = [[] for _ in sentences]
    for span in row["annotation"]["phrase-level-annotations"]:
        if span["bias"] == "lex" and span["id"] != "title":
            index = int(span["id"].removeprefix("p"))
            written[index] = 1
            outlets_own[index] |= int(span["quote"] == "no")
            if "start" in span:
                marked[index].append((span["start"], span["end"]))
    return AnnotatedArticle(
        event=row["event"],
        outlet=row["article"]["source"].casefold(),
        text=text,
        sentences=attribute(text, sentences),
        written=tuple(written),
        outlets_own=tuple(outlets_own),
        marked=tuple(map(tuple, marked)),
    )
