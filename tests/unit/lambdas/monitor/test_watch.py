"""The monitor from end to end: each record counts once, and no data is told as such."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.monitor import look
from lambdas.monitor.store import STATE, Store
from lambdas.monitor.telling import NotTold
from lambdas.monitor.watch import NoBaseline
from tests.unit.lambdas.monitor.conftest import capture_key, image_id
from tests.unit.lambdas.monitor.place import DEPLOYED, HOUR, MINUTE, MODEL, Bus, Place


@pytest.fixture
def place(
    store: Store,
    capsys: pytest.CaptureFixture[str],
    captured: Callable[..., bytes],
    picture: Callable[[int], bytes],
) -> Place:
    place = Place(store, Bus(), capsys, captured, picture)
    place.deploy()
    return place


@pytest.mark.parametrize("count", [1, 20, 3_000])
def test_a_window_of_any_size_is_recorded_and_told(place: Place, count: int) -> None:
    place.bus.invoked = float(count)
    place.capture(range(count), DEPLOYED + 10 * MINUTE)
    record = place.watch(DEPLOYED + HOUR)
    assert record["window"] == {
        "start": DEPLOYED.isoformat(),
        "end": (DEPLOYED + 58 * MINUTE).isoformat(),
    }
    assert (record["model_name"], record["version"]) == (MODEL, 1)
    assert record["traffic"] == {"invoked": count, "captured": count, "capture_ratio": 1.0}
    assert record["confidence"]["n"] == sum(record["classes"].values()) == count
    assert record["pictures"]["n"] == min(count, look.MAX_PICTURES)
    assert record["newest_capture_age_s"] == 50 * 60
    assert record["drift"]["severity"] == "none"
    assert place.windows() == ["monitoring/windows/2026/11/07/09-58-00.json"]
    published = place.published()
    assert published["CapturedInferences"] == count
    assert (published["CaptureRatio"], published["DriftSeverity"]) == (1, 0)
    assert (published["DamagedRecords"], published["UnreadFiles"]) == (0, 0)
    assert {"LowConfidenceRate", "EstimatedAccuracy"} <= set(published)


def test_no_records_are_no_data_and_never_a_good_verdict(place: Place) -> None:
    record = place.watch(DEPLOYED + HOUR)
    assert record["drift"]["severity"] == "no_data"
    assert record["newest_capture_age_s"] is None
    assert place.published() == {"CapturedInferences": 0, "DamagedRecords": 0, "UnreadFiles": 0}


def test_traffic_of_which_nothing_was_captured_shows_as_a_ratio_of_zero(place: Place) -> None:
    place.bus.invoked = 100.0
    place.watch(DEPLOYED + HOUR)
    published = place.published()
    assert published["CaptureRatio"] == 0
    assert "DriftSeverity" not in published


def test_every_record_counts_once_even_when_its_file_is_late(place: Place) -> None:
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    first = place.watch(DEPLOYED + HOUR)
    place.capture(range(20, 50), DEPLOYED + 20 * MINUTE)
    place.capture(range(50, 60), DEPLOYED + 70 * MINUTE)
    second = place.watch(DEPLOYED + 2 * HOUR)
    assert [record["traffic"]["captured"] for record in (first, second)] == [20, 40]
    assert (second["files"], second["late_files"]) == (2, 1)
    assert second["window"]["start"] == first["window"]["end"]


def test_a_file_that_is_written_anew_does_not_count_again(place: Place) -> None:
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    place.watch(DEPLOYED + HOUR)
    place.files -= 1
    place.capture(range(19), DEPLOYED + 10 * MINUTE)
    assert place.watch(DEPLOYED + 2 * HOUR)["traffic"]["captured"] == 0


def test_a_second_run_in_the_same_minute_looks_at_nothing_and_tells_nothing(place: Place) -> None:
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    record = place.watch(DEPLOYED + HOUR)
    place.published()
    assert place.watch(DEPLOYED + HOUR + timedelta(seconds=30)) == record
    assert place.published() == {}
    assert len(place.windows()) == 1


def test_right_after_a_deployment_there_is_no_window(place: Place) -> None:
    assert place.watch(DEPLOYED + MINUTE) is None


def test_of_two_monitors_at_once_one_counts_and_tells(place: Place) -> None:
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    s3 = place.store.s3
    faster: list[Any] = []

    class Late:
        """S3, with another monitor that is faster than the first write."""

        def put_object(self, **kwargs: Any) -> Any:
            if not faster:
                faster.append(place.watch(DEPLOYED + HOUR))
            return s3.put_object(**kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

    slower = replace(place, store=Store(Late(), place.store.bucket))
    assert slower.watch(DEPLOYED + HOUR + 5 * MINUTE) is None
    assert faster[0]["traffic"]["captured"] == 20
    assert place.published()["CapturedInferences"] == 20
    assert len(place.windows()) == 1


def test_a_window_that_could_not_be_told_is_told_by_the_next_run(place: Place) -> None:
    place.capture(range(400), DEPLOYED + 10 * MINUTE, brightness=10)
    place.bus.is_full = True
    with pytest.raises(NotTold, match="ThrottlingException"):
        place.watch(DEPLOYED + HOUR)
    assert (place.published(), place.windows()) == ({}, [])
    place.bus.is_full = False
    place.watch(DEPLOYED + HOUR)
    assert place.published()["CapturedInferences"] == 400
    assert (len(place.windows()), len(place.bus.events)) == (1, 1)


def test_a_run_that_fails_before_it_has_counted_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(Bus, "get_metric_data", None)
        with pytest.raises(TypeError):
            place.watch(DEPLOYED + HOUR)
    assert place.watch(DEPLOYED + 2 * HOUR)["traffic"]["captured"] == 20


def test_drift_is_told_once_as_an_event_that_others_can_act_on(place: Place) -> None:
    for hour in range(2):
        start = 400 * hour
        at = DEPLOYED + hour * HOUR + 10 * MINUTE
        place.capture(range(start, start + 400), at, brightness=10)
        record = place.watch(DEPLOYED + (hour + 1) * HOUR)
        assert record["drift"]["severity"] == "act"
    assert place.published()["DriftSeverity"] == 3
    (event,) = place.bus.events
    assert (event["Source"], event["DetailType"]) == ("scones.monitor", "DriftDetected")
    detail = json.loads(event["Detail"])
    assert detail["model_name"] == MODEL
    assert detail["drift"]["severity"] == "act"
    assert {example["kind"] for example in detail["examples"]} == {
        "least confident",
        "most drifted",
    }


def test_another_model_has_its_own_baseline_and_begins_anew(place: Place) -> None:
    place.capture(range(400), DEPLOYED + 10 * MINUTE, brightness=10)
    assert place.watch(DEPLOYED + HOUR)["drift"]["severity"] == "act"
    place.deploy("scones-test-efficientnet-2", DEPLOYED + 90 * MINUTE)
    place.capture(range(400, 450), DEPLOYED + 80 * MINUTE, brightness=10)
    place.capture(range(450, 650), DEPLOYED + 100 * MINUTE)
    record = place.watch(DEPLOYED + 2 * HOUR)
    assert record["model_name"] == "scones-test-efficientnet-2"
    assert (record["foreign_records"], record["confidence"]["n"]) == (50, 200)
    assert record["drift"]["severity"] == "none"


@pytest.mark.parametrize("document", [None, b"{}"])
def test_a_model_without_a_usable_baseline_is_recorded_and_fails_loudly(
    place: Place, document: bytes | None
) -> None:
    place.deploy("unknown", known=False)
    if document:
        place.put("monitoring/baselines/unknown.json", document)
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    with pytest.raises(NoBaseline, match="has no baseline"):
        place.watch(DEPLOYED + HOUR)
    published = place.published()
    assert published["CapturedInferences"] == 20
    assert "DriftSeverity" not in published
    assert len(place.windows()) == 1


def test_damage_is_counted_and_hides_nothing(place: Place) -> None:
    place.capture(range(20), DEPLOYED + 10 * MINUTE)
    key = capture_key(DEPLOYED + 11 * MINUTE, 99)
    place.put(key, b"nonsense\n")
    record = place.watch(DEPLOYED + HOUR)
    assert (record["damaged_lines"], record["damaged_files"]) == (1, [key])
    assert place.published()["DamagedRecords"] == 1
    assert record["confidence"]["n"] == 20


def test_a_picture_that_does_not_decode_counts_with_its_scores_alone(place: Place) -> None:
    at = DEPLOYED + 10 * MINUTE
    line = place.line([0.9, 0.1], at, image_id(1), b"no picture")
    place.put(capture_key(at), line + place.line([0.9, 0.1], at, image_id(2)))
    record = place.watch(DEPLOYED + HOUR)
    assert (record["confidence"]["n"], record["pictures"]["n"]) == (2, 1)


def test_a_time_in_the_future_is_not_the_newest_for_ever(place: Place) -> None:
    place.capture([1], DEPLOYED + 100 * HOUR)
    assert place.watch(DEPLOYED + HOUR)["newest_capture_age_s"] == 0
    assert place.watch(DEPLOYED + 2 * HOUR)["newest_capture_age_s"] == 3600


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_BYTES"])
def test_more_than_fits_into_a_window_is_left_for_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(look, limit, 1)
    for number in range(2):
        place.capture([number], DEPLOYED + (10 + number) * MINUTE)
    first = place.watch(DEPLOYED + HOUR)
    assert (first["files"], first["unread_files"], first["traffic"]["captured"]) == (1, 1, 1)
    assert place.published()["UnreadFiles"] == 1
    second = place.watch(DEPLOYED + 2 * HOUR)
    assert (second["files"], second["unread_files"], second["traffic"]["captured"]) == (1, 0, 1)


def test_the_checkpoint_is_small(place: Place) -> None:
    for hour in range(3):
        numbers = range(1_000 * hour, 1_000 * (hour + 1))
        place.capture(numbers, DEPLOYED + hour * HOUR + 10 * MINUTE)
        place.watch(DEPLOYED + (hour + 1) * HOUR)
    answer = place.store.s3.get_object(Bucket=place.store.bucket, Key=STATE)
    assert answer["ContentLength"] < 150_000
