"""Checkpoints that are known to be whole: a kill in the middle of writing one costs the steps since the one before.

A checkpoint is sealed once all of it is written: a file with the size and sha256 of every other. Without a seal that
fits it is torn, and thrown away.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import TrainerState

from bias.modelfolder import digest
from bias.output import atomic_write

SEAL = "sealed.json"
STATE = "trainer_state.json"


class Sealing(TrainerCallback):
    """Seals every checkpoint that a trainer saves."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called once a checkpoint is written."""
        seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def seal(checkpoint: Path) -> None:
    """Write the seal of a finished checkpoint."""
    contents = _contents(checkpoint)  # before the seal's own file is begun
    with atomic_write(checkpoint / SEAL) as file:
        file.write(json.dumps(contents, indent=1))


def is_whole(checkpoint: Path) -> bool:
    """Whether every file of the checkpoint is as it was when it was sealed."""
    try:
        sealed = json.loads((checkpoint / SEAL).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(sealed == _contents(checkpoint))


def latest_whole(folder: Path) -> Path | None:
    """The newest whole checkpoint in the folder whose best one is whole too; torn and orphaned ones are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=_step)
    whole = {_step(checkpoint) for checkpoint in found if is_whole(checkpoint)}
    latest = None
    for checkpoint in found:
        if _step(checkpoint) in whole and (read_state(checkpoint).best_global_step or _step(checkpoint)) in whole:
            latest = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return latest


def read_state(checkpoint: Path) -> TrainerState:
    """What the trainer knew at a checkpoint: steps, figures logged, the best step so far."""
    state: TrainerState = TrainerState.load_from_json(str(checkpoint / STATE))
    return state


def _contents(checkpoint: Path) -> dict[str, list[Any]]:
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != SEAL)
    return {path.relative_to(checkpoint).as_posix(): [path.stat().st_size, digest(path)] for path in files}


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))
