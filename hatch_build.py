"""The build hook: what the wheel holds and needs, as an SBOM (CycloneDX, JSON) in its metadata (PEP 770).

It runs when a wheel is built, never when one is installed, and uses nothing that hatchling does not bring. It has no
date and no random number in it, so that two builds are the same, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement

NAME = "newsbias.cdx.json"
MODEL = Path("models/default")


class Sbom(BuildHookInterface[Any]):
    """Adds the file to a standard wheel; an editable install goes without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write it beside the build, where the wheel takes it from."""
        self._folder: str | None = None
        if version == "standard" and self.target_name == "wheel":
            self._folder = tempfile.mkdtemp(prefix="newsbias-sbom-")
            path = Path(self._folder) / NAME
            path.write_text(json.dumps(self._bill(), indent=1) + "\n", encoding="utf-8")
            build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if self._folder:
            shutil.rmtree(self._folder)

    def _bill(self) -> dict[str, Any]:
        core = self.metadata.core
        own = f"pkg:pypi/{core.name}@{self.metadata.version}"
        libraries = [_library(line, None) for line in core.dependencies]
        libraries += [_library(line, name) for name, lines in core.optional_dependencies.items() for line in lines]
        known = {part["bom-ref"]: part for part in reversed(libraries) if part["name"] != core.name}
        model = self._model()
        return {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application",
                    "bom-ref": own,
                    "name": core.name,
                    "version": self.metadata.version,
                    "purl": own,
                    "licenses": [{"expression": core.license_expression}],
                }
            },
            "components": [model, *sorted(known.values(), key=lambda part: str(part["name"]))],
            "dependencies": [{"ref": own, "dependsOn": [model["bom-ref"], *sorted(known)]}],
        }

    def _model(self) -> dict[str, Any]:
        folder = Path(self.root) / MODEL
        facts = json.loads((folder / "bias.json").read_text(encoding="utf-8"))
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        return {
            "type": "machine-learning-model",
            "bom-ref": "model",
            "name": facts["name"],
            "version": str(facts["version"]),
            "licenses": [{"license": {"name": "LicenseRef-newsbias-weights"}}],
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"model/{path.name}",
                    "name": f"bias/{MODEL.as_posix()}/{path.name}",
                    "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
                }
                for path in files
            ],
        }


def _library(line: str, extra: str | None) -> dict[str, Any]:
    """A package that is needed, or that an extra needs; its version is chosen at install time, in these bounds."""
    name = Requirement(line).name.lower().replace("_", "-")
    properties = [{"name": "newsbias:requirement", "value": line}]
    properties += [{"name": "newsbias:extra", "value": extra}] if extra else []
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}",
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "scope": "optional" if extra else "required",
        "properties": properties,
    }
