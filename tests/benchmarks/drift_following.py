"""The judge's severities over many windows at once, fast enough to simulate years of them.

The limits are those of lambdas/common/drift, from the same functions. What is computed in another
way is how the records of a window fall between the baseline's values, which is counted instead of
sorted: tests/unit/benchmarks/test_drift_following.py holds every severity against the judge's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift import (
    chi_square,
    comparisons,
    correlation,
    detector,
    family,
    kolmogorov_smirnov,
    pool,
    tails,
    watching,
)
from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.comparisons import LEVELS, STILL
from lambdas.common.drift.picture_statistics import NAMES

Table = NDArray[np.float64]
Items = NDArray[np.integer]
Counts = NDArray[np.float32]  # whole numbers up to 2^24, for which 32 bits are exact

_CLOSE = 1e-6  # distances that differ are further apart; those of 32 bits are exact to less


@dataclass(frozen=True)
class Population:
    """What may arrive: the scores [items, k] and the picture statistics [items, 4] of each item."""

    scores: Table
    pictures: Table


@dataclass(frozen=True)
class Pools:
    """A statistic of each pool [w] of one size, and how many records it counts for."""

    statistic: Table
    records: NDArray[np.int64]


@dataclass(frozen=True)
class Watched:
    """What the detectors d are told of windows: how many records are unusual [d, w, r], how many
    there are [d, w], both as independent ones; and the highest rates [d, r] that are normal."""

    counts: Table
    totals: Table
    highest_rates: Table


def compared(
    population: Population, baseline: Baseline, windows: Items
) -> tuple[NDArray[np.int8], Watched]:
    """The severity [w] by comparison of each window of items, [w, n], in turn with the baseline;
    and what the detectors are to be told of them."""
    labels, length = baseline.labels, _lengths(windows.shape[1])[-1]
    found = comparisons.answers(population.scores, labels)
    expected = comparisons.answers(baseline.scores, labels)
    seen = comparisons.by_name(population.pictures)
    shown = comparisons.by_name(baseline.pictures)
    tests = len(pool.SIZES) * (len(found) + 1 + len(seen))
    effect = _effect(found["confidence"], windows, length)
    severities = _mixes(population.scores, baseline.scores, windows, effect, tests)
    for name in found:
        _raise(severities, _distances(expected[name], found[name], windows, effect, tests))
    effect = _effect(seen[NAMES[0]], windows, length)
    for name in NAMES:
        _raise(severities, _distances(shown[name], seen[name], windows, effect, tests))
    return severities, _watch(population, baseline, windows, length)


def _watch(population: Population, baseline: Baseline, windows: Items, length: int) -> Watched:
    usual = watching.usual(baseline)
    unusual = watching.unusual(baseline, population.scores, population.pictures)
    counts, totals, highest = [], [], []
    for name in watching.NAMES:
        above = tails.limits(usual[name])
        effect = _effect(unusual[name], windows, length)
        passed = np.searchsorted(np.sort(above), unusual[name]).astype(np.int8)[windows]
        found = [(passed > len(above) - 1 - rank).sum(axis=1) for rank in range(len(above))]
        counts.append(np.stack(found, axis=1) / effect[:, None])
        totals.append(windows.shape[1] / effect)
        highest.append(tails.highest_rates(usual[name], above))
    return Watched(np.stack(counts), np.stack(totals), np.stack(highest))


def detected(runs: Sequence[Watched]) -> NDArray[np.int8]:
    """The severity [runs, w] by the sequential detectors."""
    counts = np.stack([run.counts for run in runs])
    totals = np.stack([run.totals for run in runs])
    highest = np.stack([run.highest_rates for run in runs])
    severities = np.zeros((len(runs), totals.shape[2]), np.int8)
    logs = np.zeros((*highest.shape[:2], 1, 1)) + detector.start(highest.shape[2])
    for window in range(totals.shape[2]):
        logs, decades = detector.update(logs, counts[:, :, window], totals[:, :, window], highest)
        for severity, limit in watching.LIMITS.items():
            severities[(decades >= limit).any(axis=1), window] = severity
    return severities


def _lengths(n: int) -> list[int]:
    """How many windows of `n` records each pool takes."""
    if any(size > n and size % n for size in pool.SIZES) or n > pool.MOST_OF_WINDOW:
        raise ValueError(f"Windows of {n} records do not fill the pools evenly.")
    return [max(1, size // n) for size in pool.SIZES]


def _rolling(counts: Counts, lengths: Sequence[int]) -> Iterator[Counts]:
    """Sums over each number of the latest windows, along the first axis; of fewer at first."""
    sums = counts if max(lengths) == 1 else np.cumsum(counts, axis=0)
    for length in lengths:
        if length == 1:
            yield counts
        else:
            yield np.concatenate([sums[:length], sums[length:] - sums[:-length]])


def _records(windows: int, n: int, length: int) -> NDArray[np.int64]:
    return n * np.minimum(np.arange(1, windows + 1), length)


def _effect(values: Table, windows: Items, length: int) -> Table:
    """The design effect [w] of the latest `length` windows of items, by one statistic."""
    count, n = windows.shape
    arrived = values.astype(np.float32)[windows.ravel()]
    apart = correlation.DISTANCE
    near = np.cumsum(np.diff(arrived, prepend=arrived[0]) ** 2, dtype=float)
    far = np.cumsum((arrived[apart:] - arrived[:-apart]) ** 2, dtype=float)
    ends = n * np.arange(1, count + 1) - 1
    firsts = ends + 1 - _records(count, n, length)
    nears = (near[ends] - near[firsts]) / (ends - firsts)
    before = np.where(firsts > 0, far[firsts - 1], 0)
    fars = (far[ends - apart] - before) / (ends - apart + 1 - firsts)
    return correlation.from_differences(nears, fars, ends + 1 - firsts)


def _raise(severities: NDArray[np.int8], others: NDArray[np.int8]) -> None:
    np.maximum(severities, others, out=severities)


def _distances(
    expected: Table, values: Table, windows: Items, effect: Table, tests: int
) -> NDArray[np.int8]:
    """The severity [w] by the distance of pools of windows from the baseline's values."""
    places, least, most = _places(expected, values)
    count, n = windows.shape
    bins = len(least)
    rows = np.arange(count, dtype=np.int32)[:, None] * bins
    counts = np.bincount((places[windows] + rows).ravel(), minlength=count * bins)
    below = np.cumsum(counts.reshape(count, bins).astype(np.float32), axis=1)
    pools = []
    lengths = _lengths(n)
    for length, found in zip(lengths, _rolling(below, lengths), strict=True):
        records = _records(count, n, length)
        shares = found * (1 / records).astype(np.float32)[:, None]
        distance = np.maximum((shares - least).max(axis=1), (most - shares).max(axis=1))
        pools.append(Pools(distance, np.rint(records / effect).astype(np.int64)))

    def passes(some: Pools, level: float) -> NDArray[np.bool_]:
        sizes, positions = np.unique(some.records, return_inverse=True)
        limits = [
            kolmogorov_smirnov.critical_value(len(expected), int(size), level) for size in sizes
        ]
        return some.statistic >= np.array(limits)[positions] - _CLOSE

    return _severities(pools, passes, tests)


def _places(
    expected: Table, values: Table
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """The bin of each value between the baseline's, and the least and the largest share of the
    baseline that is below the bin's upper edge."""
    edges, repeats = np.unique(expected, return_counts=True)
    up_to = np.concatenate([[0], np.cumsum(repeats)]) / len(expected)
    left = np.searchsorted(edges, values, side="left")
    right = np.searchsorted(edges, values, side="right")
    if (left == right).all():  # no ties: between two edges, the baseline's share jumps
        shares = up_to.astype(np.float32)
        return right.astype(np.int32), shares, np.append(shares[1:], shares[-1])
    shares = np.append(np.repeat(up_to[:-1], 2), up_to[-1]).astype(np.float32)
    shares[1::2] = up_to[1:]  # at the edge itself
    return (left + right).astype(np.int32), shares, shares


def _mixes(
    scores: Table, expected_scores: Table, windows: Items, effect: Table, tests: int
) -> NDArray[np.int8]:
    """The severity [w] by the classes of pools of windows."""
    kinds = scores.shape[1]
    classes = scores.argmax(axis=1).astype(np.int8)[windows]
    counts = np.stack([(classes == kind).sum(axis=1) for kind in range(kinds)], axis=1)
    expected = np.bincount(expected_scores.argmax(axis=1), minlength=kinds)
    pools = []
    for found in _rolling(counts.astype(np.float32), _lengths(windows.shape[1])):
        records = found.sum(axis=1, keepdims=True)
        share = len(expected_scores) / records
        # Pearson's statistic of two samples; a class that is in neither adds nothing.
        both = np.maximum(found + expected, 1) * share
        statistic = ((found * share - expected) ** 2 / both).sum(axis=1)
        pools.append(Pools(statistic / effect, records[:, 0].astype(np.int64)))

    def passes(some: Pools, level: float) -> NDArray[np.bool_]:
        return some.statistic >= chi_square.critical_value(level, kinds - 1)

    is_enough = pools[0].records >= comparisons.FEWEST_CLASSIFIED
    return _severities(pools, passes, tests) * is_enough


def _severities(
    pools: Sequence[Pools], passes: Callable[[Pools, float], NDArray[np.bool_]], tests: int
) -> NDArray[np.int8]:
    """The severity [w] of a statistic; a larger pool counts while the small one is not at rest."""
    small, large = pools
    is_on = passes(small, STILL)
    severities = np.zeros(len(small.statistic), np.int8)
    for severity, level in LEVELS.items():
        each = family.level_of_each(level, tests)
        severities[passes(small, each) | (is_on & passes(large, each))] = severity
    return severities
