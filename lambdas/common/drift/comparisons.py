"""The tests of the latest records against the baseline, with one error rate over all of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift import chi_square, correlation, family, kolmogorov_smirnov, pool
from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import NAMES
from lambdas.common.drift.verdict import Severity, Signal

Table = NDArray[np.float64]
Values = NDArray[np.float64]

LEVELS: Mapping[Severity, float] = {
    Severity.WATCH: 1e-3,
    Severity.WARN: 1e-4,
    Severity.ACT: 1e-5,
}
"""How probable a severity is in one window without drift, at most, over all its tests together."""

FEWEST = 10
"""Fewer records than this are not tested before others have joined them."""

FEWEST_CLASSIFIED = 150
"""Of fewer answers the chi-square distribution says too little: with a class of 5 %, a pool of 60
would be taken for drifting 25 times as often as LEVELS say; from 150 on, never twice as often."""

STILL = 0.05
"""A large pool counts while the small one's p-value, by itself, is at most this: else what is over
would be reported until the last record of it has left the large pool."""


def compare(baseline: Baseline, scores: Sequence[Table], pictures: Sequence[Table]) -> list[Signal]:
    """Compare pools of scores and of picture statistics, the smaller first, with the baseline.

    There is one signal for each statistic, from the pool that tells more, without its `since`;
    none where there are fewer than 10 records, and none of the classes for fewer than 150.
    """
    columns = len(answers(baseline.scores, baseline.labels)) + len(NAMES)
    tests = len(pool.SIZES) * (columns + 1)  # and the classes
    signals = []
    if len(scores[0]) >= FEWEST:
        effect = correlation.design_effect(scores[-1].max(axis=1))
        expected = answers(baseline.scores, baseline.labels)
        found = [answers(some, baseline.labels) for some in scores]
        signals += _distances(expected, found, effect, tests)
        if len(scores[0]) >= FEWEST_CLASSIFIED:
            mixes = [_mix(baseline.scores, some, effect, tests) for some in scores]
            signals.append(_most_telling(mixes))
    if len(pictures[0]) >= FEWEST:
        effect = correlation.design_effect(pictures[-1][:, 0])
        expected = by_name(baseline.pictures)
        signals += _distances(expected, [by_name(some) for some in pictures], effect, tests)
    return signals


def answers(scores: Table, labels: Sequence[str]) -> dict[str, Values]:
    """The distributions that are compared of scores [n, k]: the top score, and each class's.

    Of two classes the first one's is enough: the other's is its mirror image.
    """
    scored = labels if len(labels) > 2 else labels[:1]
    return {
        "confidence": scores.max(axis=1, initial=0),
        **{f"score of {label}": scores[:, column] for column, label in enumerate(scored)},
    }


def severity(p_value: float, tests: int) -> Severity:
    """The severity of one of `tests` tests."""
    found = family.adjusted(p_value, tests)
    return max((one for one, level in LEVELS.items() if found <= level), default=Severity.NONE)


def by_name(pictures: Table) -> dict[str, Values]:
    """What is tested of statistics of pictures [n, 12]: NAMES, the first of their columns."""
    return {name: pictures[:, column] for column, name in enumerate(NAMES)}


def _distances(
    expected: Mapping[str, Values],
    found: Sequence[Mapping[str, Values]],
    effect: float,
    tests: int,
) -> list[Signal]:
    return [
        _most_telling([_distance(name, values, some[name], effect, tests) for some in found])
        for name, values in expected.items()
    ]


def _distance(name: str, expected: Values, found: Values, effect: float, tests: int) -> Signal:
    distance, p_value = kolmogorov_smirnov.two_sample(expected, found)
    independent = round(len(found) / effect)
    if independent < len(found):
        p_value = kolmogorov_smirnov.p_value(distance, len(expected), independent)
    level = family.level_of_each(LEVELS[Severity.WATCH], tests)
    limit = kolmogorov_smirnov.critical_value(len(expected), independent, level)
    return _signal(name, distance, p_value, limit, len(found), distance, tests)


def _mix(expected: Table, found: Table, effect: float, tests: int) -> Signal:
    counts = [np.bincount(s.argmax(axis=1), minlength=s.shape[1]) for s in (expected, found)]
    # Divided by the design effect: J. N. K. Rao and A. J. Scott, The analysis of categorical data
    # from complex sample surveys, Journal of the American Statistical Association 76 (1981).
    statistic = chi_square.homogeneity(counts[0], counts[1])[0] / effect
    degrees = expected.shape[1] - 1
    p_value = chi_square.survival(statistic, degrees)
    level = family.level_of_each(LEVELS[Severity.WATCH], tests)
    limit = chi_square.critical_value(level, degrees)
    shares = [count / count.sum() for count in counts]
    strength = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return _signal("class mix", statistic, p_value, limit, len(found), strength, tests)


def _signal(
    name: str,
    statistic: float,
    p_value: float,
    limit: float,
    n: int,
    strength: float,
    tests: int,
) -> Signal:
    found = severity(p_value, tests)
    return Signal(name, statistic, p_value, limit, n, None, found > Severity.NONE, found, strength)


def _most_telling(signals: Sequence[Signal]) -> Signal:
    """That of the smaller pool, unless a larger one has a smaller p-value and the drift is on."""
    current = signals[0]
    assert current.p_value is not None
    if current.p_value > STILL:
        return current
    return min(signals, key=lambda signal: signal.p_value or 0.0)
