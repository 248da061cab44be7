"""The simulation of years of windows gives the judge's own severities."""

from datetime import UTC, datetime

import drift_following
import numpy as np
import pytest
from drift_following import Population

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.judge import Observed, Severity, judge
from lambdas.common.drift.picture_statistics import COLUMNS

END = datetime(2026, 11, 2, tzinfo=UTC)
USUAL, SHIFTED = 500, 500


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.fixture
def population(random):
    """500 usual records and 500 shifted ones, rounded as the judge rounds them."""

    def law(count, shift):
        logits = (1 - shift) * random.choice((-1, 1), count) * random.normal(3, 1.5, count)
        scores = 1 / (1 + np.exp(-logits))
        pictures = np.abs(random.normal(0.5 - shift / 4, 0.1, (count, len(COLUMNS))))
        return np.stack([scores, 1 - scores], axis=1).round(4), pictures.round(4)

    usual, shifted = law(USUAL, 0), law(SHIFTED, 0.25)
    return Population(*(np.concatenate(both) for both in zip(usual, shifted, strict=True)))


@pytest.fixture
def baseline(random, population):
    kept = random.integers(USUAL, size=300)
    labels = ("bicycle", "motorcycle")
    return Baseline(1, "", labels, 0.7, "", population.scores[kept], population.pictures[kept])


def simulated(population, baseline, windows):
    compared, watched = drift_following.compared(population, baseline, windows)
    return np.maximum(compared, drift_following.detected([watched])[0]).tolist()


def judged(population, baseline, windows):
    state, severities = {}, []
    for items in windows:
        observed = Observed(population.scores[items], population.pictures[items], END)
        verdict, state = judge(baseline, observed, state)
        severities.append(int(verdict.severity))
    return severities


@pytest.mark.parametrize(("n", "windows"), [(20, 20), (100, 12), (500, 4), (1000, 3)])
@pytest.mark.parametrize("share", [0, 0.4, 0.8])
def test_every_severity_is_the_judges(population, baseline, random, n, windows, share):
    items = random.integers(USUAL, size=(windows, n))
    items[windows // 2 :] += SHIFTED * (random.random((windows - windows // 2, n)) < share)
    expected = judged(population, baseline, items)
    assert simulated(population, baseline, items) == expected
    assert share < 0.8 or max(expected) == Severity.ACT


def test_pictures_in_a_row_count_as_they_do_for_the_judge(population, baseline, random):
    items = np.repeat(random.integers(USUAL, size=600), 3)[:1600].reshape(16, 100)
    items[8:] += SHIFTED
    expected = judged(population, baseline, items)
    assert simulated(population, baseline, items) == expected
    assert len(set(expected)) > 2


def test_runs_side_by_side_do_not_touch_each_other(population, baseline, random):
    quiet = random.integers(USUAL, size=(10, 100))
    told = [
        drift_following.compared(population, baseline, windows)[1]
        for windows in (quiet, quiet + SHIFTED, quiet)
    ]
    found = drift_following.detected(told)
    assert found.max(axis=1).tolist() == [0, Severity.ACT, 0]


def test_windows_that_do_not_fill_the_pools_evenly_are_refused(population, baseline):
    with pytest.raises(ValueError, match="evenly"):
        drift_following.compared(population, baseline, np.zeros((3, 30), int))
