"""How much memory a process has had."""

import resource
from pathlib import Path


def most_memory_bytes() -> int:
    """The most physical memory that this process has had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On Linux, ru_maxrss begins with what the process that started this one had.
    (kilobytes,) = (line.split()[1] for line in status.open() if line.startswith("VmHWM:"))
    return 1024 * int(kilobytes)
