"""The key figures: every share with its count and its 95 % interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scripts.evaluation.quality import wilson_interval
from scripts.report.model import Inference, OutcomeKind, ReportData
from scripts.report.windows import total


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        """The share, 0..1; None of nothing."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson score interval, within 0..1; None of nothing."""
        return wilson_interval(self.count, self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts[truth][prediction]` pictures, in the order of `labels`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def wrong(self) -> int:
        return self.total - sum(row[i] for i, row in enumerate(self.counts))

    def recall(self, label: int) -> Share:
        """Of the pictures that truly are of this label, those that were found."""
        return Share(self.counts[label][label], sum(self.counts[label]))

    def precision(self, label: int) -> Share:
        """Of the pictures that were given this label, those that truly are."""
        return Share(self.counts[label][label], sum(row[label] for row in self.counts))

    def worst(self) -> tuple[str, str, int] | None:
        """The most frequent mistake as (truth, prediction, count); None without a mistake."""
        mistakes = [
            (count, truth, predicted)
            for truth, row in enumerate(self.counts)
            for predicted, count in enumerate(row)
            if truth != predicted and count
        ]
        if not mistakes:
            return None
        count, truth, predicted = max(mistakes, key=lambda mistake: mistake[0])
        return self.labels[truth], self.labels[predicted], count

    def at_most(self, size: int) -> Confusion:
        """This matrix with at most `size` labels: those with most mistakes, the rest as one."""
        if len(self.labels) <= size:
            return self
        mistakes = {
            i: sum(self.counts[i]) + sum(row[i] for row in self.counts) - 2 * self.counts[i][i]
            for i in range(len(self.labels))
        }
        kept = sorted(sorted(mistakes, key=lambda i: -mistakes[i])[: size - 1])
        place = {label: at for at, label in enumerate(kept)}
        counts = [[0] * size for _ in range(size)]
        for truth, row in enumerate(self.counts):
            for predicted, count in enumerate(row):
                counts[place.get(truth, size - 1)][place.get(predicted, size - 1)] += count
        names = (
            *(self.labels[i] for i in kept),
            f"the other {len(self.labels) - len(kept)}",
        )
        return Confusion(names, tuple(map(tuple, counts)))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the verdict and the cards are made from."""

    outcomes: dict[OutcomeKind, int]
    waiting: int
    """Failures whose input waits in the failure queue."""
    accepted: Share
    """Of the classified pictures (accepted or review), the accepted ones: the coverage."""
    right: Share
    """Of the inferences whose truth is known, the right ones: the accuracy."""
    accepted_right: Share
    """The same, of the accepted ones alone."""
    confusion: Confusion | None

    @property
    def executions(self) -> int:
        return sum(self.outcomes.values())

    @property
    def classified(self) -> int:
        return self.outcomes["accepted"] + self.outcomes["review"]


def figures(data: ReportData) -> Figures:
    """Count everything once: from the windows where the rest is a sample."""
    ended: Counter[str] = Counter(outcome.outcome for outcome in data.outcomes)
    waiting = ended["failed"]
    if data.is_sample:
        ended = total(window.outcomes for window in data.windows)
        # The queue also holds what the windows do not count: events that started no execution.
        ended["failed"] = max(ended["failed"], waiting)
    outcomes: dict[OutcomeKind, int] = {
        "accepted": ended["accepted"],
        "review": ended["review"],
        "rejected": ended["rejected"],
        "failed": ended["failed"],
    }
    known = [inference for inference in data.inferences if inference.truth is not None]
    accepted = [inference for inference in known if inference.decision == "accepted"]
    return Figures(
        outcomes=outcomes,
        waiting=waiting,
        accepted=Share(outcomes["accepted"], outcomes["accepted"] + outcomes["review"]),
        right=_share_right(known),
        accepted_right=_share_right(accepted),
        confusion=_confusion(data.labels, known),
    )


def _share_right(known: Sequence[Inference]) -> Share:
    return Share(sum(inference.is_right is True for inference in known), len(known))


def _confusion(labels: Iterable[str], known: Sequence[Inference]) -> Confusion | None:
    if not known:
        return None
    pairs = Counter((inference.truth or "", inference.label) for inference in known)
    # A label outside the given ones is a finding, not something to drop.
    names = tuple(dict.fromkeys([*labels, *sorted({name for pair in pairs for name in pair})]))
    return Confusion(names, tuple(tuple(pairs[truth, label] for label in names) for truth in names))
