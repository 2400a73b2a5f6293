"""Patterns of files, as linters take them in their settings.

A pattern without a slash before its end fits the name of a file, or of any folder above it: `drafts/`, `*.html`.
Another fits the path from the pattern's own folder on, of a file or of a folder above it: `news/*/live.md`, and with
`**` for any number of folders `**/letters/*.txt`. `*`, `?` and `[...]` never fit a slash, and case counts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath


def fits(pattern: str, path: str | Path, folder: Path) -> bool:
    """Whether a path, or a folder above it, fits a pattern of `folder`."""
    try:
        below = os.path.relpath(path, folder)
    except ValueError:  # another drive of Windows
        below = os.path.abspath(path)  # noqa: PTH100, for resolving would follow links
    parts = PurePath(below).parts
    anchored = "/" in pattern.rstrip("/")
    wanted = [part for part in pattern.split("/") if part not in ("", ".")]
    if not anchored:
        return any(fnmatchcase(part, name) for part in parts for name in wanted)
    return any(_fit(parts[:size], wanted) for size in range(1, len(parts) + 1))


def _fit(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_fit(parts[skipped:], wanted[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fit(parts[1:], wanted[1:])
