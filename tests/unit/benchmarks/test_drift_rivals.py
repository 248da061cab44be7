"""What the drift monitor is compared with does what it is known for."""

import drift_rivals
import numpy as np
import pytest
from drift_false_alarms import arrivals
from drift_following import Population
from scipy import stats

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import COLUMNS


def test_the_population_stability_index_of_two_halves_is_known():
    expected = np.arange(100.0)
    windows = np.arange(50)[None]  # the lower half alone: half of the bins are empty
    found = drift_rivals.population_stability(expected, expected, windows)
    least = drift_rivals.PSI_LEAST
    assert found == pytest.approx(
        [5 * ((0.2 - 0.1) * np.log(2) + (least - 0.1) * np.log(least / 0.1))], rel=1e-9
    )


def test_the_index_of_50_records_without_drift_is_mostly_above_its_limit():
    random = np.random.default_rng(1)
    values = random.random(20_000)
    windows = random.integers(20_000, size=(500, 50))
    found = drift_rivals.population_stability(random.random(350), values, windows)
    assert (found > drift_rivals.PSI_LIMIT).mean() > 0.8


def test_the_interval_leaves_out_the_normal_rate_in_one_of_twenty_windows():
    low = np.arange(401)
    found = drift_rivals.excludes(low, 400, 0.1)
    assert stats.binom.pmf(low, 400, 0.1)[found].sum() == pytest.approx(0.05, abs=0.01)


def test_the_cumulative_sum_begins_again_at_nothing_and_adds_up():
    found = drift_rivals.cusum(np.array([0, 4, 4]), 20, 0.1)
    step = 4 * np.log(2) + 16 * np.log(0.8 / 0.9)
    assert found == pytest.approx([0, step, 2 * step])


def test_each_rival_alarms_when_confidence_collapses():
    random = np.random.default_rng(2)
    confidence = np.concatenate([random.uniform(0.8, 1, 500), random.uniform(0.5, 0.7, 500)])
    population = Population(
        np.stack([confidence, 1 - confidence], axis=1), random.random((1000, len(COLUMNS)))
    )
    baseline = Baseline(
        None, "", ("a", "b"), 0.7, "", population.scores[:350], np.ones((350, len(COLUMNS)))
    )
    windows = random.integers(500, 1000, (3, 100))
    found = drift_rivals.alarms(population, baseline, windows)
    assert list(found) == list(drift_rivals.NAMES)
    assert all(alarms.all() for alarms in found.values())


def test_a_driver_sends_as_many_pictures_in_a_row_as_is_asked():
    items = arrivals(np.random.default_rng(3), 30_000, 3)
    assert 30_000 / (1 + np.count_nonzero(np.diff(items))) == pytest.approx(3, rel=0.05)


def test_independent_pictures_come_once():
    items = arrivals(np.random.default_rng(3), 30_000, 1)
    assert np.count_nonzero(np.diff(items) == 0) < 30
