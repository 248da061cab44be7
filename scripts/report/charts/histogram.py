"""Confidence by correctness: how sure the model was when it was right, and when it was wrong."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Table
from scripts.report.charts.columns import Columns
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout, count_axis
from scripts.report.charts.scale import ConfidenceScale
from scripts.report.charts.svg import COLOURS

_BIN_DECADES = 0.25
_LAYOUTS = (Layout("wide", 480, 400, 52, 20), Layout("narrow", 340, 340, 46, 24))
_WRONG_PANEL_PX = 84
_TICK_GAP_PX = 28


def histogram_chart(data: Columns, scale: ConfidenceScale, threshold: float) -> Chart:
    """Two panels with a scale each, so that a few wrong ones show beside many right ones.

    Without known truths, one panel with all of them.
    """
    finding = _finding(data, threshold)
    if not len(data):
        return Chart(finding, "Data capture holds no record of this period.")
    known = data.is_right | data.is_wrong
    edges = _edges(scale, threshold)
    if known.any():
        panels = [("right", data.is_right, "right"), ("wrong", data.is_wrong, "wrong")]
        shown = int(known.sum())
    else:
        panels = [("all", np.ones(len(data), dtype=np.bool_), "unknown")]
        shown = len(data)
    places = scale.at_all(data.confidence)
    # A logarithm may be off in its last digit: what is exactly at an edge belongs above it.
    limits = edges - 1e-9
    counts = {
        name: np.histogram(places[chosen], limits)[0].astype(np.int64) for name, chosen, _ in panels
    }
    colours = {name: colour for name, _, colour in panels}
    caption = f"Pictures by confidence, n = {wording.number(shown)}"
    caption += "; right and wrong each on a scale of its own." if known.any() else "."
    caption += " The last bar holds everything above."
    label = f"{finding}. Histogram of confidence; threshold {wording.threshold(threshold)}."
    wide, narrow = (
        _draw(layout, counts, colours, edges, scale, threshold, label) for layout in _LAYOUTS
    )
    return Chart(
        finding=finding,
        caption=caption,
        wide=wide,
        narrow=narrow,
        legend=_legend(data) if known.any() else (),
        table=_table(counts, edges, scale),
    )


def _finding(data: Columns, threshold: float) -> str:
    right, wrong = int(data.is_right.sum()), int(data.is_wrong.sum())
    known = right + wrong
    if not len(data):
        return "No confidence to show"
    if known == 0:
        return "No true label is known for this period"
    if wrong == 0:
        if known == 1:
            return "The only picture with a known truth was right"
        return f"None of {wording.number(known)} pictures was wrong"
    above = int((data.is_wrong & (data.confidence >= threshold)).sum())
    if known == 1:
        where = "above" if above else "below"
        return f"The only picture with a known truth was wrong, and {where} the threshold"
    what = f"{wording.number(wrong)} of {wording.number(known)} pictures"
    if wrong == 1:
        return f"{what} was wrong, and it lay {'above' if above else 'below'} the threshold"
    return f"{what} were wrong, {wording.number_or_none(above)} of them above the threshold"


def _legend(data: Columns) -> tuple[LegendItem, ...]:
    return (
        LegendItem("right", "right", int(data.is_right.sum())),
        LegendItem("wrong", "wrong", int(data.is_wrong.sum())),
    )


def _edges(scale: ConfidenceScale, threshold: float) -> NDArray[np.float64]:
    """Equal bins with one edge at the threshold and one at the top, and one bin beyond it.

    So no bar holds both what is accepted and what is not, unless the threshold lies in the last
    bin, which holds all above the top.
    """
    place = min(scale.at(threshold), scale.decades - _BIN_DECADES)
    above = max(round((scale.decades - place) / _BIN_DECADES), 1)
    width = (scale.decades - place) / above
    below = max(int(np.ceil((place - scale.bottom) / width - 1e-9)), 0)
    edges: NDArray[np.float64] = np.concatenate(
        [
            place - width * np.arange(below, 0, -1),
            np.linspace(place, scale.decades, above + 1),
            [scale.decades + width],
        ]
    )
    return edges


def _draw(
    layout: Layout,
    counts: dict[str, NDArray[np.int64]],
    colours: dict[str, str],
    edges: NDArray[np.float64],
    scale: ConfidenceScale,
    threshold: float,
    label: str,
) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        has_two = len(counts) == 2
        foot = FOOT_PX + (_WRONG_PANEL_PX + HEAD_PX if has_two else 0)
        bottoms = [(foot, layout.height - HEAD_PX - foot), (FOOT_PX, _WRONG_PANEL_PX)]
        names = {"right": "right pictures", "wrong": "wrong pictures", "all": "pictures"}
        for (name, count), (bottom, height) in zip(counts.items(), bottoms, strict=False):
            axes = layout.panel(figure, height=height, bottom=bottom)
            _bars(axes, count, edges, COLOURS[colours[name]])
            axes.axvline(
                scale.at(threshold), color=COLOURS["ink"], linewidth=1.4, dashes=(5, 3), zorder=3
            )
            count_axis(axes, float(count.max(initial=0)), 5 if bottom == foot else 3)
            layout.text(figure, 0, bottom + height + 12, names[name])
            is_lowest = bottom == FOOT_PX
            _confidence_ticks(axes, scale, layout.width - layout.left - layout.right, is_lowest)
            if bottom == foot:
                _threshold_text(axes, scale, threshold)
        layout.text(figure, layout.left, 8, "confidence, stretched towards 1")
        return svg.to_svg(figure, f"histogram-{layout.name}", label)


def _bars(axes: Axes, count: NDArray[np.int64], edges: NDArray[np.float64], colour: str) -> None:
    shown = count > 0
    width = float(edges[-1] - edges[-2])
    axes.bar(
        edges[:-1][shown] + 0.08 * width,
        count[shown],
        width=0.84 * width,
        align="edge",
        color=colour,
        zorder=2,
    )
    axes.set_xlim(float(edges[0]), float(edges[-1]))


def _confidence_ticks(axes: Axes, scale: ConfidenceScale, width_px: int, has_text: bool) -> None:
    low, high = axes.get_xlim()
    ticks = scale.ticks(_TICK_GAP_PX * (high - low) / width_px)
    # The top tick names the bar that holds everything above it, so it stands under its middle.
    places = [*(place for place, _ in ticks[:-1]), (scale.decades + high) / 2]
    axes.set_xticks(places, [text if has_text else "" for _, text in ticks])


def _threshold_text(axes: Axes, scale: ConfidenceScale, threshold: float) -> None:
    axes.annotate(
        f"threshold {wording.threshold(threshold)}",
        (scale.at(threshold), 1),
        (6, -2),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        color=COLOURS["ink"],
        va="top",
    )


def _table(
    counts: dict[str, NDArray[np.int64]], edges: NDArray[np.float64], scale: ConfidenceScale
) -> Table:
    rows = []
    for i, place in enumerate(edges[:-1]):
        cells = [int(count[i]) for count in counts.values()]
        if sum(cells):
            low = max(scale.lowest, 1.0 - 10.0 ** -float(place))
            rows.append((f"{low:.5f}", *(wording.number(cell) for cell in cells)))
    return Table("Pictures by confidence", ("confidence from", *counts), tuple(rows))
