"""How much less records say that come in a row from the same source."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

DISTANCE = 10
"""Records so far apart are taken for independent."""

MOST = 10.0
"""Beyond it a long run of one source and a real drift cannot be told apart."""

CHANCE = 2.0
"""A correlation below so many standard errors, of 1 / sqrt(n), is taken for none."""

DECIMALS = 1


def design_effect(values: NDArray[np.float64]) -> float:
    """How many records in order of arrival, [n], say as much as one independent record: 1 to 10.

    For runs whose length is geometric, such as a driver who sends several pictures, it is
    (1 + r) / (1 - r) with r the correlation of neighbours (H. J. Thiébaux and F. W. Zwiers, The
    interpretation and estimation of effective sample size, Journal of Climate and Applied
    Meteorology 23 (1984), 800-811). r comes from the mean squared difference of neighbours over
    that of records 10 apart, as J. von Neumann's ratio does, so that a change of level in their
    midst, which is a drift, is not taken for correlation. Fewer than 20 records count in full.
    """
    if len(values) < 2 * DISTANCE:
        return 1.0
    near = np.mean(np.diff(values) ** 2)
    far = np.mean((values[DISTANCE:] - values[:-DISTANCE]) ** 2)
    return float(from_differences(near, far, len(values)))


def from_differences(near: ArrayLike, far: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """The design effect of `n` records from the mean squared differences, of neighbours and of
    records 10 apart: arrays of one shape."""
    near, far = np.asarray(near, dtype=float), np.asarray(far, dtype=float)
    ratio = near / np.where(far > 0, far, 1)  # 1 - r; 0 where all records are the same
    is_chance = 1 - ratio < CHANCE / np.sqrt(n)
    found = 2 / np.where(is_chance | (ratio == 0), 1, ratio) - 1
    return np.where(ratio > 0, np.minimum(found, MOST), MOST).round(DECIMALS)
