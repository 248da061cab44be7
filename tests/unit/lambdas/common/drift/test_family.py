"""One error rate over all tests."""

import numpy as np
import pytest

from lambdas.common.drift import family


def test_a_p_value_counts_once_for_each_test() -> None:
    assert family.adjusted(0.001, 16) == pytest.approx(0.016)
    assert family.adjusted(0.5, 16) == 1


def test_each_test_gets_its_part_of_the_level() -> None:
    level = family.level_of_each(1e-3, 16)
    assert family.adjusted(level, 16) == pytest.approx(1e-3)


def test_any_of_many_tests_errs_as_seldom_as_the_level_says(random: np.random.Generator) -> None:
    p_values = random.random((20_000, 16))
    found = np.array([[family.adjusted(p, 16) <= 0.05 for p in row] for row in p_values[:2000]])
    share = float(found.any(axis=1).mean())
    assert 0.03 < share <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5
