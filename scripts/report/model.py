"""What the report is made from: plain frozen records, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from scripts.report.windows import Window

Decision = Literal["accepted", "review"]
OutcomeKind = Literal["accepted", "review", "rejected", "failed"]

OUTCOME_NAMES: dict[OutcomeKind, str] = {
    "accepted": "accepted",
    "review": "sent for review",
    "rejected": "rejected as unusable",
    "failed": "failed",
}
OUTCOMES: tuple[OutcomeKind, ...] = tuple(OUTCOME_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One answer of the endpoint, as data capture recorded it.

    `time` is timezone-aware; `confidence` is the top score, 0..1 (up to 1.01, because scores may
    sum to 1 ± 0.01). `decision` is what the workflow made of it, None for a call that did not come
    through the workflow. `truth` is the true label where it is known. `picture` is an encoded
    picture (PNG, JPEG or WebP); only the few that are shown are ever decoded.
    """

    time: datetime
    label: str
    confidence: float
    scores: Mapping[str, float] = field(default_factory=dict)
    decision: Decision | None = None
    truth: str | None = None
    image_id: str | None = None
    key: str | None = None
    picture: bytes | None = None

    def __post_init__(self) -> None:
        _require_aware("Inference.time", self.time)
        _require_share("Inference.confidence", self.confidence, highest=1.01)

    @property
    def is_right(self) -> bool | None:
        """Whether the label is the true one; None where the truth is not known."""
        return None if self.truth is None else self.label == self.truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one execution of the workflow ended.

    `reason` is the rejection's code (`empty`, `damaged`, …) or, for a failure, the error's name.
    """

    time: datetime
    outcome: OutcomeKind
    reason: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        _require_aware("Outcome.time", self.time)
        if self.outcome not in OUTCOMES:
            raise ValueError(f"Outcome.outcome is {self.outcome!r}: expected one of {OUTCOMES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The model behind the endpoint. A stand-in is labelled wherever a result of it is shown."""

    algorithm: str
    job: str | None = None
    stand_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """The held-out pictures whose confidence is above `low` and at most `high`: at least one.

    `confidence` is their mean confidence, `accuracy` the share of right answers with its 95 %
    interval; all 0..1.
    """

    low: float
    high: float
    samples: int
    confidence: float
    accuracy: float
    accuracy_interval: tuple[float, float]

    def __post_init__(self) -> None:
        _require_share("ReliabilityBin.confidence", self.confidence, highest=1.01)
        for name, share in (
            ("low", self.low),
            ("high", self.high),
            ("accuracy", self.accuracy),
            ("accuracy_interval[0]", self.accuracy_interval[0]),
            ("accuracy_interval[1]", self.accuracy_interval[1]),
        ):
            _require_share(f"ReliabilityBin.{name}", share)
        if self.samples < 1:
            raise ValueError("ReliabilityBin.samples is below 1: leave an empty bin out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What evaluation measured on held-out pictures before the model was deployed.

    Shares are 0..1, intervals are 95 % ones. `confusion[truth][prediction]` counts pictures, in
    the order of `labels`; `n` is the number of pictures. `calibration_error` is the expected
    calibration error, 0..1; an evaluation may lack it, and `reliability` with it.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    n: int
    coverage: float | None = None
    accepted_accuracy: float | None = None
    labels: Sequence[str] = ()
    confusion: Sequence[Sequence[int]] = ()
    calibration_error: float | None = None
    calibration_error_interval: tuple[float, float] | None = None
    reliability: Sequence[ReliabilityBin] = ()

    def __post_init__(self) -> None:
        for name, share in (
            ("accuracy", self.accuracy),
            ("accuracy_interval[0]", self.accuracy_interval[0]),
            ("accuracy_interval[1]", self.accuracy_interval[1]),
            ("coverage", self.coverage),
            ("accepted_accuracy", self.accepted_accuracy),
            ("calibration_error", self.calibration_error),
        ):
            if share is not None:
                _require_share(f"Evaluation.{name}", share)
        if self.confusion and (
            len(self.confusion) != len(self.labels)
            or any(len(row) != len(self.labels) for row in self.confusion)
        ):
            raise ValueError(f"Evaluation.confusion must have {len(self.labels)} rows and columns")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Evaluation:
        """From what evaluation keeps as JSON; an older one has no calibration."""
        low, high = document["accuracy_interval"]
        interval = document.get("calibration_error_interval")
        return cls(
            accuracy=document["accuracy"],
            accuracy_interval=(low, high),
            n=document["samples"],
            coverage=document["coverage"],
            accepted_accuracy=document["accepted_accuracy"],
            labels=document["labels"],
            confusion=document["confusion"],
            calibration_error=document.get("calibration_error"),
            calibration_error_interval=(interval[0], interval[1]) if interval else None,
            reliability=tuple(
                ReliabilityBin(**item | {"accuracy_interval": tuple(item["accuracy_interval"])})
                for item in document.get("reliability") or ()
                if item["samples"]
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything that the page shows.

    `threshold` is the workflow's own confidence threshold, 0..1. `captured_records` counts the
    capture records that could be read, `damaged_records` those that could not, and `uncaptured`
    the classified pictures that none of them is about; where `is_sample`, the windows tell.
    `uploads` is the number of uploads that must each have an outcome, where it is known.
    `capture_percentage` of the requests are captured.
    `target_accuracy` is the share of accepted pictures that was asked to be right, 0..1.
    Records may lie outside the period: they are shown and counted all the same.

    `windows` are the monitor's, in the order of time, and `damaged_windows` counts those that could
    not be read. Where `is_sample`, the period holds more than is read one by one: `inferences`
    are the newest ones, `outcomes` the failures that still wait, and all that is counted over the
    period comes from the windows. `most_drifted` are the monitor's examples. `refresh_s` makes the
    page load itself again, in seconds.
    """

    environment: str
    endpoint: str
    model: ModelInfo
    threshold: float
    labels: Sequence[str]
    period_start: datetime
    period_end: datetime
    generated_at: datetime
    inferences: Sequence[Inference] = ()
    outcomes: Sequence[Outcome] = ()
    uploads: int | None = None
    captured_records: int = 0
    damaged_records: int = 0
    uncaptured: int = 0
    capture_percentage: int = 100
    evaluation: Evaluation | None = None
    target_accuracy: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    windows: Sequence[Window] = ()
    damaged_windows: int = 0
    is_sample: bool = False
    most_drifted: Sequence[Inference] = ()
    refresh_s: int | None = None

    def __post_init__(self) -> None:
        for name in ("period_start", "period_end", "generated_at"):
            _require_aware(f"ReportData.{name}", getattr(self, name))
        if self.period_end < self.period_start:
            raise ValueError("ReportData.period_end lies before period_start")
        _require_share("ReportData.threshold", self.threshold)
        if self.target_accuracy is not None:
            _require_share("ReportData.target_accuracy", self.target_accuracy)
        if self.is_sample and not self.windows:
            raise ValueError("ReportData.is_sample without windows: nothing counts the period")
        for name in ("captured_records", "damaged_records", "uncaptured", "uploads"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"ReportData.{name} is negative")


def _require_aware(name: str, time: datetime) -> None:
    if time.tzinfo is None:
        raise ValueError(f"{name} has no time zone: give an aware datetime, in UTC")


def _require_share(name: str, share: float, highest: float = 1.0) -> None:
    if not (math.isfinite(share) and 0.0 <= share <= highest):
        raise ValueError(f"{name} is {share!r}: expected a number from 0 to {highest:g}")
