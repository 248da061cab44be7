"""Whether a process that said who it was still lives, told from another process of its machine."""

import os
import subprocess
import sys
from pathlib import Path

_PROC = Path("/proc")
_ENDED = "ended"
_TIMEOUT_S = 5.0


def machine() -> str:
    """This machine since it was booted, and its container: where process ids mean the same.

    Host names do not tell: two laptops may share one. Empty where it cannot be told.
    """
    if sys.platform != "linux":
        return _output("sysctl", "-n", "kern.bootsessionuuid")
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def start_of(pid: int) -> str:
    """When a process of this machine started, in a form that is only good to be compared.

    Empty when it cannot be told; "ended" for one that has ended and is still listed.
    """
    if sys.platform != "linux":
        state, _, started = _output("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
        return _ENDED if state.startswith("Z") else started.strip()
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # After the name, which is in brackets and may hold anything: field 3, the state; field 22, the
    # start in clock ticks since the machine was booted (proc(5)).
    fields = text.rpartition(")")[2].split()
    return _ENDED if fields[0] in "ZX" else fields[19]


def is_gone(pid: int, started: str) -> bool:
    """Whether the process `pid` of this machine that started at `started` is gone for certain.

    A process that got the same id later started at another time.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, as somebody else's
    now = start_of(pid)
    return bool(now and started) and now != started


def _output(*command: str) -> str:
    """What a command of the system prints, in one language and time zone; empty if it fails."""
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            check=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
