"""The reliability diagram: every bin with its interval and its count, and the error in words."""

import re
from dataclasses import replace

import pytest

from scripts.evaluation.quality import wilson_interval
from scripts.report import Evaluation, ReliabilityBin
from scripts.report.charts import svg
from scripts.report.charts.reliability import reliability_chart
from scripts.report.wording import NO_BREAK


def bin_(confidence, right, samples):
    """A bin of width 0.1 around a confidence."""
    low = int(confidence * 10) / 10
    return ReliabilityBin(
        low=low,
        high=low + 0.1,
        samples=samples,
        confidence=confidence,
        accuracy=right / samples,
        accuracy_interval=wilson_interval(right, samples),
    )


BINS = (bin_(0.62, 3, 6), bin_(0.85, 9, 12), bin_(0.98, 180, 182))


def evaluation(**given):
    fields = {
        "accuracy": 0.96,
        "accuracy_interval": (0.92, 0.98),
        "n": 200,
        "calibration_error": 0.0213,
        "calibration_error_interval": (0.008, 0.041),
        "reliability": BINS,
    }
    return Evaluation(**fields | given)


def chart(**given):
    return reliability_chart(evaluation(**given), 2, 0.8)


def lines(drawing):
    """The straight lines of a drawing, as ((x, y), (x, y))."""
    found = re.findall(r'd="M(\S+) (\S+)L(\S+) (\S+)"', drawing)
    return [((float(a), float(b)), (float(c), float(d))) for a, b, c, d in (line for line in found)]


def texts(drawing):
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing)


def test_every_bin_is_a_point_with_an_interval_and_its_number_of_pictures():
    both = chart()
    one = chart(reliability=BINS[:1])
    for drawing, fewer in ((both.wide, one.wide), (both.narrow, one.narrow)):
        circles = [len(re.findall(r"<use", text)) for text in (drawing, fewer)]
        assert circles[0] - circles[1] == 2
        assert {"6", "12", "182"} <= set(texts(drawing))


def test_a_points_interval_is_drawn_to_scale():
    drawing = chart(reliability=BINS[:1]).wide
    places = {
        text: float(y)
        for y, text in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>(\d+ %)</text>', drawing)
    }
    per_share = places["0 %"] - places["100 %"]
    upright = [abs(b[1] - a[1]) for a, b in lines(drawing) if a[0] == b[0]]
    expected = (BINS[0].accuracy_interval[1] - BINS[0].accuracy_interval[0]) * per_share
    assert any(length == pytest.approx(expected, abs=0.5) for length in upright)


def test_the_diagonal_joins_equal_confidence_and_accuracy():
    drawing = chart().wide
    ticks = re.findall(r'<text [^>]*x="([\d.]+)"[^>]*>(0\.5|1\.0)</text>', drawing)
    left, right = (float(next(x for x, text in ticks if text == name)) for name in ("0.5", "1.0"))
    places = {
        text: float(y)
        for y, text in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>(\d+ %)</text>', drawing)
    }
    rise = places["50 %"] - places["100 %"]
    assert any(
        (b[0] - a[0], a[1] - b[1]) == pytest.approx((right - left, rise), abs=0.5)
        for a, b in lines(drawing)
    )


def test_the_threshold_in_use_is_drawn_by_its_name():
    assert "threshold 0.8137" in texts(reliability_chart(evaluation(), 2, 0.8137).wide)


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(svg, "to_svg", lambda *_: "")


@pytest.mark.usefixtures("undrawn")
def test_the_title_and_the_caption_say_the_error_with_its_interval():
    shown = chart()
    assert "are 2.1 percentage points apart on average" in shown.finding
    assert f"error 0.021 (95{NO_BREAK}% bootstrap interval 0.008 to 0.041)" in shown.caption
    assert "n = 200 held-out pictures" in shown.caption


@pytest.mark.usefixtures("undrawn")
def test_an_error_without_an_interval_or_none_at_all_is_no_fault():
    alone = chart(calibration_error_interval=None)
    assert "error 0.021:" in alone.caption
    assert "interval 0" not in alone.caption
    without = chart(calibration_error=None, calibration_error_interval=None)
    assert without.finding == "How often the model was right, by how sure it was"
    assert "calibration error" not in without.caption


@pytest.mark.parametrize("without", [None, evaluation(reliability=())])
def test_without_bins_it_says_that_it_is_not_known_and_draws_nothing(without):
    shown = reliability_chart(without, 2, 0.8)
    assert shown.finding == "How far the confidence can be believed is not known"
    assert (shown.wide, shown.narrow, shown.table) == ("", "", None)


@pytest.mark.usefixtures("undrawn")
def test_the_numbers_are_there_by_confidence():
    shown = chart(reliability=BINS[::-1])
    assert [row[1] for row in shown.table.rows] == ["0.62", "0.85", "0.98"]
    assert shown.table.rows[0] == (
        "0.60 to 0.70",
        "0.62",
        "50.0\u00a0%",
        "18.8\u00a0to\u00a081.2\u00a0%",
        "6",
    )


def test_with_many_classes_the_axis_begins_lower():
    many = reliability_chart(evaluation(reliability=(bin_(0.14, 1, 4),)), 10, 0.5)
    assert "0.1" in texts(many.wide)
    assert "0.1" not in texts(chart().wide)


def test_a_bin_that_begins_below_the_lowest_confidence_is_drawn_from_there():
    """Of two classes the top score is at least a half, which a bin's edge need not be."""
    wide_one = replace(bin_(0.53, 3, 6), low=7 / 15, high=8 / 15)
    drawing = chart(reliability=(wide_one, *BINS)).wide
    bars = re.findall(r'd="M([\d.]+) [\d.]+L[\d. L]+z"', drawing)
    panel_left = min(a[0] for a, b in lines(drawing) if a[1] == b[1] and a[0] > 0)
    assert len(bars) == 4
    assert min(map(float, bars)) > panel_left
