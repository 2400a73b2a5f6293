"""Behavioural tests as data: files of cases in the manner of CheckList (Ribeiro et al. 2020), read and checked.

A file is one capability, named after the file: a JSON object with

    kind            mft | direction | quotation | invariance
    about           one sentence: what a model should do
    known_failure   optional: true where models of this kind are expected to fail; measured, never gated
    bound           optional: the largest move of a probability that is tolerated (see `checklist.running`)
    fills           `invariance` alone: {name: [{slot: text, ...}, ...]}
    cases           a list of objects, by kind:
        mft         text, label; the least that can be asked ("minimum functionality"); optional: voice
        direction   neutral, loaded, control, span: one place differs; `span` is loaded, the word in `control` is not
        quotation   neutral, loaded, voice, quoted_spans: only what an attributed quote says differs; optional: style,
                    and `outside`, which is loaded in the outlet's own words
        invariance  template, fill, label: the template is filled with each of the fills of that name

Every case may have a `note`. A label is *neutral* or *opinionated*: of the outlet's own words, as everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from bias.errors import DataError
from bias.types import Label, Voice

Kind = Literal["mft", "direction", "quotation", "invariance"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order in which results are shown."""

BOUND = 0.1
"""The largest move of a probability that is tolerated, where a file does not say."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence and its label."""

    text: str
    label: Label

    @property
    def texts(self) -> tuple[str, ...]:
        """Every sentence of the case."""
        return (self.text,)


@dataclass(frozen=True, slots=True)
class Insertion:
    """A plain sentence, and the same with a loaded or an ordinary word in one place."""

    neutral: str
    loaded: str
    control: str
    span: str

    @property
    def texts(self) -> tuple[str, ...]:
        """Every sentence of the case."""
        return (self.neutral, self.loaded, self.control)


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence with a plain quote, with a loaded quote, and with loading outside the plain quote."""

    neutral: str
    loaded: str
    voice: Voice
    quoted_spans: tuple[str, ...]
    outside: str | None = None
    style: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every sentence of the case."""
        return (self.neutral, self.loaded, *([self.outside] if self.outside else []))


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with slots, filled in several ways that must not matter."""

    template: str
    label: Label
    filled: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every sentence of the case."""
        return self.filled


Case: TypeAlias = Statement | Insertion | Quote | Template


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that a model should be able to do, and the cases that test it; all cases are of its kind."""

    name: str
    kind: Kind
    about: str
    cases: tuple[Case, ...]
    known_failure: bool = False
    bound: float = BOUND

    @property
    def texts(self) -> tuple[str, ...]:
        """Every sentence of every case, in order."""
        return tuple(text for case in self.cases for text in case.texts)


def own_checklist() -> Path:
    """The folder of the checklist that comes with the package."""
    return Path(str(resources.files("bias.training.checklist") / "cases"))


def read_checklist(folder: Path | None = None) -> tuple[Capability, ...]:
    """The capabilities of all JSON files in a folder, None for our own: by kind, known failures last, then by name.

    Raises:
        DataError: there is no such file, or one is not valid; the message names file, case and fault.
    """
    folder = own_checklist() if folder is None else folder
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise DataError(f"{folder}: no checklist here, expected *.json files of cases")
    capabilities = [_read_file(path) for path in paths]
    return tuple(sorted(capabilities, key=lambda c: (c.known_failure, KINDS.index(c.kind), c.name)))


def _read_file(path: Path) -> Capability:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name}: not valid JSON: {error}") from error
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error.strerror}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path.name}: expected an object with kind, about and cases")
    kind = content.get("kind")
    if kind not in KINDS:
        raise DataError(f"{path.name}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    allowed = {"kind", "about", "known_failure", "bound", "cases", *(["fills"] if kind == "invariance" else [])}
    _known_keys(path.name, content, allowed)
    about, known, bound = content.get("about", ""), content.get("known_failure", False), content.get("bound", BOUND)
    _expect(path.name, "about", _is_text(about), "a sentence")
    _expect(path.name, "known_failure", isinstance(known, bool), "true or false")
    is_number = isinstance(bound, int | float) and not isinstance(bound, bool)
    _expect(path.name, "bound", is_number and 0 < bound < 1, "a number above 0 and below 1")
    rows = content.get("cases", [])
    _expect(path.name, "cases", isinstance(rows, list) and bool(rows), "a list of cases, and not an empty one")
    fills = _read_fills(path.name, content["fills"]) if "fills" in content else {}
    cases = tuple(_read_case(f"{path.name}: case {n}", kind, row, fills) for n, row in enumerate(rows, 1))
    return Capability(path.stem, kind, about, cases, known, float(bound))


_FIELDS: Mapping[Kind, frozenset[str]] = {
    "mft": frozenset({"text", "label"}),
    "direction": frozenset({"neutral", "loaded", "control", "span"}),
    "quotation": frozenset({"neutral", "loaded", "voice", "quoted_spans"}),
    "invariance": frozenset({"template", "fill", "label"}),
}
_OPTIONAL: Mapping[Kind, frozenset[str]] = {
    "mft": frozenset({"note", "voice"}),
    "direction": frozenset({"note"}),
    "quotation": frozenset({"note", "outside", "style"}),
    "invariance": frozenset({"note"}),
}

_Fills: TypeAlias = Mapping[str, Sequence[Mapping[str, str]]]


def _read_case(where: str, kind: Kind, row: Any, fills: _Fills) -> Case:
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object with {', '.join(sorted(_FIELDS[kind]))}")
    for field in sorted(_FIELDS[kind] - row.keys()):
        raise DataError(f"{where}: {field} is missing")
    _known_keys(where, row, _FIELDS[kind] | _OPTIONAL[kind])
    for field, value in row.items():
        if field == "quoted_spans":
            valid = isinstance(value, list) and bool(value) and all(map(_is_text, value))
            _expect(where, field, valid, "a list of texts")
        else:
            _expect(where, field, _is_text(value), "a text")
    for field, choices in (("label", get_args(Label)), ("voice", get_args(Voice))):
        if field in row and row[field] not in choices:
            raise DataError(f"{where}: {field} must be one of {', '.join(choices)}, not {row[field]!r}")
    return _MAKE[kind](where, row, fills)


def _statement(where: str, row: Mapping[str, Any], fills: _Fills) -> Case:
    return Statement(row["text"], row["label"])


def _insertion(where: str, row: Mapping[str, Any], fills: _Fills) -> Case:
    if row["span"] not in row["loaded"]:
        raise DataError(f"{where}: span {row['span']!r} is not in loaded")
    return Insertion(row["neutral"], row["loaded"], row["control"], row["span"])


def _quote(where: str, row: Mapping[str, Any], fills: _Fills) -> Case:
    for span in row["quoted_spans"]:
        if span not in row["loaded"]:
            raise DataError(f"{where}: quoted span {span!r} is not in loaded")
    spans = tuple(row["quoted_spans"])
    return Quote(row["neutral"], row["loaded"], row["voice"], spans, row.get("outside"), row.get("style"))


def _template(where: str, row: Mapping[str, Any], fills: _Fills) -> Case:
    if row["fill"] not in fills:
        raise DataError(f"{where}: no fill {row['fill']!r}, only {', '.join(fills) or 'none'}")
    try:
        filled = tuple(row["template"].format_map(slots) for slots in fills[row["fill"]])
    except KeyError as error:
        raise DataError(f"{where}: fill {row['fill']!r} has no slot {error.args[0]!r}") from error
    except (ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{where}: not a template: {error}") from error
    if len(set(filled)) < 2:
        raise DataError(f"{where}: nothing is swapped: the template has no slot, or all fills are the same")
    return Template(row["template"], row["label"], filled)


_MAKE: Mapping[Kind, Callable[[str, Mapping[str, Any], _Fills], Case]] = {
    "mft": _statement,
    "direction": _insertion,
    "quotation": _quote,
    "invariance": _template,
}


def _read_fills(where: str, fills: Any) -> _Fills:
    valid = isinstance(fills, dict) and all(
        isinstance(rows, list)
        and len(rows) > 1
        and all(isinstance(slots, dict) and slots and all(map(_is_text, slots.values())) for slots in rows)
        for rows in fills.values()
    )
    _expect(where, "fills", valid, "an object of lists of two or more objects of texts")
    return dict(fills)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _expect(where: str, field: str, valid: bool, expected: str) -> None:
    if not valid:
        raise DataError(f"{where}: {field} must be {expected}")


def _known_keys(where: str, row: Mapping[str, Any], allowed: frozenset[str] | set[str]) -> None:
    if unknown := row.keys() - allowed:
        raise DataError(f"{where}: unknown key {min(unknown)!r}, only {', '.join(sorted(allowed))}")
