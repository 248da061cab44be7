"""The monitor's records are read back: those of the period and of the endpoint, in their order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.operation import windows
from tests.unit.scripts.window_records import record

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

Keep = Callable[..., str]


@pytest.fixture
def keep(bucket: Bucket) -> Keep:
    """keep(start, ...): a window's record, under the name that the monitor gives it."""

    def write(start: datetime, body: bytes | None = None, **given: Any) -> str:
        key = f"monitoring/windows/{start + HOUR:%Y/%m/%d/%H-%M-%S}.json"
        content = json.dumps(record(start, **given)).encode() if body is None else body
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=content)
        return key

    return write


def _starts(bucket: Bucket, since: datetime, until: datetime) -> list[datetime]:
    found = windows.read(bucket, "scones-dev", since, until)
    return [window.start for window in found.windows]


def test_windows_come_in_the_order_of_time(bucket: Bucket, keep: Keep) -> None:
    for hour in (3, 1, 2):
        keep(NOON + hour * HOUR)
    assert _starts(bucket, NOON, NOON + 9 * HOUR) == [NOON + hour * HOUR for hour in (1, 2, 3)]


def test_windows_that_reach_into_the_period_belong_to_it(bucket: Bucket, keep: Keep) -> None:
    for hour in range(6):
        keep(NOON + hour * HOUR)
    found = _starts(bucket, NOON + 1.5 * HOUR, NOON + 3 * HOUR)
    assert found == [NOON + hour * HOUR for hour in (1, 2, 3)]


def test_older_records_are_not_even_read(bucket: Bucket, keep: Keep, aws: Any) -> None:
    for day in range(1, 30):
        keep(NOON - timedelta(days=day))
    keep(NOON)
    assert _starts(bucket, NOON, NOON + HOUR) == [NOON]
    assert len(aws.made("GetObject")) <= 2


def test_another_endpoints_windows_are_left_out(bucket: Bucket, keep: Keep) -> None:
    keep(NOON, endpoint="another")
    keep(NOON + HOUR)
    assert _starts(bucket, NOON, NOON + 9 * HOUR) == [NOON + HOUR]


@pytest.mark.parametrize("body", [b"", b"{damaged", b"[]", b"null", b'{"endpoint": "scones-dev"}'])
def test_a_damaged_record_is_counted_and_skipped(bucket: Bucket, keep: Keep, body: bytes) -> None:
    keep(NOON, body)
    keep(NOON + HOUR)
    found = windows.read(bucket, "scones-dev", NOON, NOON + 9 * HOUR)
    assert (len(found.windows), found.damaged) == (1, 1)


def test_before_the_monitor_has_run_there_are_none(bucket: Bucket) -> None:
    found = windows.read(bucket, "scones-dev", NOON, NOON + HOUR)
    assert (found.windows, found.damaged) == ((), 0)
