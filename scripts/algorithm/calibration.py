"""Temperature scaling: one number that makes confidences mean what they say.

Guo et al., 'On Calibration of Modern Neural Networks', 2017. Dividing logits by it changes no
decision between classes.
"""

import math

from torch import Tensor
from torch.nn import functional

LOWEST, HIGHEST = 0.1, 10.0
# Standard deviation of a normal prior on the temperature's logarithm. With no validation error the
# likelihood alone would drive the temperature to 0 and every confidence to 1.
_PRIOR_WIDTH = 0.5
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 40


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature, 0.1 to 10, at which the labels [n] are likeliest given logits [n, classes].

    A weak prior pulls it towards 1: about as strong as a handful of pictures.
    """

    def cost(log_temperature: float) -> float:
        scaled = logits.double() / math.exp(log_temperature)
        prior = (log_temperature / _PRIOR_WIDTH) ** 2 / 2
        return float(functional.cross_entropy(scaled, labels, reduction="sum")) + prior

    # Golden-section search: in this range the cost has one minimum.
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if cost(left) < cost(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)
