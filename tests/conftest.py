from __future__ import annotations

import os
from pathlib import Path

import pytest

from bias.detector import Detector


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights, read only; that at BIAS_TINY where nothing is installed to make one."""
    if made := os.environ.get("BIAS_TINY"):
        return Path(made)
    from tiny import write_tiny_folder

    return write_tiny_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_detector(tiny_folder: Path) -> Detector:
    return Detector(tiny_folder)
