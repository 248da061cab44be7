"""Start, find and stop the local cloud."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from scripts import processes
from scripts.environment import LOCAL_CLOUD_FILE, ROOT
from scripts.errors import UserError

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Cloud:
    """A running local cloud: its process and the endpoint variables that lead to it."""

    pid: int
    endpoints: dict[str, str]


def find(file: Path = LOCAL_CLOUD_FILE) -> Cloud | None:
    """The local cloud that runs in this folder, or None."""
    if not _is_locked(file.parent):
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return Cloud(found["pid"], found["endpoints"])


def up(file: Path = LOCAL_CLOUD_FILE, *, detached: bool = True) -> Cloud:
    """Start the local cloud, or return the one that runs already.

    A cloud that is not `detached` ends with this process, even when that is killed. Raises
    UserError, with the end of its log, when it does not start.
    """
    if running := find(file):
        return running
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.localcloud", str(folder)]
    log_file = folder / "cloud.log"
    with log_file.open("wb") as log:
        if detached:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        else:
            process = processes.start_guarded(command, cwd=ROOT, stdout=log, stderr=log)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if cloud := find(file):
            return cloud
        time.sleep(0.05)
    processes.stop(process)
    words = log_file.read_text("utf-8", "replace").strip().splitlines()[-1:]
    raise UserError(
        f"The local cloud did not start: {''.join(words) or 'no answer'} "
        f"Its logs are in {folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}."
    )


def down(file: Path = LOCAL_CLOUD_FILE) -> bool:
    """Stop the local cloud. Returns whether one was running."""
    if not _is_locked(file.parent):
        return False
    cloud = find(file)
    if cloud is None:
        raise UserError("The local cloud is just starting or stopping; try again in a moment.")
    os.kill(cloud.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _is_locked(file.parent):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(cloud.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    return True


def _is_locked(folder: Path) -> bool:
    """Whether a local cloud holds the folder; the kernel lets go when it dies."""
    try:
        with (folder.parent / f"{folder.name}.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False
