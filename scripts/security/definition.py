"""Check a state machine's definition: that every path leads somewhere, and that nothing is left
to chance on the way.

AWS's own validation needs an account, and the well-known linters know JSONPath only.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException

Definition = Mapping[str, Any]

_RETRIER_FIELDS = ("ErrorEquals", "IntervalSeconds", "MaxAttempts", "MaxDelaySeconds")


def read(template: Path) -> dict[str, Any]:
    """A definition from Terraform's template, with each placeholder's name in its place."""
    definition: dict[str, Any] = json.loads(filled(template.read_text("utf-8")))
    return definition


def filled(template: str) -> str:
    """A template's text with each placeholder's name in its place."""
    return re.sub(r"\$\{(\w+)\}", r"\1", template)


def machines(definition: Definition) -> Iterator[Definition]:
    """The definition itself, and those within its Map and Parallel states."""
    yield definition
    for state in definition["States"].values():
        processor = state.get("ItemProcessor")
        for inner in [processor] if processor else state.get("Branches", []):
            yield from machines(inner)


def problems(definition: Definition) -> list[str]:
    """What is wrong with a definition, a sentence each; nothing when it is sound."""
    found = [f"{text}: {why}" for text in _texts(definition) if (why := _mistake(text))]
    names = Counter(name for machine in machines(definition) for name in machine["States"])
    found += [f"{name}: {n} states have this name" for name, n in names.items() if n > 1]
    for machine in machines(definition):
        found += _problems_of_flow(machine)
        for name, state in machine["States"].items():
            if state["Type"] == "Task":
                found += [f"{name}: {problem}" for problem in _problems_of_task(state)]
    return found


def _problems_of_flow(machine: Definition) -> Iterator[str]:
    states: Mapping[str, Any] = machine["States"]
    reached: set[str] = set()
    waiting = [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        if name in states:
            waiting += _successors(states[name])
        else:
            yield f"{name}: there is no such state"
    for name in states.keys() - reached:
        yield f"{name}: no path leads there"
    for name, state in states.items():
        kind = state["Type"]
        if kind == "Choice" and not _always_chooses(state):
            yield f"{name}: an input may match none of its choices"
        if kind not in ("Choice", "Succeed", "Fail") and "Next" not in state:
            yield f"{name}: an execution ends here without Succeed or Fail"


def _successors(state: Mapping[str, Any]) -> list[str]:
    routes = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return [route[key] for route in routes for key in ("Next", "Default") if key in route]


def _always_chooses(state: Mapping[str, Any]) -> bool:
    return "Default" in state or state["Choices"][-1].get("Condition") == "{% true %}"


def _problems_of_task(state: Mapping[str, Any]) -> Iterator[str]:
    if "TimeoutSeconds" not in state:
        yield "it may take for ever, without TimeoutSeconds"
    if not state.get("Retry"):
        yield "it is never retried"
    for retrier in state.get("Retry", []):
        missing = [field for field in _RETRIER_FIELDS if field not in retrier]
        if missing:
            yield f"its Retry does not say {', '.join(missing)}"
        if retrier.get("JitterStrategy") != "FULL":
            yield "its retries come all at once, without JitterStrategy FULL"
        if "States.ALL" in retrier["ErrorEquals"]:
            yield "it retries what cannot heal, with States.ALL"
    if "States.ALL" not in (state.get("Catch") or [{}])[-1].get("ErrorEquals", []):
        yield "its last Catch does not take every error"


def _texts(value: Any) -> Iterator[str]:
    """Every text in a definition, but for its comments."""
    match value:
        case Mapping():
            for key, item in value.items():
                if key != "Comment":
                    yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case str():
            yield value


def _mistake(text: str) -> str:
    """Why a text that holds an expression cannot be read; empty when all is well."""
    if "{%" not in text and "%}" not in text:
        return ""
    expression = re.fullmatch(r"\{%(.*)%\}", text, re.DOTALL)
    return mistake(expression[1]) if expression else "an expression must be the whole text"


def mistake(expression: str) -> str:
    """Why a text is no JSONata; empty when it is."""
    try:
        Jsonata(expression)
    except JException as error:
        return str(error)
    return ""


def expressions(definition: Definition) -> int:
    """How many expressions a definition has."""
    return sum("{%" in text for text in _texts(definition))
