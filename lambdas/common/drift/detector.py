"""A sequential detector of rates that rise, looked at after every window without a correction.

A Shiryaev-Roberts e-detector: J. Shin, A. Ramdas and A. Rinaldo, E-detectors: a nonparametric
framework for sequential change detection, The New England Journal of Statistics in Data Science 2
(2024), 229-260. Each window brings an e-value, a likelihood ratio whose mean is at most 1 as long
as the rate is at most the baseline's; the sum over all windows at which the rise may have begun of
the e-values since then is the detector's value. Without a rise its mean after t windows is at most
t, so that it passes c within t windows with a probability of at most t / c (Doob's inequality).
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ODDS_RATIOS = (2.0, 4.0, 10.0)
"""The rises that are looked for, as ratios of odds, with equal weights. Smaller ones than the first
would be found in a baseline that is a little too good by chance; each more costs the others."""

MOST_DECADES = 7.0
"""Where each rate and rise stops growing, so that the value falls again soon after the cause is
gone. One of them alone at its most reaches every severity; and what is held down can only be too
low, so that the promise above holds."""


def start(rates: int) -> Array:
    """The logarithms [rates, 3] of a detector of so many rates that has seen nothing."""
    return np.full((rates, len(ODDS_RATIOS)), -math.inf)


def update(
    logs: Array, counts: ArrayLike, total: ArrayLike, highest_rates: ArrayLike
) -> tuple[Array, Array]:
    """The detector after a window with `total` records, of which `counts` [..., r] were of a kind.

    It watches r rates, which need not be independent. `logs` [..., r, 3] are natural logarithms,
    for each rate one for each of ODDS_RATIOS: from `start`, or from the last call.
    `highest_rates` [..., r], above 0 and below 1, are upper confidence bounds of the baseline's
    rates. Detectors along the axes in front are each on its own; `total` is [...].
    Returns the new logarithms, and the decimal logarithm of the detector's value, [...]: at most 7.
    """
    kind, rate = np.asarray(counts)[..., None], np.asarray(highest_rates)[..., None]
    others = np.asarray(total)[..., None, None] - kind
    odds = ODDS_RATIOS * rate / (1 - rate)
    risen = odds / (1 + odds)
    ratios = kind * np.log(risen / rate) + others * np.log((1 - risen) / (1 - rate))
    after = np.minimum(np.logaddexp(0, logs) + ratios, MOST_DECADES * math.log(10))
    # The mean over rates and rises is as good an e-detector as each of them.
    mean = np.logaddexp.reduce(after, axis=(-2, -1)) - math.log(math.prod(after.shape[-2:]))
    return after, mean / math.log(10)
