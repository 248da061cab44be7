"""What became of what drivers sent: counts, losses, and how long it took."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True)
class Sent:
    """A photograph that was sent: when (seconds since 1970), how long that took, what was made.

    `error` says why it was not sent. `late_s`: how much after it was due. `truth`: its class.
    """

    key: str
    truth: str | None
    sent_s: float
    late_s: float
    took_s: float
    version_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Times:
    """Percentiles of durations, in milliseconds: 50, 90, 99, and the longest; of `n` of them."""

    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    longest_ms: float

    @classmethod
    def of(cls, seconds: Collection[float]) -> "Times":
        """Percentiles of some durations in seconds; of none they are 0."""
        values = np.percentile(list(seconds) or [0.0], PERCENTILES) * 1000
        return cls(len(seconds), *(round(float(value), 1) for value in values))


def of_workflow(
    sent: Sequence[tuple[Sent, str]],
    decisions: Mapping[str, Mapping[str, Any]],
    failed_keys: Collection[str],
) -> dict[str, Any]:
    """What became of uploads, each with its image id.

    `decisions` by image id, as they are recorded. An upload is lost when it is neither decided nor
    among the failures that were kept.
    """
    uploaded = [(one, image) for one, image in sent if not one.error]
    found = [(one, decisions[image]) for one, image in uploaded if image in decisions]
    undecided = [one for one, image in uploaded if image not in decisions]
    failed = sum(one.key in failed_keys for one in undecided)
    accepted = [(one, item) for one, item in found if item["decision"] == "accepted"]
    right = sum(item["label"] == one.truth for one, item in accepted)
    return {
        **_sending([one for one, _ in sent]),
        "decisions": dict(Counter(str(item["decision"]) for _, item in found)),
        "accepted_right": right / len(accepted) if accepted else None,
        "untold": sum("delivered_at" not in item for _, item in found),
        "failed": failed,
        "lost": len(undecided) - failed,
        "times": {
            "upload": vars(Times.of([one.took_s for one, _ in uploaded])),
            "decision": vars(Times.of(_after(found, "decided_at"))),
            "told": vars(Times.of(_after(found, "delivered_at"))),
        },
    }


def of_endpoint(sent: Sequence[Sent]) -> dict[str, Any]:
    """What became of requests to the endpoint. A request that failed is lost: nobody keeps it."""
    result = _sending(sent)
    answered = [one.took_s for one in sent if not one.error]
    return result | {"lost": result["not_sent"], "times": {"answer": vars(Times.of(answered))}}


def _sending(sent: Sequence[Sent]) -> dict[str, Any]:
    seconds = max(one.sent_s + one.took_s for one in sent) - min(one.sent_s for one in sent)
    return {
        "sent": len(sent),
        "not_sent": sum(one.error is not None for one in sent),
        "errors": dict(Counter(one.error for one in sent if one.error)),
        "seconds": round(seconds, 1),
        "rate": round(len(sent) / seconds, 2) if seconds else None,
        "latest_s": round(max(one.late_s for one in sent), 2),
    }


def _after(found: Sequence[tuple[Sent, Mapping[str, Any]]], moment: str) -> list[float]:
    """Seconds from the beginning of an upload to a moment that its decision records."""
    return [
        datetime.fromisoformat(item[moment]).timestamp() - one.sent_s
        for one, item in found
        if moment in item
    ]


def describe(result: Mapping[str, Any]) -> Iterator[str]:
    """A result in a few lines."""
    yield (
        f"{result['sent']:,} sent in {result['seconds']:,.0f} s, {result['not_sent']:,} of them in "
        f"vain; at most {result['latest_s']:.1f} s later than they were due."
    )
    for error, count in sorted(result["errors"].items()):
        yield f"  {count:,} times: {error}"
    if "decisions" in result:
        made = ", ".join(f"{count:,} {name}" for name, count in sorted(result["decisions"].items()))
        right = result["accepted_right"]
        yield f"{made or 'no decision'}" + (
            f"; of the accepted, {right:.3f} right." if right is not None else ""
        )
        yield f"{result['failed']:,} failed and kept, {result['untold']:,} decided but not told."
    counts = " → ".join(f"{item['count']} ({item['at_s']:.0f} s)" for item in result["instances"])
    yield f"Instances: {counts}."
    yield f"Lost: {result['lost']:,}."


TIMES_COLUMNS = ("Time to", "n", "p50 ms", "p90 ms", "p99 ms", "Longest ms")


def times_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The durations as a table."""
    return [
        (
            name,
            f"{times['n']:,}",
            *(f"{times[key]:,.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "longest_ms")),
        )
        for name, times in result["times"].items()
    ]


PARTS_COLUMNS = ("Part, as CloudWatch has it", "n", "p50 ms", "p99 ms")


def parts_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What the services themselves measured, as a table."""
    return [
        (name, f"{part['n']:,.0f}", f"{part['p50_ms']:,.1f}", f"{part['p99_ms']:,.1f}")
        for name, part in result["parts"].items()
    ]
