"""The time axis that the charts share: which span is shown, its buckets and its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from scripts.report import wording

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEPS_S = (
    1, 2, 5, 10, 15, 30,
    _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY,
)  # fmt: skip
_TICK_STEPS_S = sorted(
    {*_STEPS_S, 20, 20 * _MINUTE, 4 * _HOUR, 8 * _HOUR, 3 * _DAY, 4 * _DAY, 5 * _DAY, 10 * _DAY}
)
_FEWEST_BUCKETS, _MOST_BUCKETS = 12, 60
_ZOOM_BELOW = 0.05
"""Records that fill less than this share of the period get the whole axis to themselves."""


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Buckets of `step_s` seconds, aligned to UTC, from `start_s` (seconds since 1970)."""

    start_s: float
    step_s: int
    buckets: int
    is_zoomed: bool

    @property
    def end_s(self) -> float:
        return self.start_s + self.step_s * self.buckets

    @property
    def edges_s(self) -> NDArray[np.float64]:
        """All bucket edges, shape (buckets + 1,)."""
        return self.start_s + self.step_s * np.arange(self.buckets + 1, dtype=np.float64)

    def bucket_of(self, times_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """The bucket of each time, 0..buckets-1."""
        places = np.floor((times_s - self.start_s) / self.step_s).astype(np.intp)
        return np.clip(places, 0, self.buckets - 1)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """(seconds since 1970, text) of at most `most` round times."""
        span = self.end_s - self.start_s
        step = next((s for s in _TICK_STEPS_S if span / s <= most), None)
        if step is None:
            step = math.ceil(span / most / _DAY) * _DAY
        first = math.ceil(self.start_s / step)
        last = math.floor(self.end_s / step)
        return [(float(i * step), self._text(i * step, step)) for i in range(first, last + 1)]

    def _text(self, time_s: int, step_s: int) -> str:
        time = datetime.fromtimestamp(time_s, UTC)
        if step_s >= _DAY or (time_s % _DAY == 0 and self.end_s - self.start_s > _DAY):
            return f"{time.day} {time:%b}"
        return f"{time:%H:%M:%S}" if step_s < _MINUTE else f"{time:%H:%M}"

    @property
    def label(self) -> str:
        """The axis label: the day or days, and the time zone."""
        first = datetime.fromtimestamp(self.start_s, UTC)
        last = datetime.fromtimestamp(self.end_s - 1e-3, UTC)
        return f"{wording.days(first, last)}, UTC"

    @property
    def step(self) -> str:
        """The bucket's length in words without a leading 1: 'second', '3 hours'."""
        return wording.duration(self.step_s).removeprefix("1 ")

    def name(self, time_s: float) -> str:
        """When a bucket or a window begins (seconds since 1970), for a table."""
        time = datetime.fromtimestamp(time_s, UTC)
        clock = f"{time:%H:%M:%S}" if self.step_s < _MINUTE else f"{time:%H:%M}"
        is_day = self.step_s % _DAY == 0 and time_s % _DAY == 0
        return f"{time:%Y-%m-%d}" if is_day else f"{time:%Y-%m-%d} {clock}"


def time_axis(
    times_s: NDArray[np.float64], period_start: datetime, period_end: datetime
) -> TimeAxis:
    """The axis that shows every one of `times_s` (seconds since 1970, any order, may be empty).

    It covers the period, and more where a record lies outside it. Where all records happened
    within a small part of the period, it covers that part alone, or they would be one bar.
    """
    start, end = period_start.timestamp(), period_end.timestamp()
    is_zoomed = False
    first, last = start, end
    if times_s.size:
        first, last = float(times_s.min()), float(times_s.max())
        whole = max(end, last) - min(start, first)
        is_zoomed = last - first < _ZOOM_BELOW * whole
        if not is_zoomed:
            start, end = min(start, first), max(end, last)
        else:
            start, end = first, last
    step = next((s for s in _STEPS_S if (end - start) / s <= _MOST_BUCKETS), None)
    if step is None:
        step = math.ceil((end - start) / _MOST_BUCKETS / _DAY) * _DAY
    begin = math.floor(start / step)
    # The last record needs a bucket that begins at or before it, even on an edge.
    stop = max(math.ceil(end / step), math.floor(last / step) + 1 if times_s.size else 0, begin + 1)
    # A single record in a single bucket would be a wall: room on both sides shows it as a moment.
    spare = max(_FEWEST_BUCKETS - (stop - begin), 0)
    begin, stop = begin - spare // 2, stop + spare - spare // 2
    return TimeAxis(float(begin * step), step, stop - begin, is_zoomed)
