"""A sequential detector of unusual records: of low confidence, or of pictures unlike the rest."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift import comparisons, correlation, detector, novelty, tails
from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.verdict import Severity, Signal

Table = NDArray[np.float64]
Values = NDArray[np.float64]

NAMES = ("low confidence", "unlike pictures")

LIMITS: Mapping[Severity, float] = {
    severity: -math.log10(level) for severity, level in comparisons.LEVELS.items()
}
"""In decades: a detector without drift reaches a severity in one of as many windows, at most, as
the comparisons do."""


def usual(baseline: Baseline) -> dict[str, Values]:
    """How unusual the baseline's own records are, by NAMES."""
    return {NAMES[0]: _doubt(baseline.scores), NAMES[1]: novelty.own_distances(baseline.pictures)}


def unusual(baseline: Baseline, scores: Table, pictures: Table) -> dict[str, Values]:
    """How unusual answers [n, k] and statistics of pictures [m, 12] are, by NAMES."""
    found = novelty.distances(baseline.pictures, pictures)
    return {NAMES[0]: _doubt(scores), NAMES[1]: found}


def watch(
    name: str, expected: Values, pools: Sequence[Values], new: int, logs: Table
) -> tuple[Signal, Table]:
    """Tell a detector how unusual the `new` last records, at least one, of the pools are.

    `expected` [m] is what the baseline's are, `logs` what the last call returned, or
    `detector.start(len(tails.SHARES))`. Returns the signal, without its `since`, and the new logs.
    """
    above = tails.limits(expected)
    effect = correlation.design_effect(pools[-1])
    found, value = detector.update(
        logs,
        tails.counts(pools[-1][-new:], above) / effect,
        new / effect,
        tails.highest_rates(expected, above),
    )
    decades = float(value)
    severity = max((one for one in LIMITS if decades >= LIMITS[one]), default=Severity.NONE)
    normal = tails.counts(expected, above) / len(expected)
    now = tails.counts(pools[0], above) / len(pools[0])
    signal = Signal(
        name=name,
        statistic=decades,
        p_value=None,
        limit=LIMITS[Severity.WATCH],
        n=new,
        since=None,
        is_drifting=severity > Severity.NONE,
        severity=severity,
        strength=max(0.0, float((now - normal).max())),
    )
    return signal, found


def _doubt(scores: Table) -> Values:
    doubt: Values = 1 - scores.max(axis=1, initial=0)
    return doubt
