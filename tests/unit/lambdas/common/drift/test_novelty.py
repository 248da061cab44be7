"""How unlike the reference's pictures a picture is."""

import numpy as np
import pytest
from scipy import stats

from lambdas.common.drift.novelty import distances, own_distances


@pytest.fixture
def reference(random: np.random.Generator) -> np.ndarray:
    """Statistics whose square roots are correlated and normal."""
    covariance = 0.01 * (0.5 * np.eye(4) + 0.5)
    return random.multivariate_normal(np.full(4, 0.6), covariance, 300) ** 2


def test_distances_of_the_like_are_chi_square(
    random: np.random.Generator, reference: np.ndarray
) -> None:
    more = random.multivariate_normal(np.full(4, 0.6), 0.01 * (0.5 * np.eye(4) + 0.5), 2000) ** 2
    found = distances(reference, more)
    assert stats.kstest(found, stats.chi2(4).cdf).statistic < 0.05


def test_a_picture_of_the_reference_is_compared_with_the_others_alone(
    reference: np.ndarray,
) -> None:
    found = own_distances(reference)
    for place in (0, 7, 299):
        others = np.delete(reference, place, axis=0)
        expected = distances(others, reference[place : place + 1])[0]
        assert found[place] == pytest.approx(expected, rel=1e-3)


def test_two_ordinary_values_that_never_come_together_are_far(reference: np.ndarray) -> None:
    roots = np.array([[0.75, 0.75, 0.75, 0.75], [0.75, 0.45, 0.75, 0.45]])
    together, apart = distances(reference, roots**2)
    assert apart > 5 * together


def test_a_statistic_that_never_varies_gives_finite_distances(reference: np.ndarray) -> None:
    reference[:, 3] = 0.25
    found = distances(reference, np.array([[0.36, 0.36, 0.36, 0.25], [0.36, 0.36, 0.36, 0.5]]))
    assert np.isfinite(found).all()
    assert found[1] > 100 * found[0]
