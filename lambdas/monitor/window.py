"""One window: when it begins and ends, and the record that is kept of it, as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.comparisons import by_name
from lambdas.common.drift.interval import wilson
from lambdas.common.drift.judge import Severity, Signal, Verdict, most_drifted
from lambdas.monitor.checkpoint import named_at
from lambdas.monitor.records import Records
from lambdas.monitor.traffic import Traffic

EXAMPLES_OF_A_KIND = 6
DAMAGED_FILES_NAMED = 10
ENOUGH_SAMPLED = 10
NO_DATA = "no_data"
NO_RECORDS = "No data: nothing was captured that could be compared."
NO_BASELINE = (
    "No data: the model in service has no baseline. Evaluate it, and put it into service again: "
    "invoke evaluate, then invoke endpoint."
)

_QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_PICTURE_QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
_DECIMALS = 6

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time (UTC): `start` belongs to it, `end` to the next one."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """A sample of a window's pictures: image ids, and their statistics [n, 12] as COLUMNS."""

    image_ids: Sequence[str]
    statistics: Table


def first_start(deployed_at: datetime, now: datetime, period_s: int) -> datetime:
    """When the first window begins: at the deployment, or a day ago where that is longer ago."""
    start_s = max(deployed_at, now - timedelta(days=1)).timestamp()
    return datetime.fromtimestamp(start_s // period_s * period_s, UTC)


def following(start: datetime, now: datetime, period_s: int) -> Window | None:
    """The window from `start` on, of whole periods of the metrics; None when it is too soon.

    It ends two periods ago: the metrics of one that has just ended are still on their way.
    """
    end = datetime.fromtimestamp((now.timestamp() // period_s - 2) * period_s, UTC)
    return Window(start, end) if end > start else None


def describe_files(
    read: Sequence[str], left: Sequence[str], start: datetime, records: Records
) -> dict[str, Any]:
    """What was read: files named before the window's `start` are late, those `left` wait."""
    return {
        "files": len(read),
        "late_files": sum(named_at(key) < start for key in read),
        "unread_files": len(left),
        "damaged_lines": sum(records.damaged.values()),
        "damaged_files": list(records.damaged)[:DAMAGED_FILES_NAMED],
        "foreign_records": records.foreign,
        "repeated_records": records.repeated,
    }


def describe_traffic(traffic: Traffic, captured: int, percentage: float) -> dict[str, Any]:
    """How much was asked, how much of it was captured, and the decisions by outcome.

    `percentage` of what is asked should be captured: the ratio is of that. There is none where so
    little should be captured that chance decides how much is.
    """
    outcomes = asdict(traffic)
    invoked = outcomes.pop("invoked")
    expected = invoked * percentage / 100
    is_known = expected > 0 and (percentage == 100 or expected >= ENOUGH_SAMPLED)
    ratio = _rounded(captured / expected) if is_known else None
    return {
        "traffic": {"invoked": invoked, "captured": captured, "capture_ratio": ratio},
        "decisions": outcomes,
    }


def describe_scores(scores: Table, labels: Sequence[str], threshold: float) -> dict[str, Any]:
    """What the answers [n, k] say: confidence, classes, low confidence, and estimated accuracy.

    The estimate is the mean confidence: as good as the model is calibrated, and no measurement.
    """
    n = len(scores)
    if not n:
        nothing = ("confidence", "low_confidence", "estimated_accuracy")
        return {**dict.fromkeys(nothing), "classes": dict.fromkeys(labels, 0)}
    confidence = scores.max(axis=1)
    low = int((confidence < threshold).sum())
    mean = _rounded(confidence.mean())
    counts = np.bincount(scores.argmax(axis=1), minlength=len(labels)).tolist()
    return {
        "confidence": {"n": n, **_quantiles(confidence, _QUANTILES), "mean": mean},
        "classes": dict(zip(labels, counts, strict=True)),
        "low_confidence": {
            "count": low,
            "n": n,
            "rate": _rounded(low / n),
            "interval": [_rounded(bound) for bound in wilson(low, n)],
        },
        "estimated_accuracy": {"value": mean, "n": n},
    }


def describe_pictures(pictures: Pictures) -> dict[str, Any]:
    """Quantiles and mean of each statistic that is tested by itself."""
    n = len(pictures.image_ids)
    columns = by_name(pictures.statistics).items() if n else ()
    statistics = {
        name: {**_quantiles(column, _PICTURE_QUANTILES), "mean": _rounded(column.mean())}
        for name, column in columns
    }
    return {"n": n, "statistics": statistics}


def describe_drift(verdict: Verdict | None, has_baseline: bool, before: int) -> dict[str, Any]:
    """The verdict; without one, that there is no data, and why.

    It has `risen` where it demands more than a look, and more than the one `before` (0 to 3).
    """
    if verdict is None:
        nothing = dict.fromkeys(("since", "strength", "estimated_harm"))
        sentence = NO_RECORDS if has_baseline else NO_BASELINE
        return {"severity": NO_DATA, **nothing, "sentence": sentence, "signals": [], "risen": False}
    return {
        "severity": verdict.severity.name.lower(),
        "since": _iso(verdict.since),
        "strength": _rounded(verdict.strength),
        "estimated_harm": _rounded(verdict.estimated_harm),
        "sentence": verdict.sentence,
        "signals": [_describe_signal(signal) for signal in verdict.signals],
        "risen": verdict.severity >= Severity.WARN and verdict.severity > before,
    }


def choose_examples(
    records: Records, pictures: Pictures, baseline: Baseline | None
) -> list[dict[str, str]]:
    """Image ids of what a person should look at: where the model is least sure of its answer, and
    what is least like the baseline."""
    unsure = np.argsort(records.scores.max(axis=1, initial=0), kind="stable")[:EXAMPLES_OF_A_KIND]
    found = [(records.image_ids[row], "least confident") for row in unsure]
    if baseline is not None:
        furthest = most_drifted(baseline, pictures.statistics, EXAMPLES_OF_A_KIND)
        found += [(pictures.image_ids[row], "most drifted") for row in furthest]
    return [{"image_id": image_id, "kind": kind} for image_id, kind in found]


def _describe_signal(signal: Signal) -> dict[str, Any]:
    return {
        "name": signal.name,
        "statistic": _rounded(signal.statistic),
        "p_value": signal.p_value,
        "limit": _rounded(signal.limit),
        "n": signal.n,
        "drifting": signal.is_drifting,
        "since": _iso(signal.since),
        "severity": signal.severity.name.lower(),
        "strength": _rounded(signal.strength),
    }


def _quantiles(values: Table, wanted: Mapping[str, float]) -> dict[str, float | None]:
    found = np.quantile(values, list(wanted.values()))
    return {name: _rounded(value) for name, value in zip(wanted, found, strict=True)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), _DECIMALS)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
