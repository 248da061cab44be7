"""The chi-square test of homogeneity, with scipy's as the oracle."""

import math

import numpy as np
import pytest
from scipy import stats

from lambdas.common.drift import chi_square

TABLES = [
    ([180, 170], [90, 110]),
    ([180, 170], [200, 0]),
    ([10, 20, 30], [30, 20, 10]),
    ([5, 0, 7, 100], [6, 3, 80, 9]),
    ([1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1]),
]


@pytest.mark.parametrize(("a", "b"), TABLES)
def test_statistic_and_p_value_are_scipys(a: list[int], b: list[int]) -> None:
    expected = stats.chi2_contingency([a, b], correction=False)
    statistic, p_value = chi_square.homogeneity(np.array(a), np.array(b))
    assert statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert p_value == pytest.approx(expected.pvalue, abs=1e-9)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 99])
@pytest.mark.parametrize("statistic", [0, 0.01, 1, 10, 60, 300])
def test_the_tail_is_scipys(statistic: float, degrees: int) -> None:
    expected = stats.chi2.sf(statistic, degrees)
    assert chi_square.survival(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_with_two_degrees_of_freedom_the_tail_is_exponential() -> None:
    assert chi_square.survival(6, 2) == pytest.approx(math.exp(-3), rel=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 7])
@pytest.mark.parametrize("level", [0.5, 0.05, 7e-7])
def test_the_critical_value_is_scipys(level: float, degrees: int) -> None:
    found = chi_square.critical_value(level, degrees)
    assert found == pytest.approx(stats.chi2.isf(level, degrees), rel=1e-8)


def test_the_same_shares_have_no_statistic() -> None:
    assert chi_square.homogeneity(np.array([30, 60]), np.array([10, 20])) == (0, 1)


def test_a_class_that_neither_sample_has_changes_nothing() -> None:
    two = chi_square.homogeneity(np.array([30, 60]), np.array([20, 20]))
    assert chi_square.homogeneity(np.array([30, 0, 60]), np.array([20, 0, 20])) == two


def test_one_class_alone_cannot_differ() -> None:
    assert chi_square.homogeneity(np.array([30]), np.array([20])) == (0, 1)


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not empty"):
        chi_square.homogeneity(np.array([30, 60]), np.array([0, 0]))


@pytest.mark.parametrize(("n", "least", "most"), [(60, 10, 100), (150, 0, 2)])
def test_with_a_rare_class_the_p_value_can_be_trusted_from_150_answers_on(
    n: int, least: float, most: float
) -> None:
    # How much oftener than it says, over all that can come of a class of 5 %.
    m, level = 350, 1e-5 / 14
    errs = 0.0
    for a in range(61):
        for b in range(min(n, 61)):
            _, p_value = chi_square.homogeneity(np.array([a, m - a]), np.array([b, n - b]))
            if p_value <= level:
                errs += float(stats.binom.pmf(a, m, 0.05) * stats.binom.pmf(b, n, 0.05))
    assert least <= errs / level <= most
