"""Settings of `bias score`, by file: those of a `bias.toml`, or of the table `[tool.bias]` in a `pyproject.toml`.

The nearest of these upward from a file is in force for it, alone; in one folder `bias.toml` goes before
`pyproject.toml`, which counts only if it has the table. Patterns count from the folder of the settings. Options of the
command outrank them all.

    prior = 0.3
    allow = ["regime", "crony"]
    fail-level = "high"

    [[overrides]]
    files = ["opinion/**"]
    fail-level = "none"
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import tomli

from bias.calibration import PRIORS, parse_share
from bias.errors import UsageError
from bias.globs import fits
from bias.levels import LEVELS, Level
from bias.lexicon import Allowed
from bias.types import QuotesMode

NAMES = ("bias.toml", "pyproject.toml")
"""Files of settings, the first in a folder before the second."""

NO_LEVEL = "none"
"""What takes a `fail-level` back."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force for one file; the defaults are those of `bias score`."""

    prior: str = "news"
    threshold: float | None = None
    quotes: QuotesMode = "separate"
    allow: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_level: Level = "low"
    fail_level: Level | None = None
    fail_above: float | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings for a file, where each that is no default comes from, by its field, and their own file."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


@dataclass(frozen=True, slots=True)
class _Table:
    """A file of settings: values by the fields of `Settings`; the overrides' too, with the patterns of their files."""

    path: Path
    values: Mapping[str, Any]
    overrides: Sequence[tuple[tuple[str, ...], Mapping[str, Any]]]


class Configuration:
    """The settings of every file.

    Args:
        given: what the command line sets, by the fields of `Settings`.
        file: the one file of settings to use, for all.
        isolated: use none.

    Raises:
        UsageError: the file cannot be read or is not valid; from the methods too.
    """

    def __init__(
        self, given: Mapping[str, Any] | None = None, file: Path | None = None, isolated: bool = False
    ) -> None:
        if file is not None and isolated:
            raise UsageError("--isolated ignores every file of settings, --config names one: pass one of the two")
        self._given = dict(given or {})
        self._named = _read(file) if file is not None else None
        self._searches = file is None and not isolated
        self._tables: dict[Path, _Table | None] = {}

    def of(self, file: str | Path | None) -> InForce:
        """What is in force for a file; None is standard input without a name, in the working folder."""
        table = self._table(file)
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        if table is not None:
            values |= table.values
            origins |= dict.fromkeys(table.values, table.path.name)
            for patterns, changed in table.overrides:
                if file is not None and any(fits(pattern, file, table.path.parent) for pattern in patterns):
                    allowed = (*values.get("allow", ()), *changed.get("allow", ()))
                    values |= {**changed, "allow": allowed}
                    origins |= dict.fromkeys(changed, f"{table.path.name}, overrides for {', '.join(patterns)}")
        values |= self._given
        origins |= dict.fromkeys(self._given, "command line")
        if values.get("fail_level") == NO_LEVEL:
            values["fail_level"] = None
        return InForce(Settings(**values), origins, table.path if table else None)

    def excludes(self, path: str | Path) -> bool:
        """Whether a file or folder, or a folder above it, is excluded."""
        if "exclude" in self._given:
            return any(fits(pattern, path, Path.cwd()) for pattern in self._given["exclude"])
        table = self._table(path)
        return table is not None and any(
            fits(pattern, path, table.path.parent) for pattern in table.values.get("exclude", ())
        )

    def _table(self, file: str | Path | None) -> _Table | None:
        if not self._searches:
            return self._named
        folder = Path.cwd() if file is None else Path(os.path.abspath(file)).parent  # noqa: PTH100, as links are named
        return self._nearest(folder)

    def _nearest(self, folder: Path) -> _Table | None:
        passed = []
        found: _Table | None = None
        for place in (folder, *folder.parents):
            if place in self._tables:
                found = self._tables[place]
                break
            passed.append(place)
            if (here := _in(place)) is not None:
                found = here
                break
        self._tables |= dict.fromkeys(passed, found)
        return found


def _in(folder: Path) -> _Table | None:
    for name in NAMES:
        path = folder / name
        if os.path.isfile(path) and (table := _read(path, needed=False)) is not None:  # noqa: PTH113, never raises
            return table
    return None


def _read(path: Path, needed: bool = True) -> _Table | None:
    """A file of settings; None for a pyproject.toml without the table, unless it is needed."""
    try:
        content = tomli.loads(path.read_text(encoding="utf-8"))
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    where = str(path)
    if path.name == "pyproject.toml":
        tool = content.get("tool", {})
        if not isinstance(tool, dict) or "bias" not in tool:
            if needed:
                raise UsageError(f"{path}: no table [tool.bias], where a pyproject.toml has the settings of bias")
            return None
        content, where = tool["bias"], f"{path}: [tool.bias]"
        if not isinstance(content, dict):
            raise UsageError(f"{where} is a table, not {content!r}")
    overrides = content.pop("overrides", [])
    if not isinstance(overrides, list) or not all(isinstance(override, dict) for override in overrides):
        raise UsageError(f"{where}: overrides are tables, each begun by [[overrides]] or [[tool.bias.overrides]]")
    return _Table(
        path=Path(os.path.abspath(path)),  # noqa: PTH100, as links are named
        values=_checked(where, content, KEYS),
        overrides=[_override(f"{where}, overrides {number}", table) for number, table in enumerate(overrides, 1)],
    )


def _override(where: str, table: dict[str, Any]) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    if "files" not in table:
        raise UsageError(f"{where}: files is missing, the patterns of the files that it is for")
    patterns = _value(where, "files", table["files"], _PATTERNS)
    rest = {key: value for key, value in table.items() if key != "files"}
    return patterns, _checked(where, rest, [key for key in KEYS if key != "exclude"], "files")


def _checked(where: str, table: Mapping[str, Any], allowed: Iterable[str], *more: str) -> dict[str, Any]:
    """The values by the fields of `Settings`."""
    keys = sorted((*allowed, *more))
    for key in table:
        if key not in keys:
            similar = difflib.get_close_matches(key, keys, n=1)
            hint = f" (did you mean {similar[0]}?)" if similar else ""
            raise UsageError(f"{where}: unknown key {key!r}{hint}: allowed are {', '.join(keys)}")
    return {key.replace("-", "_"): _value(where, key, value, _CHECKS[key]) for key, value in table.items()}


@dataclass(frozen=True, slots=True)
class _Check:
    """What a value may be, in words, and the function that makes it ours or raises."""

    allowed: str
    take: Callable[[Any], Any] = field(repr=False)


def _value(where: str, key: str, value: Any, check: _Check) -> Any:
    try:
        return check.take(value)
    except (TypeError, ValueError, UsageError) as error:
        raise UsageError(f"{where}: {key} is {check.allowed}, not {value!r}") from error


def _prior(value: Any) -> str:
    name = str(value) if isinstance(value, str) else str(_number(value))
    if name not in PRIORS:
        parse_share(name)
    return name


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _between(low: float, high: float) -> Callable[[Any], float]:
    def take(value: Any) -> float:
        number = _number(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return take


def _one_of(*choices: str) -> _Check:
    def take(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return _Check(f"{', '.join(choices[:-1])} or {choices[-1]}", take)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise TypeError
    return tuple(value)


def _terms(value: Any) -> tuple[str, ...]:
    terms = _texts(value)
    Allowed(terms)
    return terms


_PATTERNS = _Check("a list of patterns", _texts)
_CHECKS: Mapping[str, _Check] = {
    "prior": _Check("news, balanced, or a number above 0 and below 1", _prior),
    "threshold": _Check("a number from 0 to 1", _between(0, 1)),
    "quotes": _one_of(*get_args(QuotesMode)),
    "allow": _Check("a list of words, phrases and ids of the lexicon's entries", _terms),
    "exclude": _PATTERNS,
    "min-level": _one_of(*LEVELS),
    "fail-level": _one_of(*LEVELS, NO_LEVEL),
    "fail-above": _Check("a number from 0 to 100", _between(0, 100)),
}
KEYS = tuple(item.name.replace("_", "-") for item in fields(Settings))
"""Every key of a file of settings, except for `overrides`."""
