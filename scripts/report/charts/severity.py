"""What the monitor made of each window: its severity over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Mark
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout
from scripts.report.charts.spans import Spans, spans
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.windows import SEVERITIES, SEVERITY_NAMES, Severity, Window

_LEVELS: tuple[Severity, ...] = ("watch", "warn", "act")
_MARKS: dict[Severity, Mark] = {
    "no_data": "cross",
    "none": "none",
    "watch": "pale",
    "warn": "tint",
    "act": "dark",
}
_FILLS: dict[Severity, tuple[str, float]] = {
    "none": ("accepted", 1.0),
    "watch": ("rejected", 0.45),
    "warn": ("review", 1.0),
    "act": ("failed", 1.0),
}
_NONE_HEIGHT = 0.12
_LAYOUTS = (Layout("wide", 960, 190, 62, 76), Layout("narrow", 340, 190, 56, 64, 3))


def severity_chart(
    windows: Sequence[Window], drawn: Sequence[Window], axis: TimeAxis, finding: str, per: str
) -> Chart:
    """Draw the severity of each window as a height; a window without data is a cross.

    `windows` are counted, `drawn` are the same ones, joined where they are too many.
    """
    counts = Counter(window.severity for window in windows)
    label = f"{finding}. Severity per {per}."
    wide, narrow = (_draw(layout, drawn, axis, label) for layout in _LAYOUTS)
    return Chart(
        finding=finding,
        caption=f"n = {wording.counted(len(windows), 'window')}. The severest verdict per {per}.",
        wide=wide,
        narrow=narrow,
        legend=tuple(
            LegendItem(_MARKS[severity], SEVERITY_NAMES[severity], counts[severity])
            for severity in reversed(SEVERITIES)
        ),
    )


def _draw(layout: Layout, windows: Sequence[Window], axis: TimeAxis, label: str) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        axes = layout.panel(figure, height=layout.height - HEAD_PX - FOOT_PX, bottom=FOOT_PX)
        axes.set_xlim(axis.start_s, axis.end_s)
        axes.set_ylim(0, len(_LEVELS) + 0.15)
        axes.set_yticks(range(len(_LEVELS) + 1), ["none", *_LEVELS])
        for level in range(1, len(_LEVELS) + 1):
            axes.axhline(level, color=COLOURS["grid"], linewidth=1, zorder=0)
        every = spans(windows)
        for severity in _FILLS:
            height = _LEVELS.index(severity) + 1 if severity in _LEVELS else _NONE_HEIGHT
            chosen = np.array([window.severity == severity for window in windows], dtype=np.bool_)
            colour, alpha = _FILLS[severity]
            every.bars(
                axes,
                np.where(chosen, height, 0.0),
                color=COLOURS[colour],
                alpha=alpha,
                linewidth=0,
                zorder=2,
            )
        _crosses([window.severity == "no_data" for window in windows], every, axes)
        layout.text(figure, 0, layout.height - 16, "severity of drift")
        layout.time_ticks(figure, axes, axis)
        return svg.to_svg(figure, f"severity-{layout.name}", label)


def _crosses(chosen: Sequence[bool], every: Spans, axes: svg.Axes) -> None:
    is_empty = np.array(chosen, dtype=np.bool_)
    axes.plot(
        ((every.starts_s + every.ends_s) / 2)[is_empty],
        np.full(int(is_empty.sum()), 0.35),
        linestyle="none",
        marker="x",
        markersize=6,
        markeredgewidth=1.6,
        markeredgecolor=COLOURS["unknown"],
        zorder=3,
    )
