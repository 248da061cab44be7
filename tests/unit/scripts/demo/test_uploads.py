"""The demo counts from outside: what was told to others, not what was meant to be."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.console import Screen
from scripts.dataset.model import Sample, Splits
from scripts.demo import uploads
from scripts.demo.uploads import Run, workflow_summary
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import monitoring, queues, watch, workflow
from scripts.operation.workflow import describe_answer
from scripts.pipeline import Provisioned
from scripts.serving.deployment import Deployment

# Counting


def test_outcomes_are_counted_by_what_was_decided(make_run: Callable[..., Run]) -> None:
    assert workflow_summary(make_run()) == {
        "uploaded": 4,
        "accepted": 2,
        "review": 1,
        "rejected": 1,
        "failed": 0,
        "missing": 0,
        "duplicates": 0,
        "accuracy_accepted": 0.5,
    }


def test_a_decision_that_nobody_was_told_of_is_missing(make_run: Callable[..., Run]) -> None:
    counts = workflow_summary(make_run(deliveries=Counter("acd")))
    assert counts["missing"] == 1
    assert counts["accepted"] == 2


def test_an_upload_without_any_decision_is_missing(make_run: Callable[..., Run]) -> None:
    run = make_run(deliveries=Counter("abc"))
    del run.decisions["d"]
    assert workflow_summary(run)["missing"] == 1


def test_a_failed_upload_is_failed_and_not_missing(make_run: Callable[..., Run]) -> None:
    run = make_run(deliveries=Counter("abc"), failed=1)
    del run.decisions["d"]
    counts = workflow_summary(run)
    assert (counts["failed"], counts["missing"]) == (1, 0)


def test_an_answer_that_was_given_twice_is_a_duplicate_each_time_after_the_first(
    make_run: Callable[..., Run],
) -> None:
    assert workflow_summary(make_run(deliveries=Counter("aabcddd")))["duplicates"] == 3


def test_a_duplicate_does_not_make_up_for_a_missing_answer(make_run: Callable[..., Run]) -> None:
    counts = workflow_summary(make_run(deliveries=Counter("aabc")))
    assert (counts["missing"], counts["duplicates"]) == (1, 1)


def test_answers_about_other_uploads_do_not_count_as_ours(make_run: Callable[..., Run]) -> None:
    run = make_run(deliveries=Counter(["a", "b", "c", "other"]))
    assert workflow_summary(run)["missing"] == 1


def test_without_an_accepted_upload_there_is_no_accuracy(make_run: Callable[..., Run]) -> None:
    run = replace(make_run(), decisions={})
    assert workflow_summary(run)["accuracy_accepted"] is None


def test_an_accepted_picture_that_was_none_is_wrong(make_run: Callable[..., Run]) -> None:
    run = make_run(truths={"incoming/a.png": "bicycle"})
    assert workflow_summary(run)["accuracy_accepted"] == 0.5


# Uploading


def test_the_three_files_that_are_no_pictures_are_empty_html_and_half_a_picture(
    picture: Callable[..., bytes],
) -> None:
    files = uploads._no_pictures(picture())
    assert len(files) == uploads.NO_PICTURES
    assert all(key.startswith("incoming/") and key.endswith(".png") for key in files)
    bodies = list(files.values())
    assert b"" in bodies
    assert any(body.startswith(b"<!doctype html>") for body in bodies)
    assert picture()[: len(picture()) // 2] in bodies


@pytest.fixture
def splits(picture: Callable[..., bytes]) -> Splits:
    """Two test pictures of the same name, one of each class."""
    test = tuple(Sample("1.png", label, picture(8 + label)) for label in (0, 1))
    return Splits((), (), test, (), 0, "folders")


def test_every_test_picture_is_uploaded_with_its_true_label_and_three_files_that_are_none(
    aws: Any,
    dev: Environment,
    screen: Screen,
    shown: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    splits: Splits,
    make_deployment: Callable[..., Deployment],
    make_run: Callable[..., Run],
) -> None:
    made = make_run()
    given: dict[str, bytes] = {}
    outputs = {
        "uploads_bucket": "uploads",
        "failure_queue_url": "failures",
        "review_queue_url": "review",
    }
    waiting = {"failures": 1, "review": 2}

    def upload_all(_environment: object, bucket: str, bodies: dict[str, bytes], _: object) -> Any:
        assert bucket == "uploads"
        given.update(bodies)
        return made.uploads

    def peek(_environment: object, url: str, limit: int) -> list[tuple[float, Any]]:
        assert (url, limit) == ("review", 2)
        return [(0.0, {"image_id": "c"}), (0.0, {"image_id": "d"})]

    monkeypatch.setattr(workflow, "upload_all", upload_all)
    monkeypatch.setattr(workflow, "await_decisions", lambda *_args: made.decisions)
    monkeypatch.setattr(queues, "length", lambda _environment, url: waiting[url])
    monkeypatch.setattr(queues, "peek", peek)
    provisioned = Provisioned(outputs, None)  # type: ignore[arg-type]
    found = uploads.classify_everything(dev, provisioned, screen, splits, make_deployment())
    assert [given[key] for key in found.truths] == [sample.data for sample in splits.test]
    assert list(found.truths.values()) == ["bicycle", "motorcycle"]
    assert len(given) == 2 + uploads.NO_PICTURES
    assert found.deliveries == Counter("cd")
    assert found.failed == 1
    line = "4 uploaded, 2 accepted, 1 review, 1 rejected, 1 failed, 1 missing"
    assert line in shown()


def test_the_one_photo_is_a_test_picture_whose_answer_is_kept_without_its_internals(
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    splits: Splits,
) -> None:
    answer = {
        "decision": "accepted",
        "label": "bicycle",
        "confidence": 0.97,
        "assignment": {"loading_bay": "A", "max_distance_km": 3.0},
        "image_id": "0123",
    }
    photos: list[bytes] = []

    def classify(_environment: object, _outputs: object, photo: Path) -> dict[str, Any]:
        photos.append(photo.read_bytes())
        return answer

    monkeypatch.setattr(workflow, "classify", classify)
    provisioned = Provisioned({}, None)  # type: ignore[arg-type]
    kept = uploads.classify_one(dev, provisioned, screen, splits, tmp_path)
    assert photos == [splits.test[0].data]
    assert kept == {name: value for name, value in answer.items() if name != "image_id"}


# The subscriber


def test_the_subscriber_counts_every_event_it_is_sent_repetitions_included(
    aws: Any, dev: Environment
) -> None:
    sqs = dev.client("sqs")
    ids = [f"image-{number}" for number in range(12)]
    with uploads._subscriber(dev) as told:
        url = sqs.get_queue_url(QueueName="scones-dev-demo-subscriber")["QueueUrl"]
        for image in [*ids, ids[0]]:
            body = json.dumps({"detail": {"image_id": image}})
            sqs.send_message(QueueUrl=url, MessageBody=body)
        assert Counter(told()) == Counter([*ids, ids[0]])
        assert Counter(told()) == Counter([*ids, ids[0]])  # and none of them again


def test_the_subscriber_is_told_of_classified_vehicles_alone(aws: Any, dev: Environment) -> None:
    with uploads._subscriber(dev):
        (rule,) = aws.made("PutRule")
        (target,) = aws.made("PutTargets")[0]["Targets"]
        url = dev.client("sqs").get_queue_url(QueueName=rule["Name"])["QueueUrl"]
        attributes = dev.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )["Attributes"]
        assert target["Arn"] == attributes["QueueArn"]
    assert json.loads(rule["EventPattern"]) == {
        "source": ["scones.classifier"],
        "detail-type": ["VehicleClassified"],
    }


def test_the_subscriber_leaves_nothing_behind_even_when_something_fails(
    aws: Any, dev: Environment
) -> None:
    with pytest.raises(ValueError, match="why"), uploads._subscriber(dev):
        raise ValueError("why")
    assert dev.client("events").list_rules()["Rules"] == []
    assert "QueueUrls" not in dev.client("sqs").list_queues()


# Waiting for captures


@pytest.fixture
def monitored(
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    make_run: Callable[..., Run],
    make_deployment: Callable[..., Deployment],
) -> Callable[..., str]:
    """monitored(counts, watch): look for drift while so many captures are there, one by one.

    Of the four uploads one was rejected, and never reached the endpoint.
    """

    def run(counts: list[int], look: Callable[..., Any]) -> str:
        found = iter(counts)
        monkeypatch.setattr(
            monitoring, "gather", lambda *_: SimpleNamespace(inferences=[None] * next(found))
        )
        monkeypatch.setattr(watch, "watch", look)
        monkeypatch.setattr(time, "sleep", lambda _seconds: None)
        provisioned = Provisioned({}, None)  # type: ignore[arg-type]
        said = uploads.look_for_drift(dev, provisioned, screen, make_deployment(), make_run())
        assert next(found, None) is None, "it did not wait for the last of them"
        return said

    return run


def _no_drift(*_args: Any) -> dict[str, Any]:
    return {"drift": {"severity": "none", "sentence": "No drift in the latest 3 records."}}


@pytest.mark.parametrize("counts", [[3], [0, 2, 3]])
def test_the_monitor_looks_when_every_answer_is_captured(
    monitored: Callable[..., str], counts: list[int]
) -> None:
    assert monitored(counts, _no_drift) == "No drift in the latest 3 records."


def test_a_monitor_whose_captures_never_come_looks_at_what_there_is(
    monitored: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "CAPTURE_TIMEOUT_S", 0.0)
    assert monitored([1], _no_drift) == "No drift in the latest 3 records."


def test_a_window_that_the_schedule_has_looked_at_is_in_the_report(
    monitored: Callable[..., str],
) -> None:
    assert monitored([3], lambda *_: None) == "The report shows its windows."


def test_a_monitor_that_cannot_compare_says_why_and_does_not_end_the_demo(
    monitored: Callable[..., str],
) -> None:
    def fail(*_args: Any) -> None:
        raise UserError("The monitor failed. NoBaseline: It has 12 samples.")

    assert monitored([3], fail) == "The monitor failed. NoBaseline: It has 12 samples."


def test_the_report_is_written_beside_the_summary(
    dev: Environment,
    screen: Screen,
    shown: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make_run: Callable[..., Run],
    make_deployment: Callable[..., Deployment],
) -> None:
    data, written = SimpleNamespace(captured_records=3), []
    monkeypatch.setattr(monitoring, "gather", lambda *_args: data)
    monkeypatch.setattr(monitoring, "write", lambda *args: written.append(args))
    provisioned = Provisioned({}, None)  # type: ignore[arg-type]
    uploads.report(dev, provisioned, screen, make_deployment(), make_run(), tmp_path)
    assert written == [(data, tmp_path / "report.html")]
    assert "3 captured records in report.html" in shown()


# Answers in one line


def test_an_accepted_answer_says_where_the_driver_goes() -> None:
    answer = {
        "decision": "accepted",
        "label": "bicycle",
        "confidence": 0.97351,
        "assignment": {"loading_bay": "A", "max_distance_km": 3.0},
    }
    expected = "bicycle with confidence 0.974: accepted, bay A, orders up to 3 km"
    assert describe_answer(answer) == expected


def test_an_answer_for_review_has_no_assignment() -> None:
    answer = {"decision": "review", "label": "bicycle", "confidence": 0.6}
    assert describe_answer(answer) == "bicycle with confidence 0.600: review"


def test_a_rejected_answer_gives_the_reason() -> None:
    answer = {"decision": "rejected", "reason": "empty", "detail": "The file is empty."}
    assert describe_answer(answer) == "rejected [empty]: The file is empty."
