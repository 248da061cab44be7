"""Count of executions: how each of them ended, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Mark, Table
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout, count_axis
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.model import OUTCOME_NAMES, OUTCOMES, Outcome, OutcomeKind

_MARKS: dict[OutcomeKind, Mark] = {
    "accepted": "solid",
    "review": "tint",
    "rejected": "hollow",
    "failed": "dark",
}
_RARE: tuple[OutcomeKind, ...] = ("rejected", "failed")
_RARE_PANEL_PX = 56
_LAYOUTS = (Layout("wide", 960, 350, 62, 76), Layout("narrow", 340, 310, 56, 64, 3))

_Counts = Mapping[OutcomeKind, NDArray[np.int64]]


def executions_chart(outcomes: Sequence[Outcome], axis: TimeAxis) -> Chart:
    """Count every execution, by outcome, per bucket of the axis."""
    totals = {kind: sum(o.outcome == kind for o in outcomes) for kind in OUTCOMES}
    finding = _finding(totals)
    if not outcomes:
        return Chart(finding, "Neither the decisions table nor the failure queue holds any.")
    counts = _count(outcomes, axis)
    has_rare = any(totals[kind] for kind in _RARE)
    caption = f"Executions per {axis.step}."
    if has_rare:
        caption += " The lower panel repeats the rejected and the failed ones on their own scale."
    label = f"{finding}. Executions per {axis.step} by outcome."
    wide, narrow = (_draw(layout, counts, axis, label, has_rare) for layout in _LAYOUTS)
    return Chart(
        finding=finding,
        caption=caption,
        wide=wide,
        narrow=narrow,
        legend=tuple(
            LegendItem(_MARKS[kind], OUTCOME_NAMES[kind], totals[kind]) for kind in OUTCOMES
        ),
        table=_table(counts, axis),
    )


def _finding(totals: Mapping[OutcomeKind, int]) -> str:
    n = sum(totals.values())
    if n == 0:
        return "No execution ended"
    present = [kind for kind in OUTCOMES if totals[kind]]
    if n == 1:
        return f"1 execution: {OUTCOME_NAMES[present[0]]}"
    if len(present) == 1:
        return f"All {wording.number(n)} executions: {OUTCOME_NAMES[present[0]]}"
    parts = [f"{wording.number(totals[kind])} {OUTCOME_NAMES[kind]}" for kind in present]
    if not totals["failed"]:
        parts.append("none failed")
    return f"{wording.number(n)} executions: {wording.listed(parts)}"


def _count(outcomes: Sequence[Outcome], axis: TimeAxis) -> dict[OutcomeKind, NDArray[np.int64]]:
    times = np.array([outcome.time.timestamp() for outcome in outcomes], dtype=np.float64)
    kinds = np.array([OUTCOMES.index(outcome.outcome) for outcome in outcomes])
    buckets = axis.bucket_of(times)
    return {
        kind: np.bincount(buckets[kinds == i], minlength=axis.buckets).astype(np.int64)
        for i, kind in enumerate(OUTCOMES)
    }


def _draw(layout: Layout, counts: _Counts, axis: TimeAxis, label: str, has_rare: bool) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        foot = FOOT_PX + (_RARE_PANEL_PX + HEAD_PX if has_rare else 0)
        axes = layout.panel(figure, height=layout.height - HEAD_PX - foot, bottom=foot)
        count_axis(axes, _stack(axes, counts, OUTCOMES, axis), 5)
        layout.text(figure, 0, layout.height - 16, f"executions per {axis.step}")
        lowest = axes
        if has_rare:
            axes.set_xticks([])
            lowest = layout.panel(figure, height=_RARE_PANEL_PX, bottom=FOOT_PX)
            count_axis(lowest, _stack(lowest, counts, _RARE, axis), 2)
            layout.text(figure, 0, FOOT_PX + _RARE_PANEL_PX + 10, "rejected and failed alone")
        layout.time_ticks(figure, lowest, axis)
        return svg.to_svg(figure, f"executions-{layout.name}", label)


def _stack(axes: Axes, counts: _Counts, kinds: Sequence[OutcomeKind], axis: TimeAxis) -> float:
    """Draw the bars and return the highest stack."""
    base = np.zeros(axis.buckets, dtype=np.int64)
    for kind in kinds:
        height = counts[kind]
        shown = height > 0
        # Hollow, so that it differs from the light and the dark fill without any colour.
        is_hollow = kind == "rejected"
        axes.bar(
            axis.edges_s[:-1][shown] + 0.08 * axis.step_s,
            height[shown],
            bottom=base[shown],
            width=0.84 * axis.step_s,
            align="edge",
            color=COLOURS["surface" if is_hollow else kind],
            edgecolor=COLOURS["rejected" if is_hollow else "surface"],
            linewidth=1.4 if is_hollow else 0.6,
            zorder=3 if is_hollow else 2,
        )
        base = base + height
    axes.set_xlim(axis.start_s, axis.end_s)
    return float(base.max(initial=0))


def _table(counts: _Counts, axis: TimeAxis) -> Table:
    rows = []
    for bucket in range(axis.buckets):
        row = [int(counts[kind][bucket]) for kind in OUTCOMES]
        if sum(row):
            cells = (wording.number(n) for n in [*row, sum(row)])
            rows.append((axis.bucket_name(bucket), *cells))
    header = ("from (UTC)", *(OUTCOME_NAMES[kind] for kind in OUTCOMES), "all")
    return Table(f"Executions per {axis.step}", header, tuple(rows))
