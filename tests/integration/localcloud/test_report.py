"""What the report reads: the endpoint's captures and the monitor's windows, listed as S3 lists."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from scripts.artifacts import Bucket
from scripts.operation import captures, windows
from tests.unit.scripts.window_records import record

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ENDPOINT = "reported"


@pytest.fixture(scope="module")
def bucket(cloud) -> Bucket:
    """Two variants' captures, one each minute for an hour and again a day before; 30 windows."""
    for variant in ("AllTraffic", "Canary"):
        for begin in (NOON - timedelta(days=1), NOON):
            for minute in range(60):
                _capture(cloud, variant, begin + minute * MINUTE)
    for hour in range(30):
        start = NOON - hour * HOUR
        document = record(start, endpoint=ENDPOINT)
        key = f"monitoring/windows/{start + HOUR:%Y/%m/%d/%H-%M-%S}.json"
        cloud.put(key, json.dumps(document))
    return Bucket("localcloud-tests", cloud.client("s3"))


def _capture(cloud, variant: str, time: datetime) -> None:
    body = {"data": base64.b64encode(b"picture").decode(), "encoding": "BASE64"}
    line = {
        "captureData": {"endpointInput": {"observedContentType": "image/png", **body}},
        "eventMetadata": {"eventId": str(uuid.uuid4()), "inferenceTime": time.isoformat()},
    }
    name = f"{time:%Y/%m/%d/%H/%M-%S}-000-{uuid.uuid4()}.jsonl"
    cloud.put(f"captures/{ENDPOINT}/{variant}/{name}", json.dumps(line))


def test_every_variants_captures_of_the_period_are_read(bucket):
    found = captures.read(bucket, ENDPOINT, NOON, NOON + HOUR)
    assert len(found.records) == 120
    assert {item.variant for item in found.records} == {"AllTraffic", "Canary"}


def test_of_many_captures_the_newest_are_read(bucket):
    found = captures.read(bucket, ENDPOINT, NOON - timedelta(days=2), NOON + HOUR, most=30)
    assert min(item.inference_time for item in found.records) == NOON + 45 * MINUTE
    assert not found.is_complete


def test_the_windows_of_the_period_are_read(bucket):
    found = windows.read(bucket, ENDPOINT, NOON - 3 * HOUR, NOON + HOUR)
    assert [window.start for window in found.windows] == [
        NOON - hour * HOUR for hour in (3, 2, 1, 0)
    ]
