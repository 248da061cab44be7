"""The stretched confidence axis."""

import numpy as np
import pytest

from scripts.report.charts.scale import ConfidenceScale, confidence_scale


def test_each_nine_is_one_step_further():
    scale = ConfidenceScale(lowest=0.5, decades=4)
    assert [scale.at(c) for c in (0.9, 0.99, 0.999)] == pytest.approx([1, 2, 3])


def test_what_lies_above_the_top_is_drawn_at_the_top():
    scale = ConfidenceScale(lowest=0.5, decades=4)
    assert scale.at(1.0) == 4
    assert list(scale.at_all(np.array([0.999999, 1.0]))) == [4, 4]


def test_one_and_many_are_placed_alike():
    scale = ConfidenceScale(lowest=0.5, decades=4)
    values = np.linspace(0.5, 1, 97)
    assert list(scale.at_all(values)) == pytest.approx([scale.at(float(v)) for v in values])


def test_the_axis_begins_at_one_over_the_number_of_classes():
    confident = np.full(10, 0.99)
    assert confidence_scale(confident, 2, 0.8).lowest == 0.5
    assert confidence_scale(confident, 4, 0.8).lowest == 0.25


def test_the_axis_reaches_down_to_the_lowest_confidence_and_the_threshold():
    assert confidence_scale(np.array([0.31, 0.9]), 2, 0.8).lowest == pytest.approx(0.31)
    assert confidence_scale(np.array([0.9]), 2, 0.4).lowest == pytest.approx(0.4)


@pytest.mark.parametrize(("confidence", "decades"), [(0.6, 3), (0.999, 4), (1.0, 5)])
def test_the_axis_reaches_a_decade_above_the_median(confidence, decades):
    assert confidence_scale(np.full(9, confidence), 2, 0.8).decades == decades


def test_no_confidence_still_has_an_axis():
    assert confidence_scale(np.array([]), 2, 0.8).decades == 3


def test_the_top_tick_says_and_above():
    ticks = ConfidenceScale(lowest=0.5, decades=4).ticks(0.0)
    assert [text for _, text in ticks] == [
        "0.5",
        "0.7",
        "0.9",
        "0.99",
        "0.999",
        "\u2265\u20090.9999",
    ]


def test_ticks_that_would_touch_are_left_out():
    ticks = ConfidenceScale(lowest=0.5, decades=4).ticks(0.4)
    assert [text for _, text in ticks][:2] == ["0.5", "0.9"]
