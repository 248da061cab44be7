"""Bounds of a share; the interval's own tests are those of scripts/evaluation/quality.py."""

import pytest
from scipy import stats

from lambdas.common.drift.interval import upper_bound


@pytest.mark.parametrize(
    ("successes", "total"), [(0, 20), (7, 350), (35, 350), (69, 70), (200, 900)]
)
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.98])
def test_the_upper_bound_is_that_of_the_beta_distribution(
    successes: int, total: int, confidence: float
) -> None:
    expected = stats.beta.ppf(confidence, successes + 1, total - successes)
    assert upper_bound(successes, total, confidence) == pytest.approx(expected, abs=1e-9)


def test_nothing_bounds_a_share_that_was_always_there() -> None:
    assert upper_bound(20, 20, 0.98) == 1


@pytest.mark.parametrize(("successes", "total"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_has_no_bound(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        upper_bound(successes, total, 0.98)
