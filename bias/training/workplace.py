"""The folder that an unfinished run works in: whose it is, that one run at a time is in it, and what it lacks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from bias.errors import DataError, OutputError, UsageError
from bias.files import try_lock
from bias.output import TEMPORARY, atomic_write

PLAN = "plan.json"
LOCK = "lock"


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, unless it is there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file in the way" if isinstance(error, FileExistsError | NotADirectoryError) else error
        raise OutputError(f"cannot make the folder {folder}: {getattr(reason, 'strerror', reason)}") from error


@contextmanager
def opened(folder: Path, plan: Mapping[str, Any], resume: bool) -> Iterator[None]:
    """Begin a run in the folder or take the one there up, alone in it for the while.

    Args:
        plan: what has to be the same for a run to be gone on with.

    Raises:
        OutputError: the folder cannot be written, or holds something else.
        UsageError: there is a run and no `resume`, or the other way round, or another process is at it.
        DataError: the run there is of another plan; the difference is named.
    """
    path = folder / PLAN
    if not path.is_file():
        if resume:
            raise UsageError(f"there is no unfinished run in {folder}: start one without --resume")
        make_folder(folder)
        if any(other.name != LOCK and not other.name.startswith(TEMPORARY) for other in folder.iterdir()):
            raise OutputError(f"{folder} holds something else than a run: choose another folder")
    with _alone(folder):
        if not path.is_file():
            with atomic_write(path) as file:
                file.write(json.dumps(plan, indent=1))
        elif not resume:
            raise UsageError(f"{folder} holds an unfinished run: go on with it by --resume, or delete it")
        else:
            _compare(folder, plan)
        yield


def _compare(folder: Path, plan: Mapping[str, Any]) -> None:
    before = json.loads((folder / PLAN).read_text("utf-8"))
    if changed := [key for key in plan if before.get(key) != plan[key]]:
        raise DataError(
            f"{folder} holds a run with other {' and '.join(changed)}: "
            "give the same as before to go on, or delete it to start anew"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {(error.strerror or str(error)).lower()}") from error
    with file:
        if not try_lock(file):
            raise UsageError(f"another run is at work in {folder}: let it end, or choose another folder")
        yield


@contextmanager
def room_for(folder: Path, size: int) -> Iterator[None]:
    """Tell a full disk from other faults: each library that writes checkpoints has its own words for it.

    Args:
        size: bytes of a checkpoint.

    Raises:
        OutputError: writing failed, and the disk has no room for a checkpoint.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if shutil.disk_usage(folder).free >= size:
            raise
        raise OutputError(
            f"no space left in {folder}: a checkpoint has {size / 1e6:,.1f} MB; make room for three and go on with "
            "--resume"
        ) from error
