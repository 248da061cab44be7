"""The threshold rule, and where an accepted driver goes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lambdas.common.errors import InvalidSettings


@dataclass(frozen=True, slots=True)
class Decision:
    """The top label, its score in [0, 1], and whether that is enough."""

    label: str
    confidence: float
    outcome: Literal["accepted", "review"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The bay a driver loads at and how far their orders may be."""

    loading_bay: str
    max_distance_km: float


def decide(scores: Mapping[str, float], threshold: float) -> Decision:
    """Accept the top label when its score is at least `threshold` (both in [0, 1]).

    `scores` has at least one label; of equal scores, the first label wins.
    """
    label = max(scores, key=scores.__getitem__)
    confidence = scores[label]
    return Decision(label, confidence, "accepted" if confidence >= threshold else "review")


def parse_assignments(raw: Mapping[str, Any], name: str) -> dict[str, Assignment]:
    """Label -> Assignment from the parsed JSON of the setting called `name`.

    Raises InvalidSettings naming the setting, the label and the field.
    """
    assignments = {}
    for label, fields in raw.items():
        if not isinstance(fields, dict) or set(fields) != {"loading_bay", "max_distance_km"}:
            raise InvalidSettings(f"{name}: {label} needs loading_bay and max_distance_km, no more")
        bay, distance_km = fields["loading_bay"], fields["max_distance_km"]
        if not isinstance(bay, str) or not bay:
            raise InvalidSettings(f"{name}: loading_bay of {label} must be a text")
        if (
            isinstance(distance_km, bool)
            or not isinstance(distance_km, int | float)
            or not 0 < distance_km < math.inf
        ):
            raise InvalidSettings(f"{name}: max_distance_km of {label} must be a positive number")
        assignments[label] = Assignment(bay, distance_km)
    return assignments
