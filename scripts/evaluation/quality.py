"""How good a classifier's answers are: accuracy, confusion, and the threshold worth deploying."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from lambdas.common.drift import interval

wilson_interval = interval.wilson

STEPS = 10_000  # thresholds are deployed with four decimals


@dataclass(frozen=True)
class Prediction:
    """One picture's true class and the model's probabilities, in label order."""

    name: str
    truth: int
    scores: tuple[float, ...]

    @property
    def predicted(self) -> int:
        """The class with the highest probability; the first of equals."""
        return self.scores.index(max(self.scores))

    @property
    def confidence(self) -> float:
        return max(self.scores)

    @property
    def correct(self) -> bool:
        return self.predicted == self.truth


@dataclass(frozen=True)
class ClassQuality:
    """Precision and recall of one class, each between 0 and 1; None where nothing was counted."""

    label: str
    precision: float | None
    recall: float | None
    samples: int


@dataclass(frozen=True)
class Threshold:
    """A confidence threshold and what it does on the samples it was chosen on.

    `coverage` is the share of samples at or above it, `accuracy` the share of those that are
    right (None when there are none), `reached` whether that meets the target it was chosen for.
    """

    value: float
    coverage: float
    accuracy: float | None
    reached: bool


def accuracy(predictions: Sequence[Prediction]) -> float:
    """Share of right answers. Raises ValueError for no predictions."""
    if not predictions:
        raise ValueError("Accuracy needs at least one prediction.")
    return sum(prediction.correct for prediction in predictions) / len(predictions)


def confusion(predictions: Sequence[Prediction], classes: int) -> list[list[int]]:
    """Counts by [true class][predicted class]."""
    counts = [[0] * classes for _ in range(classes)]
    for prediction in predictions:
        counts[prediction.truth][prediction.predicted] += 1
    return counts


def by_class(predictions: Sequence[Prediction], labels: Sequence[str]) -> list[ClassQuality]:
    """Precision and recall of each class, in label order."""
    counts = confusion(predictions, len(labels))
    return [
        ClassQuality(
            label,
            precision=_share(counts[i][i], sum(row[i] for row in counts)),
            recall=_share(counts[i][i], sum(counts[i])),
            samples=sum(counts[i]),
        )
        for i, label in enumerate(labels)
    ]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def at_threshold(predictions: Sequence[Prediction], value: float, target: float) -> Threshold:
    """What a threshold of `value` does: `>=` accepts. Raises ValueError for no predictions."""
    if not predictions:
        raise ValueError("A threshold needs at least one prediction.")
    accepted = [p for p in predictions if p.confidence >= value]
    right = accuracy(accepted) if accepted else None
    return Threshold(
        value=value,
        coverage=len(accepted) / len(predictions),
        accuracy=right,
        reached=right is not None and right >= target,
    )


def choose_threshold(
    predictions: Sequence[Prediction], target: float, lowest: float = 0.5
) -> Threshold:
    """The lowest threshold from `lowest` on whose accepted predictions are right often enough.

    Thresholds have four decimals, but `lowest` is tried as it is. When none reaches `target`, the
    threshold is 1, the highest there is, with `reached` false. The target is met on these
    predictions; on others of the same model, by and large, and not for certain.
    Raises ValueError for no predictions.
    """
    ordered = sorted(predictions, key=lambda p: p.confidence)
    confidences = [p.confidence for p in ordered]
    right = [0, *accumulate(p.correct for p in ordered)]
    # What is accepted changes only just above a confidence that occurs: at the step that is next
    # to it, or at the one after.
    above = {(round(c * STEPS) + step) / STEPS for c in confidences for step in (0, 1)}
    for value in sorted({lowest, *(v for v in above if lowest < v <= 1)}):
        start = bisect_left(confidences, value)
        accepted = len(ordered) - start
        if accepted and (right[-1] - right[start]) / accepted >= target:
            return at_threshold(predictions, value, target)
    return at_threshold(predictions, 1.0, target)
