"""The tools' own virtual environment: installed at the first use, and again when a pin changes."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.environment import ROOT
from scripts.errors import UserError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Beside Terraform's plug-ins: `make clean` leaves it.
FOLDER = ROOT / ".local" / "security-tools"


def is_ready(folder: Path = FOLDER) -> bool:
    """Whether the tools are installed as they are pinned now, for this Python."""
    marker = folder / ".ready"
    return marker.exists() and marker.read_text("utf-8") == _fingerprint()


def install(folder: Path = FOLDER) -> None:
    """Install the tools from nothing. Raises UserError when that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"))
    quietly = ("--quiet", "--disable-pip-version-check")
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [*pip, "install", *quietly, "-r", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"The tools could not be installed. {last_line(done)}")
    (folder / ".ready").write_text(_fingerprint(), "utf-8")


def run(tool: str, *arguments: str, folder: Path = FOLDER) -> "subprocess.CompletedProcess[str]":
    """Run one of the tools in the project's folder, to its end, whatever comes of it."""
    return subprocess.run(
        [str(folder / "bin" / tool), *arguments],
        cwd=ROOT,
        # Colour would be part of what is read.
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    """The end of what a command said, which is where most say what went wrong."""
    return next(reversed((done.stderr or done.stdout).strip().splitlines()), "It said nothing.")


def _fingerprint() -> str:
    parts = (sys.version.encode(), REQUIREMENTS.read_bytes())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
