"""Spans of time, each with values of its own: buckets of the axis, or the monitor's windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report.charts.time_axis import TimeAxis
from scripts.report.windows import Window

MOST_SPANS = 200
"""More windows than this are joined for drawing."""
_MANY = 60
_TOUCHING = 0.25
"""Spans less than this share of their length apart are drawn without a gap."""


@dataclass(frozen=True, slots=True)
class Spans:
    """In the order of time; both arrays have shape (n,), in seconds since 1970."""

    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.starts_s.size)

    @property
    def are_many(self) -> bool:
        """Whether bars are so narrow that gaps and outlines would be all there is to see."""
        return len(self) > _MANY

    def bars(self, axes: Axes, heights: NDArray[Any], **style: Any) -> None:
        """A bar in the middle of each span whose height is above 0; `bottom` may be an array."""
        shown = heights > 0
        gap = 0.0 if self.are_many else 0.08
        lengths = (self.ends_s - self.starts_s)[shown]
        given: dict[str, Any] = {
            name: value[shown] if isinstance(value, np.ndarray) else value
            for name, value in style.items()
        }
        axes.bar(
            self.starts_s[shown] + gap * lengths,
            heights[shown],
            width=(1.0 - 2.0 * gap) * lengths,
            align="edge",
            **given,
        )

    def level(
        self, *values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """(times, values) of lines that are level over each span and break where there is none."""
        times: list[float] = []
        rows: list[list[float]] = [[] for _ in values]
        for at in range(len(self)):
            start, end = self.starts_s[at], self.ends_s[at]
            if at and start - self.ends_s[at - 1] > _TOUCHING * (end - start):
                times.append(start)
                for row in rows:
                    row.append(np.nan)
            times += [start, end]
            for row, value in zip(rows, values, strict=True):
                row += [float(value[at])] * 2
        return np.array(times), [np.array(row) for row in rows]


def buckets(axis: TimeAxis) -> Spans:
    """Every bucket of the axis."""
    return Spans(axis.edges_s[:-1], axis.edges_s[1:])


def spans(windows: Sequence[Window]) -> Spans:
    """The windows as they are, at most MOST_SPANS of them: see windows.joined."""
    return Spans(
        np.array([window.start.timestamp() for window in windows], dtype=np.float64),
        np.array([window.end.timestamp() for window in windows], dtype=np.float64),
    )
