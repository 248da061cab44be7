#!/usr/bin/env python3
"""Run a command so that nothing of it outlives whoever started it.

    python guard.py STARTER COMMAND [ARG ...]

STARTER is the id of the process that starts this one. The command runs in a process group of its
own. SIGINT and SIGTERM are passed on; a second one kills. When the command ends, what it left
behind in its group is killed; when the starter disappears (a crash, `kill -9`), the whole group is.
The guard leaves its starter's group too: a guard above it that kills that group must not silence
this one. Only the standard library is used, so any Python can run it.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

POLL_INTERVAL_S = 0.2
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def _in_the_command() -> None:
    """Runs in the new process just before it becomes the command."""
    if sys.platform == "linux":  # where the kernel can end it when the guard itself is killed
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)


def run(starter: int, command: list[str]) -> int:
    """Run `command` to its end, or to the end of the process `starter`, this one's parent.

    Returns the command's exit code; 128 + the signal's number when a signal ended it.
    """
    with contextlib.suppress(PermissionError):  # already the leader of a group
        os.setsid()
    # Held back until there is a command to pass them on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    try:
        child = subprocess.Popen(
            command,
            start_new_session=True,
            preexec_fn=_in_the_command,  # safe: this process has one thread so far
        )
    except OSError as error:
        print(f"Cannot start {command[0]}: {error.strerror}.", file=sys.stderr)
        return 127

    def signal_group(signum: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signum)

    asked = alone = False

    def kill_after_the_starter() -> None:
        nonlocal alone
        while os.getppid() == starter:
            time.sleep(POLL_INTERVAL_S)
        alone = True
        signal_group(signal.SIGKILL)

    def forward(signum: int, _frame: FrameType | None) -> None:
        nonlocal asked
        signal_group(signal.SIGKILL if asked else signum)
        asked = True

    try:
        for signum in _PASSED_ON:
            signal.signal(signum, forward)
        # Before the signals are let through, so that all of them reach this thread.
        threading.Thread(target=kill_after_the_starter, daemon=True).start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        code = child.wait()
        return 1 if alone else code if code >= 0 else 128 - code
    finally:
        signal_group(signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
