"""How the parts of the project may depend on each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from scripts.environment import ROOT


def _imported(file: Path) -> Iterator[str]:
    """Dotted names of what a module imports, those inside of functions too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parts_needed(part: Path) -> set[str]:
    """The folders and files right below scripts/ that this one imports."""
    files = part.rglob("*.py") if part.is_dir() else [part]
    names = [name.split(".") for file in files for name in _imported(file)]
    needed = {name[1] for name in names if name[0] == "scripts" and len(name) > 1}
    return needed - {part.stem}


def test_the_parts_of_scripts_depend_on_each_other_one_way() -> None:
    parts = [path for path in (ROOT / "scripts").iterdir() if path.suffix in (".py", "")]
    needs = {part.stem: _parts_needed(part) for part in parts}
    order = list(TopologicalSorter(needs).static_order())  # a CycleError names them
    assert order.index("serving") < order.index("pipeline") < order.index("commands")


@pytest.mark.parametrize("file", sorted((ROOT / "lambdas").rglob("*.py")), ids=lambda p: p.name)
def test_what_runs_on_lambda_imports_nothing_of_scripts(file: Path) -> None:
    assert [name for name in _imported(file) if name.split(".")[0] == "scripts"] == []
