"""Start, find and stop the local cloud."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts import processes
from scripts.environment import LOCAL_CLOUD_FILE, ROOT, is_locked
from scripts.errors import UserError

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.05


@dataclass(frozen=True)
class Cloud:
    """A running local cloud: its process and the endpoint variables that lead to it."""

    pid: int
    endpoints: dict[str, str]


def find(file: Path = LOCAL_CLOUD_FILE) -> Cloud | None:
    """The local cloud that runs in this folder, or None."""
    if not is_locked(file):  # else a dead one left it
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):  # it is just ending
        return None
    return Cloud(found["pid"], found["endpoints"])


def up(file: Path = LOCAL_CLOUD_FILE, *, detached: bool = True) -> Cloud:
    """Start the local cloud, or return the one that runs already.

    A cloud that is not `detached` ends with this process, even when that is killed. Raises
    UserError, with the end of its log, when it does not start.
    """
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_TIMEOUT_S
    try:
        while time.monotonic() < deadline:
            if cloud := find(file):
                if process and not _is_run_by(cloud, process):
                    _end(process)  # or it would take the other's place when that ends
                return cloud
            # Another one may be on its way up, or just ending.
            if not is_locked(_lock_of(file)):
                if process is None:
                    process = _start(file.parent, detached)
                elif process.poll() is not None:
                    break
            time.sleep(POLL_S)
        raise UserError(_why_not(file.parent))
    except BaseException:
        if process:
            _end(process)
        raise


def _start(folder: Path, detached: bool) -> "subprocess.Popen[bytes]":
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.localcloud", str(folder)]
    with (folder / "cloud.log").open("ab") as log:
        if not detached:
            return processes.start_guarded(command, cwd=ROOT, stdout=log, stderr=log)
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _is_run_by(cloud: Cloud, process: "subprocess.Popen[bytes]") -> bool:
    """Whether `process` is the cloud's, or the guard above it."""
    try:
        return process.pid == cloud.pid or process.pid == psutil.Process(cloud.pid).ppid()
    except psutil.NoSuchProcess:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _why_not(folder: Path) -> str:
    log = folder / "cloud.log"
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    return (
        f"The local cloud did not start: {lines[-1] if lines else 'no answer'} "
        f"Its logs are in {shown}."
    )


def down(file: Path = LOCAL_CLOUD_FILE) -> bool:
    """Stop the local cloud, also one that is just starting. Returns whether one was running."""
    lock = _lock_of(file)
    if not is_locked(lock):
        return False
    asked: Cloud | None = None
    deadline = time.monotonic() + START_TIMEOUT_S + STOP_TIMEOUT_S
    while is_locked(lock):
        cloud = find(file)
        if cloud and cloud != asked:
            asked = cloud
            deadline = time.monotonic() + STOP_TIMEOUT_S
            _signal(asked, signal.SIGTERM)
        if time.monotonic() > deadline:
            if asked is None:
                raise UserError(f"The local cloud in {file.parent} neither starts nor ends.")
            _signal(asked, signal.SIGKILL)
        time.sleep(POLL_S)
    return True


def _signal(cloud: Cloud, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(cloud.pid, signum)


def _lock_of(file: Path) -> Path:
    """The file that a local cloud keeps locked as long as it lives."""
    return file.parent.with_name(f"{file.parent.name}.lock")
