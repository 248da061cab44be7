"""Sizes of a chart for one page width, and the labels that every chart has."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scripts.report.charts.svg import COLOURS, add_panel
from scripts.report.charts.time_axis import TimeAxis

FOOT_PX = 46
"""Room under the lowest panel: tick labels and the axis label."""
HEAD_PX = 38
"""Room above a panel: its axis label, which reads better level than turned on its side."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing's size and its side margins, in CSS pixels."""

    name: str
    width: int
    height: int
    left: int
    right: int
    most_time_ticks: int = 8

    def panel(self, figure: Figure, *, height: int, bottom: int) -> Axes:
        """A panel of this height, `bottom` px above the figure's lower edge."""
        top = self.height - bottom - height
        return add_panel(figure, self.left, top, self.right, bottom)

    def text(self, figure: Figure, x_px: float, y_px: float, text: str) -> None:
        """A quiet label, measured from the lower left corner."""
        figure.text(x_px / self.width, y_px / self.height, text, color=COLOURS["muted"])

    def time_ticks(self, figure: Figure, axes: Axes, axis: TimeAxis) -> None:
        """Round times under the axis, and what they are."""
        ticks = axis.ticks(self.most_time_ticks)
        axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
        self.text(figure, self.left, 8, axis.label)


def count_axis(axes: Axes, highest: float, most_ticks: int) -> None:
    """A vertical axis of whole counts, with quiet lines."""
    top = max(highest, 1.0)
    axes.set_ylim(0, top * 1.06)
    places = [
        float(place)
        for place in MaxNLocator(most_ticks, integer=True).tick_values(0, top)
        if place <= top * 1.06
    ]
    axes.set_yticks(places, [f"{place:,.0f}" for place in places])
    for place in places[1:]:
        axes.axhline(place, color=COLOURS["grid"], linewidth=1, zorder=0)
