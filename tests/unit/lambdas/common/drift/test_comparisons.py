"""Which statistics are compared, and from when on one of them drifts."""

import numpy as np
import pytest

from lambdas.common.drift import comparisons, pool
from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import COLUMNS, NAMES
from lambdas.common.drift.verdict import Severity, Signal

from .conftest import Window


def compare(
    baseline: Baseline, scores: np.ndarray, pictures: np.ndarray, new: int
) -> dict[str, Signal]:
    pools = (pool.latest(records, new) for records in (scores, pictures))
    return {signal.name: signal for signal in comparisons.compare(baseline, *pools)}


def test_two_classes_are_one_score_because_the_other_is_its_mirror_image(
    baseline: Baseline, window: Window
) -> None:
    now = window(200)
    found = compare(baseline, now.scores, now.pictures, 200)
    assert list(found) == ["confidence", "score of bicycle", "class mix", *NAMES]


def test_each_of_three_classes_is_compared(random: np.random.Generator) -> None:
    labels = ("bicycle", "motorcycle", "van")
    scores, pictures = random.dirichlet(np.ones(3), 350), random.random((350, len(COLUMNS)))
    baseline = Baseline(None, "scones-1", labels, 0.7, "", scores, pictures)
    found = compare(baseline, scores[:200], pictures[:200], 200)
    assert {f"score of {label}" for label in labels} <= set(found)


def test_fewer_than_10_records_are_not_compared(baseline: Baseline, window: Window) -> None:
    now = window(10)
    assert compare(baseline, now.scores[:9], now.pictures[:9], 9) == {}
    assert compare(baseline, now.scores, now.pictures, 10)


def test_the_classes_of_fewer_than_150_answers_are_not_compared(
    baseline: Baseline, window: Window
) -> None:
    now = window(150, bicycles=1)
    assert compare(baseline, now.scores, now.pictures, 150)["class mix"].is_drifting
    assert "class mix" not in compare(baseline, now.scores[:149], now.pictures, 149)


def test_a_signal_drifts_from_its_limit_on(baseline: Baseline, window: Window) -> None:
    seen = []
    for step in range(40):
        now = window(200, doubt=step / 100, dark=step / 100, bicycles=0.5 + step / 100)
        seen += compare(baseline, now.scores, now.pictures, 200).values()
    assert {signal.is_drifting for signal in seen} == {True, False}
    assert all((s.statistic >= s.limit) == s.is_drifting for s in seen)


def test_a_severity_takes_a_smaller_p_value_than_the_one_below_it() -> None:
    tests = 14
    found = [comparisons.severity(p / tests, tests) for p in (2e-3, 1e-3, 1e-4, 1e-5)]
    assert found == [Severity.NONE, Severity.WATCH, Severity.WARN, Severity.ACT]


def test_a_small_difference_shows_in_the_larger_pool(baseline: Baseline, window: Window) -> None:
    now = window(1000, dark=0.13)
    found = compare(baseline, now.scores, now.pictures, 100)["brightness"]
    assert found.n == 1000
    assert found.is_drifting
    alone = compare(baseline, now.scores[-200:], now.pictures[-200:], 100)["brightness"]
    assert not alone.is_drifting


def test_what_is_over_drifts_no_more_although_the_larger_pool_remembers_it(
    baseline: Baseline, window: Window
) -> None:
    dark, light = window(800, dark=0.5), window(200)
    found = compare(
        baseline,
        np.concatenate([dark.scores, light.scores]),
        np.concatenate([dark.pictures, light.pictures]),
        200,
    )["brightness"]
    assert (found.n, found.is_drifting) == (200, False)


@pytest.mark.parametrize("name", ["confidence", "brightness", "class mix"])
def test_the_same_pictures_in_a_row_say_less(baseline: Baseline, window: Window, name: str) -> None:
    now = window(200, doubt=0.3, dark=0.3, bicycles=0.75)
    once = compare(baseline, now.scores, now.pictures, 200)[name]
    repeated = [np.repeat(records[:50], 4, axis=0) for records in (now.scores, now.pictures)]
    often = compare(baseline, *repeated, 200)[name]
    assert once.severity > often.severity
    assert once.p_value is not None
    assert often.p_value is not None
    assert often.p_value > 1e3 * once.p_value
