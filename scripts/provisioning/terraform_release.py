"""Find the terraform binary, or download the pinned release and check it."""

import hashlib
import http.client
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

from scripts.environment import ROOT
from scripts.errors import UserError

OLDEST = (1, 11)
PINNED = "1.11.4"
RELEASES = "https://releases.hashicorp.com/terraform"
FOLDER = ROOT / ".local" / "bin"
TIMEOUT_S = 30.0

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_INSTRUCTION = f"Install Terraform {PINNED} or newer so that `terraform` is on PATH."


def find(folder: Path = FOLDER, releases: str = RELEASES) -> Path:
    """The terraform to use: PATH's when it is new enough, else ours, downloaded when missing.

    Raises UserError when there is none and none can be downloaded.
    """
    on_path = shutil.which("terraform")
    if on_path and version(Path(on_path)) >= OLDEST:
        return Path(on_path)
    ours = folder / f"terraform-{PINNED}"
    if not ours.exists():
        _download(ours, releases)
    return ours


def version(binary: Path) -> tuple[int, ...]:
    """The version of a terraform binary as numbers; (0,) when it does not say."""
    quiet = {**os.environ, "CHECKPOINT_DISABLE": "1"}  # it would ask the network for a newer one
    try:
        answer = subprocess.run(
            [binary, "version"], capture_output=True, text=True, check=True, env=quiet
        )
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    match = re.search(r"Terraform v(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, match.groups())) if match else (0,)


def _download(target: Path, releases: str) -> None:
    machine = _MACHINES.get(platform.machine().lower())
    system = sys.platform if sys.platform in ("linux", "darwin") else None
    if not machine or not system:
        raise UserError(f"There is no Terraform to download for this machine. {_INSTRUCTION}")
    name = f"terraform_{PINNED}_{system}_{machine}.zip"
    print(f"Downloading Terraform {PINNED}", file=sys.stderr)
    archive = _fetch(f"{releases}/{PINNED}/{name}")
    sums = _fetch(f"{releases}/{PINNED}/terraform_{PINNED}_SHA256SUMS").decode("utf-8", "replace")
    published = re.search(rf"^([0-9a-f]{{64}})\s+{re.escape(name)}$", sums, re.MULTILINE)
    if not published or hashlib.sha256(archive).hexdigest() != published[1]:
        raise UserError(f"{name} does not match its published SHA-256 sum. {_INSTRUCTION}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        binary = opened.read("terraform")
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    unfinished.write_bytes(binary)
    unfinished.chmod(0o755)
    unfinished.replace(target)


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - fixed scheme
            content: bytes = answer.read()
            return content
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{url} cannot be downloaded: {reason}. {_INSTRUCTION}") from error
