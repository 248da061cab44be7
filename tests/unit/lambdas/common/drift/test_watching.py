"""The detectors of unusual records."""

import numpy as np
import pytest

from lambdas.common.drift import detector, tails, watching
from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.verdict import Severity, Signal

from .conftest import Window


def watch(baseline: Baseline, window: Window, name: str, hours: int, **drift: float) -> Signal:
    logs = detector.start(len(tails.SHARES))
    expected = watching.usual(baseline)[name]
    for _ in range(hours):
        now = window(50, **drift)
        found = watching.unusual(baseline, now.scores, now.pictures)[name]
        signal, logs = watching.watch(name, expected, [found, found], 50, logs)
    return signal


@pytest.mark.parametrize("name", watching.NAMES)
def test_usual_records_raise_nothing(baseline: Baseline, window: Window, name: str) -> None:
    signal = watch(baseline, window, name, 200)
    assert signal.severity is Severity.NONE
    assert signal.p_value is None


def test_answers_of_low_confidence_are_found(baseline: Baseline, window: Window) -> None:
    assert watch(baseline, window, "low confidence", 6, doubt=0.5).severity is Severity.ACT
    assert watch(baseline, window, "unlike pictures", 6, doubt=0.5).severity is Severity.NONE


def test_pictures_unlike_the_baselines_are_found(baseline: Baseline, window: Window) -> None:
    assert watch(baseline, window, "unlike pictures", 6, dark=0.6).severity is Severity.ACT
    assert watch(baseline, window, "low confidence", 6, dark=0.6).severity is Severity.NONE


def test_the_strength_is_by_how_much_the_share_of_unusual_records_rose(
    baseline: Baseline, window: Window
) -> None:
    signal = watch(baseline, window, "unlike pictures", 6, dark=0.99)
    assert signal.strength == pytest.approx(1 - 0.02, abs=0.02)


def test_the_same_picture_in_a_row_is_told_as_fewer_records(
    baseline: Baseline, window: Window
) -> None:
    now = window(50, dark=0.7)
    repeated = np.repeat(now.pictures[:13], 4, axis=0)[:50]
    name, start = "unlike pictures", detector.start(len(tails.SHARES))
    expected = watching.usual(baseline)[name]
    decades = []
    for pictures in (now.pictures, repeated):
        found = watching.unusual(baseline, now.scores, pictures)[name]
        decades.append(watching.watch(name, expected, [found, found], 50, start)[0].statistic)
    assert decades[0] > 2 * decades[1] > 0
