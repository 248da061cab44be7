"""How often the monitor cries wolf: months of traffic without drift, by simulation."""

from collections.abc import Callable, Mapping
from typing import Any

import drift_rivals
import numpy as np
from drift_following import Items, Population, Watched, compared, detected
from numpy.typing import NDArray

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.interval import wilson
from lambdas.common.drift.picture_statistics import COLUMNS
from lambdas.common.drift.verdict import Severity

RATES_PER_H = (20, 100, 1_000)
WINDOWS = 30 * 24
RUNS = 2_000
BASELINE = 350
"""Held-out pictures: what validation and test have together."""

RUN_LENGTHS = (3, 5)
"""Pictures that a driver sends in a row, on average, all the same: time-correlated traffic."""
CORRELATED_RUNS = 400

ITEMS = 4_096
LABELS = ("a", "b")

Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """The share of 30-day runs with an alarm, with independent pictures and with runs of them."""
    population = _law(np.random.default_rng(0))
    independent = {str(rate): _months(population, rate, RUNS, 1, say) for rate in RATES_PER_H}
    correlated = {
        str(length): {
            str(rate): _months(population, rate, CORRELATED_RUNS, length, say)
            for rate in RATES_PER_H
        }
        for length in RUN_LENGTHS
    }
    return {
        "windows": WINDOWS,
        "baseline": BASELINE,
        "independent": independent,
        "pictures_in_a_row": correlated,
    }


def _law(random: np.random.Generator) -> Population:
    """What arrives: two classes as frequent as each other, and statistics that are correlated.

    The tests ask for the order of values alone, so that the shape of their distribution does not
    matter.
    """
    logits = random.choice((-1, 1), ITEMS) * random.normal(2, 1, ITEMS)
    scores = 1 / (1 + np.exp(-logits))
    columns = len(COLUMNS)
    covariance = 0.5 * np.eye(columns) + 0.5
    pictures = np.exp(0.3 * random.multivariate_normal(np.zeros(columns), covariance, ITEMS) - 1)
    return Population(np.stack([scores, 1 - scores], axis=1), pictures)


def _months(population: Population, rate: int, runs: int, length: int, say: Say) -> dict[str, Any]:
    """Runs of 30 days with a window of `rate` pictures each hour, each with its own baseline."""
    random = np.random.default_rng((rate, length))
    severities, watched = np.empty((runs, WINDOWS), np.int8), []
    rivals: dict[str, list[bool]] = {name: [] for name in drift_rivals.NAMES}
    for run in range(runs):
        if run % 50 == 0:
            say(f"{rate} pictures an hour, {length} in a row: run {run} of {runs}")
        drawn = random.integers(ITEMS, size=BASELINE)
        baseline = Baseline(
            None, "", LABELS, 0.5, "", population.scores[drawn], population.pictures[drawn]
        )
        windows = arrivals(random, WINDOWS * rate, length).reshape(WINDOWS, rate)
        severities[run], told = compared(population, baseline, windows)
        watched.append(told)
        for name, alarms in drift_rivals.alarms(population, baseline, windows).items():
            rivals[name].append(bool(alarms.any()))
    return _figures(severities, watched, rivals)


def arrivals(random: np.random.Generator, count: int, length: int) -> Items:
    """So many items, each of which comes on average `length` times in a row."""
    drawn = random.integers(ITEMS, size=count)
    if length == 1:
        return drawn
    is_first = random.random(count) < 1 / length
    is_first[0] = True
    return drawn[np.maximum.accumulate(np.where(is_first, np.arange(count), 0))]


def _figures(
    compared_: NDArray[np.int8], watched: list[Watched], rivals: Mapping[str, list[bool]]
) -> dict[str, Any]:
    detected_ = detected(watched)
    both = np.maximum(compared_, detected_)
    figures: dict[str, Any] = {
        severity.name.lower(): {
            **_share((both.max(axis=1) >= severity).tolist()),
            "by_comparison": float((compared_.max(axis=1) >= severity).mean()),
            "by_detector": float((detected_.max(axis=1) >= severity).mean()),
            "of_windows": float((both >= severity).mean()),
        }
        for severity in (Severity.ACT, Severity.WARN, Severity.WATCH)
    }
    return {**figures, **{name: _share(alarms) for name, alarms in rivals.items()}}


def _share(alarms: list[bool]) -> dict[str, Any]:
    return {
        "share": sum(alarms) / len(alarms),
        "interval": wilson(sum(alarms), len(alarms)),
        "runs": len(alarms),
    }
