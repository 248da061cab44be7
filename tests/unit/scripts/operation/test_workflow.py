"""The workflow from outside: uploads and decisions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdas.common.messages import image_id
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import workflow

UPLOADS = "scones-dev-uploads"
TABLE = "scones-dev-decisions"
STATE_MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:scones-dev-classify"
SEEN_AT = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def decide(aws: Any, dev: Environment) -> Callable[..., None]:
    """decide(image_id, decided_at=..., delivered=True, ...): record a decision in the table."""
    dynamodb = dev.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def decide(image: str, delivered: bool = True, **fields: str) -> None:
        item = {"image_id": image, "decision": "accepted", "decided_at": SEEN_AT, **fields}
        if delivered:
            item["delivered_at"] = SEEN_AT
        dynamodb.put_item(
            TableName=TABLE, Item={name: {"S": value} for name, value in item.items()}
        )

    return decide


def _nothing(_done: int, _total: int) -> None:
    pass


# Uploads


def test_an_upload_is_known_by_the_id_that_the_workflow_records_it_under(
    uploads: Any, dev: Environment
) -> None:
    done = workflow.upload(dev, UPLOADS, "incoming/ü 1+2%.png", b"picture")
    stored = uploads.get_object(Bucket=UPLOADS, Key="incoming/ü 1+2%.png")
    assert stored["Body"].read() == b"picture"
    assert done.version_id == stored["VersionId"]
    assert done.image_id == image_id(UPLOADS, "incoming/ü 1+2%.png", stored["VersionId"])


def test_each_version_of_a_key_has_an_id_of_its_own(uploads: Any, dev: Environment) -> None:
    first = workflow.upload(dev, UPLOADS, "incoming/a.png", b"1")
    second = workflow.upload(dev, UPLOADS, "incoming/a.png", b"2")
    assert first.image_id != second.image_id


def test_without_versioning_the_version_is_called_null(aws: Any, dev: Environment) -> None:
    dev.client("s3").create_bucket(Bucket=UPLOADS)
    done = workflow.upload(dev, UPLOADS, "incoming/a.png", b"1")
    assert done.version_id == "null"
    assert done.image_id == image_id(UPLOADS, "incoming/a.png", "null")


def test_several_uploads_come_back_in_their_order_with_progress(
    uploads: Any, dev: Environment
) -> None:
    bodies = {f"incoming/{number}.png": str(number).encode() for number in range(20)}
    seen: list[tuple[int, int]] = []
    done = workflow.upload_all(dev, UPLOADS, bodies, lambda *step: seen.append(step))
    assert [item.key for item in done] == list(bodies)
    assert seen == [(number, 20) for number in range(1, 21)]
    for item in done:
        stored = uploads.get_object(Bucket=UPLOADS, Key=item.key, VersionId=item.version_id)
        assert stored["Body"].read() == bodies[item.key]


# Decisions


def test_decisions_are_found_by_id_and_missing_ones_are_absent(
    decide: Callable[..., None], dev: Environment
) -> None:
    decide("one", label="bicycle")
    decide("other")
    found = workflow.decisions(dev, TABLE, ["one", "missing"])
    assert set(found) == {"one"}
    assert found["one"]["label"] == "bicycle"


def test_more_than_a_hundred_decisions_are_read_in_requests_that_aws_takes(
    decide: Callable[..., None], aws: Any, dev: Environment
) -> None:
    ids = [f"id-{number}" for number in range(203)]
    for item in ids:
        decide(item)
    assert set(workflow.decisions(dev, TABLE, ids)) == set(ids)
    asked = [len(r["RequestItems"][TABLE]["Keys"]) for r in aws.made("BatchGetItem")]
    assert asked == [100, 100, 3]


def test_an_id_that_is_given_twice_is_asked_for_once(
    decide: Callable[..., None], aws: Any, dev: Environment
) -> None:
    decide("one")
    assert set(workflow.decisions(dev, TABLE, ["one", "one"])) == {"one"}
    (request,) = aws.made("BatchGetItem")
    assert len(request["RequestItems"][TABLE]["Keys"]) == 1


def test_no_ids_ask_nothing(aws: Any, dev: Environment) -> None:
    assert workflow.decisions(dev, TABLE, []) == {}
    assert aws.made("BatchGetItem") == []


def test_what_dynamodb_did_not_get_to_is_asked_for_again(aws: Any, dev: Environment) -> None:
    def answer(ids: list[str], left: list[str]) -> dict[str, Any]:
        keys = [{"image_id": {"S": item}} for item in left]
        return {
            "Responses": {TABLE: [{"image_id": {"S": item}} for item in ids]},
            "UnprocessedKeys": {TABLE: {"Keys": keys}} if left else {},
        }

    aws.answers["BatchGetItem"] = [answer(["a"], ["b", "c"]), answer(["b", "c"], [])]
    assert set(workflow.decisions(dev, TABLE, ["a", "b", "c"])) == {"a", "b", "c"}


def test_numbers_come_as_numbers_and_texts_as_texts(aws: Any, dev: Environment) -> None:
    item = {"image_id": {"S": "a"}, "confidence": {"N": "0.97"}, "label": {"S": "7"}}
    aws.answers["BatchGetItem"] = {"Responses": {TABLE: [item]}, "UnprocessedKeys": {}}
    found = workflow.decisions(dev, TABLE, ["a"])["a"]
    assert found == {"image_id": "a", "confidence": 0.97, "label": "7"}
    assert isinstance(found["confidence"], float)


def test_decisions_since_a_time_are_those_at_or_after_it(
    decide: Callable[..., None], dev: Environment
) -> None:
    decide("before", decided_at="2026-11-23T09:59:59.999Z")
    decide("at", decided_at="2026-11-23T10:00:00.000Z")
    decide("after", decided_at="2026-11-23T10:00:00.001Z")
    found = workflow.decisions_since(dev, TABLE, "2026-11-23T10:00:00+00:00")
    assert {item["image_id"] for item in found} == {"at", "after"}


def test_all_pages_of_the_table_are_read(aws: Any, dev: Environment) -> None:
    aws.answers["Scan"] = [
        {"Items": [{"image_id": {"S": "a"}}], "LastEvaluatedKey": {"image_id": {"S": "a"}}},
        {"Items": [{"image_id": {"S": "b"}}]},
    ]
    found = workflow.decisions_since(dev, TABLE, SEEN_AT)
    assert [item["image_id"] for item in found] == ["a", "b"]


# Waiting for decisions


def _uploaded(*ids: str) -> list[workflow.Uploaded]:
    return [workflow.Uploaded(f"incoming/{item}.png", "1", item) for item in ids]


@pytest.fixture
def outputs(queue: str) -> dict[str, str]:
    return {"decisions_table": TABLE, "failure_queue_url": queue}


def test_waiting_ends_when_every_upload_is_decided_and_delivered(
    decide: Callable[..., None],
    outputs: dict[str, str],
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide("a")
    decide("b", delivered=False)
    monkeypatch.setattr(time, "sleep", lambda _seconds: decide("b"))
    seen: list[tuple[int, int]] = []
    found = workflow.await_decisions(
        dev, outputs, _uploaded("a", "b"), 60, lambda *step: seen.append(step)
    )
    assert set(found) == {"a", "b"}
    assert seen == [(1, 2), (2, 2)]


def test_waiting_ends_when_the_others_have_failed(
    decide: Callable[..., None],
    outputs: dict[str, str],
    send: Callable[..., None],
    dev: Environment,
) -> None:
    decide("a")
    send("{}")
    found = workflow.await_decisions(dev, outputs, _uploaded("a", "b"), 60, _nothing)
    assert set(found) == {"a"}


def test_waiting_ends_with_what_there_is_when_time_is_up(
    decide: Callable[..., None],
    outputs: dict[str, str],
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide("a")
    monkeypatch.setattr(workflow, "POLL_S", 0.0)
    found = workflow.await_decisions(dev, outputs, _uploaded("a", "b"), 0.05, _nothing)
    assert set(found) == {"a"}


# Classifying one photograph


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "driver 42.png"
    path.write_bytes(b"picture")
    return path


@pytest.fixture
def deployed(aws: Any, uploads: Any) -> dict[str, Any]:
    """Outputs of an environment whose state machine accepts everything."""
    aws.answers["StartSyncExecution"] = {
        "executionArn": STATE_MACHINE,
        "status": "SUCCEEDED",
        "output": json.dumps({"decision": "accepted", "label": "bicycle"}),
    }
    return {"uploads_bucket": UPLOADS, "state_machine_arn": STATE_MACHINE}


def test_a_photo_is_uploaded_where_no_event_starts_an_execution_and_classified_at_once(
    aws: Any, uploads: Any, deployed: dict[str, Any], dev: Environment, photo: Path
) -> None:
    answer = workflow.classify(dev, deployed, photo)
    assert answer == {"decision": "accepted", "label": "bicycle"}
    (started,) = aws.made("StartSyncExecution")
    assert started["stateMachineArn"] == STATE_MACHINE
    given = json.loads(started["input"])
    assert set(given) == {"s3_bucket", "s3_key", "version_id"}
    assert given["s3_bucket"] == UPLOADS
    assert given["s3_key"].startswith("adhoc/")
    assert given["s3_key"].endswith("/driver 42.png")
    stored = uploads.get_object(Bucket=UPLOADS, Key=given["s3_key"], VersionId=given["version_id"])
    assert stored["Body"].read() == b"picture"


def test_the_same_photo_twice_is_two_uploads(
    aws: Any, deployed: dict[str, Any], dev: Environment, photo: Path
) -> None:
    workflow.classify(dev, deployed, photo)
    workflow.classify(dev, deployed, photo)
    first, second = (json.loads(r["input"])["s3_key"] for r in aws.made("StartSyncExecution"))
    assert first != second


def test_an_execution_that_fails_ends_in_one_line_with_error_and_cause(
    aws: Any, deployed: dict[str, Any], dev: Environment, photo: Path
) -> None:
    aws.answers["StartSyncExecution"] = {
        "executionArn": STATE_MACHINE,
        "status": "FAILED",
        "error": "THRESHOLD_CONFIDENCE_NOT_MET",
        "cause": "bicycle has a confidence\nof 0.6",
    }
    match = r"driver 42\.png could not be classified: THRESHOLD_CONFIDENCE_NOT_MET: bicycle has a"
    with pytest.raises(UserError, match=match) as caught:
        workflow.classify(dev, deployed, photo)
    assert "\n" not in str(caught.value)


def test_an_execution_that_takes_too_long_is_said_to(
    aws: Any, deployed: dict[str, Any], dev: Environment, photo: Path
) -> None:
    aws.answers["StartSyncExecution"] = {"executionArn": STATE_MACHINE, "status": "TIMED_OUT"}
    with pytest.raises(UserError, match="TIMED_OUT"):
        workflow.classify(dev, deployed, photo)


def test_an_answer_is_waited_for_as_long_as_an_execution_may_take_and_never_asked_for_twice(
    aws: Any, dev: Environment
) -> None:
    config = workflow.executions(dev).meta.config
    assert config.read_timeout > 290
    assert config.retries["total_max_attempts"] == 1


def test_classifying_uses_the_client_that_waits(
    deployed: dict[str, Any], dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Environment] = []
    really = workflow.executions
    monkeypatch.setattr(
        workflow, "executions", lambda given: (made.append(given), really(given))[1]
    )
    workflow.classify_bytes(dev, deployed, "driver.png", b"picture")
    assert made == [dev]


def test_without_a_workflow_the_next_commands_are_named_and_nothing_is_uploaded(
    aws: Any, dev: Environment, photo: Path
) -> None:
    outputs = {"uploads_bucket": UPLOADS, "state_machine_arn": None}
    with pytest.raises(UserError, match="Run: invoke endpoint, then invoke apply"):
        workflow.classify(dev, outputs, photo)
    assert aws.made("PutObject") == []


def test_a_photo_that_cannot_be_read_is_named(
    aws: Any, deployed: dict[str, Any], dev: Environment, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"missing\.png cannot be read: No such file"):
        workflow.classify(dev, deployed, tmp_path / "missing.png")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        workflow.classify(dev, deployed, tmp_path)
    assert aws.made("PutObject") == []


def test_a_picture_that_is_no_file_is_classified_under_its_name(
    aws: Any, uploads: Any, deployed: dict[str, Any], dev: Environment
) -> None:
    answer = workflow.classify_bytes(dev, deployed, "driver.png", b"picture")
    assert answer == {"decision": "accepted", "label": "bicycle"}
    given = json.loads(aws.made("StartSyncExecution")[0]["input"])
    assert given["s3_key"].endswith("/driver.png")
    stored = uploads.get_object(Bucket=UPLOADS, Key=given["s3_key"], VersionId=given["version_id"])
    assert stored["Body"].read() == b"picture"


def test_a_duplicate_says_that_the_earlier_decision_stands() -> None:
    answer = {"image_id": "0123", "image": {"s3_key": "adhoc/a.png"}, "decision": "duplicate"}
    expected = "duplicate: this upload was decided before, and that decision stands"
    assert workflow.describe_answer(answer) == expected


def test_an_ignored_upload_says_why() -> None:
    answer = {"decision": "ignored", "reason": "folder_marker", "detail": "No picture."}
    assert workflow.describe_answer(answer) == "ignored [folder_marker]: No picture."
