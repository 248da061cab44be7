"""The monitor, run by hand: its function is invoked once, and its record is told in words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation.watch import describe, watch

OUTPUTS = {"function_names": {"monitor": "scones-dev-monitor"}}
RECORD: dict[str, Any] = {
    "window": {"start": "2026-11-07T09:00:00+00:00", "end": "2026-11-07T10:00:00+00:00"},
    "traffic": {"invoked": 412, "captured": 409},
    "decisions": {"accepted": 371, "review": 30, "rejected": 4, "failed": 0},
    "damaged_lines": 1,
    "foreign_records": 5,
    "low_confidence": {"rate": 0.075, "interval": [0.0531, 0.1049], "n": 400},
    "drift": {"severity": "none", "sentence": "No drift in the latest 400 records."},
}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """answering(document, error): what the function answers; returns what it was called with."""

    def make(document: Any, error: str | None = None) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        class Lambda:
            def invoke(self, **kwargs: Any) -> dict[str, Any]:
                calls.append(kwargs)
                payload = io.BytesIO(json.dumps(document).encode())
                return {"Payload": payload, **({"FunctionError": error} if error else {})}

        monkeypatch.setattr(Environment, "client", lambda *_args, **_options: Lambda())
        return calls

    return make


def test_the_function_is_invoked_once_and_answers_with_its_record(
    dev: Environment, answering: Callable[..., list[dict[str, Any]]]
) -> None:
    calls = answering(RECORD)
    assert watch(dev, OUTPUTS) == RECORD
    assert calls == [{"FunctionName": "scones-dev-monitor"}]


def test_before_the_first_window_there_is_no_record(
    dev: Environment, answering: Callable[..., list[dict[str, Any]]]
) -> None:
    answering(None)
    assert watch(dev, OUTPUTS) is None


def test_a_monitor_that_fails_says_why(
    dev: Environment, answering: Callable[..., list[dict[str, Any]]]
) -> None:
    answering({"errorType": "NoBaseline", "errorMessage": "no baseline"}, "Unhandled")
    with pytest.raises(UserError, match=r"The monitor failed\. NoBaseline: no baseline"):
        watch(dev, OUTPUTS)


@pytest.mark.parametrize("outputs", [{}, {"function_names": None}])
def test_without_an_endpoint_there_is_no_monitor(dev: Environment, outputs: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="No endpoint is deployed yet"):
        watch(dev, outputs)


def test_a_record_is_told_in_a_few_lines() -> None:
    assert describe(RECORD) == [
        "2026-11-07T09:00:00+00:00 to 2026-11-07T10:00:00+00:00",
        "asked 412, captured 409 (damaged 1, foreign 5)",
        "accepted 371, review 30, rejected 4, failed 0",
        "below the threshold 0.075 (0.053 to 0.105, n = 400)",
        "none: No drift in the latest 400 records.",
    ]


def test_where_nothing_was_answered_nothing_is_said_of_confidence() -> None:
    told = describe({**RECORD, "low_confidence": None})
    assert not any("threshold" in line for line in told)
