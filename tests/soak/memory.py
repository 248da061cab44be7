"""Memory of every process of a local cloud, watched over time."""

import threading
from collections import defaultdict
from dataclasses import dataclass
from statistics import median

import psutil

EVERY_S = 2.0
MB = 2**20


@dataclass(frozen=True)
class Growth:
    """Resident memory in MB at the end of the first third and at the end, and its peak."""

    early_mb: float
    late_mb: float
    peak_mb: float

    @property
    def share(self) -> float:
        """Growth as a share of what it was."""
        return self.late_mb / self.early_mb - 1


def role(command: list[str]) -> str:
    """What a process of the cloud is for; "" for the guards, which only wait."""
    line = " ".join(command)
    for part, name in (
        ("guard", ""),
        ("localcloud.emulator", "emulator"),
        ("lambda_bootstrap", "function"),
        ("serving.py", "model server"),
        ("scripts.localcloud", "SageMaker"),
    ):
        if part in line:
            return name
    return ""


def growth(samples: list[float]) -> Growth:
    """From resident bytes in the order of time: a median of each end, and the highest."""
    width = max(1, len(samples) // 10)
    begin = len(samples) // 3
    early, late = samples[begin : begin + width], samples[-width:]
    return Growth(median(early) / MB, median(late) / MB, max(samples) / MB)


class Watch:
    """Samples the processes below `pid` until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._samples: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._enough.wait(EVERY_S):
            for process in [self._root, *self._root.children(recursive=True)]:
                try:
                    if name := role(process.cmdline()):
                        self._samples[name, process.pid].append(process.memory_info().rss)
                except psutil.Error:  # it has just ended
                    continue

    def stop(self) -> dict[str, Growth]:
        """The growth of each process that was there for half of the time, by role and number."""
        self._enough.set()
        self._thread.join()
        longest = max(map(len, self._samples.values()))
        found: dict[str, Growth] = {}
        for (name, _), samples in sorted(self._samples.items()):
            if len(samples) >= longest / 2:
                number = sum(key.startswith(name) for key in found) + 1
                found[f"{name} {number}"] = growth(samples)
        return found
