"""What every measurement needs: times, quantiles, and where and when it was taken."""

import importlib.metadata
import os
import platform
import shlex
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

RUNS = 7
PACKAGES = ("ministack", "moto", "sagemaker", "numpy", "torch", "onnxruntime", "pillow")


def timed(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spread(seconds: Sequence[float]) -> dict[str, Any]:
    """Median, least and most of one or more runs."""
    return {
        "median_s": statistics.median(seconds),
        "min_s": min(seconds),
        "max_s": max(seconds),
        "runs": len(seconds),
    }


def in_turns(actions: dict[str, Callable[[], object]], runs: int = RUNS) -> dict[str, Any]:
    """Seconds of each action: median, least and most of `runs` rounds after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(runs + 1):
        for name, action in actions.items():
            took = timed(action)
            if round_:
                seconds[name].append(took)
    return {name: spread(taken) for name, taken in seconds.items()}


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """The 50th, 95th and 99th percentile, in milliseconds: each a value that occurred."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {f"p{q}_ms": 1e3 * ordered[round(q / 100 * last)] for q in (50, 95, 99)}


def circumstances(arguments: Sequence[str]) -> dict[str, Any]:
    """When, where and by which command something is measured.

    `load` is how many processes wanted a processor in the minute before, those of the part that was
    measured just before included: near 0 on an idle machine, up to 2 between parts.
    """
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": shlex.join(["python", "tests/benchmarks/bench.py", *arguments]),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "load": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
    }
