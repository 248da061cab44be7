"""The two-sample Kolmogorov-Smirnov test, with its exact p-value."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_ROUNDING = 1e-6  # of a distance times m n, which is a whole number where samples have that size


def two_sample(a: Values, b: Values) -> tuple[float, float]:
    """Are two samples of one number, [m] and [n], from the same distribution?

    Returns the largest distance D of their empirical distribution functions, 0 to 1, and its
    two-sided p-value: exact for continuous distributions, and too large, never too small, where
    values are tied. The distribution is that of W. Conover, Practical Nonparametric Statistics
    (3rd edition, 1999), section 6.3, counted as J. L. Hodges does in The significance probability
    of the Smirnov two-sample test, Arkiv för Matematik 3 (1958), 469-486.
    Raises ValueError for an empty sample.
    """
    m, n = len(a), len(b)
    if not m or not n:
        raise ValueError("The Kolmogorov-Smirnov test needs two samples that are not empty.")
    values = np.concatenate([a, b])
    below_a = np.searchsorted(np.sort(a), values, side="right")
    below_b = np.searchsorted(np.sort(b), values, side="right")
    distance = int(np.abs(below_a * n - below_b * m).max())
    return distance / (m * n), _tail(m, n, distance)


def p_value(distance: float, m: int, n: int) -> float:
    """How probable a distance of at least `distance`, 0 to 1, is for samples of `m` and `n`."""
    return _tail(m, n, math.ceil(distance * m * n - _ROUNDING))


@lru_cache(maxsize=4096)
def critical_value(m: int, n: int, level: float) -> float:
    """The smallest distance D of samples of `m` and `n` whose p-value is at most `level`.

    Samples may be so small that there is none: then it is above 1.
    """
    step = math.gcd(m, n)  # distances are whole multiples of step / (m n)
    most = m * n // step
    if _tail(m, n, m * n) > level:
        return (most + 1) / most
    # Kolmogorov's limit of the distribution is close, and mostly a little too high.
    guess = math.sqrt(math.log(2 / level) / 2 * m * n * (m + n)) / step
    low, high = 0, min(most, math.ceil(guess))
    while _tail(m, n, high * step) > level:
        low, high = high, min(most, math.ceil(1.05 * high))
    near = max(low, math.floor(0.95 * high))
    if near > low and _tail(m, n, near * step) > level:
        low = near
    while high - low > 1:
        middle = (low + high) // 2
        if _tail(m, n, middle * step) > level:
            low = middle
        else:
            high = middle
    return high * step / (m * n)


@lru_cache(maxsize=1024)
def _tail(m: int, n: int, distance: int) -> float:
    """The probability of a distance of at least `distance` / (m n).

    Both samples, sorted together, are a random walk: each step is the next value of the one or of
    the other, drawn without replacement. What leaves the band of smaller distances is summed.
    """
    total = m + n
    if distance <= 0:
        return 1.0
    low, inside, tail = 0, np.ones(1), 0.0
    for taken in range(total):
        from_a = np.arange(low, low + len(inside))
        following = np.zeros(len(inside) + 1)
        following[1:] = inside * (m - from_a)
        following[:-1] += inside * (n - taken + from_a)
        following /= total - taken
        # After `taken` + 1 values, i of them from a, the distance is |i total - (taken + 1) m|.
        centre = (taken + 1) * m
        first = max(0, (centre - distance) // total + 1 - low)
        end = -((-centre - distance) // total) - low
        tail += float(following[:first].sum()) + float(following[end:].sum())
        inside = following[first:end]
        low += first
    return min(1.0, tail)
