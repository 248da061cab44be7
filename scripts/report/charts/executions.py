"""Count of executions: how each of them ended, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Mark, Table
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout, count_axis
from scripts.report.charts.spans import Spans, buckets, spans
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.model import OUTCOME_NAMES, OUTCOMES, Outcome, OutcomeKind
from scripts.report.windows import Window

_MARKS: dict[OutcomeKind, Mark] = {
    "accepted": "solid",
    "review": "tint",
    "rejected": "hollow",
    "failed": "dark",
}
_RARE: tuple[OutcomeKind, ...] = ("rejected", "failed")
_RARE_PANEL_PX = 56
_PALE = 0.45
_LAYOUTS = (Layout("wide", 960, 350, 62, 76), Layout("narrow", 340, 310, 56, 64, 3))


@dataclass(frozen=True, slots=True)
class Counts:
    """Executions by outcome in each span of time; `per` says how long a span is."""

    spans: Spans
    by_kind: Mapping[OutcomeKind, NDArray[np.int64]]
    per: str

    @property
    def totals(self) -> dict[OutcomeKind, int]:
        return {kind: int(counts.sum()) for kind, counts in self.by_kind.items()}


def counted(outcomes: Sequence[Outcome], axis: TimeAxis) -> Counts:
    """Every execution, by bucket of the axis."""
    times = np.array([outcome.time.timestamp() for outcome in outcomes], dtype=np.float64)
    kinds = np.array([OUTCOMES.index(outcome.outcome) for outcome in outcomes], dtype=np.intp)
    places = axis.bucket_of(times)
    by_kind = {
        kind: np.bincount(places[kinds == i], minlength=axis.buckets).astype(np.int64)
        for i, kind in enumerate(OUTCOMES)
    }
    return Counts(buckets(axis), by_kind, axis.step)


def counted_in(windows: Sequence[Window], per: str) -> Counts:
    """What the monitor counted in each window."""
    by_kind = {
        kind: np.array([window.outcomes.get(kind, 0) for window in windows], dtype=np.int64)
        for kind in OUTCOMES
    }
    return Counts(spans(windows), by_kind, per)


def executions_chart(counts: Counts, axis: TimeAxis) -> Chart:
    """Draw the executions of each span, by outcome."""
    totals = counts.totals
    finding = _finding(totals)
    if not sum(totals.values()):
        return Chart(finding, "Neither the decisions table nor the failure queue holds any.")
    has_rare = any(totals[kind] for kind in _RARE)
    caption = f"Executions per {counts.per}."
    if has_rare:
        caption += " The lower panel repeats the rejected and the failed ones on their own scale."
    marks = _MARKS | ({"rejected": "pale"} if counts.spans.are_many else {})
    label = f"{finding}. Executions per {counts.per} by outcome."
    wide, narrow = (_draw(layout, counts, axis, label, has_rare) for layout in _LAYOUTS)
    return Chart(
        finding=finding,
        caption=caption,
        wide=wide,
        narrow=narrow,
        legend=tuple(
            LegendItem(marks[kind], OUTCOME_NAMES[kind], totals[kind]) for kind in OUTCOMES
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


def _draw(layout: Layout, counts: Counts, axis: TimeAxis, label: str, has_rare: bool) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        foot = FOOT_PX + (_RARE_PANEL_PX + HEAD_PX if has_rare else 0)
        axes = layout.panel(figure, height=layout.height - HEAD_PX - foot, bottom=foot)
        count_axis(axes, _stack(axes, counts, OUTCOMES, axis), 5)
        layout.text(figure, 0, layout.height - 16, f"executions per {counts.per}")
        lowest = axes
        if has_rare:
            axes.set_xticks([])
            lowest = layout.panel(figure, height=_RARE_PANEL_PX, bottom=FOOT_PX)
            count_axis(lowest, _stack(lowest, counts, _RARE, axis), 2)
            layout.text(figure, 0, FOOT_PX + _RARE_PANEL_PX + 10, "rejected and failed alone")
        layout.time_ticks(figure, lowest, axis)
        return svg.to_svg(figure, f"executions-{layout.name}", label)


def _stack(axes: Axes, counts: Counts, kinds: Sequence[OutcomeKind], axis: TimeAxis) -> float:
    """Draw the bars and return the highest stack."""
    base = np.zeros(len(counts.spans), dtype=np.int64)
    for kind in kinds:
        # Hollow or pale, so that it differs from the other fills without any colour.
        is_hollow = kind == "rejected" and not counts.spans.are_many
        is_pale = kind == "rejected" and counts.spans.are_many
        counts.spans.bars(
            axes,
            counts.by_kind[kind],
            bottom=base,
            color=COLOURS["surface" if is_hollow else kind],
            edgecolor=COLOURS["rejected" if is_hollow else "surface"],
            alpha=_PALE if is_pale else None,
            linewidth=0 if counts.spans.are_many else 1.4 if is_hollow else 0.6,
            zorder=3 if is_hollow else 2,
        )
        base = base + counts.by_kind[kind]
    axes.set_xlim(axis.start_s, axis.end_s)
    return float(base.max(initial=0))


def _table(counts: Counts, axis: TimeAxis) -> Table:
    rows = []
    for at, start_s in enumerate(counts.spans.starts_s):
        row = [int(counts.by_kind[kind][at]) for kind in OUTCOMES]
        if sum(row):
            cells = (wording.number(n) for n in [*row, sum(row)])
            rows.append((axis.name(float(start_s)), *cells))
    header = ("from (UTC)", *(OUTCOME_NAMES[kind] for kind in OUTCOMES), "all")
    return Table(f"Executions per {counts.per}", header, tuple(rows))
