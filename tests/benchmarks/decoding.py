"""Time and memory that serialize takes for the largest uploads, and for a phone's photograph."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from decoding_uploads import UPLOADS, make
from measuring import spread

from scripts.environment import ROOT
from tests.function_environment import ENVIRONMENT

PROGRAM = Path(__file__).parent / "decode.py"
RUNS = 3

Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """By kind of upload: its size, processor seconds of the handler, and the process's memory.

    Processor seconds, because the handler does nothing but compute and has one whole processor on
    Lambda; here it may have to share.
    """
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        for name, upload in UPLOADS.items():
            say(f"{name}: making the file")
            make(upload, path)
            say(f"{name}: serializing it")
            runs = [_once(path) for _ in range(RUNS)]
            figures[name] = {
                "bytes": path.stat().st_size,
                "pixels": upload.size[0] * upload.size[1],
                "memory_bytes": max(run["memory_bytes"] for run in runs),
                **spread([run["processor_s"] for run in runs]),
            }
    return figures


def _once(path: Path) -> dict[str, Any]:
    command = [sys.executable, str(PROGRAM), str(path)]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    output = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found: dict[str, Any] = json.loads(output)
    return found
