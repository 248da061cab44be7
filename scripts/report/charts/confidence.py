"""Observed recent inferences: the confidence of each over time, beside the threshold."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Table
from scripts.report.charts.columns import Columns
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout
from scripts.report.charts.scale import ConfidenceScale
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis

MOST_POINTS = 1_500
"""With more inferences than this, percentile bands replace the single points."""

_PERCENTILES = (5, 25, 50, 75, 95)
_SHARE_PANEL_PX = 64
_TICK_GAP_PX = 14
_LAYOUTS = (Layout("wide", 960, 390, 62, 76), Layout("narrow", 340, 330, 56, 64, 3))


def confidence_chart(
    data: Columns, axis: TimeAxis, scale: ConfidenceScale, threshold: float
) -> Chart:
    """Draw every inference, or where there are too many to tell apart, their percentiles.

    `threshold` (0..1) is drawn as a line; what lies below it is shaded.
    """
    finding = _finding(data)
    if not len(data):
        return Chart(finding, "Data capture holds no record of this period.")
    is_banded = len(data) > MOST_POINTS
    label = f"{finding}. Confidence over time; threshold {wording.threshold(threshold)}."
    wide, narrow = (
        _draw(layout, data, axis, scale, threshold, label, is_banded) for layout in _LAYOUTS
    )
    return Chart(
        finding=finding,
        caption=_caption(data, scale, axis, is_banded),
        wide=wide,
        narrow=narrow,
        legend=_band_legend(data, threshold) if is_banded else _point_legend(data),
        table=_table(data),
    )


def _finding(data: Columns) -> str:
    n, accepted, review = len(data), int(data.is_accepted.sum()), int(data.is_review.sum())
    decided = accepted + review
    if n == 0:
        return "No inference was captured"
    if decided == 0:
        captured = wording.counted(n, "captured inference")
        return f"{captured}; what the workflow decided is not known"
    if decided == 1:
        return f"The only picture was {'accepted' if accepted else 'sent for review'}"
    if review == 0:
        return f"All {wording.number(decided)} pictures were confident enough to be accepted"
    if accepted == 0:
        return f"None of the {wording.number(decided)} pictures was confident enough to be accepted"
    return (
        f"{wording.number(accepted)} of {wording.number(decided)} pictures "
        f"{'was' if accepted == 1 else 'were'} confident enough to be accepted"
    )


def _caption(data: Columns, scale: ConfidenceScale, axis: TimeAxis, is_banded: bool) -> str:
    over = int((data.confidence > scale.top_confidence).sum())
    top = f"{scale.top_confidence:.{scale.decades}f}"
    text = "The axis is stretched towards 1: each step from 0.9 on is ten times less doubt"
    text += f"; {wording.number(over)} above {top} are drawn on the top line." if over else "."
    if is_banded:
        text += f" Every inference counts towards the percentiles and shares, per {axis.step}."
    return text


def _point_legend(data: Columns) -> tuple[LegendItem, ...]:
    accepted, review = int(data.is_accepted.sum()), int(data.is_review.sum())
    wrong, unknown = int(data.is_wrong.sum()), len(data) - accepted - review
    items = [
        LegendItem("disc", "accepted", accepted),
        LegendItem("diamond", "sent for review", review),
    ]
    if unknown:
        items.append(LegendItem("square", "no decision known", unknown))
    if wrong:
        items.append(LegendItem("ring", "wrong label", wrong))
    return tuple(items)


def _band_legend(data: Columns, threshold: float) -> tuple[LegendItem, ...]:
    return (
        LegendItem("line", "median"),
        LegendItem("band", "middle half"),
        LegendItem("wide-band", "5th to 95th percentile"),
        LegendItem("tint", "below the threshold", int((data.confidence < threshold).sum())),
    )


def _table(data: Columns) -> Table:
    groups = (
        ("accepted", data.is_accepted),
        ("sent for review", data.is_review),
        ("no decision known", ~(data.is_accepted | data.is_review)),
        ("wrong label", data.is_wrong),
        ("all", np.ones(len(data), dtype=np.bool_)),
    )
    rows = []
    for name, chosen in groups:
        values = data.confidence[chosen]
        if values.size:
            quantiles = np.quantile(values, (0, 0.05, 0.5, 0.95))
            shown = (wording.confidence(float(q)) for q in quantiles)
            rows.append((name, wording.number(int(values.size)), *shown))
    header = ("inferences", "n", "lowest", "5th percentile", "median", "95th percentile")
    return Table("Confidence by decision", header, tuple(rows))


def _draw(
    layout: Layout,
    data: Columns,
    axis: TimeAxis,
    scale: ConfidenceScale,
    threshold: float,
    label: str,
    is_banded: bool,
) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        foot = FOOT_PX + (_SHARE_PANEL_PX + HEAD_PX if is_banded else 0)
        height = layout.height - HEAD_PX - foot
        axes = layout.panel(figure, height=height, bottom=foot)
        axes.set_xlim(axis.start_s, axis.end_s)
        axes.set_ylim(scale.bottom - 0.12, scale.decades + 0.12)
        _scale_lines(axes, scale, height)
        _threshold_line(axes, scale, threshold)
        layout.text(figure, 0, layout.height - 16, "confidence")
        lowest = axes
        if is_banded:
            _bands(axes, data, axis, scale)
            axes.set_xticks([])
            lowest = layout.panel(figure, height=_SHARE_PANEL_PX, bottom=FOOT_PX)
            _share_below(lowest, data, axis, threshold)
            layout.text(figure, 0, FOOT_PX + _SHARE_PANEL_PX + 10, "share below the threshold")
        else:
            _points(axes, data, scale, 1.0 if layout.width > 500 else 0.8)
        layout.time_ticks(figure, lowest, axis)
        return svg.to_svg(figure, f"confidence-{layout.name}", label)


def _scale_lines(axes: Axes, scale: ConfidenceScale, height_px: int) -> None:
    low, high = axes.get_ylim()
    places, texts = zip(*scale.ticks(_TICK_GAP_PX * (high - low) / height_px), strict=True)
    axes.set_yticks(list(places), list(texts))
    for place in places:
        axes.axhline(place, color=COLOURS["grid"], linewidth=1, zorder=0)


def _threshold_line(axes: Axes, scale: ConfidenceScale, threshold: float) -> None:
    place = scale.at(threshold)
    axes.axhspan(axes.get_ylim()[0], place, facecolor=COLOURS["zone"], zorder=-1)
    axes.axhline(place, color=COLOURS["ink"], linewidth=1.4, dashes=(5, 3), zorder=2)
    # Beside the panel, where no point can lie under it.
    for text, offset, weight in (
        ("threshold", 8, "normal"),
        (wording.threshold(threshold), -7, "bold"),
    ):
        axes.annotate(
            text,
            (1, place),
            (8, offset),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=COLOURS["ink"],
            va="center",
            fontweight=weight,
        )


def _points(axes: Axes, data: Columns, scale: ConfidenceScale, size_factor: float) -> None:
    places, surface = scale.at_all(data.confidence), COLOURS["surface"]
    unknown = ~(data.is_accepted | data.is_review)
    # Chosen points, marker, size, face, edge and width of the edge. Shape and fill tell them apart
    # without colour; what needs a look is drawn last, on top.
    kinds: tuple[tuple[NDArray[np.bool_], str, float, str, str, float], ...] = (
        (data.is_accepted, "o", 7, COLOURS["accepted"], surface, 0.8),
        (unknown, "s", 5, COLOURS["unknown"], surface, 0.8),
        (data.is_review, "D", 6.5, surface, COLOURS["review"], 2),
        (data.is_wrong, "o", 15, "none", COLOURS["wrong"], 1.8),
    )
    for order, (chosen, marker, size, face, edge, width) in enumerate(kinds):
        if chosen.any():
            axes.plot(
                data.times_s[chosen],
                places[chosen],
                linestyle="none",
                marker=marker,
                markersize=size * size_factor,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=width,
                zorder=3 + order,
            )


def _bands(axes: Axes, data: Columns, axis: TimeAxis, scale: ConfidenceScale) -> None:
    places, buckets = scale.at_all(data.confidence), axis.bucket_of(data.times_s)
    order = np.argsort(buckets, kind="stable")
    ends = np.searchsorted(buckets[order], np.arange(axis.buckets + 1))
    lines = np.full((len(_PERCENTILES), axis.buckets), np.nan)
    for bucket in range(axis.buckets):
        values = places[order[ends[bucket] : ends[bucket + 1]]]
        if values.size:
            lines[:, bucket] = np.percentile(values, _PERCENTILES)
    # A step chart needs the last value twice: once at each edge of the last bucket.
    p5, p25, p50, p75, p95 = np.column_stack([lines, lines[:, -1]])
    for low, high, alpha in ((p5, p95, 0.22), (p25, p75, 0.45)):
        axes.fill_between(
            axis.edges_s,
            low,
            high,
            step="post",
            facecolor=COLOURS["accepted"],
            alpha=alpha,
            zorder=1,
        )
    axes.step(axis.edges_s, p50, where="post", color=COLOURS["accepted"], linewidth=2.2, zorder=3)


def _share_below(axes: Axes, data: Columns, axis: TimeAxis, threshold: float) -> None:
    buckets = axis.bucket_of(data.times_s)
    total = np.bincount(buckets, minlength=axis.buckets)
    below = np.bincount(buckets[data.confidence < threshold], minlength=axis.buckets)
    share = np.divide(100.0 * below, total, out=np.zeros(axis.buckets), where=total > 0)
    starts, width = axis.edges_s[:-1], 0.84 * axis.step_s
    axes.bar(starts, share, width=width, align="edge", color=COLOURS["review"], zorder=2)
    axes.set_xlim(axis.start_s, axis.end_s)
    top = max(float(share.max(initial=0.0)), 1.0)
    tick = next(step * (top // step) for step in (20.0, 10.0, 5.0, 2.0, 1.0) if top >= step)
    axes.set_ylim(0, top * 1.06)
    axes.set_yticks([0, tick], ["0", f"{tick:g} %"])
    axes.axhline(tick, color=COLOURS["grid"], linewidth=1, zorder=0)
