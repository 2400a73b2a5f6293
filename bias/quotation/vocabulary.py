"""The words of `vocabulary.toml`, verbs inflected."""

from __future__ import annotations

from importlib.resources import files

import tomli

_DATA = tomli.loads(files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))
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


def _set(section: str, key: str) -> frozenset[str]:
    return frozenset(_DATA[section][key])


PLAIN_VERBS = _verbs("plain")
LABELLING_VERBS = _verbs("labelling")
LOADED_VERBS = _verbs("loaded")
WEAK_VERBS = _verbs("weak")
VERBS = PLAIN_VERBS | LABELLING_VERBS | LOADED_VERBS

SPEECH_NOUNS = _set("nouns", "speech")
TITLED_NOUNS = _set("nouns", "titled")
JOB_TITLES = _set("nouns", "job_titles")
NOUN_LIKE_VERBS = _set("verbs", "ambiguous") | (VERBS & SPEECH_NOUNS)

DETERMINERS = _set("grammar", "determiners")
AUXILIARIES = _set("grammar", "auxiliaries")
PRONOUNS = _set("grammar", "pronouns")
RELATIVES = _set("grammar", "relatives")
CONJUNCTIONS = _set("grammar", "conjunctions")
PREPOSITIONS = _set("grammar", "prepositions")
PARTICLES = _set("grammar", "particles")

FUNCTION_WORDS = _set("plain", "function")
TIME_WORDS = _set("plain", "time")
PEOPLE = _set("plain", "people")
PLAIN_WORDS = frozenset().union(*_DATA["plain"].values())
