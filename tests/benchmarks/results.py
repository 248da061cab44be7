"""build/bench.json: a part for each thing that was measured, each with its own date.

A run replaces the parts that it measures and keeps the others, so that one file can be filled
in several runs.
"""

import json
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """The parts of an earlier run; none where there is no file, or one of another form."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: part
        for name, part in found.items()
        if isinstance(part, dict) and {"measured", "figures"} <= set(part)
    }


def write(path: Path, name: str, measured: dict[str, Any], figures: dict[str, Any]) -> None:
    """Put one part into the file, beside those that are there."""
    parts = {**read(path), name: {"measured": measured, "figures": figures}}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(parts, indent=2) + "\n")
    unfinished.replace(path)
