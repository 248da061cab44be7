"""The two-sample Kolmogorov-Smirnov test, with scipy's exact one as the oracle."""

import math

import numpy as np
import pytest
from scipy import stats

from lambdas.common.drift import kolmogorov_smirnov as ks

SIZES = [(1, 1), (5, 7), (20, 30), (100, 100), (350, 200), (200, 350), (350, 1000)]


@pytest.mark.parametrize(("m", "n"), SIZES)
@pytest.mark.parametrize("moved", [0, 0.3, 1])
def test_distance_and_p_value_are_scipys(
    random: np.random.Generator, m: int, n: int, moved: float
) -> None:
    a, b = random.normal(size=m), random.normal(moved, size=n)
    expected = stats.ks_2samp(a, b, method="exact")
    distance, p_value = ks.two_sample(a, b)
    assert distance == pytest.approx(expected.statistic, abs=1e-9)
    assert p_value == pytest.approx(expected.pvalue, abs=1e-9)


def test_a_tiny_p_value_is_exact_to_its_last_digits(random: np.random.Generator) -> None:
    a, b = random.normal(size=200), random.normal(2, size=200)
    expected = stats.ks_2samp(a, b, method="exact").pvalue
    assert 0 < expected < 1e-30
    assert ks.two_sample(a, b)[1] == pytest.approx(expected, rel=1e-9)


def test_large_samples_that_are_far_apart_have_their_tiny_p_value(
    random: np.random.Generator,
) -> None:
    a, b = random.normal(size=3000), random.normal(0.6, size=3000)
    expected = stats.ks_2samp(a, b, method="exact").pvalue
    assert 0 < expected < 1e-60
    assert ks.two_sample(a, b)[1] == pytest.approx(expected, rel=1e-9)


def test_samples_that_do_not_overlap_are_one_of_two_extreme_orders() -> None:
    distance, p_value = ks.two_sample(np.arange(6.0), np.arange(10.0, 14.0))
    assert distance == 1
    assert p_value == pytest.approx(2 / math.comb(10, 4), rel=1e-12)


def test_the_same_values_are_no_distance_apart() -> None:
    values = np.array([0.1, 0.5, 0.5, 0.9])
    assert ks.two_sample(values, values) == (0, 1)


def test_tied_values_count_on_both_sides_at_once() -> None:
    a, b = np.array([0.0, 1, 1, 1]), np.array([1.0, 1, 1, 2])
    assert ks.two_sample(a, b)[0] == pytest.approx(stats.ks_2samp(a, b).statistic)


def test_p_values_without_a_difference_are_uniform_or_larger(random: np.random.Generator) -> None:
    found = [ks.two_sample(random.random(40), random.random(25))[1] for _ in range(2000)]
    for level in (0.01, 0.05, 0.2):
        share = float(np.mean(np.array(found) <= level))
        assert share <= level + 3 * math.sqrt(level * (1 - level) / 2000)
        assert share >= level / 2


@pytest.mark.parametrize(("m", "n"), [(350, 200), (350, 20), (200, 200), (1000, 77)])
@pytest.mark.parametrize("level", [0.05, 1e-4, 7e-7])
def test_the_critical_value_is_the_smallest_distance_at_the_level(
    m: int, n: int, level: float
) -> None:
    limit = ks.critical_value(m, n, level)
    step = math.gcd(m, n) / (m * n)
    assert ks.p_value(limit, m, n) <= level < ks.p_value(limit - step, m, n)


def test_samples_too_small_for_a_level_have_a_critical_value_that_nothing_reaches() -> None:
    assert ks.p_value(1, 20, 2) > 1e-6
    assert ks.critical_value(20, 2, 1e-6) > 1


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not empty"):
        ks.two_sample(np.array([]), np.array([1.0]))
