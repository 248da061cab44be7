"""What others alarm on, to compare with: each an alarm or none for every window of records."""

import math

import numpy as np
from drift_following import Items, Population
from numpy.typing import NDArray

from lambdas.common.drift import comparisons
from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.interval import Z_95

NAMES = ("PSI > 0.1", "hourly 95 % interval", "CUSUM")

PSI_LIMIT = 0.1
PSI_BINS = 10
PSI_LEAST = 1e-4  # a share of 0 has no logarithm; this is what is customary
LOW = 0.1  # the share of the baseline's confidences that the interval and CUSUM take for low
CUSUM_RISE = 2.0
CUSUM_LIMIT = math.log(14_400)  # 720 windows, of which one in twenty runs should alarm


def alarms(
    population: Population, baseline: Baseline, windows: Items
) -> dict[str, NDArray[np.bool_]]:
    """By name of NAMES, whether each window [w] of items [w, n] raises an alarm.

    All three look at the confidence, each window alone but for CUSUM, and take the baseline's rates
    for the true ones.
    """
    confidence = population.scores.max(axis=1)
    expected = comparisons.answers(baseline.scores, baseline.labels)["confidence"]
    below = np.quantile(expected, LOW)
    normal = float((expected < below).mean())
    low = (confidence < below)[windows].sum(axis=1)
    found = (
        population_stability(expected, confidence, windows) > PSI_LIMIT,
        excludes(low, windows.shape[1], normal),
        cusum(low, windows.shape[1], normal) >= CUSUM_LIMIT,
    )
    return dict(zip(NAMES, found, strict=True))


def population_stability(
    expected: NDArray[np.float64], values: NDArray[np.float64], windows: Items
) -> NDArray[np.float64]:
    """The population stability index [w] over ten bins with equal shares of the baseline."""
    count, n = windows.shape
    edges = np.quantile(expected, np.arange(1, PSI_BINS) / PSI_BINS)
    normal = np.bincount(np.searchsorted(edges, expected), minlength=PSI_BINS) / len(expected)
    places = np.searchsorted(edges, values)[windows] + PSI_BINS * np.arange(count)[:, None]
    shares = np.bincount(places.ravel(), minlength=PSI_BINS * count).reshape(count, -1) / n
    normal, shares = np.maximum(normal, PSI_LEAST), np.maximum(shares, PSI_LEAST)
    return ((shares - normal) * np.log(shares / normal)).sum(axis=1)


def excludes(low: NDArray[np.int64], n: int, normal: float) -> NDArray[np.bool_]:
    """Whether the 95 % score interval of each window's rate leaves out the normal one."""
    distance = np.abs(low / n - normal)
    return distance > Z_95 * math.sqrt(normal * (1 - normal) / n)


def cusum(low: NDArray[np.int64], n: int, normal: float) -> NDArray[np.float64]:
    """Page's cumulative sum [w] of log likelihood ratios, for a rate that doubles."""
    risen = min(CUSUM_RISE * normal, (1 + normal) / 2)
    steps = low * math.log(risen / normal) + (n - low) * math.log((1 - risen) / (1 - normal))
    sums, total = np.empty(len(low)), 0.0
    for window, step in enumerate(steps):
        total = max(0.0, total + step)
        sums[window] = total
    return sums
