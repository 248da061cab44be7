"""The time axis: every record is on it, in sensible buckets, with round ticks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scripts.report.charts.time_axis import time_axis

START = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


def _axis(seconds, period=timedelta(days=7)):
    times = START.timestamp() + np.array(seconds, dtype=np.float64)
    return time_axis(times, START, START + period), times


@pytest.mark.parametrize(
    ("period", "step"),
    [
        (timedelta(seconds=30), "second"),
        (timedelta(hours=1), "minute"),
        (timedelta(days=1), "30 minutes"),
        (timedelta(days=7), "3 hours"),
        (timedelta(days=90), "2 days"),
    ],
)
def test_the_bucket_follows_the_period(period, step):
    axis, _ = _axis([0, period.total_seconds() - 1], period)
    assert axis.step == step
    assert axis.buckets <= 61


def test_records_within_a_small_part_of_the_period_get_the_axis_to_themselves():
    axis, _ = _axis([0, 20])
    assert axis.is_zoomed
    assert axis.end_s - axis.start_s <= 30


def test_records_over_the_whole_period_get_the_whole_period():
    axis, _ = _axis([0, 600_000])
    assert not axis.is_zoomed
    assert axis.end_s - axis.start_s >= 7 * 86_400


@pytest.mark.parametrize("seconds", [[0], [0, 60], [-5_000, 700_000], [0, 1, 2, 3, 604_800]])
def test_every_record_falls_into_its_own_bucket(seconds):
    axis, times = _axis(seconds)
    buckets = axis.bucket_of(times)
    assert np.all(axis.edges_s[buckets] <= times)
    assert np.all(times < axis.edges_s[buckets + 1])


def test_no_record_shows_the_period():
    axis, _ = _axis([])
    assert axis.start_s <= START.timestamp()
    assert axis.end_s >= (START + timedelta(days=7)).timestamp()


def test_an_instant_as_period_still_has_an_axis():
    axis, _ = _axis([0], timedelta(0))
    assert axis.buckets >= 12


@pytest.mark.parametrize("most", [3, 8])
@pytest.mark.parametrize("span_s", [20, 90, 3_000, 86_400, 604_800, 40_000_000])
def test_ticks_are_few_and_inside(span_s, most):
    axis, _ = _axis([0, span_s], timedelta(seconds=span_s))
    ticks = axis.ticks(most)
    assert 1 <= len(ticks) <= most + 1
    assert all(axis.start_s <= place <= axis.end_s for place, _ in ticks)


def test_tick_texts_fit_the_step():
    assert _axis([0, 20])[0].ticks(8)[0][1].count(":") == 2
    assert _axis([0, 604_000])[0].ticks(8)[0][1] == "17 Nov"


def test_the_label_names_the_days():
    axis, _ = _axis([0, 604_000])
    assert axis.label.replace("\u00a0", " ") == "16 to 23 November 2026, UTC"
