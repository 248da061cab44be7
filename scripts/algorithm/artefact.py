"""The model as files: an ONNX graph, its description, and a manifest that guards both.

    model.onnx      the graph: uint8 RGB pictures in, probabilities out
    model.json      labels, preprocessing, how it was trained and on what
    manifest.json   SHA-256 and size of the two

Data only: nothing in it is run when it is loaded. The same training gives the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL, DESCRIPTION, MANIFEST = "model.onnx", "model.json", "manifest.json"
FORMAT = 1


class ArtefactError(ValueError):
    """A model folder that is incomplete, of another format, or not what was written."""


@dataclass(frozen=True)
class Artefact:
    """A checked model: the graph's bytes, and what serving needs of the description."""

    model: bytes
    labels: tuple[str, ...]
    image_size: int
    description: Mapping[str, Any]


def write(folder: Path, model: bytes, description: Mapping[str, Any]) -> int:
    """Write the three files, the manifest last. Returns their size in bytes."""
    text = json.dumps({"format": FORMAT, **description}, indent=2, ensure_ascii=False) + "\n"
    contents = {MODEL: model, DESCRIPTION: text.encode()}
    manifest = {
        "format": FORMAT,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
            for name, data in contents.items()
        },
    }
    contents[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return sum(map(len, contents.values()))


def read(folder: Path) -> Artefact:
    """Read a model and check it against its manifest. Raises ArtefactError.

    Other files in the folder are ignored: SageMaker's containers add their `code/` to it.
    """
    manifest = _parse(_bytes(folder, MANIFEST), MANIFEST)
    model = _checked(folder, MODEL, manifest)
    description = _parse(_checked(folder, DESCRIPTION, manifest), DESCRIPTION)
    try:
        return Artefact(
            model=model,
            labels=tuple(map(str, description["labels"])),
            image_size=int(description["image_size"]),
            description=description,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{DESCRIPTION} lacks usable labels or image_size.") from error


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtefactError(f"{name} is missing from the model folder {folder}.") from error


def _parse(data: bytes, name: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except ValueError as error:
        raise ArtefactError(f"{name} is not JSON.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ArtefactError(f"{name} is not of format {FORMAT}, the one that this code reads.")
    return content


def _checked(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    data = _bytes(folder, name)
    try:
        expected = manifest["files"][name]["sha256"]
    except (KeyError, TypeError) as error:
        raise ArtefactError(f"{MANIFEST} says nothing about {name}.") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise ArtefactError(f"{name} is not the file that was trained: its SHA-256 differs.")
    return data
