"""A window's record: what is known, with its n, and null for what is not."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.judge import Severity, Signal, Verdict
from lambdas.common.drift.picture_statistics import COLUMNS
from lambdas.monitor import window
from lambdas.monitor.records import Records
from lambdas.monitor.traffic import Traffic
from lambdas.monitor.window import Pictures, Window
from tests.unit.lambdas.monitor.conftest import capture_key, image_id

NOON = datetime(2026, 11, 7, 12, tzinfo=UTC)
LABELS = ("bicycle", "motorcycle")
NOTHING = Records([], np.empty((0, 2)), {}, 0, 0, 0, {}, None)
SIGNAL = Signal("brightness", 0.5, 1e-9, 0.25, 200, NOON, True, Severity.ACT, 0.5)
ACT = Verdict(Severity.ACT, (SIGNAL,), NOON, 0.5, 0.125, "Act: brightness has drifted.")


def test_windows_follow_each_other_without_a_gap() -> None:
    first = window.following(NOON, NOON + timedelta(minutes=61, seconds=30), 60)
    assert first == Window(NOON, NOON + timedelta(minutes=59))
    second = window.following(first.end, NOON + timedelta(minutes=121), 60)
    assert second is not None
    assert second.start == first.end


@pytest.mark.parametrize("period_s", [1, 60])
def test_a_window_ends_with_metrics_that_have_arrived(period_s: int) -> None:
    now = NOON + timedelta(seconds=period_s * 5.5)
    assert window.following(NOON, now, period_s) == Window(
        NOON, NOON + timedelta(seconds=3 * period_s)
    )


def test_right_after_a_window_there_is_no_other() -> None:
    assert window.following(NOON, NOON + timedelta(seconds=179), 60) is None


def test_the_first_window_begins_with_the_deployment_at_a_whole_period() -> None:
    deployed_at = NOON + timedelta(seconds=42)
    assert window.first_start(deployed_at, NOON + timedelta(hours=1), 60) == NOON


def test_the_first_window_of_an_old_deployment_is_a_day_long() -> None:
    now = NOON + timedelta(days=9)
    assert window.first_start(NOON, now, 60) == now - timedelta(days=1)


def test_traffic_says_how_much_was_captured_and_decided() -> None:
    assert window.describe_traffic(Traffic(8, 5, 2, 1, 3), 6, 100) == {
        "traffic": {"invoked": 8, "captured": 6, "capture_ratio": 0.75},
        "decisions": {"accepted": 5, "review": 2, "rejected": 1, "failed": 3},
    }


def test_where_nothing_was_asked_there_is_no_ratio() -> None:
    found = window.describe_traffic(Traffic(0, 0, 0, 0, 0), 0, 100)
    assert found["traffic"]["capture_ratio"] is None


@pytest.mark.parametrize(
    ("invoked", "captured", "percentage", "ratio"),
    [
        (100, 18, 20, 0.9),
        (100, 0, 20, 0.0),
        (49, 0, 20, None),  # not even ten are expected: none may be chance
        (1000, 0, 0, None),
    ],
)
def test_where_a_part_is_captured_the_ratio_is_of_that_part(
    invoked: int, captured: int, percentage: int, ratio: float | None
) -> None:
    found = window.describe_traffic(Traffic(invoked, 0, 0, 0, 0), captured, percentage)
    assert found["traffic"]["capture_ratio"] == ratio


def test_files_that_are_late_left_or_damaged_are_counted() -> None:
    late, now = capture_key(NOON - timedelta(seconds=1)), capture_key(NOON)
    records = replace(NOTHING, foreign=3, repeated=2, damaged={now: 4, late: 1})
    assert window.describe_files([late, now], ["a"], NOON, records) == {
        "files": 2,
        "late_files": 1,
        "unread_files": 1,
        "damaged_lines": 5,
        "damaged_files": [now, late],
        "foreign_records": 3,
        "repeated_records": 2,
    }


def test_scores_say_how_sure_the_model_is_of_what() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    found = window.describe_scores(scores, LABELS, 0.8)
    assert found["classes"] == {"bicycle": 2, "motorcycle": 2}
    assert (found["confidence"]["n"], found["confidence"]["p50"]) == (4, 0.75)
    assert found["estimated_accuracy"] == {"value": 0.75, "n": 4}
    low = found["low_confidence"]
    assert (low["count"], low["n"], low["rate"]) == (2, 4, 0.5)
    assert low["interval"] == pytest.approx([0.150, 0.850], abs=0.001)


def test_confidence_at_the_threshold_is_enough() -> None:
    found = window.describe_scores(np.array([[0.8, 0.2]]), LABELS, 0.8)
    assert found["low_confidence"]["count"] == 0


def test_a_class_that_was_never_answered_counts_as_zero() -> None:
    found = window.describe_scores(np.array([[0.9, 0.1]]), LABELS, 0.8)
    assert found["classes"] == {"bicycle": 1, "motorcycle": 0}


def test_without_answers_nothing_is_said_of_them() -> None:
    assert window.describe_scores(np.empty((0, 2)), LABELS, 0.8) == {
        "confidence": None,
        "low_confidence": None,
        "estimated_accuracy": None,
        "classes": {"bicycle": 0, "motorcycle": 0},
    }


def test_pictures_have_quantiles_of_each_statistic_that_is_tested() -> None:
    statistics = np.arange(36.0).reshape(3, 12)
    found = window.describe_pictures(Pictures(["a", "b", "c"], statistics))
    assert found["n"] == 3
    assert list(found["statistics"]) == ["brightness", "contrast", "sharpness", "colourfulness"]
    assert found["statistics"]["contrast"] == {"p10": 3.4, "p50": 13.0, "p90": 22.6, "mean": 13.0}


def test_without_pictures_nothing_is_said_of_them() -> None:
    found = window.describe_pictures(Pictures([], np.empty((0, len(COLUMNS)))))
    assert found == {"n": 0, "statistics": {}}


def test_a_verdict_is_told_with_its_signals_and_is_json() -> None:
    found = window.describe_drift(ACT, True, Severity.NONE)
    assert json.loads(json.dumps(found)) == found
    assert (found["severity"], found["since"], found["risen"]) == ("act", NOON.isoformat(), True)
    assert found["signals"] == [
        {
            "name": "brightness",
            "statistic": 0.5,
            "p_value": 1e-9,
            "limit": 0.25,
            "n": 200,
            "drifting": True,
            "since": NOON.isoformat(),
            "severity": "act",
            "strength": 0.5,
        }
    ]


@pytest.mark.parametrize(
    ("now", "before", "risen"),
    [
        (Severity.WATCH, Severity.NONE, False),
        (Severity.WARN, Severity.NONE, True),
        (Severity.WARN, Severity.WARN, False),
        (Severity.ACT, Severity.WARN, True),
        (Severity.WARN, Severity.ACT, False),
    ],
)
def test_a_verdict_has_risen_when_it_demands_more_than_a_look_and_than_before(
    now: Severity, before: Severity, risen: bool
) -> None:
    found = window.describe_drift(replace(ACT, severity=now), True, before)
    assert found["risen"] is risen


def test_no_verdict_is_no_data_and_says_why() -> None:
    nothing, unknown = (window.describe_drift(None, known, 0) for known in (True, False))
    assert {found["severity"] for found in (nothing, unknown)} == {"no_data"}
    assert "nothing was captured" in nothing["sentence"]
    assert "no baseline" in unknown["sentence"]


def test_examples_are_the_least_sure_answers_and_the_least_usual_pictures() -> None:
    ids = [image_id(number) for number in range(20)]
    confidence = np.linspace(0.99, 0.51, 20)
    records = replace(NOTHING, image_ids=ids, scores=np.column_stack([confidence, 1 - confidence]))
    statistics = np.column_stack([np.linspace(0.5, 2, 20)] * len(COLUMNS))
    usual = np.random.default_rng(0).normal(0.5, 0.1, (50, len(COLUMNS)))
    baseline = Baseline(1, "m", LABELS, 0.8, "", np.full((50, 2), 0.5), usual)
    found = window.choose_examples(records, Pictures(ids, statistics), baseline)
    assert [item["image_id"] for item in found] == [*ids[:-7:-1], *ids[:-7:-1]]
    assert [item["kind"] for item in found] == ["least confident"] * 6 + ["most drifted"] * 6


def test_without_records_there_are_no_examples() -> None:
    assert window.choose_examples(NOTHING, Pictures([], np.empty((0, len(COLUMNS)))), None) == []
