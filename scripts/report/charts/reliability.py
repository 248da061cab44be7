"""Reliability: how often the model was right, against how sure it said it was."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Table
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout
from scripts.report.charts.svg import COLOURS
from scripts.report.model import Evaluation, ReliabilityBin

_LAYOUTS = (Layout("wide", 640, 460, 62, 24), Layout("narrow", 340, 390, 56, 24))
_COUNT_PANEL_PX = 56


def reliability_chart(evaluation: Evaluation | None, classes: int, threshold: float) -> Chart:
    """Draw each bin's accuracy with its interval, beside the diagonal on which it should lie.

    Below it, how many pictures each bin holds. `classes` decides how low a top score can be.
    """
    bins = sorted(evaluation.reliability, key=lambda bin_: bin_.confidence) if evaluation else []
    if evaluation is None or not bins:
        return Chart(
            "How far the confidence can be believed is not known",
            "An evaluation measures it on held-out pictures, before the model is deployed.",
        )
    finding = _finding(evaluation)
    lowest = min(1.0 / max(classes, 2), threshold, bins[0].confidence)
    label = f"{finding}. Accuracy against confidence in {wording.counted(len(bins), 'bin')}."
    wide, narrow = (_draw(layout, bins, lowest, threshold, label) for layout in _LAYOUTS)
    return Chart(
        finding=finding,
        caption=_caption(evaluation, bins),
        wide=wide,
        narrow=narrow,
        legend=(
            LegendItem("bar", f"accuracy of a bin, with its 95{wording.NO_BREAK}% interval"),
            LegendItem("quiet-line", "where confidence and accuracy are equal"),
        ),
        table=_table(bins),
    )


def _finding(evaluation: Evaluation) -> str:
    if evaluation.calibration_error is None:
        return "How often the model was right, by how sure it was"
    return (
        f"Confidence and accuracy are {_points(evaluation.calibration_error)} apart on average, "
        "on held-out pictures"
    )


def _caption(evaluation: Evaluation, bins: Sequence[ReliabilityBin]) -> str:
    shown = sum(bin_.samples for bin_ in bins)
    text = f"n = {wording.counted(shown, 'held-out picture')} of the evaluation, before deployment."
    if evaluation.calibration_error is not None:
        text += f" Expected calibration error {evaluation.calibration_error:.3f}"
        if evaluation.calibration_error_interval is not None:
            low, high = evaluation.calibration_error_interval
            text += f" (95{wording.NO_BREAK}% bootstrap interval {low:.3f} to {high:.3f})"
        text += ": the points' mean distance from the diagonal, by number of pictures."
    return f"{text} Below the diagonal the model was surer than it was right."


def _points(share: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * share:.1f} percentage points"


def _table(bins: Sequence[ReliabilityBin]) -> Table:
    rows = tuple(
        (
            f"{bin_.low:.2f} to {bin_.high:.2f}",
            wording.confidence(bin_.confidence),
            wording.percent(bin_.accuracy),
            wording.percent_interval(*bin_.accuracy_interval),
            wording.number(bin_.samples),
        )
        for bin_ in bins
    )
    header = ("confidence", "mean", "accuracy", f"95{wording.NO_BREAK}% interval", "pictures")
    return Table("Accuracy by confidence", header, rows)


def _draw(
    layout: Layout, bins: Sequence[ReliabilityBin], lowest: float, threshold: float, label: str
) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        foot = FOOT_PX + _COUNT_PANEL_PX + HEAD_PX
        height = layout.height - HEAD_PX - foot
        axes = layout.panel(figure, height=height, bottom=foot)
        _accuracies(axes, bins, lowest)
        layout.text(figure, 0, layout.height - 16, "accuracy")
        counts = layout.panel(figure, height=_COUNT_PANEL_PX, bottom=FOOT_PX)
        _counts(counts, bins, lowest)
        layout.text(figure, 0, FOOT_PX + _COUNT_PANEL_PX + 12, "pictures")
        for panel in (axes, counts):
            panel.set_xlim(lowest - 0.01, 1.01)
            panel.axvline(threshold, color=COLOURS["ink"], linewidth=1.4, dashes=(5, 3), zorder=1)
        _threshold_text(axes, threshold)
        ticks = [tick / 10 for tick in range(11) if tick / 10 >= lowest - 1e-9]
        axes.set_xticks(ticks, [""] * len(ticks))
        counts.set_xticks(ticks, [f"{tick:.1f}" for tick in ticks])
        layout.text(figure, layout.left, 8, "confidence")
        return svg.to_svg(figure, f"reliability-{layout.name}", label)


def _accuracies(axes: Axes, bins: Sequence[ReliabilityBin], lowest: float) -> None:
    axes.set_ylim(-0.02, 1.03)
    places = (0.0, 0.25, 0.5, 0.75, 1.0)
    axes.set_yticks(places, [f"{100 * place:.0f} %" for place in places])
    for place in places[1:]:
        axes.axhline(place, color=COLOURS["grid"], linewidth=1, zorder=0)
    axes.plot((lowest, 1), (lowest, 1), color=COLOURS["muted"], linewidth=1.4, zorder=1)
    for bin_ in bins:
        place = min(bin_.confidence, 1.0)
        colour = COLOURS["accepted"]
        axes.plot((place, place), bin_.accuracy_interval, color=colour, linewidth=1.6, zorder=2)
    axes.plot(
        [min(bin_.confidence, 1.0) for bin_ in bins],
        [bin_.accuracy for bin_ in bins],
        linestyle="none",
        marker="o",
        markersize=9,
        markerfacecolor=COLOURS["accepted"],
        markeredgecolor=COLOURS["surface"],
        markeredgewidth=1,
        zorder=3,
    )


def _counts(axes: Axes, bins: Sequence[ReliabilityBin], lowest: float) -> None:
    """A bar for each bin, as wide as the bin, with its number above it."""
    most = max(bin_.samples for bin_ in bins)
    axes.set_ylim(0, most * 1.06)
    axes.set_yticks([0, most], ["0", wording.number(most)])
    axes.axhline(most, color=COLOURS["grid"], linewidth=1, zorder=0)
    for bin_ in bins:
        left = max(bin_.low, lowest)
        gap = 0.08 * (bin_.high - left)
        axes.bar(
            left + gap,
            bin_.samples,
            width=bin_.high - left - 2 * gap,
            align="edge",
            color=COLOURS["right"],
            zorder=2,
        )
        axes.annotate(
            wording.number(bin_.samples),
            ((left + bin_.high) / 2, bin_.samples),
            (0, 3),
            textcoords="offset points",
            color=COLOURS["ink"],
            ha="center",
        )


def _threshold_text(axes: Axes, threshold: float) -> None:
    axes.annotate(
        f"threshold {wording.threshold(threshold)}",
        (threshold, 0),
        (6, 6),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        color=COLOURS["ink"],
    )
