"""What is normal for one model: its answers for pictures that it has not seen, and those pictures.

Frozen when the model is put into service; another model brings a baseline of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift.picture_statistics import COLUMNS
from lambdas.common.scores import SUM_TOLERANCE

Table = NDArray[np.float64]

FEWEST = 20
"""With fewer samples a baseline is no baseline."""

DECIMALS = 4
"""Of scores and picture statistics. 1,000 samples of two classes take about 120 KB as JSON."""

_FIELDS = ("version", "model_name", "labels", "threshold", "created_at", "scores", "pictures")


class InvalidBaseline(ValueError):
    """A baseline that cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """`scores` [n, k] are the probabilities of `labels`; `pictures` [m, 12] the statistics COLUMNS.

    The pictures are those of the scores, normalised as the model sees them, or a sample of them.
    `version` is the model's in the registry, if it has one; `threshold` is the confidence from
    which an answer is accepted; `created_at` is a time in ISO 8601. Scores and statistics are
    rounded to 4 decimals.
    Raises InvalidBaseline unless there are 20 samples of each, all of them possible.
    """

    version: int | None
    model_name: str
    labels: tuple[str, ...]
    threshold: float
    created_at: str
    scores: Table
    pictures: Table

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", rounded(self.scores))
        object.__setattr__(self, "pictures", rounded(self.pictures))
        _check_table(self.scores, "scores", len(self.labels))
        _check_table(self.pictures, "pictures", len(COLUMNS))
        if len(self.labels) < 2:
            raise InvalidBaseline("The baseline has fewer than two labels.")
        if (self.pictures < 0).any():
            raise InvalidBaseline("The baseline's pictures have negative statistics.")
        if not 0 <= self.threshold <= 1:
            raise InvalidBaseline(f"The baseline's threshold is {self.threshold}, not 0 to 1.")
        sums = self.scores.sum(axis=1)
        if (self.scores < 0).any() or (np.abs(sums - 1) > SUM_TOLERANCE).any():
            raise InvalidBaseline("The baseline's scores are not probabilities that sum to 1.")

    def to_json(self) -> dict[str, Any]:
        """As JSON: what `from_json` reads."""
        return {
            "version": self.version,
            "model_name": self.model_name,
            "labels": list(self.labels),
            "threshold": self.threshold,
            "created_at": self.created_at,
            "scores": self.scores.tolist(),
            "pictures": self.pictures.tolist(),
        }

    @classmethod
    def from_json(cls, document: Any) -> "Baseline":
        """The baseline that `to_json` made. Raises InvalidBaseline for anything else."""
        if not isinstance(document, Mapping) or set(document) != set(_FIELDS):
            raise InvalidBaseline(f"A baseline is a JSON object of {', '.join(_FIELDS)}.")
        version, labels = document["version"], document["labels"]
        if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
            raise InvalidBaseline("The baseline's version is neither a whole number nor null.")
        for name in ("model_name", "created_at"):
            if not isinstance(document[name], str):
                raise InvalidBaseline(f"The baseline's {name} is not a text.")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise InvalidBaseline("The baseline's labels are not a list of texts.")
        threshold = document["threshold"]
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise InvalidBaseline("The baseline's threshold is not a number.")
        return cls(
            version=version,
            model_name=document["model_name"],
            labels=tuple(labels),
            threshold=float(threshold),
            created_at=document["created_at"],
            scores=_table(document["scores"], "scores"),
            pictures=_table(document["pictures"], "pictures"),
        )


def rounded(values: Table | Sequence[Any]) -> Table:
    """Numbers with the baseline's decimals: what is compared with it must be rounded like it.

    Otherwise scores of 0.99997 would all lie below a baseline's 1.0.
    """
    table: Table = np.asarray(values, dtype=np.float64)
    return table.round(DECIMALS)


def _table(rows: Any, name: str) -> Table:
    try:
        table: Table = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidBaseline(f"The baseline's {name} are not rows of numbers.") from error
    return table


def _check_table(table: Table, name: str, columns: int) -> None:
    if table.ndim != 2 or table.shape[1] != columns:
        raise InvalidBaseline(f"The baseline's {name} do not have {columns} columns.")
    if len(table) < FEWEST:
        raise InvalidBaseline(
            f"The baseline has {len(table)} {name}; at least {FEWEST} samples are needed."
        )
    if not np.isfinite(table).all():
        raise InvalidBaseline(f"The baseline's {name} are not all finite.")
