"""Captured inferences are read back completely: each file of the period, each line that can be."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.operation import captures

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

Capture = Callable[..., str]


@pytest.fixture
def capture(bucket: Bucket) -> Capture:
    """capture(time, *more_times, ...): a file as SageMaker writes it, named after the first."""

    def record(time: datetime, inference_id: str) -> str:
        metadata = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
        if inference_id:
            metadata["inferenceId"] = inference_id
        sides = {
            "endpointInput": {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(b"picture").decode(),
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": "[0.25, 0.75]",
                "encoding": "JSON",
            },
        }
        return json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"})

    def write(
        *times: datetime,
        endpoint: str = "scones-dev",
        inference_id: str = "",
        more_lines: tuple[str, ...] = (),
        written_at: datetime | None = None,
    ) -> str:
        lines = [*(record(time, inference_id) for time in times), *more_lines]
        named = written_at or times[0]
        key = f"captures/{endpoint}/AllTraffic/{named:%Y/%m/%d/%H/%M-%S}-000-{uuid.uuid4()}.jsonl"
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body="\n".join(lines).encode())
        return key

    return write


def _times(bucket: Bucket, since: datetime, until: datetime) -> list[datetime]:
    found = captures.read(bucket, "scones-dev", since, until)
    return [record.inference_time for record in found.records]


def test_every_record_of_every_file_is_read_in_the_order_of_time(
    bucket: Bucket, capture: Capture
) -> None:
    capture(NOON + MINUTE, NOON + 4 * MINUTE)
    capture(NOON + 2 * MINUTE, NOON + 3 * MINUTE)
    expected = [NOON + number * MINUTE for number in (1, 2, 3, 4)]
    assert _times(bucket, NOON, NOON + HOUR) == expected


def test_a_record_has_what_the_endpoint_was_asked_and_answered(
    bucket: Bucket, capture: Capture
) -> None:
    capture(NOON, inference_id="some-image")
    (record,) = captures.read(bucket, "scones-dev", NOON, NOON).records
    assert record.image == b"picture"
    assert record.scores == (0.25, 0.75)
    assert record.inference_id == "some-image"
    assert (record.endpoint, record.variant) == ("scones-dev", "AllTraffic")


def test_only_records_of_the_period_count_its_ends_included(
    bucket: Bucket, capture: Capture
) -> None:
    second = timedelta(seconds=1)
    capture(NOON - second, NOON, NOON + HOUR, NOON + HOUR + second)
    assert _times(bucket, NOON, NOON + HOUR) == [NOON, NOON + HOUR]


def test_a_period_that_begins_within_a_second_has_that_seconds_records(
    bucket: Bucket, capture: Capture
) -> None:
    capture(NOON)
    assert _times(bucket, NOON + timedelta(milliseconds=900), NOON + HOUR) == [NOON]


def test_a_file_that_was_begun_or_written_up_to_an_hour_off_is_read_too(
    bucket: Bucket, capture: Capture
) -> None:
    capture(NOON, written_at=NOON - HOUR)
    capture(NOON, written_at=NOON + HOUR)
    assert _times(bucket, NOON, NOON) == [NOON, NOON]


def test_files_of_other_hours_are_not_even_fetched(
    bucket: Bucket, capture: Capture, aws: Any
) -> None:
    wanted = capture(NOON)
    for away in (HOUR + MINUTE, 24 * HOUR):
        capture(NOON, written_at=NOON - away)
        capture(NOON, written_at=NOON + away)
    assert _times(bucket, NOON, NOON) == [NOON]
    assert [request["Key"] for request in aws.made("GetObject")] == [wanted]


def test_another_endpoints_records_are_not_ours(bucket: Bucket, capture: Capture) -> None:
    capture(NOON, endpoint="scones-dev2")
    capture(NOON, endpoint="other")
    assert _times(bucket, NOON, NOON) == []


def test_other_objects_beside_the_captures_are_left_alone(bucket: Bucket) -> None:
    bucket.write_json("captures/scones-dev/AllTraffic/notes.json", {})
    assert captures.read(bucket, "scones-dev", NOON, NOON) == captures.Captures((), 0)


def test_damaged_lines_are_counted_over_all_files_and_hide_nothing(
    bucket: Bucket, capture: Capture
) -> None:
    capture(NOON, NOON + MINUTE, more_lines=("{cut off", "[]"))
    capture(NOON + 2 * MINUTE, more_lines=("",))
    capture(NOON + 3 * MINUTE, more_lines=('{"eventVersion": "0"}',))
    found = captures.read(bucket, "scones-dev", NOON, NOON + HOUR)
    assert len(found.records) == 4
    assert found.damaged_lines == 3


def test_more_files_than_are_read_at_once_are_read(bucket: Bucket, capture: Capture) -> None:
    for number in range(captures.READS_AT_ONCE + 3):
        capture(NOON + number * MINUTE)
    assert len(_times(bucket, NOON, NOON + HOUR)) == captures.READS_AT_ONCE + 3


def test_a_period_without_traffic_has_no_records(bucket: Bucket) -> None:
    assert captures.read(bucket, "scones-dev", NOON, NOON + HOUR) == captures.Captures((), 0)


def test_of_more_than_are_wanted_the_newest_are_read(bucket: Bucket, capture: Capture) -> None:
    for minute in range(40):
        capture(NOON + minute * MINUTE)
    found = captures.read(bucket, "scones-dev", NOON, NOON + HOUR, most=25)
    assert [r.inference_time for r in found.records] == [
        NOON + minute * MINUTE for minute in range(15, 40)
    ]
    assert not found.is_complete


def test_files_beyond_those_that_hold_enough_are_left_unread(
    bucket: Bucket, capture: Capture, aws: Any
) -> None:
    for minute in range(50):
        capture(NOON + minute * MINUTE)
    captures.read(bucket, "scones-dev", NOON, NOON + HOUR, most=5)
    assert len(aws.made("GetObject")) <= captures.READS_AT_ONCE


@pytest.mark.parametrize("most", [3, 4, None])
def test_what_was_read_to_the_end_is_complete(
    bucket: Bucket, capture: Capture, most: int | None
) -> None:
    for minute in range(3):
        capture(NOON + minute * MINUTE)
    found = captures.read(bucket, "scones-dev", NOON, NOON + HOUR, most=most)
    assert (len(found.records), found.is_complete) == (3, True)
