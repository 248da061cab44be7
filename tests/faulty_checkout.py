"""This project with a fault in its serving code, as a colleague may bring one in."""

import shutil
from pathlib import Path

from scripts.environment import ROOT

_NOT_IN_A_CHECKOUT = (".git", ".venv", ".local", "build", ".*_cache", "__pycache__", ".hypothesis")
_INPUT = "def input_fn(body: bytes | bytearray, content_type: str) -> Image.Image:\n"


def checkout_with(folder: Path, fault: str) -> Path:
    """Copy the project to `folder`, with `fault` as the first lines of the container's input_fn."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_NOT_IN_A_CHECKOUT))
    program = folder / "scripts" / "algorithm" / "inference.py"
    head, signature, body = program.read_text("utf-8").partition(_INPUT)
    assert signature
    docstring, quotes, rest = body.partition('"""\n    if ')
    assert quotes
    program.write_text(f'{head}{signature}{docstring}"""\n{fault}    if {rest}', "utf-8")
    return folder
