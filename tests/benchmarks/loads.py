"""From upload to decision: a calm stream, a busy one, and a burst; and a day at the endpoint."""

import json
from collections.abc import Callable
from typing import Any

from deployment import deployed

from scripts.traffic import outcome

LOADS = {
    "2 uploads a second": ("--rate", "2/s", "--minutes", "1"),
    "8 uploads a second": ("--rate", "8/s", "--minutes", "1"),
    "200 uploads at once": ("--burst", "200"),
    "a day in 5 minutes, asked of the endpoint": (
        *("--to", "endpoint", "--rate", "40/s", "--minutes", "5", "--rhythm", "day"),
    ),
}


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """The result of each load, one after another, as `invoke traffic` writes it."""
    figures = {}
    with deployed(say) as here:
        path = here.folder / "traffic.json"
        here.tasks.invoke("traffic", "--burst", "20", "--out", str(path))  # everything is warm then
        for name, words in LOADS.items():
            say(name)
            done = here.tasks.invoke("traffic", "--out", str(path), *words)
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)
            figures[name] = json.loads(path.read_text("utf-8"))
    return figures


def table(figures: dict[str, Any]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """For the terminal: times of each load, what services measured, and the instances."""
    times = [(load, *row) for load, item in figures.items() for row in outcome.times_rows(item)]
    parts = [(load, *row) for load, item in figures.items() for row in outcome.parts_rows(item)]
    losses = [
        (
            load,
            *(f"{item[key]:,}" for key in ("sent", "not_sent", "lost")),
            ", ".join(f"{one['count']} from {one['at_s']:.0f} s on" for one in item["instances"]),
        )
        for load, item in figures.items()
    ]
    return [
        (("Load", *outcome.TIMES_COLUMNS), times),
        (("Load", *outcome.PARTS_COLUMNS), parts),
        (("Load", "Sent", "In vain", "Lost", "Instances"), losses),
    ]
