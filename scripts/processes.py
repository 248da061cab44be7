"""Start processes that cannot be orphaned."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

GUARD = Path(__file__).parent / "guard.py"


def start_guarded(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` under scripts/guard.py.

    The process and the descendants in its group end when it ends, when the returned handle is
    terminated, or when this process disappears, however that happens.
    """
    # Isolated: neither PYTHONPATH nor the modules beside the guard can stand in for Python's own.
    guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid())]
    return subprocess.Popen(
        [*guard, *map(str, command)],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )


def stop(process: subprocess.Popen[bytes], grace_s: float = 5.0) -> None:
    """Ask a guarded process to end, and after `grace_s` seconds have its guard kill it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
