"""The chi-square test of homogeneity: are two samples divided among the classes alike?"""

import math

import numpy as np
from numpy.typing import NDArray


def homogeneity(counts_a: NDArray[np.int64], counts_b: NDArray[np.int64]) -> tuple[float, float]:
    """Compare how two samples fall into the same classes; `counts_a` and `counts_b` are [k].

    Returns Pearson's statistic and its p-value from the chi-square distribution with as many
    degrees of freedom as there are classes with a sample, less one; (0, 1) for one class.
    K. Pearson, On the probability that two independent distributions of frequency are really
    samples from the same population, Biometrika 8 (1911), 250-254.
    Raises ValueError when a sample is empty or the classes are not the same number.
    """
    table = np.array([counts_a, counts_b], dtype=float)
    sizes = table.sum(axis=1, keepdims=True)
    if not sizes.all():
        raise ValueError("The chi-square test needs two samples that are not empty.")
    table = table[:, table.any(axis=0)]
    expected = sizes * table.sum(axis=0) / sizes.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, survival(statistic, table.shape[1] - 1)


def survival(statistic: float, degrees: int) -> float:
    """The probability that chi-square with `degrees` of freedom is above `statistic`.

    The finite sums of M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964),
    26.4.4 and 26.4.5. Without a degree of freedom it is 1.
    """
    if degrees == 0 or statistic <= 0:
        return 1.0
    half = statistic / 2
    # The upper incomplete gamma function of a + 1 is that of a, and this term more.
    a, found = (1.0, math.exp(-half)) if degrees % 2 == 0 else (0.5, math.erfc(math.sqrt(half)))
    while a < degrees / 2:
        found += math.exp(a * math.log(half) - half - math.lgamma(a + 1))
        a += 1
    return min(1.0, found)


def critical_value(level: float, degrees: int) -> float:
    """The statistic whose p-value is `level`, above 0 and below 1, within 1e-9 of it."""
    low, high = 0.0, 1.0
    while survival(high, degrees) > level:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if survival(middle, degrees) > level else (low, middle)
    return high
