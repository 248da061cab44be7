"""Numbers, times and lists as words: correct for none, one and many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

NO_BREAK = "\u00a0"
EM_DASH = "\u2014"


def number(n: int) -> str:
    """A count with thousands separators."""
    return f"{n:,}"


def counted(n: int, noun: str, none: str = "no") -> str:
    """A count with its noun: 'no pictures', '1 picture', '1,234 pictures'."""
    word = noun if n == 1 else f"{noun}s"
    return f"{none if n == 0 else number(n)} {word}"


def number_or_none(n: int) -> str:
    """A count in running text: 'none', '1', '1,234'."""
    return "none" if n == 0 else number(n)


def percent(share: float) -> str:
    """A share (0..1) as a percentage that never rounds up to all or down to nothing."""
    value = 100.0 * share
    if 0.0 < value < 0.1:
        return f"< 0.1{NO_BREAK}%"
    if 99.9 < value < 100.0:
        return f"> 99.9{NO_BREAK}%"
    text = f"{value:.1f}" if 0.0 < value < 100.0 else f"{value:.0f}"
    return f"{text}{NO_BREAK}%"


def percent_interval(low: float, high: float) -> str:
    """An interval of shares (0..1) as percentages: '93.0 to 98.3 %'."""
    return f"{100.0 * low:.1f}{NO_BREAK}to{NO_BREAK}{100.0 * high:.1f}{NO_BREAK}%"


def confidence(value: float) -> str:
    """A confidence, with more digits the nearer it is to 1: 0.52, 0.998, > 0.9999."""
    if value > 0.9999:
        return f">{NO_BREAK}0.9999"
    if value > 0.999:
        return f"{_floor(value, 4):.4f}"
    if value > 0.99:
        return f"{_floor(value, 3):.3f}"
    return f"{_floor(value, 2):.2f}"


def threshold(value: float) -> str:
    """The threshold with two to four decimals."""
    text = f"{value:.4f}".rstrip("0")
    return text + "0" * max(0, 2 - len(text.partition(".")[2]))


def listed(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def moment(time: datetime) -> str:
    """A point in time: '23 November 2026, 10:02:11 UTC'."""
    utc = time.astimezone(UTC)
    return f"{day(utc)}, {utc:%H:%M:%S}{NO_BREAK}UTC"


def day(time: datetime) -> str:
    """A date: '23 November 2026'."""
    utc = time.astimezone(UTC)
    return f"{utc.day}{NO_BREAK}{utc:%B}{NO_BREAK}{utc.year}"


def days(start: datetime, end: datetime) -> str:
    """The dates of a span, saying month and year once where both ends share them."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if first.date() == last.date():
        return day(last)
    if first.year != last.year:
        return f"{day(first)} to {day(last)}"
    month = "" if first.month == last.month else f"{NO_BREAK}{first:%B}"
    return f"{first.day}{month} to {day(last)}"


def period(start: datetime, end: datetime) -> str:
    """A period, without repeating a date that both ends share."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if first.replace(microsecond=0) == last.replace(microsecond=0):
        return moment(first)
    if first.date() == last.date():
        return f"{day(first)}, {first:%H:%M:%S} to {last:%H:%M:%S}{NO_BREAK}UTC"
    return f"{day(first)}, {first:%H:%M} to {day(last)}, {last:%H:%M}{NO_BREAK}UTC"


def duration(seconds: float) -> str:
    """A whole duration in its largest fitting unit: '1 second', '3 hours', '7 days'."""
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return counted(round(seconds / size), noun)
    return counted(round(seconds), "second")


def _floor(value: float, decimals: int) -> float:
    # Rounded down, so that 0.7999 never reads as the threshold 0.80 that it failed to reach. The
    # tiny addend keeps a float such as 0.57 (stored as 0.5699…) from losing its last digit.
    scale: float = 10.0**decimals
    return int(value * scale + 1e-9) / scale
