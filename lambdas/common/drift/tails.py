"""The rates of unusual records, those in the baseline's tail, which the detector watches."""

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift import interval

Values = NDArray[np.float64]

SHARES = (0.02, 0.05, 0.1)
"""Unusual is what so many of the baseline's values are above, each of them in turn: few to notice
a little of what is very unusual, many to notice much of what is hardly so."""

BOUND = 0.98
"""The confidence of the baseline's upper bound. A true rate that is above it by chance is no alarm
yet: the least rise that the detector looks for is twice the odds, which leaves room."""


def limits(expected: Values) -> Values:
    """The values [3] above which a record is unusual, one for each of SHARES.

    They are values that occur, so that the bounds below are exact although they were chosen.
    """
    descending = np.sort(expected)[::-1]
    return descending[[int(share * len(expected)) for share in SHARES]]


def counts(values: Values, above: Values) -> NDArray[np.int64]:
    """How many of the values [n] are above each of the limits [3]."""
    return len(values) - np.searchsorted(np.sort(values), above, side="right")


def highest_rates(expected: Values, above: Values) -> Values:
    """The upper confidence bounds [3] of the rates that are normal, by what the baseline shows."""
    found = counts(expected, above)
    return np.array([interval.upper_bound(int(c), len(expected), BOUND) for c in found])
