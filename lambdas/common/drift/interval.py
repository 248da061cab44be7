"""How far a share is known from a sample: intervals of a binomial proportion."""

import math
from functools import lru_cache

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile
_EXACT_TO = 1e-12


def wilson(successes: int, total: int, quantile: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) of a share, good for small samples; 95 % by default.

    `quantile` is the standard normal's; each bound alone holds with that probability.
    Raises ValueError when `total` is 0 or `successes` is not within 0..total.
    """
    if total <= 0 or not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is no share.")
    share = successes / total
    spread = quantile**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = quantile * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    # Rounding must not push a bound past the share itself: 0 of n begins at 0.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


@lru_cache(maxsize=1024)
def upper_bound(successes: int, total: int, confidence: float) -> float:
    """The exact upper confidence bound, one-sided, of a share.

    It is the share at which so few successes or fewer have the probability 1 - `confidence`.
    C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits illustrated in the
    case of the binomial, Biometrika 26 (1934), 404-413. Raises ValueError when `total` is 0 or
    `successes` is not within 0..total.
    """
    if total <= 0 or not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is no share.")
    low, high = successes / total, 1.0
    while high - low > _EXACT_TO:
        middle = (low + high) / 2
        is_plausible = _at_most(successes, total, middle) > 1 - confidence
        low, high = (middle, high) if is_plausible else (low, middle)
    return high


def _at_most(successes: int, total: int, share: float) -> float:
    """The probability of at most so many successes when each has the probability `share`."""
    success, failure = math.log(share), math.log1p(-share)
    return math.fsum(
        math.exp(
            math.lgamma(total + 1)
            - math.lgamma(count + 1)
            - math.lgamma(total - count + 1)
            + count * success
            + (total - count) * failure
        )
        for count in range(successes + 1)
    )
