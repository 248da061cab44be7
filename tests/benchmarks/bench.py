"""Measure what the README claims: `make bench` writes build/bench.json and prints the tables.

    python tests/benchmarks/bench.py [--demo] [--cold]

Each figure is the median of several runs with their range, taken in turns with its alternative
where it has one, because the speed of a machine drifts. Nothing here passes or fails.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from scripts import demo, package  # noqa: E402
from scripts.console import Screen  # noqa: E402
from scripts.environment import BUILD  # noqa: E402
from scripts.localcloud import control  # noqa: E402

RUNS = 7
# Each handler's imports, without its `boto3.client(…)`, which needs settings and takes its time
# everywhere; and what the original design's function imported.
HANDLERS = {
    "serialize": "import boto3, aws_lambda_powertools, lambdas.common.picture",
    "infer": "import boto3, aws_lambda_powertools, lambdas.common.scores",
    "filter": "import aws_lambda_powertools, lambdas.common.decision",
    "a handler that imports the SageMaker SDK": "import sagemaker.core.resources",
}


def timed(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turns(actions: dict[str, Callable[[], object]], runs: int = RUNS) -> dict[str, Any]:
    """Seconds of each action: median, least and most of `runs` rounds after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(runs + 1):
        for name, action in actions.items():
            took = timed(action)
            if round_:
                seconds[name].append(took)
    return {
        name: {"median_s": statistics.median(s), "min_s": min(s), "max_s": max(s), "runs": runs}
        for name, s in seconds.items()
    }


def imports() -> dict[str, Any]:
    """A fresh interpreter that imports what a handler imports, as a cold start does."""

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    return in_turns({"nothing": run(""), **{name: run(code) for name, code in HANDLERS.items()}})


def packages() -> dict[str, Any]:
    """Sizes in bytes for AWS, and the seconds to build them again when nothing has changed."""
    paths = package.build(package.AWS_TARGET)
    again = in_turns({"unchanged": lambda: package.build(package.AWS_TARGET)})
    return {"bytes": {name: path.stat().st_size for name, path in paths.items()}, **again}


def local_cloud() -> dict[str, Any]:
    """From nothing to a cloud that answers, and back."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cloud" / "cloud.json"
        ups, downs = [], []
        for _ in range(RUNS):
            ups.append(timed(lambda: control.up(file)))
            downs.append(timed(lambda: control.down(file)))
    return {
        name: {"median_s": statistics.median(s), "min_s": min(s), "max_s": max(s), "runs": RUNS}
        for name, s in (("up", ups), ("down", downs))
    }


def warm_demo() -> dict[str, Any]:
    """`make demo` in this checkout, which is set up already."""
    took = timed(lambda: subprocess.run(["make", "demo"], cwd=ROOT, check=True))
    summary = json.loads((demo.FOLDER / "summary.json").read_text())
    return {"total_s": took, "steps_s": summary["seconds"]}


def cold_demo() -> dict[str, Any]:
    """`make demo` in a fresh clone, with an empty HOME and no package cache."""
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "HOME": str(home), "PIP_NO_CACHE_DIR": "1"}
        run = ["make", "demo"]
        took = timed(lambda: subprocess.run(run, cwd=clone, env=environment, check=True))
        summary = json.loads((clone / "build" / "demo" / "summary.json").read_text())
    return {"total_s": took, "steps_s": summary["seconds"]}


def show(screen: Screen, title: str, figures: dict[str, Any]) -> None:
    """One table: a row for each measured thing, in milliseconds or seconds."""
    screen.print(f"\n[bold]{title}[/]")
    rows = [
        (name, f"{item['median_s']:.3f}", f"{item['min_s']:.3f}", f"{item['max_s']:.3f}")
        for name, item in figures.items()
        if isinstance(item, dict) and "median_s" in item
    ]
    screen.table("What", "Median s", "Least s", "Most s", rows=rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", action="store_true", help="time a warm `make demo`, too")
    parser.add_argument("--cold", action="store_true", help="time a cold one, too: a fresh clone")
    options = parser.parse_args()
    screen = Screen()
    results: dict[str, Any] = {"versions": demo.versions()}
    for title, measure in (
        ("Importing what a handler imports, in a fresh interpreter", imports),
        ("Packages for AWS", packages),
        ("The local cloud", local_cloud),
    ):
        results[measure.__name__] = measure()
        show(screen, title, results[measure.__name__])
    sizes = results["packages"]["bytes"]
    screen.table("Package", "KB", rows=[(n, f"{size / 1e3:,.1f}") for n, size in sizes.items()])
    for wanted, measure in ((options.demo, warm_demo), (options.cold, cold_demo)):
        if wanted:
            results[measure.__name__] = measure()
            total = results[measure.__name__]["total_s"]
            screen.print(f"\n{measure.__doc__} {total:.0f} s")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
    screen.print("\nWritten to build/bench.json.")


if __name__ == "__main__":
    main()
