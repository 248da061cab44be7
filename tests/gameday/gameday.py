"""Cause every fault for real, one after another, and see every safeguard work: `make gameday`.

    python tests/gameday/gameday.py [--only WORDS] [--rate 4]

A local cloud of its own, the whole deployment, steady traffic. Where AWS's windows are hours they
are seconds here: the monitor runs every eight, and the alarm on its captures looks every ten.
Writes build/gameday.json and that day's report, build/gameday.html, and ends in 1 when a safeguard
failed or an upload was lost.
"""

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.console import DONE, FAILED, Screen  # noqa: E402
from scripts.dataset import load, make_splits  # noqa: E402
from scripts.dataset.cifar100 import CLASSES  # noqa: E402
from scripts.environment import BUILD  # noqa: E402
from scripts.pipeline import DOWNLOADS  # noqa: E402
from tests.gameday.game import ALARM_PERIOD_S, MONITOR_EVERY_S, Game, Result, Scenario, Tasks  # noqa: E402
from tests.gameday.scenarios import QUICK, SCENARIOS  # noqa: E402
from tests.gameday.traffic import Picture  # noqa: E402

FILE = BUILD / "gameday.json"
REPORT = BUILD / "gameday.html"
COMPRESSION = 3600 / MONITOR_EVERY_S


def play(game: Game, screen: Screen, scenarios: Sequence[Scenario]) -> list[Result]:
    """All scenarios, one after another, under traffic."""
    results = []
    game.start()
    try:
        for scenario in scenarios:
            with screen.step(scenario.name, scenario.name.capitalize()) as step:
                result = game.run(scenario, step.say)
                step.mark = DONE if result.is_good else FAILED
                step.result = result.seen
            results.append(result)
    finally:
        game.stop()
    return results


def show(screen: Screen, results: Sequence[Result]) -> None:
    screen.table(
        *("Fault", "Expected", "Seen", "Detected, s", "Recovered, s", "Uploads", "Lost", "Twice"),
        rows=[
            (
                result.name,
                result.expected,
                result.seen,
                "-" if result.detection_s is None else f"{result.detection_s:.0f}",
                "-" if result.recovery_s is None else f"{result.recovery_s:.0f}",
                *(str(count) for count in (result.uploads, result.lost, result.twice)),
            )
            for result in results
        ],
    )


def deploy(tasks: Tasks, screen: Screen) -> None:
    with screen.step("deploy", "Deploy") as step:
        step.say("training on real pictures")
        for words in (("cloud.up",), ("deploy", *QUICK)):
            done = tasks.invoke(*words)
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only", default="", help="words: only faults whose name holds one of them"
    )
    parser.add_argument("--rate", type=float, default=4.0, help="uploads a second")
    options = parser.parse_args(arguments)
    screen, started = Screen(), time.time()
    words = options.only.split(",")
    chosen = [item for item in SCENARIOS if any(word in item.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        cloud = Path(folder) / "cloud"
        tasks = Tasks(cloud)
        try:
            deploy(tasks, screen)
            test = make_splits(load(None, CLASSES, DOWNLOADS, lambda *_: None)).test
            pictures = [Picture(sample.data, CLASSES[sample.label]) for sample in test]
            # As drivers come: one class after the other would be a drift of its own.
            random.Random(0).shuffle(pictures)
            began = time.time()
            results = play(Game(cloud, tasks, pictures, options.rate), screen, chosen)
            minutes = math.ceil((time.time() - began) / 60)
            tasks.invoke("report", "--since", f"{minutes}m", "--out", str(REPORT))
        finally:
            tasks.invoke("cloud.down")
    took_s = round(time.time() - started, 1)
    show(screen, results)
    document: dict[str, Any] = {
        "seconds": took_s,
        "compression": f"the monitor's hour is {MONITOR_EVERY_S:g} s: {COMPRESSION:g} times faster;"
        f" its capture alarm's is {ALARM_PERIOD_S} s",
        "results": [result.as_json() for result in results],
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(document, indent=2) + "\n")
    good = sum(result.is_good for result in results)
    screen.print(f"{good} of {len(results)} safeguards worked, in {took_s / 60:.1f} minutes.")
    return 0 if good == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
