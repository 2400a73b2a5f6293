"""What the cells of a table of labelled sentences may hold: labels, votes, spans, weights.

Cells of CSV are text, those of JSON lines and Parquet may be numbers, lists or objects; lists in CSV are JSON text.
Each reader raises a `DataError` that says what was found and what was expected; the caller puts file and row in front.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bias.errors import DataError
from bias.training.data.examples import Offsets, find_words

LABEL_WORDS: Mapping[str, float] = {
    "true": 1.0,
    "false": 0.0,
    "opinionated": 1.0,
    "neutral": 0.0,
    "biased": 1.0,
    "non-biased": 0.0,
    "loaded": 1.0,
    "subjective": 1.0,
    "objective": 0.0,
}
"""Labels in words, in lower case; `_SPELLINGS` holds other ways to write them."""

LABELS_EXPECTED = (
    "1/0, true/false, opinionated/neutral, biased/non-biased, loaded/neutral, subjective/objective, "
    "or a number between 0 and 1"
)

_SPELLINGS = {
    "non biased": "non-biased",
    "nonbiased": "non-biased",
    "not biased": "non-biased",
    "unbiased": "non-biased",
}
_NO_LABEL = frozenset({"", "no agreement"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SHARE = re.compile(r"\s*([0-9]+)\s*/\s*([0-9]+)\s*", re.ASCII)
_EXCERPT = 40


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: null, NaN, or white space."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def shown(value: Any) -> str:
    """The cell as a message quotes it: in one line, and cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return repr(text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 3]}...")


def plain(value: Any) -> str:
    """The cell as text: numbers as they are written (1.0 as 1), lists and objects as JSON; "" if it is empty."""
    if is_empty(value):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    return json.dumps(value, sort_keys=True, default=str)


def number(value: Any) -> float | None:
    """The cell as a finite number; None if it is none. Text counts where it is plainly a number."""
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def label_word(value: Any) -> str | None:
    """The one spelling of a label in words; None for numbers and for what is no label."""
    if not isinstance(value, str | bool):
        return None
    word = " ".join(re.split(r"[\s_-]+", str(value).strip().casefold()))
    word = _SPELLINGS.get(word, word)
    return word if word in LABEL_WORDS else None


def has_label(value: Any) -> bool:
    """Whether somebody labelled the row: the cell is neither empty nor BABE's "No agreement"."""
    return not is_empty(value) and not (isinstance(value, str) and value.strip().casefold() in _NO_LABEL)


def label(value: Any) -> float | None:
    """A label from 0 (neutral) to 1 (opinionated); None where nobody labelled the row.

    Raises:
        DataError: it is none of `LABELS_EXPECTED`.
    """
    if not has_label(value):
        return None
    word = label_word(value)
    if word is not None:
        return LABEL_WORDS[word]
    found = number(value)
    if found is None or not 0 <= found <= 1:
        raise DataError(f"found {shown(value)}, expected {LABELS_EXPECTED}")
    return found


def share(value: Any) -> float | None:
    """A number between 0 and 1, None if the cell is empty.

    Raises:
        DataError: it is another.
    """
    if is_empty(value):
        return None
    found = number(value)
    if found is None or not 0 <= found <= 1:
        raise DataError(f"found {shown(value)}, expected a number between 0 and 1")
    return found


def weight(value: Any) -> float:
    """A weight above 0; 1 if the cell is empty.

    Raises:
        DataError: it is another.
    """
    if is_empty(value):
        return 1.0
    found = number(value)
    if found is None or found <= 0:
        raise DataError(f"found {shown(value)}, expected a number above 0")
    return found


def votes(value: Any) -> tuple[int, int] | None:
    """(votes for opinionated, votes) of a list of single votes or of "3/5"; None if there are none.

    A vote that is null is no vote.

    Raises:
        DataError: it is another.
    """
    if is_empty(value):
        return None
    if isinstance(value, str) and (found := _SHARE.fullmatch(value)):
        return vote_counts(found[1], found[2])
    single = _parsed(value)
    if not isinstance(single, list):
        raise DataError(f"found {shown(value)}, expected a list of single votes such as [1, 0, 1], or 3/5")
    cast = [vote for vote in map(label, single) if vote is not None]
    if any(vote not in (0.0, 1.0) for vote in cast):
        raise DataError(f"found {shown(value)}, expected single votes of 1 or 0")
    return (int(sum(cast)), len(cast)) if cast else None


def vote_counts(positive: Any, everyone: Any) -> tuple[int, int] | None:
    """(votes for opinionated, votes) of two cells with a count each; None if both are empty or nobody voted.

    Raises:
        DataError: they are no counts, or more voted for opinionated than voted.
    """
    if is_empty(positive) and is_empty(everyone):
        return None
    k, n = number(positive), number(everyone)
    if k is None or n is None or k != int(k) or n != int(n) or not 0 <= k <= n:
        raise DataError(f"found {shown(positive)} of {shown(everyone)}, expected two counts such as 3 of 5")
    return (int(k), int(n)) if n else None


def spans(value: Any, text: str, label: float | None) -> tuple[Offsets | None, int]:
    """The loaded words of a row, merged and in order, and how many of the words named do not stand in the text.

    A list holds {"start", "end"} objects (with "text", it is checked), [start, end] pairs, or words and phrases, which
    are looked for in the text. None stands for not known: an empty cell (nobody marked words), words of which none is
    in the text, and an empty list in a row that is not neutral - as in BABE, where such a row means that the annotators
    named no word, not that none is loaded. In a neutral row (label below 0.5) an empty list means that there are none;
    words that are given stay, whatever the label.

    Raises:
        DataError: it is no such list, or offsets point outside the text.
    """
    if is_empty(value):
        return None, 0
    items = _parsed(value)
    if not isinstance(items, list):
        raise DataError(
            f"found {shown(value)}, expected a list of offsets such as [[0, 6]] or of words such as"
            ' ["regime"], in CSV as JSON'
        )
    words = [word for item in items if (word := _word(item)) is not None]
    found = [find_words(text, [word]) for word in words]
    offsets = [_offsets(item, text) for item in items if _word(item) is None]
    merged = _merged([*offsets, *(span for places in found for span in places)])
    if not items:
        return (() if label is not None and label < 0.5 else None), 0
    return merged or None, sum(not places for places in found)


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _word(item: Any) -> str | None:
    if isinstance(item, Mapping) and item.get("start") is None and item.get("end") is None:
        item = item.get("text")
    return item if isinstance(item, str) and item.strip() else None


def _offsets(item: Any, text: str) -> tuple[int, int]:
    if isinstance(item, Mapping):
        start, end, held = item.get("start"), item.get("end"), item.get("text")
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 2:
        start, end, held = item[0], item[1], None
    else:
        raise DataError(f"found {shown(item)} in the list, expected [start, end], a word, or an object with start, end")
    a, b = number(start), number(end)
    if a is None or b is None or a != int(a) or b != int(b) or isinstance(start, str) or isinstance(end, str):
        raise DataError(f"found {shown(item)} in the list, expected whole numbers as start and end")
    if not 0 <= a < b <= len(text):
        raise DataError(f"found {shown(item)}, which does not lie in the text of {len(text)} characters")
    span = int(a), int(b)
    if isinstance(held, str) and text[slice(*span)] != held:
        raise DataError(
            f"found {shown(held)} at {span[0]} to {span[1]}, where the text holds {shown(text[slice(*span)])}"
        )
    return span


def _merged(found: Sequence[tuple[int, int]]) -> Offsets:
    """In order, and overlapping ones as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(set(found)):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
