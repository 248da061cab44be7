"""How unlike the baseline's pictures a picture is, by its statistics together."""

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Values = NDArray[np.float64]

_LEAST_VARIANCE = 1e-6  # a statistic that never varies would make any difference infinite


def distances(reference: Table, pictures: Table) -> Values:
    """Squared Mahalanobis distances [n] of pictures [n, k] from a reference [m, k], m > 1.

    Of the statistics' square roots, as most of them are skewed. P. C. Mahalanobis,
    On the generalised distance in statistics, Proceedings of the National Institute of Sciences of
    India 2 (1936), 49-55.
    """
    known, asked = np.sqrt(reference), np.sqrt(pictures)
    covariance = np.cov(known, rowvar=False) + _LEAST_VARIANCE * np.eye(known.shape[1])
    differences = asked - known.mean(axis=0)
    found: Values = (differences @ np.linalg.inv(covariance) * differences).sum(axis=1)
    return found


def own_distances(reference: Table) -> Values:
    """The distance [m] of each picture of the reference [m, k], m > 2, from all the others.

    Like those of pictures that are not in it: by the formula for leaving one out, R. D. Cook and
    S. Weisberg, Residuals and Influence in Regression (1982), section 2.2.
    """
    m = len(reference)
    found = distances(reference, reference)
    return (m - 2) * m**2 / (m - 1) ** 3 * found / (1 - m * found / (m - 1) ** 2)
