"""The sequential detector: what its value is, what it promises, and what it finds."""

import math

import numpy as np
import pytest
from scipy import stats

from lambdas.common.drift import detector, tails


def after(windows: list[int], total: int, rate: float) -> list[float]:
    """The detector's value after each window with so many of `total` records of the kind."""
    logs, values = detector.start(1), []
    for count in windows:
        logs, value = detector.update(logs, [count], total, [rate])
        values.append(float(value))
    return values


def mean_e_value(true_rate: float, highest_rate: float) -> float:
    """Of a window with four records, too few to reach where a value stops growing."""
    counts = np.arange(5)
    logs = np.zeros((5, 1, 1)) + detector.start(1)
    _, decades = detector.update(logs, counts[:, None], np.full(5, 4), [highest_rate])
    return float((stats.binom.pmf(counts, 4, true_rate) * 10**decades).sum())


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
def test_the_mean_of_a_windows_e_value_is_1_at_the_highest_rate(rate: float) -> None:
    assert mean_e_value(rate, rate) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("rate", [0.05, 0.09])
def test_the_mean_of_a_windows_e_value_is_less_below_the_highest_rate(rate: float) -> None:
    assert mean_e_value(rate, 0.1) < 0.95


def test_the_value_of_two_windows_is_the_sum_over_where_a_rise_may_begin() -> None:
    rate, total, counts = 0.1, 20, (5, 6)
    e_values = []
    for count in counts:
        ratios = []
        for odds_ratio in detector.ODDS_RATIOS:
            odds = odds_ratio * rate / (1 - rate)
            risen = odds / (1 + odds)
            ratio = stats.binom.pmf(count, total, risen) / stats.binom.pmf(count, total, rate)
            ratios.append(float(ratio))
        e_values.append(np.array(ratios))
    expected = float(np.mean(e_values[0] * e_values[1] + e_values[1]))
    assert after(list(counts), total, rate)[1] == pytest.approx(math.log10(expected), abs=1e-9)


def test_without_a_rise_it_passes_its_limit_within_the_promised_share_of_runs(
    random: np.random.Generator,
) -> None:
    runs, windows, limit = 4000, 100, 1000
    logs = np.zeros((runs, 1, 1)) + detector.start(1)
    passed = np.zeros(runs, bool)
    for _ in range(windows):
        counts = random.binomial(50, 0.1, (runs, 1))
        logs, decades = detector.update(logs, counts, np.full(runs, 50), [0.1])
        passed |= decades >= math.log10(limit)
    assert passed.any()
    assert passed.mean() <= windows / limit


def test_a_rate_that_doubles_is_found_over_several_windows(random: np.random.Generator) -> None:
    before = random.binomial(20, 0.08, 100)
    values = after([*before, *random.binomial(20, 0.25, 20)], 20, 0.1)
    assert max(values[:100]) < 3
    assert max(values[100:102]) < 5 < max(values[100:])


def test_a_window_alone_can_be_enough() -> None:
    assert after([60], 200, 0.1)[0] > 5


def test_one_rate_and_one_rise_at_their_most_reach_every_severity() -> None:
    most = detector.MOST_DECADES - math.log10(len(tails.SHARES) * len(detector.ODDS_RATIOS))
    assert most > 5


def test_it_falls_again_soon_after_the_cause_is_gone() -> None:
    values = after([100] * 50 + [8] * 20, 100, 0.1)
    assert values[49] == pytest.approx(detector.MOST_DECADES, abs=1)
    assert min(values[50:56]) < 3


def test_rates_that_do_not_rise_do_not_hide_one_that_does() -> None:
    logs = detector.start(4)
    for _ in range(10):
        logs, value = detector.update(logs, [30, 5, 5, 5], 100, [0.1, 0.1, 0.1, 0.1])
    assert float(value) > 5
