"""What the report is made from: captured inferences joined to decisions, and every outcome."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lambdas.common.messages import image_id
from scripts.artifacts import Bucket
from scripts.operation import failures, monitoring
from scripts.report import ReportData
from scripts.serving.deployment import Deployment
from tests.unit.scripts.operation.times import NOW, START

Happened = Callable[..., None]


# Inferences


def test_an_inference_is_joined_to_its_decision_by_the_images_id(
    captured: Happened, decided: Happened, gather: Callable[..., ReportData]
) -> None:
    captured("one", [0.9, 0.1])
    captured("two", [0.3, 0.7])
    decided("one", "accepted", key="incoming/a.png")
    decided("two", "review", key="incoming/b.png")
    found = {
        item.image_id: item for item in gather(truths={"incoming/a.png": "bicycle"}).inferences
    }
    assert set(found) == {"one", "two"}
    one, two = found["one"], found["two"]
    assert (one.label, one.confidence, one.decision, one.key) == (
        "bicycle",
        0.9,
        "accepted",
        "incoming/a.png",
    )
    assert (two.label, two.confidence, two.decision) == ("motorcycle", 0.7, "review")
    assert two.scores == {"bicycle": 0.3, "motorcycle": 0.7}
    assert (one.truth, two.truth) == ("bicycle", None)


def test_an_inference_carries_the_picture_that_the_model_saw_and_when(
    captured: Happened,
    decided: Happened,
    gather: Callable[..., ReportData],
    picture: Callable[..., bytes],
) -> None:
    captured("one", [0.9, 0.1], at=NOW - timedelta(minutes=1))
    decided("one")
    (found,) = gather().inferences
    assert found.picture == picture()
    assert found.time == NOW - timedelta(minutes=1)


def test_the_smoke_test_and_requests_by_hand_are_no_traffic(
    captured: Happened, decided: Happened, gather: Callable[..., ReportData]
) -> None:
    captured(None, [0.5, 0.5])
    captured("by-hand", [0.9, 0.1])
    captured("unknown", [0.9, 0.1])
    decided("by-hand", key="adhoc/0123abcd/photo.png")
    data = gather()
    assert data.inferences == []
    assert data.outcomes == []
    assert data.captured_records == 3


def test_a_request_that_was_captured_twice_is_one_inference_with_its_last_answer(
    captured: Happened, decided: Happened, gather: Callable[..., ReportData]
) -> None:
    captured("one", [0.2, 0.8], at=NOW - timedelta(minutes=2))
    captured("one", [0.9, 0.1], at=NOW - timedelta(minutes=1))
    decided("one")
    (found,) = gather().inferences
    assert found.confidence == 0.9


@pytest.mark.parametrize("scores", [[5.0, -4.0], [0.2, 0.3, 0.5], [0.9, 0.9], []])
def test_an_answer_that_is_none_of_this_model_is_counted_but_not_shown(
    captured: Happened,
    decided: Happened,
    gather: Callable[..., ReportData],
    scores: list[float],
) -> None:
    captured("one", [0.9, 0.1], at=NOW - timedelta(minutes=2))
    captured("one", scores)
    decided("one")
    data = gather()
    assert [item.confidence for item in data.inferences] == [0.9]
    assert data.captured_records == 2


def test_a_request_that_was_captured_twice_makes_up_for_no_other_picture(
    captured: Happened, decided: Happened, gather: Callable[..., ReportData]
) -> None:
    captured("one", [0.9, 0.1], at=NOW - timedelta(minutes=2))
    captured("one", [0.9, 0.1])
    decided("one")
    decided("two", "review")
    decided("three", "rejected")
    assert gather().uncaptured == 1


def test_a_picture_may_have_been_captured_before_the_period_in_which_it_was_decided(
    captured: Happened, decided: Happened, gather: Callable[..., ReportData]
) -> None:
    captured("one", [0.9, 0.1], at=NOW - timedelta(minutes=2))
    decided("one", at=NOW - timedelta(minutes=1))
    assert gather(since=NOW - timedelta(seconds=90)).uncaptured == 0


# Outcomes


def test_every_upload_that_came_by_event_is_one_outcome(
    decided: Happened, failed: Happened, gather: Callable[..., ReportData]
) -> None:
    decided("a", "accepted")
    decided("b", "review")
    decided("c", "rejected", reason="empty", key="incoming/empty.png")
    failed(
        {"input": {"s3_key": "incoming/d.png"}, "error": "BadScores", "cause": "", "execution": "e"}
    )
    found = sorted((item.outcome, item.reason) for item in gather().outcomes)
    assert found == [
        ("accepted", None),
        ("failed", "BadScores"),
        ("rejected", "empty"),
        ("review", None),
    ]


def test_outcomes_have_the_time_and_the_key_they_are_about(
    decided: Happened, failed: Happened, gather: Callable[..., ReportData]
) -> None:
    decided("a", key="incoming/a.png", at=NOW - timedelta(minutes=3))
    failed({"input": {"s3_key": "incoming/d.png"}, "error": "BadScores"})
    decision, failure = gather().outcomes
    assert (decision.time, decision.key) == (NOW - timedelta(minutes=3), "incoming/a.png")
    assert failure.key == "incoming/d.png"
    assert abs(failure.time - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    "message",
    [
        {"input": "x" * 100, "error": "InvalidInput"},
        {"input": ["not", "an", "object"], "error": "InvalidInput"},
        {"input": {"s3_key": 7}, "error": "InvalidInput"},
        {"input": {"s3_bucket": "b", "s3_key": "\ud800"}, "error": "InvalidInput"},
        {"s3_bucket": "b", "s3_key": "incoming/a.png"},
        ["not", "ours"],
        "text",
    ],
)
def test_a_failure_with_any_input_at_all_is_still_one_failure(
    failed: Happened, gather: Callable[..., ReportData], message: Any
) -> None:
    failed(message)
    (outcome,) = gather().outcomes
    assert outcome.outcome == "failed"
    assert outcome.reason in ("InvalidInput", failures.UNDELIVERED, failures.UNREADABLE)


def test_a_failed_request_by_hand_is_no_execution_of_the_report(
    failed: Happened, gather: Callable[..., ReportData]
) -> None:
    failed({"input": {"s3_key": "adhoc/0123abcd/photo.png"}, "error": "BadScores"})
    assert gather().outcomes == []


def test_what_happened_before_the_period_is_left_out(
    aws: Any, captured: Happened, decided: Happened, gather: Callable[..., ReportData]
) -> None:
    before = START - timedelta(hours=2)
    captured("one", [0.9, 0.1], at=before)
    decided("one", at=before)
    message = {
        "MessageId": "1",
        "ReceiptHandle": "1",
        "Body": json.dumps({"input": {"s3_key": "incoming/a.png"}, "error": "BadScores"}),
        "Attributes": {"SentTimestamp": str(int(before.timestamp() * 1000))},
    }
    aws.answers["ReceiveMessage"] = [{"Messages": [message]}, {}]
    aws.answers["ChangeMessageVisibilityBatch"] = {}
    data = gather()
    assert data.inferences == []
    assert data.outcomes == []
    assert data.captured_records == 0


@pytest.mark.parametrize(
    ("told", "expected"), [(False, ["failed"]), (True, ["accepted", "failed"])]
)
def test_a_decision_that_waits_to_be_told_is_one_execution_that_failed(
    decided: Happened,
    failed: Happened,
    gather: Callable[..., ReportData],
    told: bool,
    expected: list[str],
) -> None:
    names = {"s3_bucket": "b", "s3_key": "incoming/a.png", "version_id": "v"}
    delivered = {"delivered_at": "2026-11-23T10:00:00.000Z"} if told else {}
    decided(image_id(*names.values()), key="incoming/a.png", **delivered)
    failed({"input": names, "error": "EventBridge.FailedEntry"})
    assert sorted(item.outcome for item in gather().outcomes) == expected


def test_where_not_all_that_waits_was_read_a_note_says_so(
    failed: Happened, gather: Callable[..., ReportData], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        failed({"input": {"s3_key": f"incoming/{name}.png"}, "error": "BadScores"})
    assert not any("failure queue" in note for note in gather().notes)
    monkeypatch.setattr(monitoring, "MOST_FAILURES", 2)
    assert any("Only 2 of what waits in the failure queue" in note for note in gather().notes)


def test_gathering_twice_finds_the_same_failures(
    failed: Happened, gather: Callable[..., ReportData]
) -> None:
    failed({"input": {"s3_key": "incoming/a.png"}, "error": "BadScores"})
    assert [len(gather().outcomes) for _ in range(3)] == [1, 1, 1]


# What else the report says


def test_the_report_speaks_of_the_deployment_in_force(
    gather: Callable[..., ReportData], deployed: Deployment
) -> None:
    data = gather()
    assert data.environment == "dev"
    assert data.endpoint == "scones-dev"
    assert data.threshold == deployed.confidence_threshold
    assert data.labels == ("bicycle", "motorcycle")
    assert data.model.job == "scones-dev-efficientnet-1"
    assert data.target_accuracy == 0.97
    assert data.evaluation
    assert data.evaluation.n == 200
    assert data.evaluation.accuracy_interval == (0.93, 0.983)
    assert data.evaluation.confusion == [[97, 3], [4, 96]]
    assert data.evaluation.calibration_error == 0.02
    assert [found.confidence for found in data.evaluation.reliability] == [0.97]
    assert data.versions["data set"] == "0123456789ab"


def test_a_stand_in_is_reported_as_one(
    gather: Callable[..., ReportData], deployed: Deployment
) -> None:
    assert gather().model.stand_in is False
    assert gather(deployment=replace(deployed, stand_in=True)).model.stand_in is True


def test_the_period_is_from_what_was_asked_for_to_now(
    gather: Callable[..., ReportData],
) -> None:
    data = gather()
    assert data.period_start == START
    assert abs(data.period_end - datetime.now(UTC)) < timedelta(seconds=30)


def test_damaged_records_are_shown_as_a_number(
    bucket: Bucket, gather: Callable[..., ReportData]
) -> None:
    key = f"captures/scones-dev/AllTraffic/{NOW:%Y/%m/%d/%H/%M-%S}-000-{uuid.uuid4()}.jsonl"
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"{damaged\n{damaged\n")
    data = gather()
    assert (data.captured_records, data.damaged_records) == (0, 2)


def test_another_endpoints_captures_are_not_shown(
    captured: Happened,
    decided: Happened,
    gather: Callable[..., ReportData],
    deployed: Deployment,
) -> None:
    captured("one", [0.9, 0.1])
    decided("one")
    assert gather(deployment=replace(deployed, endpoint_name="other")).inferences == []


def test_the_page_is_written_in_one_piece(
    gather: Callable[..., ReportData], tmp_path: Path
) -> None:
    path = tmp_path / "new" / "report.html"
    monitoring.write(gather(), path)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert list(path.parent.iterdir()) == [path]


def test_a_key_that_has_no_utf_8_does_not_keep_the_page_from_being_written(
    failed: Happened, gather: Callable[..., ReportData], tmp_path: Path
) -> None:
    failed({"input": {"s3_bucket": "b", "s3_key": "incoming/\ud800"}, "error": "InvalidInput"})
    monitoring.write(gather(), tmp_path / "report.html")
    assert r"incoming/\ud800" in (tmp_path / "report.html").read_text("utf-8")
