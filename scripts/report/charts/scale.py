"""The confidence axis, stretched towards 1: each decade is ten times less doubt.

A trained classifier is sure of most pictures: on a plain axis nine in ten points would share the
top few pixels. The axis therefore shows -log10(1 - confidence), so that 0.9, 0.99 and 0.999 are
equally far apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TICKS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.5, 0.7, 0.2, 0.0)
"""The most telling first: the later ones are left out where room is short."""
_FEWEST_DECADES, _MOST_DECADES = 3, 5


@dataclass(frozen=True, slots=True)
class ConfidenceScale:
    """From the lowest confidence shown to `decades`; anything above is drawn at the top."""

    lowest: float
    decades: int

    @property
    def bottom(self) -> float:
        return -math.log10(1.0 - self.lowest)

    @property
    def top_confidence(self) -> float:
        return 1.0 - 10.0**-self.decades

    def at(self, confidence: float) -> float:
        """The place of one confidence (0..1) on the axis."""
        return -math.log10(max(1.0 - confidence, 10.0**-self.decades))

    def at_all(self, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
        """The places of many confidences (0..1), same shape."""
        places: NDArray[np.float64] = -np.log10(np.maximum(1.0 - confidences, 10.0**-self.decades))
        return places

    def ticks(self, least_gap: float) -> list[tuple[float, str]]:
        """(place, text) of ticks at least `least_gap` apart, the top one 'this and above'."""
        ticks: dict[float, str] = {}
        for confidence in _TICKS:
            if not self.lowest - 1e-9 <= confidence <= self.top_confidence + 1e-9:
                continue
            place = self.at(confidence)
            if all(abs(place - other) >= least_gap for other in ticks):
                is_top = abs(confidence - self.top_confidence) < 1e-9
                ticks[place] = f"\u2265\u2009{_text(confidence)}" if is_top else _text(confidence)
        return sorted(ticks.items())


def confidence_scale(
    confidences: NDArray[np.float64], classes: int, threshold: float
) -> ConfidenceScale:
    """The scale that shows these confidences: a decade above their median, 3 to 5 decades.

    The lowest value is 1/classes, below which the top score of `classes` cannot lie; it is lower
    where a confidence or the threshold says otherwise.
    """
    lowest = min(1.0 / max(classes, 2), threshold, float(confidences.min(initial=1.0)))
    doubt = -np.log10(np.maximum(1.0 - confidences, 1e-9))
    median = float(np.median(doubt)) if doubt.size else 0.0
    decades = min(max(math.ceil(median) + 1, _FEWEST_DECADES), _MOST_DECADES)
    return ConfidenceScale(lowest=min(lowest, 0.9), decades=decades)


def _text(confidence: float) -> str:
    return f"{confidence:.5f}".rstrip("0").ljust(3, "0")
