"""Whether a model's confidence can be believed: reliability bins and expected calibration error.

Top-label calibration, as C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger define it in On
Calibration of Modern Neural Networks (ICML 2017): confidences from 0 to 1 fall into equal-width
bins, each without its lower and with its upper edge; the expected calibration error is the mean
over the bins, weighted by their samples, of |accuracy - mean confidence|.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.evaluation.quality import Prediction, wilson_interval

BINS = 15
RESAMPLES = 2_000
SEED = 0


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence is above `low` and at most `high`.

    `confidence` is their mean confidence, `accuracy` the share of right answers with its 95 %
    interval; all three are None where there are no predictions.
    """

    low: float
    high: float
    samples: int
    confidence: float | None
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None


def reliability(predictions: Sequence[Prediction], bins: int = BINS) -> list[Bin]:
    """Every bin from 0 to 1 in its order, empty ones as well."""
    places = _places(predictions, bins)
    found = []
    for index in range(bins):
        inside = [p for p, place in zip(predictions, places, strict=True) if place == index]
        right = sum(p.correct for p in inside)
        found.append(
            Bin(
                low=index / bins,
                high=(index + 1) / bins,
                samples=len(inside),
                confidence=sum(p.confidence for p in inside) / len(inside) if inside else None,
                accuracy=right / len(inside) if inside else None,
                accuracy_interval=wilson_interval(right, len(inside)) if inside else None,
            )
        )
    return found


def calibration_error(predictions: Sequence[Prediction], bins: int = BINS) -> float:
    """The expected calibration error, 0 to 1. Raises ValueError for no predictions."""
    if not predictions:
        raise ValueError("A calibration error needs at least one prediction.")
    return _error(_gaps(predictions), _places(predictions, bins), bins)


def calibration_error_interval(
    predictions: Sequence[Prediction],
    bins: int = BINS,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float]:
    """95 % bootstrap interval of the calibration error, within 0 to 1, reproducible.

    The basic interval (A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application,
    1997, section 5.2): the quantiles of the resamples, mirrored at the error. Chance adds to a
    calibration error, in the sample and once more in each resample; the mirrored interval takes
    that off, where the quantiles themselves would add it again.
    Raises ValueError for no predictions.
    """
    error = calibration_error(predictions, bins)
    gaps, places = _gaps(predictions), _places(predictions, bins)
    random = np.random.default_rng(seed)
    count = len(predictions)
    errors = []
    for _ in range(resamples):
        drawn = random.integers(count, size=count)
        errors.append(_error(gaps[drawn], places[drawn], bins))
    low, high = (2 * error - float(bound) for bound in np.quantile(errors, (0.975, 0.025)))
    # When even the lucky resamples are worse than the sample, the mirrored bounds pass the error.
    return max(0.0, min(low, error)), min(1.0, max(high, error))


def _error(gaps: NDArray[np.float64], places: NDArray[np.intp], bins: int) -> float:
    # A bin's share of the samples times its |accuracy - confidence| is |sum of its gaps| / n.
    return float(np.abs(np.bincount(places, gaps, bins)).sum() / len(gaps))


def _gaps(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    return np.array([p.correct - p.confidence for p in predictions])


def _places(predictions: Sequence[Prediction], bins: int) -> NDArray[np.intp]:
    """The index of each prediction's bin."""
    edges = np.arange(1, bins) / bins  # a score may be above 1 by rounding: the last bin is open
    return np.searchsorted(edges, [p.confidence for p in predictions], side="left")
