#!/usr/bin/env python3
"""Run a command so that nothing of it outlives whoever started it.

    python guard.py COMMAND [ARG ...]

The command runs in a process group of its own. SIGINT and SIGTERM are passed on; a second one
kills. When the command ends, what it left behind in its group is killed; when the starter
disappears (a crash, `kill -9`), the whole group is. The guard leaves its starter's group too: a
guard above it that kills that group must not silence this one. Only the standard library is used,
so any Python can run it.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

POLL_INTERVAL_S = 0.2
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _die_with_the_guard() -> None:
    """On Linux the kernel ends the command when the guard itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command: list[str]) -> int:
    """Run `command` to its end, or to the end of the process that started this one.

    Returns the command's exit code; 128 + the signal's number when a signal ended it.
    """
    starter = os.getppid()
    with contextlib.suppress(PermissionError):  # already the leader of a group
        os.setsid()
    try:
        child = subprocess.Popen(
            command,
            start_new_session=True,
            preexec_fn=_die_with_the_guard,  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        print(f"Cannot start {command[0]}: {error.strerror}.", file=sys.stderr)
        return 127

    def signal_group(signum: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signum)

    asked = False

    def forward(signum: int, _frame: FrameType | None) -> None:
        nonlocal asked
        signal_group(signal.SIGKILL if asked else signum)
        asked = True

    signal.signal(signal.SIGINT, forward)
    signal.signal(signal.SIGTERM, forward)
    try:
        while os.getppid() == starter:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = child.wait(POLL_INTERVAL_S)
                return code if code >= 0 else 128 - code
        return 1
    finally:
        signal_group(signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
