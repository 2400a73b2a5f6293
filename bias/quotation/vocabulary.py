"""The words of `vocabulary.toml`, verbs inflected."""

from __future__ import annotations

import tomllib
from importlib.resources import files

_DATA = tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))
_IRREGULAR = {line.split()[0]: frozenset(line.split()) for line in _DATA["verbs"]["irregular"]}


def _forms(verb: str) -> frozenset[str]:
    """The forms of a verb; a trailing `+` doubles its last letter."""
    base = verb.removesuffix("+")
    if base in _IRREGULAR:
        return _IRREGULAR[base]
    if base != verb:
        return frozenset({base, f"{base}s", f"{base}{base[-1]}ed", f"{base}{base[-1]}ing"})
    if base.endswith("e"):
        stem = base[:-2] + "y" if base.endswith("ie") else base[:-1]
        return frozenset({base, f"{base}s", f"{base}d", f"{stem}ing"})
    if base.endswith("y") and base[-2] not in "aeiou":
        return frozenset({base, f"{base[:-1]}ies", f"{base[:-1]}ied", f"{base}ing"})
    third = f"{base}es" if base.endswith(("s", "sh", "ch", "x", "o")) else f"{base}s"
    return frozenset({base, third, f"{base}ed", f"{base}ing"})


def _verbs(kind: str) -> frozenset[str]:
    return frozenset().union(*map(_forms, _DATA["verbs"][kind]))


PLAIN_VERBS = _verbs("plain")
LABELLING_VERBS = _verbs("labelling")
LOADED_VERBS = _verbs("loaded")
WEAK_VERBS = _verbs("weak")
VERBS = PLAIN_VERBS | LABELLING_VERBS | LOADED_VERBS
SPEECH_NOUNS = frozenset(_DATA["nouns"]["speech"])
TITLED_NOUNS = frozenset(_DATA["nouns"]["titled"])
JOB_TITLES = frozenset(_DATA["titles"]["words"])
TIME_WORDS = frozenset(_DATA["plain"]["time"])
PEOPLE = frozenset(_DATA["plain"]["people"])
PLAIN_WORDS = frozenset().union(*_DATA["plain"].values())
AMBIGUOUS_VERBS = frozenset(word for word in VERBS if word in SPEECH_NOUNS) | frozenset(_DATA["verbs"]["ambiguous"])
