from __future__ import annotations

from pathlib import Path

import pytest
from tiny import write_tiny_folder

from bias.detector import Detector


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights; read only."""
    return write_tiny_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_detector(tiny_folder: Path) -> Detector:
    return Detector(tiny_folder)
