"""How much less records say that come in a row from the same source."""

import numpy as np
import pytest

from lambdas.common.drift.correlation import design_effect


def runs(random: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Values that come `length` times in a row on average, geometrically."""
    is_first = random.random(n) < 1 / length
    is_first[0] = True
    return random.random(n)[np.maximum.accumulate(np.where(is_first, np.arange(n), 0))]


def test_independent_records_count_in_full(random: np.random.Generator) -> None:
    found = [design_effect(random.random(1000)) for _ in range(200)]
    assert np.mean(np.array(found) == 1) > 0.95
    assert max(found) < 1.5


@pytest.mark.parametrize(("length", "expected"), [(2, 3), (3, 5), (4, 7)])
def test_runs_of_a_geometric_length_have_the_known_effect(
    random: np.random.Generator, length: int, expected: float
) -> None:
    found = [design_effect(runs(random, 2000, length)) for _ in range(50)]
    assert float(np.median(found)) == pytest.approx(expected, rel=0.15)


def test_the_effect_is_how_much_more_a_mean_varies(random: np.random.Generator) -> None:
    means = [float(runs(random, 400, 3).mean()) for _ in range(2000)]
    varies = float(np.var(means)) / (1 / 12 / 400)
    found = float(np.median([design_effect(runs(random, 2000, 3)) for _ in range(50)]))
    assert found == pytest.approx(varies, rel=0.2)


def test_a_change_of_level_is_a_drift_and_no_correlation(random: np.random.Generator) -> None:
    values = np.concatenate([random.uniform(0, 1, 500), random.uniform(0.5, 1, 500)])
    assert design_effect(values) == 1


def test_the_same_picture_again_and_again_has_the_largest_effect() -> None:
    assert design_effect(np.full(200, 0.4)) == 10


def test_a_few_records_count_in_full() -> None:
    assert design_effect(np.full(19, 0.4)) == 1
    assert design_effect(np.array([])) == 1
