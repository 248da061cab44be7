"""Filter: what becomes of scores."""

import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from lambdas.common.errors import (
    THRESHOLD_CONFIDENCE_NOT_MET,
    BadScores,
    InvalidInput,
    InvalidSettings,
)
from lambdas.filter import handler
from lambdas.filter.handler import decide_on, load_settings

SETTINGS = handler.SETTINGS
FAILING = replace(SETTINGS, low_confidence_fails=True)
IMAGE = {"s3_bucket": "uploads", "s3_key": "incoming/a.png", "version_id": "v1"}


def event(**scores: Any) -> dict[str, Any]:
    return {"image": IMAGE, "scores": scores, "variant": "champion"}


def test_a_sure_answer_is_accepted_with_its_assignment() -> None:
    assert decide_on(event(bicycle=0.97, motorcycle=0.03), SETTINGS) == {
        "image": IMAGE,
        "scores": {"bicycle": 0.97, "motorcycle": 0.03},
        "variant": "champion",
        "label": "bicycle",
        "confidence": 0.97,
        "threshold": 0.8,
        "decision": "accepted",
        "assignment": {"loading_bay": "A", "max_distance_km": 5},
    }


def test_a_confidence_exactly_at_the_threshold_is_accepted() -> None:
    message = decide_on(event(bicycle=0.2, motorcycle=0.8), SETTINGS)
    assert message["decision"] == "accepted"
    assert message["assignment"] == {"loading_bay": "B", "max_distance_km": 25.5}


def test_an_unsure_answer_goes_to_review_without_an_assignment() -> None:
    message = decide_on(event(bicycle=0.6, motorcycle=0.4), SETTINGS)
    assert (message["decision"], message["label"]) == ("review", "bicycle")
    assert "assignment" not in message


def test_an_unsure_answer_fails_where_low_confidence_has_to_fail() -> None:
    with pytest.raises(THRESHOLD_CONFIDENCE_NOT_MET, match=r"0\.6000, below the threshold of 0\.8"):
        decide_on(event(bicycle=0.6, motorcycle=0.4), FAILING)


def test_the_failure_has_the_name_that_the_original_workflow_gave_it() -> None:
    assert THRESHOLD_CONFIDENCE_NOT_MET.__name__ == "THRESHOLD_CONFIDENCE_NOT_MET"


def test_a_sure_answer_is_accepted_where_low_confidence_has_to_fail() -> None:
    assert decide_on(event(bicycle=0.8, motorcycle=0.2), FAILING)["decision"] == "accepted"


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, "0.9", None, True])
def test_a_bad_score_is_never_accepted(score: object) -> None:
    with pytest.raises(BadScores):
        decide_on(event(bicycle=score, motorcycle=0.1), SETTINGS)


def test_an_accepted_label_without_an_assignment_is_a_wrong_setting() -> None:
    with pytest.raises(InvalidSettings, match="ASSIGNMENTS has no entry for tricycle"):
        decide_on(event(tricycle=1.0), SETTINGS)


def test_a_wrong_message_is_refused() -> None:
    with pytest.raises(InvalidInput, match="scores: "):
        decide_on({"image": IMAGE, "variant": "champion"}, SETTINGS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONFIDENCE_THRESHOLD", "1.5"),
        ("CONFIDENCE_THRESHOLD", ""),
        ("LOW_CONFIDENCE_ACTION", "ignore"),
        ("ASSIGNMENTS", "{}}"),
        ("ASSIGNMENTS", '{"bicycle": {}}'),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        load_settings({**environment, name: value})


def test_fail_is_read_from_the_environment(environment: dict[str, str]) -> None:
    settings = load_settings({**environment, "LOW_CONFIDENCE_ACTION": "fail"})
    assert settings == FAILING


def test_the_log_has_the_decision(monkeypatch: pytest.MonkeyPatch, lambda_context: Any) -> None:
    log = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    handler.handle(event(bicycle=0.97, motorcycle=0.03), lambda_context)
    entry = json.loads(log.getvalue())
    assert (entry["message"], entry["confidence"], entry["threshold"]) == ("accepted", 0.97, 0.8)
    assert entry["function_request_id"] == lambda_context.aws_request_id


def published(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The metrics among what the function has printed."""
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return [line for line in lines if "_aws" in line]


@pytest.mark.parametrize(("score", "value"), [(0.97, 0), (0.8, 0), (0.6, 1)])
@pytest.mark.parametrize("service", ["filter", ""])
def test_every_decision_is_counted_as_of_low_confidence_or_not(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lambda_context: Any,
    score: float,
    value: float,
    service: str,
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", service)
    handler.handle(event(bicycle=score, motorcycle=1 - score), lambda_context)
    [metric] = published(capsys)
    assert metric["LowConfidence"] == [value]
    assert (metric["Environment"], metric["service"]) == ("test", "filter")
    [directive] = metric["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "scones",
        "Dimensions": [["Environment", "service"]],  # and no others: they are the alarm's
        "Metrics": [{"Name": "LowConfidence", "Unit": "Count"}],
    }


def test_low_confidence_that_has_to_fail_is_counted_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lambda_context: Any
) -> None:
    monkeypatch.setattr(handler, "SETTINGS", FAILING)
    with pytest.raises(THRESHOLD_CONFIDENCE_NOT_MET):
        handler.handle(event(bicycle=0.6, motorcycle=0.4), lambda_context)
    assert [metric["LowConfidence"] for metric in published(capsys)] == [[1]]


@pytest.mark.parametrize("scores", [{"bicycle": math.nan, "motorcycle": 0.1}, {"tricycle": 1.0}])
def test_where_nothing_is_decided_nothing_is_counted(
    capsys: pytest.CaptureFixture[str], lambda_context: Any, scores: dict[str, float]
) -> None:
    with pytest.raises((BadScores, InvalidSettings)):
        handler.handle(event(**scores), lambda_context)
    assert published(capsys) == []
