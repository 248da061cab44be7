"""How far the monitor has come: which capture files it has read, and what it keeps for next time.

A file is read once, by its key: one that is late is still read, and one that is written anew, to
forget an upload, is not read again. The names of files are their times, so that what is older than
MOST_LATE can be left out of every listing, and out of the checkpoint.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.common.capture import parse_key

MOST_LATE = timedelta(hours=24)
"""How long after its name says a file is still expected. SageMaker delivers within minutes."""

_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is kept between two windows, as JSON in S3.

    until:    the end of the last window (UTC)
    since:    the hour from which on files may be new
    seen:     digests of the keys that were read, by the hour in their names
    newest:   when the newest record of all was captured
    baseline: when the baseline was made that `judge` belongs to; None without one
    judge:    what the drift tests keep
    severity: of the last verdict on this baseline, 0 to 3
    record:   the last window's, for a monitor that comes after one that could not tell it
    """

    until: datetime
    since: datetime
    seen: Mapping[str, list[str]] = field(default_factory=dict)
    newest: datetime | None = None
    baseline: str | None = None
    judge: Mapping[str, Any] = field(default_factory=dict)
    severity: int = 0
    record: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "until": self.until.isoformat(),
            "since": self.since.isoformat(),
            "seen": dict(self.seen),
            "newest": self.newest and self.newest.isoformat(),
            "baseline": self.baseline,
            "judge": dict(self.judge),
            "severity": self.severity,
            "record": self.record,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Checkpoint":
        newest = document["newest"]
        return cls(
            until=datetime.fromisoformat(document["until"]),
            since=datetime.fromisoformat(document["since"]),
            seen=document["seen"],
            newest=newest and datetime.fromisoformat(newest),
            baseline=document["baseline"],
            judge=document["judge"],
            severity=document["severity"],
            record=document["record"],
        )


def beginning(start: datetime) -> Checkpoint:
    """The checkpoint before the first window, which begins at `start`."""
    return Checkpoint(until=start, since=_hour(start - MOST_LATE))


def unread(checkpoint: Checkpoint, keys: Iterable[str]) -> list[str]:
    """The capture files among `keys` that were not read yet, in the order of their names' times."""
    seen = {digest for digests in checkpoint.seen.values() for digest in digests}
    found = [
        (place.time, key)
        for key in keys
        if (place := parse_key(key)) and place.time >= checkpoint.since and _digest(key) not in seen
    ]
    return [key for _, key in sorted(found)]


def advance(
    checkpoint: Checkpoint,
    until: datetime,
    read: Iterable[str],
    left: Iterable[str],
    newest: datetime | None,
) -> Checkpoint:
    """The checkpoint once the files `read` have been read, with those `left` for the next window.

    `newest` is when the newest of their records was captured. It stays bounded: it holds the files
    of MOST_LATE, and of the time since one that is left.
    """
    oldest_left = min((named_at(key) for key in left), default=until)
    since = _hour(min(until - MOST_LATE, oldest_left))
    seen = {hour: list(digests) for hour, digests in checkpoint.seen.items()}
    for key in read:
        seen.setdefault(_hour(named_at(key)).isoformat(), []).append(_digest(key))
    recent = {hour: seen[hour] for hour in seen if datetime.fromisoformat(hour) >= since}
    newest = max((time for time in (checkpoint.newest, newest) if time), default=None)
    return replace(checkpoint, until=until, since=since, seen=recent, newest=newest)


def belonging_to(checkpoint: Checkpoint, baseline: str | None) -> Checkpoint:
    """The checkpoint for the drift tests on a baseline: on another one, they begin anew."""
    if checkpoint.baseline == baseline:
        return checkpoint
    return replace(checkpoint, baseline=baseline, judge={}, severity=0)


def named_at(key: str) -> datetime:
    """The time in a capture file's key. Raises ValueError for another key."""
    place = parse_key(key)
    if place is None:
        raise ValueError(f"{key} is no capture file")
    return place.time


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_DIGEST_CHARACTERS]


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
