"""The two-sample Kolmogorov-Smirnov test, with its exact p-value."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_ROUNDING = 1e-6  # of a distance times m n, which is a whole number where samples have that size
_SMALLEST = 5e-324  # a float above 0
_LOG_SMALL = math.log(1e-200)  # what can still be divided by


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
    # In Kolmogorov's limit of the distribution, p = 2 exp(-2 D^2 m n / (m + n)). A step along its
    # slope, which the exact one nearly has, leads close; low and high are on either side of it.
    slope = 2 * step**2 / (m * n * (m + n))
    low, high = 0, most
    guess = math.sqrt(math.log(2 / level) / slope)
    while high - low > 1:
        guess = min(max(low + 1, math.ceil(guess)), high - 1)
        p = _tail(m, n, guess * step)
        if p > level:
            low = guess
        else:
            high = guess
        excess = math.log(max(p, _SMALLEST) / level)
        guess = math.sqrt(max(0.0, guess**2 + excess / slope))
    return high * step / (m * n)


@lru_cache(maxsize=1024)
def _tail(m: int, n: int, distance: int) -> float:
    """The probability of a distance of at least `distance` / (m n).

    Both samples, sorted together, are a path from (0, 0) to (m, n), a step for each value; every
    path is equally probable. Where it is at (i, j) the distance is |i n - j m|. A walk that steps
    to the one side or the other as often as these paths do is followed column by column while it
    stays below `distance`. What leaves, there and then, has so much of all paths to (m, n) behind
    it: no number in between grows or vanishes, however large the samples are.
    """
    if distance <= 0:
        return 1.0
    m, n = max(m, n), min(m, n)  # few long columns are faster than many short ones
    middle = np.arange(n + 1) * m
    first = np.maximum(0, (middle - distance) // n + 1).tolist()
    last = np.minimum(m, (middle + distance - 1) // n).tolist()
    up, across = m / (m + n), n / (m + n)
    powers: Values = np.power(up, np.arange(min(m + 1, int(_LOG_SMALL / math.log(up)))))
    exits = _Exits()
    inside: Values = np.power(up, np.arange(last[0] + 1))
    for j in range(n + 1):
        if j:
            entering = across * inside
            fallen = min(first[j] - first[j - 1], len(entering))
            exits.add(first[j - 1], j, entering[:fallen])
            if fallen == len(entering):
                break
            inside = np.zeros(last[j] - first[j] + 1)
            inside[: len(entering) - fallen] = entering[fallen:]
            _rise(inside, powers)
        if last[j] < m:
            exits.add(last[j] + 1, j, up * inside[-1:])
    return exits.probability(m, n)


def _rise(column: Values, powers: Values) -> None:
    """Add to each place of a column what rises to it from below: `powers[k]` of it over k places.

    `powers` end before they are too small to divide by; longer columns are done piece by piece.
    """
    for start in range(0, len(column), len(powers)):
        piece = column[start : start + len(powers)]
        if start:
            piece[0] += powers[1] * column[start - 1]
        scale = powers[: len(piece)]
        piece[:] = scale * np.cumsum(piece / scale)


class _Exits:
    """Where walks have left the band, with the probability of each of these places."""

    def __init__(self) -> None:
        self._i: list[int] = []
        self._j: list[int] = []
        self._walks: list[float] = []

    def add(self, i: int, j: int, walks: Values) -> None:
        """`walks` have left to (i, j), (i + 1, j) and so on."""
        self._i += range(i, i + len(walks))
        self._j += [j] * len(walks)
        self._walks += walks.tolist()

    def probability(self, m: int, n: int) -> float:
        """How many of all paths to (m, n) have left."""
        table, total = _log_factorials(m + n), m + n
        i, j = np.array(self._i, dtype=np.int64), np.array(self._j, dtype=np.int64)
        log_ahead = table[total - i - j] - table[m - i] - table[n - j]
        log_all = table[total] - table[m] - table[n]
        # Each walk to (i, j) has the same probability, so that this many paths have gone there.
        log_walk = i * math.log(m / total) + j * math.log(n / total)
        share = np.array(self._walks) * np.exp(log_ahead - log_all - log_walk)
        return min(1.0, float(share.sum()))


@lru_cache(maxsize=16)
def _log_factorials(most: int) -> Values:
    """log(k!) for k from 0 to `most`."""
    return np.array([math.lgamma(k + 1) for k in range(most + 1)])
