"""Observed recent inferences: the confidence of each over time, beside the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report import wording
from scripts.report.charts import bands, svg
from scripts.report.charts.bands import Bands
from scripts.report.charts.chart import Chart, LegendItem, Table
from scripts.report.charts.columns import Columns
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout
from scripts.report.charts.scale import ConfidenceScale, confidence_scale
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.windows import Window

MOST_POINTS = 1_500
"""With more inferences than this, percentile bands replace the single points."""

_STRETCHED = "The axis is stretched towards 1: each step from 0.9 on is ten times less doubt"
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
    shown = bands.of_columns(data, axis, threshold) if is_banded else data
    caption = _caption(data, scale)
    if is_banded:
        caption += f" Every inference counts towards the percentiles and shares, per {axis.step}."
    wide, narrow = _draw_both(shown, axis, scale, threshold, finding)
    return Chart(
        finding=finding,
        caption=caption,
        wide=wide,
        narrow=narrow,
        legend=_legend(shown),
        table=_table(data),
    )


def confidence_over_windows(
    windows: Sequence[Window], axis: TimeAxis, threshold: float, classes: int, per: str
) -> Chart:
    """The percentiles that the monitor kept of each window, where inferences are too many to read.

    `threshold` is the one now in use; the shares are of what lay below each window's own.
    """
    shown = bands.of_windows(windows)
    n, below = int(shown.total.sum()), int(shown.below.sum())
    if not n:
        return Chart("No inference was captured", "No window of the monitor holds a record.")
    share = wording.percent(below / n)
    finding = f"{share} of {wording.counted(n, 'inference')} lay below the threshold"
    known = shown.confidences[:, shown.total > 0]
    scale = confidence_scale(known.ravel(), classes, threshold)
    wide, narrow = _draw_both(shown, axis, scale, threshold, finding)
    caption = (
        f"{_STRETCHED}. Percentiles and shares are the monitor's, per {per}; "
        "the table of its windows has the numbers."
    )
    return Chart(finding, caption, wide, narrow, _legend(shown))


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


def _caption(data: Columns, scale: ConfidenceScale) -> str:
    over = int((data.confidence > scale.top_confidence).sum())
    top = f"{scale.top_confidence:.{scale.decades}f}"
    return _STRETCHED + (
        f"; {wording.number(over)} above {top} are drawn on the top line." if over else "."
    )


def _legend(shown: Columns | Bands) -> tuple[LegendItem, ...]:
    return _band_legend(shown) if isinstance(shown, Bands) else _point_legend(shown)


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


def _band_legend(shown: Bands) -> tuple[LegendItem, ...]:
    return (
        LegendItem("line", "median"),
        LegendItem("band", "middle half"),
        LegendItem("wide-band", "5th to 95th percentile"),
        LegendItem("tint", "below the threshold", int(shown.below.sum())),
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


def _draw_both(
    shown: Columns | Bands,
    axis: TimeAxis,
    scale: ConfidenceScale,
    threshold: float,
    finding: str,
) -> tuple[str, str]:
    label = f"{finding}. Confidence over time; threshold {wording.threshold(threshold)}."
    wide, narrow = (_draw(layout, shown, axis, scale, threshold, label) for layout in _LAYOUTS)
    return wide, narrow


def _draw(
    layout: Layout,
    shown: Columns | Bands,
    axis: TimeAxis,
    scale: ConfidenceScale,
    threshold: float,
    label: str,
) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        foot = FOOT_PX + (_SHARE_PANEL_PX + HEAD_PX if isinstance(shown, Bands) else 0)
        height = layout.height - HEAD_PX - foot
        axes = layout.panel(figure, height=height, bottom=foot)
        axes.set_xlim(axis.start_s, axis.end_s)
        axes.set_ylim(scale.bottom - 0.12, scale.decades + 0.12)
        _scale_lines(axes, scale, height)
        _threshold_line(axes, scale, threshold)
        layout.text(figure, 0, layout.height - 16, "confidence")
        lowest = axes
        if isinstance(shown, Bands):
            bands.draw(axes, shown, scale)
            axes.set_xticks([])
            lowest = layout.panel(figure, height=_SHARE_PANEL_PX, bottom=FOOT_PX)
            bands.draw_share(lowest, shown, axis)
            layout.text(figure, 0, FOOT_PX + _SHARE_PANEL_PX + 10, "share below the threshold")
        else:
            _points(axes, shown, scale, 1.0 if layout.width > 500 else 0.8)
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
