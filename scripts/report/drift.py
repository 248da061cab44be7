"""What the monitor says, in words: where drift stands now, and the table of its windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from scripts.report import wording
from scripts.report.figures import Share
from scripts.report.model import OUTCOMES, ReportData
from scripts.report.windows import SEVERITY_NAMES, Severity, Window

MOST_ROWS = 336
"""Windows in the table: two weeks of hourly ones."""
_SILENT_AFTER = 2.5
_SOONEST_S = 300
"""The monitor is silent when so many of its windows, and seconds, have passed since the last."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where drift stands, by the newest window: `headline` says it, `sentence` in full.

    `besides` is what else to look at: the monitor's silence, and drift that is over.
    """

    severity: Severity
    headline: str
    sentence: str
    besides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A window in the table."""

    severity: Severity
    name: str
    time: str
    cells: tuple[str, ...]


HEADER = (
    "model version",
    "captured of invoked",
    *OUTCOMES,
    "median confidence",
    "below the threshold",
    "estimated accuracy",
    "damaged lines",
    "foreign records",
    "late files",
    "unread files",
)


def standing(data: ReportData) -> Standing | None:
    """Where drift stands at the end of the period; None where the monitor has no window of it."""
    if not data.windows:
        return None
    newest = data.windows[-1]
    besides = (*_silence(data, newest), *_earlier(data.windows, newest))
    return Standing(newest.severity, _headline(newest), newest.sentence, besides)


def finding(windows: Sequence[Window]) -> str:
    """The title of the severities: what they were, in how many windows."""
    counts = Counter(window.severity for window in windows)
    total = wording.counted(len(windows), "window")
    levels: tuple[Severity, ...] = ("act", "warn", "watch")
    found = [severity for severity in levels if counts[severity]]
    if found:
        parts = [f"{severity} in {wording.number(counts[severity])}" for severity in found]
        return f"Drift in {total}: {wording.listed(parts)}"
    if counts["none"]:
        return f"No drift in {wording.number(counts['none'])} of {total}"
    return f"No data in {total}"


def span(windows: Sequence[Window], drawn: Sequence[Window]) -> str:
    """What one bar of a chart stands for: a window, with its length where all have the same."""
    if len(drawn) < len(windows):
        return "group of neighbouring windows"
    lengths = {round(window.length.total_seconds()) for window in windows}
    if len(lengths) == 1:
        return f"window of {wording.duration(lengths.pop())}"
    return "window"


def table(windows: Sequence[Window]) -> tuple[Row, ...]:
    """The newest MOST_ROWS windows, newest first."""
    return tuple(_row(window) for window in reversed(windows[-MOST_ROWS:]))


def table_caption(data: ReportData) -> str:
    """What the table holds, and what it leaves out."""
    total, records = len(data.windows), sum(window.captured for window in data.windows)
    text = (
        f"n = {wording.counted(total, 'window')} with "
        f"{wording.counted(records, 'captured record')}, newest first; times are in UTC."
    )
    if total > MOST_ROWS:
        text += f" The newest {MOST_ROWS} are shown."
    if data.damaged_windows:
        text += f" {wording.counted(data.damaged_windows, 'record')} could not be read."
    return text


def estimated_accuracy(windows: Sequence[Window]) -> tuple[float, int] | None:
    """The mean of the windows' estimates (0..1), and from how many confidences it comes."""
    known = [
        (window.estimated_accuracy, window.estimated_from)
        for window in windows
        if window.estimated_accuracy is not None and window.estimated_from
    ]
    n = sum(count for _, count in known)
    return (sum(value * count for value, count in known) / n, n) if n else None


def _headline(newest: Window) -> str:
    drifting = sorted(
        (signal for signal in newest.signals if signal.is_drifting),
        key=lambda signal: -signal.of_limit,
    )
    if not drifting:
        return newest.sentence
    since = f" since {wording.moment(newest.since)}" if newest.since else ""
    if len(drifting) == 1:
        return f"Drift{since}: {drifting[0].name}."
    return (
        f"Drift{since}: {drifting[0].name} most of all, "
        f"{len(drifting)} of {len(newest.signals)} signals."
    )


def _silence(data: ReportData, newest: Window) -> list[str]:
    usual_s = median(window.length.total_seconds() for window in data.windows)
    silent_s = (data.period_end - newest.end).total_seconds()
    if silent_s <= max(_SILENT_AFTER * usual_s, _SOONEST_S):
        return []
    return [
        f"The monitor has been silent since {wording.moment(newest.end)}: what drifts now is "
        "not known."
    ]


def _earlier(windows: Sequence[Window], newest: Window) -> list[str]:
    severe = [window for window in windows if window.severity in ("warn", "act")]
    if not severe or newest.severity in ("warn", "act"):
        return []
    worst = max(severe, key=lambda window: (window.rank, window.end))
    same = sum(window.severity == worst.severity for window in windows)
    return [
        f"Earlier, drift was at '{worst.severity}' in "
        f"{wording.number(same)} of {wording.counted(len(windows), 'window')}, "
        f"the last of them until {wording.moment(worst.end)}."
    ]


def _row(window: Window) -> Row:
    low = Share(window.low, window.inferences)
    estimate = window.estimated_accuracy
    cells = (
        _count(window.version),
        f"{wording.number(window.captured)} of {_count(window.invoked)}",
        *(_count(window.outcomes.get(kind)) for kind in OUTCOMES),
        wording.confidence(window.percentiles[2]) if window.percentiles else wording.EM_DASH,
        _share(low),
        wording.EM_DASH if estimate is None else wording.percent(estimate),
        wording.number(window.damaged_lines),
        wording.number(window.foreign_records),
        wording.number(window.late_files),
        wording.number(window.unread_files),
    )
    start = window.start
    return Row(
        severity=window.severity,
        name=SEVERITY_NAMES[window.severity],
        time=f"{start.day}{wording.NO_BREAK}{start:%b}, {_hours(start, window.end)}",
        cells=cells,
    )


def _count(count: int | None) -> str:
    return wording.EM_DASH if count is None else wording.number(count)


def _share(share: Share) -> str:
    if share.value is None:
        return wording.EM_DASH
    return f"{wording.percent(share.value)} of {wording.number(share.total)}"


def _hours(start: datetime, end: datetime) -> str:
    clock = "%H:%M" if start.second == end.second == 0 else "%H:%M:%S"
    return f"{start:{clock}} to {end:{clock}}".replace(" ", wording.NO_BREAK)
