"""Inferences as columns, made once for all charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.report.model import Inference


@dataclass(frozen=True, slots=True)
class Columns:
    """One row per inference; every array has shape (n,).

    `confidence` is clipped to 0..1. Of `is_accepted` and `is_review` neither is set where the
    decision is not known, of `is_right` and `is_wrong` neither where the truth is not.
    """

    times_s: NDArray[np.float64]
    confidence: NDArray[np.float64]
    is_accepted: NDArray[np.bool_]
    is_review: NDArray[np.bool_]
    is_right: NDArray[np.bool_]
    is_wrong: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.times_s.size)


def columns(inferences: Sequence[Inference]) -> Columns:
    """All of them, in the order given."""
    confidence = np.array([i.confidence for i in inferences], dtype=np.float64)
    return Columns(
        times_s=np.array([i.time.timestamp() for i in inferences], dtype=np.float64),
        confidence=np.clip(confidence, 0.0, 1.0),
        is_accepted=np.array([i.decision == "accepted" for i in inferences], dtype=np.bool_),
        is_review=np.array([i.decision == "review" for i in inferences], dtype=np.bool_),
        is_right=np.array([i.is_right is True for i in inferences], dtype=np.bool_),
        is_wrong=np.array([i.is_right is False for i in inferences], dtype=np.bool_),
    )
