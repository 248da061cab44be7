"""The monitor's windows: what it measured in each of them, from the records it keeps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

Severity = Literal["no_data", "none", "watch", "warn", "act"]

SEVERITY_NAMES: dict[Severity, str] = {
    "no_data": "no data",
    "none": "none",
    "watch": "watch",
    "warn": "warn",
    "act": "act",
}
SEVERITIES: tuple[Severity, ...] = tuple(SEVERITY_NAMES)
"""From the least to the most severe; no data says nothing, so it never hides what does."""

PERCENTILES = (5, 25, 50, 75, 95)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing compared with the baseline over `n` records: it drifts where `statistic` is at
    least `limit`. `since` is when it began to."""

    name: str
    statistic: float
    limit: float
    n: int
    p_value: float | None = None
    is_drifting: bool = False
    since: datetime | None = None

    @property
    def of_limit(self) -> float:
        """The statistic in units of its limit, 0 or more: what makes signals comparable."""
        return max(self.statistic, 0.0) / self.limit if self.limit > 0.0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the monitor measured from `start` to `end` (UTC), of the model `version` in service.

    `invoked` counts the endpoint's invocations, `captured` those that data capture kept;
    `outcomes` holds the executions that are known. `percentiles` are those of the confidence, in
    the order of PERCENTILES, over `inferences` of them, of which `low` lay below `threshold`.
    `estimated_accuracy` is an estimate from `estimated_from` confidences, not a measurement.
    `examples` are image ids by kind. What is not known is None, or absent.
    """

    start: datetime
    end: datetime
    version: int | None
    threshold: float
    captured: int
    invoked: int | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    inferences: int = 0
    percentiles: tuple[float, ...] | None = None
    low: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    estimated_accuracy: float | None = None
    estimated_from: int = 0
    severity: Severity = "no_data"
    sentence: str = ""
    since: datetime | None = None
    signals: tuple[Signal, ...] = ()
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    damaged_lines: int = 0
    foreign_records: int = 0
    late_files: int = 0
    unread_files: int = 0

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def rank(self) -> int:
        """The severity as a number, to compare."""
        return SEVERITIES.index(self.severity)

    @classmethod
    def from_document(cls, document: Any) -> Window:
        """From the record that the monitor keeps. Raises ValueError for anything else."""
        try:
            return _window(document)
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"not a window's record: {error!r}") from error


def joined(windows: Sequence[Window], most: int) -> tuple[Window, ...]:
    """These windows (in the order of time) as at most `most`, for drawing.

    Neighbours are joined where there are more: counts are added, the severest verdict and the
    strongest value of each signal stand, and percentiles are means, weighted by inferences.
    """
    if len(windows) <= most:
        return tuple(windows)
    first = windows[0].start
    step = (windows[-1].start - first) / most
    groups: dict[int, list[Window]] = {}
    for window in windows:
        groups.setdefault(min(int((window.start - first) / step), most - 1), []).append(window)
    return tuple(_join(group) for group in groups.values())


def total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """The sum of several counts, by name."""
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    return added


def _join(group: list[Window]) -> Window:
    severest = max(group, key=lambda window: (window.rank, window.end))
    strongest: dict[str, Signal] = {}
    for signal in (signal for window in group for signal in window.signals):
        known = strongest.get(signal.name)
        if known is None or signal.of_limit > known.of_limit:
            strongest[signal.name] = signal
    with_confidence = [window for window in group if window.percentiles]
    invoked = [window.invoked for window in group if window.invoked is not None]
    return replace(
        severest,
        start=group[0].start,
        end=max(window.end for window in group),
        threshold=group[-1].threshold,
        captured=sum(window.captured for window in group),
        invoked=sum(invoked) if invoked else None,
        outcomes=total(window.outcomes for window in group),
        inferences=sum(window.inferences for window in group),
        percentiles=tuple(
            sum(w.inferences * w.percentiles[at] for w in with_confidence if w.percentiles)
            / sum(w.inferences for w in with_confidence)
            for at in range(len(PERCENTILES))
        )
        if with_confidence
        else None,
        low=sum(window.low for window in group),
        classes=total(window.classes for window in group),
        signals=tuple(strongest.values()),
    )


def _window(document: Any) -> Window:
    traffic, drift = document["traffic"], document["drift"]
    confidence, low = document["confidence"], document["low_confidence"]
    estimate = document["estimated_accuracy"] or {"value": None, "n": 0}
    severity: Severity = drift["severity"]
    if severity not in SEVERITIES:
        raise ValueError(f"severity is {severity!r}: expected one of {SEVERITIES}")
    examples: dict[str, list[str]] = {}
    for example in document["examples"]:
        examples.setdefault(str(example["kind"]), []).append(str(example["image_id"]))
    return Window(
        start=_time(document["window"]["start"]),
        end=_time(document["window"]["end"]),
        version=_known(int, document["version"]),
        threshold=_number(document["threshold"]),
        captured=int(traffic["captured"]),
        invoked=_known(int, traffic["invoked"]),
        outcomes={
            name: int(count)
            for name, count in (document["decisions"] or {}).items()
            if count is not None
        },
        inferences=int(confidence["n"]) if confidence else 0,
        percentiles=tuple(_number(confidence[f"p{at:02d}"]) for at in PERCENTILES)
        if confidence and confidence["n"]
        else None,
        low=int(low["count"]) if low else 0,
        classes={str(label): int(count) for label, count in document["classes"].items()},
        estimated_accuracy=_known(_number, estimate["value"]),
        estimated_from=int(estimate["n"]),
        severity=severity,
        sentence=str(drift["sentence"]),
        since=_known(_time, drift["since"]),
        signals=tuple(_signal(item) for item in drift["signals"]),
        examples={kind: tuple(ids) for kind, ids in examples.items()},
        damaged_lines=int(document["damaged_lines"]),
        foreign_records=int(document["foreign_records"]),
        late_files=int(document["late_files"]),
        unread_files=int(document["unread_files"]),
    )


def _signal(item: Any) -> Signal:
    return Signal(
        name=str(item["name"]),
        statistic=_number(item["statistic"]),
        limit=_number(item["limit"]),
        n=int(item["n"]),
        p_value=_known(_number, item["p_value"]),
        is_drifting=bool(item["drifting"]),
        since=_known(_time, item["since"]),
    )


def _known(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)


def _time(text: Any) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time.astimezone(UTC)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no finite number")
    return number
