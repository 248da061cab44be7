"""Remove one upload everywhere: photographs of people and number plates are personal data.

The object itself goes last: whoever is interrupted runs the same again, and finds what is left.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.common.messages import image_id
from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import captures, failures, queues
from scripts.operation.queues import Message

OUT_OF_REACH = (
    "what arrives later: captures take minutes, and an execution under way records anew: run this "
    "again a quarter of an hour after the upload",
    "log lines name the key, never the picture: they go after log_retention_days",
    "the monitor's records of windows may name its image id, and batches its key, never the "
    "picture: they go after decision_retention_days",
    "Step Functions keeps what a batch was given and answered, its key, never the picture: 90 days",
    "DynamoDB's backups of the decisions table keep 35 days",
    "a copy that somebody made of it: in a data set (`retrain --add`), a report, another system",
)
"""What still knows of the upload afterwards, and for how long."""

# Longer than it takes to read the captures of some weeks.
_HIDDEN_S = 900
# EventBridge tries for a day to start an execution, then the input may wait for 14 days in the
# failure queue: so long may lie between an upload, its captures, and what is last heard of it.
_CLASSIFIED_WITHIN = timedelta(days=15)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Forgotten:
    """How many of each were removed: versions of the object (deletions of it included), decisions,
    captured inferences, and messages of the two queues. Messages that somebody else was dealing
    with are `unseen`."""

    versions: int
    decisions: int
    captures: int
    messages: int
    unseen: int = 0


@dataclass(frozen=True)
class _Traces:
    """Where an upload left traces: `objects` and `decided` as S3 and DynamoDB list them.

    It was captured at or after the first of `times`, and at most 15 days after the last.
    """

    objects: list[dict[str, Any]]
    decided: list[dict[str, Any]]
    ids: set[str]
    times: list[datetime]


def forget(
    environment: Environment,
    outputs: Mapping[str, Any],
    artifacts: Bucket,
    key: str,
    say: Say,
) -> Forgotten:
    """Remove every version of `key`, its decisions, captures and messages. Reads the whole table.

    Raises UserError when nothing is known of the key.
    """
    say("looking for it")
    traces = _find(environment, outputs["uploads_bucket"], outputs["decisions_table"], key)
    urls = [outputs["review_queue_url"], outputs["failure_queue_url"]]
    unseen = sum(queues.hidden(environment, url) for url in urls)
    with (
        queues.held(environment, urls[0], hidden_s=_HIDDEN_S) as review,
        queues.held(environment, urls[1], hidden_s=_HIDDEN_S) as failed,
    ):
        about = is_about(key, traces.ids)
        messages = [[item for item in waiting if about(item)] for waiting in (review, failed)]
        traces.ids.update(*(ids_of(item) for items in messages for item in items))
        traces.times.extend(time for items in messages for item in items for time in _times(item))
        if not traces.ids and not any(messages):
            raise UserError(f"Nothing is known of {key}. Give the key as it stands in the bucket.")
        say("captured inferences")
        removed = _remove_captures(artifacts, environment.prefix, traces)
        say("messages")
        for url, items in zip(urls, messages, strict=True):
            queues.delete(environment.client("sqs"), url, items)
    say("decisions")
    dynamodb = environment.client("dynamodb")
    for item in traces.decided:
        dynamodb.delete_item(
            TableName=outputs["decisions_table"], Key={"image_id": item["image_id"]}
        )
    say("the picture")
    s3 = environment.client("s3")
    for item in traces.objects:
        s3.delete_object(Bucket=outputs["uploads_bucket"], Key=key, VersionId=item["VersionId"])
    count = sum(map(len, messages))
    return Forgotten(len(traces.objects), len(traces.decided), removed, count, unseen)


def ids_of(message: Message) -> set[str]:
    """The image ids that a message tells: its own, or that of the version it wants classified."""
    body = message.body if isinstance(message.body, dict) else {}
    given = failures.read(message).input or {}
    version = [given.get(name) for name in ("s3_bucket", "s3_key", "version_id")]
    texts = [item for item in version if isinstance(item, str)]
    ids = {body.get("image_id"), image_id(*texts) if len(texts) == len(version) else None}
    return {item for item in ids if isinstance(item, str)}


def is_about(key: str, ids: Collection[str]) -> Callable[[Message], bool]:
    """Whether a message of the review or of the failure queue is about this upload."""

    def is_meant(message: Message) -> bool:
        body = message.body if isinstance(message.body, dict) else {}
        return body.get("image_id") in ids or failures.read(message).key == key

    return is_meant


def without_lines_about(content: bytes, ids: Iterable[str]) -> tuple[bytes, int]:
    """A capture file without the records of these images, and how many those were.

    An id is 64 hex digits: a line that holds it is about that image, damaged or not.
    """
    marks = [item.encode() for item in ids]
    lines = content.splitlines(keepends=True)
    kept = [line for line in lines if not any(mark in line for mark in marks)]
    return b"".join(kept), len(lines) - len(kept)


def _find(environment: Environment, bucket: str, table: str, key: str) -> _Traces:
    pages = environment.client("s3").get_paginator("list_object_versions")
    objects = [
        item
        for page in pages.paginate(Bucket=bucket, Prefix=key)
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if item["Key"] == key
    ]
    scan = environment.client("dynamodb").get_paginator("scan")
    decided = [
        item
        for page in scan.paginate(
            TableName=table,
            FilterExpression="s3_bucket = :bucket AND s3_key = :key",
            ExpressionAttributeValues={":bucket": {"S": bucket}, ":key": {"S": key}},
        )
        for item in page["Items"]
    ]
    ids = {image_id(bucket, key, item["VersionId"]) for item in objects}
    ids |= {item["image_id"]["S"] for item in decided}
    times = [item["LastModified"] for item in objects]
    times += [datetime.fromisoformat(item["decided_at"]["S"]) for item in decided]
    return _Traces(objects, decided, ids, times)


def _times(message: Message) -> tuple[datetime, datetime]:
    """When it was sent, and how long before that its upload may have been captured already."""
    sent = datetime.fromtimestamp(message.sent_s, UTC)
    return sent - _CLASSIFIED_WITHIN, sent


def _remove_captures(artifacts: Bucket, endpoint: str, traces: _Traces) -> int:
    """Write each file anew without the records, and delete its old versions."""
    removed = 0
    until = max(traces.times) + _CLASSIFIED_WITHIN
    for key in captures.keys(artifacts, endpoint, min(traces.times), until):
        content = artifacts.s3.get_object(Bucket=artifacts.name, Key=key)["Body"].read()
        kept, count = without_lines_about(content, traces.ids)
        if not count:
            continue
        newest = None
        if kept:
            newest = artifacts.s3.put_object(Bucket=artifacts.name, Key=key, Body=kept)["VersionId"]
        _remove_versions(artifacts, key, newest)
        removed += count
    return removed


def _remove_versions(bucket: Bucket, key: str, keep: str | None) -> None:
    pages = bucket.s3.get_paginator("list_object_versions").paginate(Bucket=bucket.name, Prefix=key)
    for page in pages:
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if item["Key"] == key and item["VersionId"] != keep:
                bucket.s3.delete_object(Bucket=bucket.name, Key=key, VersionId=item["VersionId"])
