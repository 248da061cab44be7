"""A period with more records than are read one by one: the windows count it, the newest show it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.operation import monitoring
from scripts.report import ReportData
from tests.unit.scripts.operation.times import NOW, START
from tests.unit.scripts.window_records import record

MINUTE = timedelta(minutes=1)

Happened = Callable[..., None]
Gather = Callable[..., ReportData]


@pytest.fixture(autouse=True)
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many records are read one by one."""
    monkeypatch.setattr(monitoring, "MOST_RECORDS", 20)
    return 20


@pytest.fixture
def watched(bucket: Bucket) -> Callable[..., None]:
    """watched(minutes_ago, captured, ...): the monitor's record of ten minutes."""

    def write(minutes_ago: int, captured: int, **given: Any) -> None:
        start = NOW - minutes_ago * MINUTE
        body = record(start, captured=captured, length=10 * MINUTE, **given)
        key = f"monitoring/windows/{start + 10 * MINUTE:%Y/%m/%d/%H-%M-%S}.json"
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=json.dumps(body).encode())

    return write


@pytest.fixture
def traffic(captured: Happened, decided: Happened) -> Callable[[int], None]:
    """traffic(n): n uploads, one every 30 seconds until now, each captured and accepted."""

    def happen(n: int) -> None:
        for number in range(n):
            at = NOW - timedelta(seconds=30 * number)
            captured(f"image-{number}", [0.9, 0.1], at=at)
            decided(f"image-{number}", at=at)

    return happen


def test_few_records_are_all_read_whether_the_monitor_runs_or_not(
    traffic: Callable[[int], None], watched: Happened, gather: Gather
) -> None:
    traffic(12)
    assert (gather().is_sample, len(gather().inferences), gather().windows) == (False, 12, ())
    watched(10, 12)
    data = gather()
    assert (data.is_sample, len(data.inferences), len(data.windows)) == (False, 12, 1)
    assert (data.captured_records, len(data.outcomes)) == (12, 12)


def test_many_records_are_counted_by_the_windows_and_the_newest_are_read(
    traffic: Callable[[int], None], watched: Happened, gather: Gather, aws: Any
) -> None:
    traffic(50)
    for minutes_ago in (30, 20, 10):
        watched(minutes_ago, 600, damaged_lines=2)
    aws.calls.clear()
    data = gather()
    assert data.is_sample
    assert len(data.inferences) == 20
    assert {item.image_id for item in data.inferences} == {f"image-{i}" for i in range(20)}
    assert (data.captured_records, data.damaged_records) == (1_800, 6)
    assert data.outcomes == []
    assert aws.made("Scan") == []
    files = [call["Key"] for call in aws.made("GetObject") if call["Key"].startswith("captures/")]
    assert len(files) < 50


def test_a_sample_says_what_became_of_its_pictures_and_what_still_waits(
    traffic: Callable[[int], None], watched: Happened, failed: Happened, gather: Gather
) -> None:
    traffic(50)
    watched(10, 600)
    failed({"input": {"s3_key": "incoming/d.png"}, "error": "BadScores"})
    data = gather()
    assert {item.decision for item in data.inferences} == {"accepted"}
    assert [outcome.outcome for outcome in data.outcomes] == ["failed"]


def test_without_windows_the_period_begins_with_the_oldest_record_that_was_read(
    traffic: Callable[[int], None], gather: Gather
) -> None:
    traffic(50)
    data = gather()
    assert not data.is_sample
    assert len(data.inferences) == 20
    assert data.period_start == min(item.time for item in data.inferences) > START
    assert len(data.outcomes) == 20
    assert monitoring.SHORTENED in data.notes


def test_the_monitors_examples_are_gathered(
    traffic: Callable[[int], None], watched: Happened, gather: Gather
) -> None:
    traffic(5)
    named = [{"image_id": f"image-{i}", "kind": "most drifted"} for i in (3, 1)]
    watched(10, 5, severity="warn", examples=named)
    assert [item.image_id for item in gather().most_drifted] == ["image-3", "image-1"]


def test_windows_that_cannot_be_read_are_counted(bucket: Bucket, gather: Gather) -> None:
    key = f"monitoring/windows/{NOW:%Y/%m/%d/%H-%M-%S}.json"
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"{damaged")
    assert gather().damaged_windows == 1


def test_a_report_is_described_by_what_it_counts(
    traffic: Callable[[int], None], watched: Happened, gather: Gather
) -> None:
    traffic(3)
    assert monitoring.describe(gather()) == "3 captured records, 3 executions, no windows"
    watched(10, 600)
    assert monitoring.describe(gather()) == "600 captured records, 603 executions, 1 window"


# Watching


def test_a_watched_page_is_written_again_and_again_until_ctrl_c(
    gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    seen: list[str] = []
    pauses: list[float] = []

    def rest(seconds: float) -> None:
        pauses.append(seconds)
        seen.append(path.read_text("utf-8"))
        path.unlink()
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(monitoring.time, "sleep", rest)
    told: list[ReportData] = []
    monitoring.watch(gather, path, 7, told.append)
    assert (pauses, len(told)) == ([7, 7, 7], 3)
    assert all('http-equiv="refresh" content="7"' in page for page in seen)
    assert 'http-equiv="refresh"' not in path.read_text("utf-8")
