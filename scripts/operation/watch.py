"""Run the monitor now: invoke its function, and say in words what it found."""

import json
from collections.abc import Mapping
from typing import Any

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import workflow

# The function has a minute. One attempt: a second one would look at another window.
_PATIENCE: dict[str, Any] = {"read_timeout": 70, "retries": {"total_max_attempts": 1}}


def watch(environment: Environment, outputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of the window until now: lambdas/monitor/window.py; None when there is none yet.

    Raises UserError when nothing is deployed, and when the monitor fails.
    """
    names = workflow.deployed(outputs, "function_names")
    answer = environment.client("lambda", **_PATIENCE).invoke(FunctionName=names["monitor"])
    found = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise UserError(f"The monitor failed. {found['errorType']}: {found['errorMessage']}")
    record: dict[str, Any] | None = found
    return record


def describe(record: Mapping[str, Any]) -> list[str]:
    """What a window's record says, a line for each subject."""
    window, traffic, decisions = record["window"], record["traffic"], record["decisions"]
    lines = [
        f"{window['start']} to {window['end']}",
        f"asked {traffic['invoked']}, captured {traffic['captured']}"
        f" (damaged {record['damaged_lines']}, foreign {record['foreign_records']})",
        ", ".join(f"{name} {count}" for name, count in decisions.items()),
    ]
    if low := record["low_confidence"]:
        bounds = " to ".join(f"{bound:.3f}" for bound in low["interval"])
        lines.append(f"below the threshold {low['rate']:.3f} ({bounds}, n = {low['n']})")
    return [*lines, f"{record['drift']['severity']}: {record['drift']['sentence']}"]
