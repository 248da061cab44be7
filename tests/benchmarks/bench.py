"""Measure speed, memory and drift detection: `make bench` writes build/bench.json.

    .venv/bin/python tests/benchmarks/bench.py [--model] [--demo] [--cold] [--only PARTS]
                                               [--set NAME=VALUE]

Times are the median of several runs with their range, taken in turns with the alternative where
there is one, because the speed of a machine drifts. Nothing here passes or fails. A part that is
not measured this time keeps its figures, with their date, machine and command.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import decoding
import demos
import drift_detection
import drift_false_alarms
import functions
import growth
import loads
import measuring
import model
import monitoring
import packages
import planning
import results
import serving
import tables

from scripts.console import Screen
from scripts.environment import BUILD

FILE = BUILD / "bench.json"

Part = tuple[str, Callable[[Callable[[str], None]], dict[str, Any]]]


def parts(hyperparameters: Mapping[str, str]) -> dict[str, Part]:
    """What can be measured: by name its title, and the function that measures it."""
    return {
        "imports": ("Importing, in a fresh interpreter", lambda _: packages.imports()),
        "packages": ("Packages for AWS", lambda _: packages.packages()),
        "decoding": ("Decoding the largest uploads", decoding.measure),
        "monitoring": ("The monitor", monitoring.measure),
        "local_cloud": ("The local cloud", lambda _: demos.local_cloud()),
        "drift_false_alarms": ("Drift: false alarms", drift_false_alarms.measure),
        "drift_detection": (
            "Drift: detection",
            lambda say: drift_detection.measure(hyperparameters, say),
        ),
        "serving": ("Serving", lambda say: serving.measure(hyperparameters, say)),
        "functions": ("The functions, warm", functions.measure),
        "plan": ("The plan", planning.measure),
        "loads": ("From upload to decision", loads.measure),
        "growth": ("Batches that grow", growth.measure),
        "model": ("The model", lambda say: model.measure(hyperparameters, say)),
        "warm_demo": ("make demo", lambda _: demos.warm_demo()),
        "cold_demo": ("make demo, fresh clone", lambda _: demos.cold_demo()),
    }


ALWAYS = (
    *("imports", "packages", "decoding", "monitoring", "local_cloud", "functions", "plan"),
    *("loads", "growth"),
    *("drift_false_alarms", "drift_detection", "serving"),
)


def wanted(options: argparse.Namespace, known: Sequence[str]) -> list[str]:
    """The names of the parts to measure. Raises ValueError for one that does not exist."""
    if options.only:
        names = [name.strip() for name in options.only.split(",")]
        for name in names:
            if name not in known:
                raise ValueError(f"there is no part {name!r}: choose from {', '.join(known)}")
        return names
    chosen = {
        "model": options.model,
        "warm_demo": options.demo,
        "cold_demo": options.cold,
    }
    return [name for name in known if name in ALWAYS or chosen.get(name)]


def setting(text: str) -> tuple[str, str]:
    """NAME=VALUE as a pair. Raises ValueError for anything else."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ValueError(text)
    return name, value


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", action="store_true", help="train nine models: ten minutes")
    parser.add_argument("--demo", action="store_true", help="time a warm `make demo`, too")
    parser.add_argument("--cold", action="store_true", help="time a cold one, too: a fresh clone")
    parser.add_argument("--only", help="measure these parts alone, comma separated")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="a hyperparameter of the trainings, such as epochs=1 to try this out",
    )
    options = parser.parse_args(arguments)
    available = parts(dict(options.set))
    try:
        names = wanted(options, list(available))
    except ValueError as error:
        parser.error(str(error))
    screen = Screen()
    for name in names:
        title, measure = available[name]
        measured = measuring.circumstances(arguments)
        started = time.perf_counter()
        with screen.step(name, title) as step:
            figures = measure(step.say)
        measured["seconds"] = round(time.perf_counter() - started, 1)
        results.write(FILE, name, measured, figures)
    screen.print()
    found = results.read(FILE)
    for name in names:
        tables.show(screen, name, found[name])
    for name in found.keys() - set(names):
        screen.print(f"{name} is kept from {found[name]['measured']['date']}.")
    screen.print("Written to build/bench.json.")


if __name__ == "__main__":
    main(sys.argv[1:])
