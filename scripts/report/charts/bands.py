"""Percentiles of the confidence over time, and the share below the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report.charts.columns import Columns
from scripts.report.charts.scale import ConfidenceScale
from scripts.report.charts.spans import Spans, buckets, spans
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.windows import PERCENTILES, Window

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bands:
    """What is drawn of each span of time.

    `confidences` has shape (5, n), in the order of PERCENTILES, NaN where a span has none; `below`
    and `total` count the inferences below the threshold and all of them, shape (n,).
    """

    spans: Spans
    confidences: Floats
    below: NDArray[np.int64]
    total: NDArray[np.int64]


def of_columns(data: Columns, axis: TimeAxis, threshold: float) -> Bands:
    """From single inferences, by bucket of the axis."""
    places = axis.bucket_of(data.times_s)
    order = np.argsort(places, kind="stable")
    ends = np.searchsorted(places[order], np.arange(axis.buckets + 1))
    confidences = np.full((len(PERCENTILES), axis.buckets), np.nan)
    for bucket in range(axis.buckets):
        values = data.confidence[order[ends[bucket] : ends[bucket + 1]]]
        if values.size:
            confidences[:, bucket] = np.percentile(values, PERCENTILES)
    below = np.bincount(places[data.confidence < threshold], minlength=axis.buckets)
    return Bands(buckets(axis), confidences, below, np.bincount(places, minlength=axis.buckets))


def of_windows(windows: Sequence[Window]) -> Bands:
    """As the monitor measured them."""
    nothing = (np.nan,) * len(PERCENTILES)
    return Bands(
        spans(windows),
        np.array([window.percentiles or nothing for window in windows], dtype=np.float64).T,
        np.array([window.low for window in windows], dtype=np.int64),
        np.array([window.inferences for window in windows], dtype=np.int64),
    )


def draw(axes: Axes, bands: Bands, scale: ConfidenceScale) -> None:
    """The median as a line, the middle half and the middle nine tenths as bands around it."""
    times, (p5, p25, p50, p75, p95) = bands.spans.level(*scale.at_all(bands.confidences))
    for low, high, alpha in ((p5, p95, 0.22), (p25, p75, 0.45)):
        axes.fill_between(
            times, low, high, facecolor=COLOURS["accepted"], alpha=alpha, linewidth=0, zorder=1
        )
    axes.plot(times, p50, color=COLOURS["accepted"], linewidth=2.2, zorder=3)


def draw_share(axes: Axes, bands: Bands, axis: TimeAxis) -> None:
    """The share of each span's inferences that lie below the threshold, as bars."""
    share = np.divide(
        100.0 * bands.below, bands.total, out=np.zeros(len(bands.spans)), where=bands.total > 0
    )
    bands.spans.bars(axes, share, color=COLOURS["review"], zorder=2)
    axes.set_xlim(axis.start_s, axis.end_s)
    top = max(float(share.max(initial=0.0)), 1.0)
    tick = next(step * (top // step) for step in (20.0, 10.0, 5.0, 2.0, 1.0) if top >= step)
    axes.set_ylim(0, top * 1.06)
    axes.set_yticks([0, tick], ["0", f"{tick:g} %"])
    axes.axhline(tick, color=COLOURS["grid"], linewidth=1, zorder=0)
