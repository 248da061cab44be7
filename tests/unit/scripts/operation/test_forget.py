"""Removing one upload everywhere, and nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.common.messages import image_id
from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import forget, queues

UPLOADS = "scones-dev-uploads"
TABLE = "scones-dev-decisions"
ENDPOINT = "scones-dev"
KEY = "incoming/driver 42+ü.png"


@pytest.fixture
def table(aws: Any, dev: Environment) -> Any:
    dynamodb = dev.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


@pytest.fixture
def artifacts(bucket: Bucket) -> Bucket:
    versioned = {"Status": "Enabled"}
    bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration=versioned)
    return bucket


@pytest.fixture
def outputs(dev: Environment, queue: str) -> dict[str, str]:
    review = dev.client("sqs").create_queue(QueueName="scones-dev-review")["QueueUrl"]
    return {
        "uploads_bucket": UPLOADS,
        "decisions_table": TABLE,
        "review_queue_url": review,
        "failure_queue_url": queue,
    }


@pytest.fixture
def forgotten(
    dev: Environment, outputs: dict[str, str], artifacts: Bucket
) -> Callable[..., forget.Forgotten]:
    """forgotten(key=KEY): forget it."""

    def forgotten(key: str = KEY) -> forget.Forgotten:
        return forget.forget(dev, outputs, artifacts, key, lambda _text: None)

    return forgotten


def put(uploads: Any, key: str = KEY) -> str:
    """Upload a version; returns its image id."""
    version = uploads.put_object(Bucket=UPLOADS, Key=key, Body=b"picture")["VersionId"]
    return image_id(UPLOADS, key, version)


def decide(table: Any, image: str, key: str = KEY, at: datetime | None = None) -> None:
    item = {
        "image_id": image,
        "s3_bucket": UPLOADS,
        "s3_key": key,
        "decided_at": (at or datetime.now(UTC)).isoformat(),
    }
    table.put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})


def capture(artifacts: Bucket, *images: str, at: datetime | None = None) -> str:
    """A capture file with a record of each image; returns its key."""
    time = at or datetime.now(UTC)
    name = f"{time:%Y/%m/%d/%H/%M-%S}-000-{uuid.uuid4()}"
    key = f"captures/{ENDPOINT}/AllTraffic/{name}.jsonl"
    lines = [json.dumps({"eventMetadata": {"inferenceId": image}}) for image in images]
    artifacts.s3.put_object(Bucket=artifacts.name, Key=key, Body="\n".join(lines).encode())
    return key


def versions(s3: Any, bucket: str, key: str) -> int:
    found = s3.list_object_versions(Bucket=bucket, Prefix=key)
    return len([*found.get("Versions", []), *found.get("DeleteMarkers", [])])


def test_every_version_of_the_picture_is_removed_deletions_included(
    uploads: Any, table: Any, forgotten: Callable[..., forget.Forgotten]
) -> None:
    put(uploads)
    put(uploads)
    uploads.delete_object(Bucket=UPLOADS, Key=KEY)
    assert forgotten().versions == 3
    assert versions(uploads, UPLOADS, KEY) == 0


def test_a_key_that_begins_alike_is_another_picture(
    uploads: Any, table: Any, forgotten: Callable[..., forget.Forgotten]
) -> None:
    put(uploads)
    put(uploads, KEY + "2")
    forgotten()
    assert versions(uploads, UPLOADS, KEY + "2") == 1


def test_every_decision_about_it_is_removed_and_no_other(
    uploads: Any, table: Any, forgotten: Callable[..., forget.Forgotten]
) -> None:
    decide(table, put(uploads))
    decide(table, "id-of-an-expired-version")
    decide(table, "another", key="incoming/another.png")
    assert forgotten().decisions == 2
    left = table.scan(TableName=TABLE)["Items"]
    assert [item["image_id"]["S"] for item in left] == ["another"]


def test_its_records_are_taken_out_of_the_capture_files_and_the_others_stay(
    uploads: Any, table: Any, artifacts: Bucket, forgotten: Callable[..., forget.Forgotten]
) -> None:
    mine, others = put(uploads), put(uploads, "incoming/another.png")
    key = capture(artifacts, others, mine, mine)
    assert forgotten().captures == 2
    content = artifacts.s3.get_object(Bucket=artifacts.name, Key=key)["Body"].read().decode()
    assert others in content
    assert mine not in content


def test_no_old_version_of_a_capture_file_keeps_them(
    uploads: Any, table: Any, artifacts: Bucket, forgotten: Callable[..., forget.Forgotten]
) -> None:
    mine, others = put(uploads), put(uploads, "incoming/another.png")
    shared, alone = capture(artifacts, mine, others), capture(artifacts, mine)
    forgotten()
    assert versions(artifacts.s3, artifacts.name, shared) == 1
    assert versions(artifacts.s3, artifacts.name, alone) == 0


def test_what_was_classified_two_weeks_late_is_found_too(
    uploads: Any, table: Any, artifacts: Bucket, forgotten: Callable[..., forget.Forgotten]
) -> None:
    mine = put(uploads)
    capture(artifacts, mine, at=datetime.now(UTC) + timedelta(days=14, hours=1))
    assert forgotten().captures == 1


def test_its_messages_are_removed_from_both_queues_and_the_others_stay(
    uploads: Any,
    table: Any,
    dev: Environment,
    outputs: dict[str, str],
    send: Callable[..., None],
    forgotten: Callable[..., forget.Forgotten],
) -> None:
    mine = put(uploads)
    send({"input": {"s3_key": KEY}, "error": "E"}, {"input": {"s3_key": "b"}, "error": "E"})
    for image in (mine, "another"):
        dev.client("sqs").send_message(
            QueueUrl=outputs["review_queue_url"], MessageBody=json.dumps({"image_id": image})
        )
    assert forgotten().messages == 2
    assert queues.length(dev, outputs["failure_queue_url"]) == 1
    ((_, left),) = queues.peek(dev, outputs["review_queue_url"], 10)
    assert left == {"image_id": "another"}


def test_the_picture_itself_goes_last_so_that_a_second_try_finds_the_rest(
    aws: Any, uploads: Any, table: Any, artifacts: Bucket, forgotten: Callable[..., Any]
) -> None:
    mine = put(uploads)
    decide(table, mine)
    capture(artifacts, mine)
    forgotten()
    removals = [
        (operation, request.get("Bucket"))
        for operation, request in aws.calls
        if operation in ("DeleteObject", "DeleteItem")
    ]
    assert removals[-1] == ("DeleteObject", UPLOADS)
    assert removals[:-1] == [("DeleteObject", artifacts.name), ("DeleteItem", None)]


def test_a_version_that_only_a_message_knows_is_found_in_the_captures(
    uploads: Any,
    table: Any,
    artifacts: Bucket,
    send: Callable[..., None],
    forgotten: Callable[..., forget.Forgotten],
) -> None:
    send({"input": {"s3_bucket": UPLOADS, "s3_key": KEY, "version_id": "v7"}, "error": "E"})
    capture(artifacts, image_id(UPLOADS, KEY, "v7"))
    assert forgotten().captures == 1


def test_it_is_found_in_captures_from_long_before_the_only_message_that_knows_it(
    uploads: Any,
    table: Any,
    artifacts: Bucket,
    send: Callable[..., None],
    forgotten: Callable[..., forget.Forgotten],
) -> None:
    send({"input": {"s3_bucket": UPLOADS, "s3_key": KEY, "version_id": "v7"}, "error": "E"})
    before = datetime.now(UTC) - timedelta(days=14, hours=23)
    capture(artifacts, image_id(UPLOADS, KEY, "v7"), at=before)
    assert forgotten().captures == 1


def test_it_is_found_in_captures_that_came_after_a_message_however_old_its_decision_is(
    uploads: Any,
    table: Any,
    artifacts: Bucket,
    send: Callable[..., None],
    forgotten: Callable[..., forget.Forgotten],
) -> None:
    image = image_id(UPLOADS, KEY, "v7")
    decide(table, image, at=datetime.now(UTC) - timedelta(days=30))
    send({"input": {"s3_bucket": UPLOADS, "s3_key": KEY, "version_id": "v7"}, "error": "E"})
    capture(artifacts, image, at=datetime.now(UTC) + timedelta(days=1))  # redriven, unanswered
    assert forgotten().captures == 1


def test_messages_that_somebody_holds_are_told_of(
    uploads: Any,
    table: Any,
    dev: Environment,
    queue: str,
    send: Callable[..., None],
    forgotten: Callable[..., forget.Forgotten],
) -> None:
    put(uploads)
    send({"input": {"s3_key": KEY}, "error": "E"})
    dev.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=300)
    found = forgotten()
    assert (found.messages, found.unseen) == (0, 1)


def test_more_messages_than_the_queue_has_counted_are_read(
    aws: Any,
    uploads: Any,
    table: Any,
    send: Callable[..., None],
    forgotten: Callable[..., forget.Forgotten],
) -> None:
    put(uploads)
    send(*[{"input": {"s3_key": KEY}, "error": "E"}] * 23)
    counted = dict.fromkeys(
        ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"), "0"
    )
    aws.answers["GetQueueAttributes"] = {"Attributes": counted}
    assert forgotten().messages == 23


def test_a_key_that_nothing_is_known_of_is_a_mistake(
    uploads: Any, table: Any, forgotten: Callable[..., forget.Forgotten]
) -> None:
    with pytest.raises(UserError, match=r"Nothing is known of incoming/typo\.png"):
        forgotten("incoming/typo.png")


def test_a_damaged_capture_line_about_it_is_removed_too() -> None:
    content = b'{"half a line about aaa\n{"about": "bbb"}\n'
    assert forget.without_lines_about(content, ["aaa"]) == (b'{"about": "bbb"}\n', 1)
