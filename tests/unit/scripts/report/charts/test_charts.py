"""The charts: every record drawn and counted, the given threshold, a true title."""

import re
from datetime import timedelta

import numpy as np
import pytest

from scripts.report.charts import svg
from scripts.report.charts.columns import columns
from scripts.report.charts.confidence import MOST_POINTS, confidence_chart
from scripts.report.charts.executions import counted, executions_chart
from scripts.report.charts.histogram import histogram_chart
from scripts.report.charts.scale import ConfidenceScale
from scripts.report.charts.time_axis import time_axis

SCALE = ConfidenceScale(lowest=0.5, decades=4)


@pytest.fixture
def axis(start):
    times = start.timestamp() + np.arange(0.0, 60.0)
    return time_axis(times, start, start + timedelta(seconds=60))


@pytest.fixture
def undrawn(monkeypatch):
    """Titles are words: they need no drawing, which takes most of a chart's time."""
    monkeypatch.setattr(svg, "to_svg", lambda *_: "")


@pytest.fixture
def draw(axis):
    return lambda inferences, threshold=0.8: confidence_chart(
        columns(inferences), axis, SCALE, threshold
    )


def test_every_inference_is_a_mark(draw, inference):
    one = draw([inference(1)])
    many = draw([inference(i * 0.3) for i in range(151)])
    assert many.wide.count("<use") - one.wide.count("<use") == 150
    assert many.narrow.count("<use") - one.narrow.count("<use") == 150


def test_a_wrong_one_carries_a_second_mark(draw, inference):
    right = draw([inference(1), inference(2)])
    wrong = draw([inference(1), inference(2, truth="motorcycle")])
    assert wrong.wide.count("<use") == right.wide.count("<use") + 1
    assert ("wrong label", 1) in [(item.text, item.count) for item in wrong.legend]


def test_the_legend_counts_each_kind(draw, inference):
    chart = draw([inference(1), inference(2, 0.6), inference(3, decision=None)])
    assert [(item.text, item.count) for item in chart.legend] == [
        ("accepted", 1),
        ("sent for review", 1),
        ("no decision known", 1),
    ]


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.8137, 0.95])
def test_the_threshold_drawn_is_the_one_given(draw, inference, threshold):
    chart = draw([inference(1)], threshold)
    text = f"{threshold:.4f}".rstrip("0").ljust(4, "0")
    line = re.search(
        r'<path d="M\S+ ([\d.]+)L\S+ ([\d.]+)" style="[^"]*stroke-dasharray', chart.wide
    )
    places = {
        label: float(y)
        for y, label in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>([^<]*)</text>', chart.wide)
    }
    assert line is not None
    assert line[1] == line[2]
    # Text stands a few pixels below the middle that it is aligned to; the same for both ticks.
    low, high = places["0.9"], places["0.99"]
    expected = low + (high - low) * (-np.log10(1 - threshold) - 1)
    assert float(line[1]) == pytest.approx(expected - 4.5, abs=1.5)
    assert text in places


def test_many_inferences_become_bands_and_none_is_left_out(draw, inference):
    n = MOST_POINTS + 1
    shown = [inference(i * 50 / n, 0.6 if i % 10 == 0 else 0.99, picture=None) for i in range(n)]
    chart = draw(shown)
    below = sum(i.confidence < 0.8 for i in shown)
    assert chart.wide.count("<use") < 100
    assert ("below the threshold", below) in [(item.text, item.count) for item in chart.legend]
    assert chart.table is not None
    assert chart.table.rows[-1][:2] == ("all", f"{n:,}")


def test_points_above_the_top_are_counted_in_the_caption(draw, inference):
    chart = draw([inference(1, 0.99999), inference(2, 1.0), inference(3, 0.9)])
    assert "2 above 0.9999 are drawn on the top line" in chart.caption


@pytest.mark.parametrize(
    ("accepted", "review", "finding"),
    [
        (0, 0, "No inference was captured"),
        (1, 0, "The only picture was accepted"),
        (0, 1, "The only picture was sent for review"),
        (2, 0, "All 2 pictures were confident enough to be accepted"),
        (0, 2, "None of the 2 pictures was confident enough to be accepted"),
        (1, 2, "1 of 3 pictures was confident enough to be accepted"),
        (2, 1, "2 of 3 pictures were confident enough to be accepted"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_the_title_of_the_confidences_is_a_true_sentence(
    draw, inference, accepted, review, finding
):
    shown = [inference(i, 0.9) for i in range(accepted)] + [inference(9, 0.6)] * review
    assert draw(shown).finding == finding


def test_unknown_decisions_are_called_unknown(draw, inference):
    chart = draw([inference(1, decision=None)])
    assert chart.finding == "1 captured inference; what the workflow decided is not known"


@pytest.mark.parametrize(
    ("kinds", "finding"),
    [
        ([], "No execution ended"),
        (["failed"], "1 execution: failed"),
        (["accepted"] * 2, "All 2 executions: accepted"),
        (
            ["accepted", "accepted", "review"],
            "3 executions: 2 accepted, 1 sent for review and none failed",
        ),
        (["accepted", "failed"], "2 executions: 1 accepted and 1 failed"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_the_title_of_the_executions_is_a_true_sentence(axis, outcome, kinds, finding):
    ended = [outcome(i, kind) for i, kind in enumerate(kinds)]
    assert executions_chart(counted(ended, axis), axis).finding == finding


def test_every_execution_is_counted_in_a_bucket(axis, outcome):
    kinds = ["accepted", "review", "rejected", "failed"]
    ended = [outcome(i * 0.3, kinds[i % 4]) for i in range(200)]
    chart = executions_chart(counted(ended, axis), axis)
    assert chart.table is not None
    assert sum(int(row[-1]) for row in chart.table.rows) == 200
    assert [item.count for item in chart.legend] == [50, 50, 50, 50]


def test_rejected_and_failed_get_a_panel_of_their_own(axis, outcome):
    plain = executions_chart(counted([outcome(1)], axis), axis)
    rare = executions_chart(counted([outcome(1), outcome(2, "rejected")], axis), axis)
    assert "rejected and failed alone" not in plain.wide
    assert "rejected and failed alone" in rare.wide


def test_every_picture_with_a_truth_is_in_the_histogram(inference):
    shown = [inference(i, 0.5 + i / 400, truth="motorcycle" if i % 9 == 0 else "bicycle")
             for i in range(200)]  # fmt: skip
    chart = histogram_chart(columns([*shown, inference(1, 1.0)]), SCALE, 0.8)
    assert chart.table is not None
    assert sum(int(right) + int(wrong) for _, right, wrong in chart.table.rows) == 201


def test_no_bar_holds_both_sides_of_the_threshold(inference):
    shown = [inference(0, 0.7999), inference(1, 0.8)]
    chart = histogram_chart(columns(shown), SCALE, 0.8)
    assert chart.table is not None
    assert len(chart.table.rows) == 2


@pytest.mark.parametrize(
    ("confidences", "finding"),
    [
        ([], "None of 3 pictures was wrong"),
        ([0.9], "1 of 4 pictures was wrong, and it lay above the threshold"),
        ([0.6], "1 of 4 pictures was wrong, and it lay below the threshold"),
        ([0.6, 0.6], "2 of 5 pictures were wrong, none of them above the threshold"),
        ([0.8, 0.9, 0.6], "3 of 6 pictures were wrong, 2 of them above the threshold"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_the_title_of_the_histogram_is_a_true_sentence(inference, confidences, finding):
    wrong = [inference(9, confidence, truth="motorcycle") for confidence in confidences]
    right = [inference(i) for i in range(3)]
    assert histogram_chart(columns([*right, *wrong]), SCALE, 0.8).finding == finding


def test_without_truths_the_histogram_shows_all(inference):
    chart = histogram_chart(columns([inference(i, truth=None) for i in range(7)]), SCALE, 0.8)
    assert chart.finding == "No true label is known for this period"
    assert "n = 7" in chart.caption


@pytest.mark.parametrize("threshold", [0.5, 0.99995, 1.0])
def test_a_threshold_at_either_end_can_be_drawn(draw, inference, threshold):
    shown = [inference(i, 0.5 + i / 20) for i in range(11)]
    assert draw(shown, threshold).wide
    assert histogram_chart(columns(shown), SCALE, threshold).wide
