"""The model's answer: one probability for each label, or it is not used at all."""

import json
import math
from collections.abc import Sequence
from typing import Any

from lambdas.common.errors import BadScores

SUM_TOLERANCE = 0.01


def parse(body: bytes, labels: Sequence[str]) -> dict[str, float]:
    """Label -> probability, in label order, from a JSON array of probabilities in that order.

    Raises BadScores for anything else: see `check`.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadScores("The model's answer is not JSON.") from error
    if not isinstance(values, list):
        raise BadScores(f"The model's answer is a JSON {type(values).__name__}, not an array.")
    return check(values, labels)


def check(values: Sequence[Any], labels: Sequence[str]) -> dict[str, float]:
    """Label -> probability for `values` in label order.

    Raises BadScores unless there are as many as labels, all finite and non-negative numbers, with
    a sum within 0.01 of 1.
    """
    if len(values) != len(labels):
        raise BadScores(f"Expected {len(labels)} scores, one for each label; got {len(values)}.")
    for label, value in zip(labels, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadScores(f"The score of {label} is not a number.")
        # Compared before float() because a huge JSON integer does not fit into one.
        if not 0 <= value <= 1 + SUM_TOLERANCE:
            raise BadScores(f"The score of {label} is not between 0 and 1.")
    scores = {label: float(value) for label, value in zip(labels, values, strict=True)}
    total = math.fsum(scores.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise BadScores(f"The scores sum to {total:.4f}, not to 1.")
    return scores
