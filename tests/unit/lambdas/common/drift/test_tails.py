"""What is unusual, and how often the baseline says that it is normal."""

import numpy as np
import pytest

from lambdas.common.drift import tails


def test_each_limit_is_a_value_with_its_share_of_the_baseline_above_it(
    random: np.random.Generator,
) -> None:
    values = random.random(350)
    above = tails.limits(values)
    assert set(above) <= set(values)
    assert tails.counts(values, above).tolist() == [7, 17, 35]


def test_values_at_a_limit_are_usual() -> None:
    assert tails.counts(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0.5])).tolist() == [1]


def test_the_true_rate_is_above_its_bound_as_seldom_as_it_says(
    random: np.random.Generator,
) -> None:
    exceeded = []
    for _ in range(2000):
        values = random.random(350)
        above = tails.limits(values)
        exceeded.append(1 - above > tails.highest_rates(values, above))
    shares = np.mean(exceeded, axis=0)
    assert shares == pytest.approx(1 - tails.BOUND, abs=3 * (0.02 * 0.98 / 2000) ** 0.5)


def test_a_baseline_of_twenty_has_bounds_below_1(random: np.random.Generator) -> None:
    values = random.random(20)
    assert (tails.highest_rates(values, tails.limits(values)) < 0.7).all()
