"""The charts of the monitor's windows: each window drawn, counted, and told from the others."""

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from scripts.report.charts.classes import classes_chart, mix, mix_in
from scripts.report.charts.confidence import confidence_over_windows
from scripts.report.charts.executions import counted_in, executions_chart
from scripts.report.charts.layout import FOOT_PX
from scripts.report.charts.severity import severity_chart
from scripts.report.charts.signals import MOST_DRAWN, signals_chart
from scripts.report.charts.spans import Spans
from scripts.report.charts.time_axis import time_axis
from scripts.report.windows import Signal


@pytest.fixture
def axis(start):
    times = start.replace(minute=0).timestamp() + np.arange(0.0, 12 * 3600.0, 3600.0)
    return time_axis(times, start, start + timedelta(hours=12))


def _counts(chart):
    return {item.text: item.count for item in chart.legend}


def _texts(drawing):
    return re.findall(r"<text [^>]*>([^<]*)</text>", drawing)


# Spans


def test_a_line_breaks_where_no_window_is():
    hours = np.array([0.0, 1.0, 3.0])
    times, (values,) = Spans(hours, hours + 1).level(np.array([5.0, 6.0, 7.0]))
    assert times.tolist() == [0, 1, 1, 2, 3, 3, 4]
    assert values[:4].tolist() == [5, 5, 6, 6]
    assert np.isnan(values[4])
    assert values[5:].tolist() == [7, 7]


def test_windows_that_touch_but_for_seconds_are_one_line():
    starts = np.array([0.0, 3_605.0])
    times, _ = Spans(starts, starts + 3_600.0).level(np.zeros(2))
    assert times.size == 4


# Confidence, executions and classes over the windows


def test_the_confidence_of_a_million_comes_from_the_windows(window, axis):
    windows = [window(hour, captured=100_000) for hour in range(10)]
    chart = confidence_over_windows(windows, axis, 0.8, 2, "window of 1 hour")
    assert chart.finding.startswith("7.5")
    assert "of 1,000,000 inferences lay below the threshold" in chart.finding
    assert _counts(chart)["below the threshold"] == 75_000
    assert "0.80" in _texts(chart.wide)


def test_windows_without_a_record_have_no_confidence(empty_window, axis):
    chart = confidence_over_windows([empty_window(0)], axis, 0.8, 2, "window")
    assert (chart.finding, chart.wide) == ("No inference was captured", "")


def test_executions_are_counted_as_the_windows_have_them(window, axis):
    chart = executions_chart(counted_in([window(0), window(1)], "window of 1 hour"), axis)
    assert _counts(chart) == {
        "accepted": 740,
        "sent for review": 60,
        "rejected as unusable": 6,
        "failed": 0,
    }
    assert "Executions per window of 1 hour." in chart.caption


def test_the_class_mix_counts_every_answer(inference, axis):
    shown = [inference(i, label="bicycle" if i % 4 else "motorcycle") for i in range(40)]
    chart = classes_chart(mix(shown, ["bicycle", "motorcycle"], axis), axis)
    assert _counts(chart) == {"bicycle": 30, "motorcycle": 10}
    assert chart.finding.replace("\u00a0", " ") == "75.0 % bicycle and 25.0 % motorcycle"


@pytest.mark.parametrize(
    ("answers", "finding"),
    [
        ("aaaaaaaa", "Every answer was a"),
        ("aaaabbcc", "Most frequent label: a, 50.0 % of 8 answers"),
        ("aaabbbcc", "2 labels are the most frequent, 37.5 % each of 8 answers"),
    ],
)
def test_the_title_of_the_class_mix_is_a_true_sentence(inference, axis, answers, finding):
    shown = [inference(i, label=label) for i, label in enumerate(answers)]
    chart = classes_chart(mix(shown, ["a", "b", "c"], axis), axis)
    assert chart.finding.replace("\u00a0", " ") == finding


def test_the_class_mix_of_windows_counts_every_answer(window, axis):
    chart = classes_chart(mix_in([window(0), window(1)], ["bicycle", "motorcycle"], "hour"), axis)
    assert _counts(chart) == {"bicycle": 600, "motorcycle": 200}


def test_a_label_that_is_none_of_the_models_is_shown_all_the_same(inference, axis):
    chart = classes_chart(mix([inference(label="truck")], ["bicycle", "motorcycle"], axis), axis)
    assert _counts(chart)["truck"] == 1


def test_the_rarest_of_many_labels_are_one(inference, axis):
    labels = [f"label-{i}" for i in range(9)]
    shown = [inference(i, label=labels[i % 9]) for i in range(81)]
    chart = classes_chart(mix(shown, labels, axis), axis)
    assert list(_counts(chart).values()) == [9, 9, 9, 9, 45]
    assert chart.table is not None
    assert len(chart.table.rows) == 9


# Drift


def test_every_window_is_counted_by_its_severity(window, empty_window, axis):
    windows = [window(0), window(1, "watch"), window(2, "act"), window(3, "act"), empty_window(4)]
    chart = severity_chart(windows, windows, axis, "Drift", "window")
    assert _counts(chart) == {"act": 2, "warn": 0, "watch": 1, "none": 1, "no data": 1}
    assert "n = 5 windows" in chart.caption


def test_severities_differ_in_height_and_not_only_in_colour(window, axis):
    def top(severity):
        found = [window(0, severity)]
        drawing = severity_chart(found, found, axis, "Drift", "window").wide
        bars = re.findall(r'<path d="M\S+ ([\d.]+)L\S+ [\d.]+L\S+ ([\d.]+)[^"]*z"', drawing)
        return min(float(y) for bar in bars for y in bar)

    heights = [top(severity) for severity in ("act", "warn", "watch", "none")]
    assert heights == sorted(heights)
    assert len(set(heights)) == 4


def test_a_window_without_data_is_a_cross_and_no_bar(window, empty_window, axis):
    with_one = severity_chart([window(0)], [window(0)], axis, "Drift", "window")
    empty = [window(0), empty_window(1)]
    with_both = severity_chart(empty, empty, axis, "Drift", "window")
    assert with_both.wide.count("<use") == with_one.wide.count("<use") + 1


def test_every_signal_has_a_panel_with_its_limit(window, axis):
    windows = [window(hour) for hour in range(3)]
    chart = signals_chart(windows, windows, axis)
    names = ("confidence", "class mix", "brightness", "low confidence")
    assert [text for text in _texts(chart.wide) if text in names] == list(names)
    assert chart.wide.count("stroke-dasharray") == len(names)
    assert chart.finding == "No signal drifts: none of 4 reached its limit"


def test_the_numbers_of_a_signal_are_the_newest_windows(window, axis):
    windows = [window(0, "act", drifting=("brightness",)), window(1)]
    chart = signals_chart(windows, windows, axis)
    assert chart.table is not None
    rows = {row[0]: row[1:] for row in chart.table.rows}
    assert rows["brightness"] == ("0.02", "0.1", "0.25", "400", "1 of 2")
    assert rows["low confidence"][2] == "\u2014"
    assert chart.finding == "No signal drifts now; brightness did before"


@pytest.mark.parametrize(
    ("drifting", "finding"),
    [
        (("brightness",), "Brightness drifts: 1 of 4 signals"),
        (("confidence", "brightness"), "Confidence and brightness drift: 2 of 4 signals"),
        (
            ("confidence", "class mix", "brightness", "low confidence"),
            "4 of 4 signals drift, confidence most of all",
        ),
    ],
)
def test_the_title_of_the_signals_is_a_true_sentence(window, axis, drifting, finding):
    windows = [window(0), window(1, "act", drifting=drifting)]
    assert signals_chart(windows, windows, axis).finding == finding


def test_a_signal_that_drifts_carries_a_second_line(window, axis):
    calm, severe = [window(0)], [window(0, "act", drifting=("brightness",))]
    drawings = [signals_chart(found, found, axis).wide for found in (calm, severe)]
    assert [drawing.count("stroke-width:3") for drawing in drawings] == [0, 1]


def test_the_strongest_of_many_signals_are_drawn_and_all_are_in_the_numbers(window, axis):
    signals = [Signal(name=f"score of {i}", statistic=i / 100, limit=0.1, n=50) for i in range(20)]
    windows = [replace(window(0), signals=tuple(signals))]
    chart = signals_chart(windows, windows, axis)
    drawn = [text for text in _texts(chart.wide) if text.startswith("score of")]
    assert drawn == [f"score of {i}" for i in range(20 - MOST_DRAWN, 20)]
    assert f"{20 - MOST_DRAWN} weaker ones are in the numbers alone" in chart.caption
    assert chart.table is not None
    assert len(chart.table.rows) == 20


def test_windows_without_signals_say_so(empty_window, axis):
    chart = signals_chart([empty_window(0)], [empty_window(0)], axis)
    assert (chart.finding, chart.wide) == ("No signal of drift was computed", "")


def test_evidence_below_nothing_stays_within_its_panel(window, axis):
    values = (2.0, -40.0, 1.0)
    windows = [
        replace(
            window(hour),
            signals=(Signal(name="low confidence", statistic=value, limit=3.0, n=50),),
        )
        for hour, value in enumerate(values)
    ]
    chart = signals_chart(windows, windows, axis)
    height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', chart.wide)[1])
    line = re.search(r'<path d="([^"]*)" style="[^"]*stroke:var\(--accepted\)', chart.wide)[1]
    lowest = max(float(y) for y in re.findall(r"[ML][\d.-]+ ([\d.-]+)", line))
    assert lowest == pytest.approx(height - FOOT_PX, abs=0.1)
    assert "What lies below 0 is drawn at 0." in chart.caption
    assert chart.table is not None
    assert chart.table.rows[0][1] == "1"
