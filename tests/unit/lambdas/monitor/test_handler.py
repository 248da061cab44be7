"""The monitor's entry point: its settings, and what its log says."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from lambdas.common.errors import InvalidSettings
from lambdas.monitor import handler
from lambdas.monitor.handler import load_source
from lambdas.monitor.traffic import Source

RECORD = {
    "window": {"start": "a", "end": "b"},
    "drift": {"sentence": "No drift in the latest 20 records."},
    "damaged_files": ["captures/a.jsonl"],
}


def log_of(
    monkeypatch: pytest.MonkeyPatch, context: Any, record: dict[str, Any] | None
) -> dict[str, Any]:
    """What is logged of a run with this outcome."""
    stream = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", stream)
    monkeypatch.setattr(handler, "watch", lambda *_: record)
    assert handler.handle({}, context) == record
    entry: dict[str, Any] = json.loads(stream.getvalue())
    return entry


def test_the_settings_say_whose_metrics_are_read(environment: dict[str, str]) -> None:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:classify"
    expected = Source("scones", "test", "scones-test", "AllTraffic", machine, 60)
    assert load_source(environment) == expected


def test_the_settings_say_whether_low_confidence_fails(environment: dict[str, str]) -> None:
    assert load_source({**environment, "LOW_CONFIDENCE_ACTION": "fail"}).low_confidence_fails


@pytest.mark.parametrize("period", ["", "0", "3601", "a minute"])
def test_a_wrong_period_is_named(environment: dict[str, str], period: str) -> None:
    with pytest.raises(InvalidSettings, match="METRIC_PERIOD_S"):
        load_source({**environment, "METRIC_PERIOD_S": period})


def test_the_log_has_the_verdict_and_names_damaged_files(
    monkeypatch: pytest.MonkeyPatch, lambda_context: Any
) -> None:
    entry = log_of(monkeypatch, lambda_context, RECORD)
    assert entry["message"] == "No drift in the latest 20 records."
    assert (entry["window"], entry["damaged_files"]) == (
        RECORD["window"],
        RECORD["damaged_files"],
    )


def test_the_log_says_when_there_was_no_window(
    monkeypatch: pytest.MonkeyPatch, lambda_context: Any
) -> None:
    assert log_of(monkeypatch, lambda_context, None)["message"] == "no window"
