"""The monitor's windows: read from their records as they are, and joined without losing a count."""

from datetime import UTC, datetime, timedelta

import pytest

from scripts.report import Window
from scripts.report.windows import Signal, joined
from tests.unit.scripts.window_records import empty_record, record

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_record_is_read_as_the_monitor_wrote_it():
    found = Window.from_document(record(NOON, severity="warn", drifting=("brightness",)))
    assert (found.start, found.end) == (NOON, NOON + timedelta(hours=1))
    assert (found.captured, found.invoked, found.inferences, found.low) == (400, 402, 400, 30)
    assert found.outcomes == {"accepted": 370, "review": 30, "rejected": 3, "failed": 0}
    assert found.percentiles == (0.7, 0.95, 0.99, 0.998, 0.9999)
    assert (found.estimated_accuracy, found.estimated_from) == (0.957, 400)
    assert (found.severity, found.sentence) == ("warn", "The monitor's sentence on warn.")
    brightness = next(signal for signal in found.signals if signal.name == "brightness")
    assert brightness == Signal(
        name="brightness",
        statistic=0.3,
        limit=0.1,
        n=400,
        p_value=0.25,
        is_drifting=True,
        since=NOON,
    )


def test_a_window_without_records_knows_nothing():
    found = Window.from_document(empty_record(NOON))
    assert (found.severity, found.captured, found.inferences) == ("no_data", 0, 0)
    assert (found.percentiles, found.estimated_accuracy, found.signals) == (None, None, ())


def test_counts_that_are_not_known_are_left_out():
    unknown = {"accepted": 7, "review": None, "rejected": None, "failed": 0}
    assert Window.from_document(record(NOON, decisions=unknown)).outcomes == {
        "accepted": 7,
        "failed": 0,
    }


def test_examples_are_kept_by_kind_in_their_order():
    named = [
        {"image_id": "b", "kind": "most drifted"},
        {"image_id": "u", "kind": "least confident"},
        {"image_id": "a", "kind": "most drifted"},
    ]
    found = Window.from_document(record(NOON, examples=named))
    assert found.examples == {"most drifted": ("b", "a"), "least confident": ("u",)}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        record(NOON) | {"traffic": None},
        record(NOON) | {"threshold": "high"},
        record(NOON) | {"threshold": float("nan")},
        record(NOON, severity="purple"),
        record(NOON) | {"window": {"start": "2026-11-24T12:00:00", "end": "2026-11-24T13:00:00"}},
    ],
)
def test_what_is_no_record_is_refused(document):
    with pytest.raises(ValueError, match=r"record|finite|severity|time zone|convert"):
        Window.from_document(document)


def test_a_signal_is_as_strong_as_its_statistic_is_beyond_its_limit():
    assert Signal(name="s", statistic=0.3, limit=0.1, n=1).of_limit == pytest.approx(3)
    assert Signal(name="s", statistic=-2.0, limit=3.0, n=1).of_limit == 0
    assert Signal(name="s", statistic=1.0, limit=0.0, n=1).of_limit == 0


def test_few_windows_are_left_as_they_are(window):
    windows = [window(hour) for hour in range(5)]
    assert joined(windows, 5) == tuple(windows)


def test_joining_loses_no_count(window, empty_window):
    windows = [window(hour, captured=40 * hour) for hour in range(1, 100)] + [empty_window(100)]
    found = joined(windows, 12)
    assert len(found) <= 12
    for name in ("captured", "inferences", "low", "invoked"):
        assert sum(getattr(w, name) for w in found) == sum(getattr(w, name) for w in windows)
    assert sum(w.outcomes["accepted"] for w in found) == sum(
        w.outcomes["accepted"] for w in windows
    )
    assert sum(sum(w.classes.values()) for w in found) == sum(w.inferences for w in windows)
    assert (found[0].start, found[-1].end) == (windows[0].start, windows[-1].end)


def test_joined_windows_show_the_severest_verdict_and_the_strongest_signal(window):
    windows = [window(0), window(1, "act", drifting=("brightness",)), window(2), window(3)]
    (found,) = joined(windows, 1)
    strongest = {signal.name: signal.statistic for signal in found.signals}
    assert found.severity == "act"
    assert (strongest["brightness"], strongest["confidence"]) == (0.3, 0.02)


def test_joined_percentiles_are_weighted_by_inferences(window):
    low = {"n": 100, "p05": 0.5, "p25": 0.5, "p50": 0.5, "p75": 0.5, "p95": 0.5, "mean": 0.5}
    high = {"n": 300, "p05": 0.9, "p25": 0.9, "p50": 0.9, "p75": 0.9, "p95": 0.9, "mean": 0.9}
    (found,) = joined([window(0, confidence=low), window(1, confidence=high)], 1)
    assert found.percentiles == pytest.approx((0.8,) * 5)
