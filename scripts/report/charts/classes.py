"""Class mix: how often each label was given, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scripts.evaluation.quality import wilson_interval
from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Mark, Table
from scripts.report.charts.layout import FOOT_PX, HEAD_PX, Layout
from scripts.report.charts.spans import Spans, buckets, spans
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.model import Inference
from scripts.report.windows import Window

_SHADES: tuple[tuple[Mark, float], ...] = (
    ("class-0", 0.95),
    ("class-1", 0.3),
    ("class-2", 0.65),
    ("class-3", 0.15),
    ("class-4", 0.45),
)
"""Neighbours differ in lightness, so that they can be told apart without colour."""
_LAYOUTS = (Layout("wide", 960, 240, 62, 76), Layout("narrow", 340, 240, 56, 64, 3))


@dataclass(frozen=True, slots=True)
class Mix:
    """Answers by label in each span of time; `per` says how long a span is."""

    spans: Spans
    by_label: Mapping[str, NDArray[np.int64]]
    per: str

    @property
    def total(self) -> NDArray[np.int64]:
        """All answers of each span, shape (n,)."""
        return _sum(list(self.by_label.values()))


def mix(inferences: Sequence[Inference], labels: Sequence[str], axis: TimeAxis) -> Mix:
    """Every inference, by bucket of the axis."""
    names = list(dict.fromkeys([*labels, *(inference.label for inference in inferences)]))
    place = {name: at for at, name in enumerate(names)}
    times = np.array([i.time.timestamp() for i in inferences], dtype=np.float64)
    label = np.array([place[i.label] for i in inferences], dtype=np.intp)
    at = axis.bucket_of(times)
    counts = {
        name: np.bincount(at[label == index], minlength=axis.buckets).astype(np.int64)
        for name, index in place.items()
    }
    return Mix(buckets(axis), counts, axis.step)


def mix_in(windows: Sequence[Window], labels: Sequence[str], per: str) -> Mix:
    """What the monitor counted in each window."""
    names = dict.fromkeys([*labels, *(name for window in windows for name in window.classes)])
    counts = {
        name: np.array([window.classes.get(name, 0) for window in windows], dtype=np.int64)
        for name in names
    }
    return Mix(spans(windows), counts, per)


def classes_chart(found: Mix, axis: TimeAxis) -> Chart:
    """Draw each span's answers as shares of 100 %, by label."""
    totals = {name: int(counts.sum()) for name, counts in found.by_label.items()}
    n = sum(totals.values())
    if not n:
        return Chart("No label was given", "Data capture holds no answer of this period.")
    shown = _few(found)
    finding = _finding(totals, n)
    label = f"{finding}. Share of each label per {found.per}."
    wide, narrow = (_draw(layout, shown, axis, label) for layout in _LAYOUTS)
    return Chart(
        finding=finding,
        caption=f"Shares of the answers per {found.per}.",
        wide=wide,
        narrow=narrow,
        legend=tuple(
            LegendItem(mark, name, int(counts.sum()))
            for (mark, _), (name, counts) in zip(_SHADES, shown.by_label.items(), strict=False)
        ),
        table=_table(totals, n),
    )


def _few(found: Mix) -> Mix:
    """The same with at most as many labels as there are shades: the rarest as one."""
    if len(found.by_label) <= len(_SHADES):
        return found
    ordered = sorted(found.by_label, key=lambda name: -int(found.by_label[name].sum()))
    kept, others = ordered[: len(_SHADES) - 1], ordered[len(_SHADES) - 1 :]
    rest = _sum([found.by_label[name] for name in others])
    by_label = {name: found.by_label[name] for name in kept}
    return Mix(found.spans, by_label | {f"the other {len(others)}": rest}, found.per)


def _sum(counts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    added: NDArray[np.int64] = np.sum(counts, axis=0, dtype=np.int64)
    return added


def _finding(totals: Mapping[str, int], n: int) -> str:
    ordered = sorted(totals, key=lambda name: -totals[name])
    if totals[ordered[0]] == n:
        return f"Every answer was {ordered[0]}"
    if len(ordered) == 2:
        parts = [f"{wording.percent(totals[name] / n)} {name}" for name in ordered]
        return f"{wording.listed(parts)}"
    share = wording.percent(totals[ordered[0]] / n)
    as_frequent = sum(count == totals[ordered[0]] for count in totals.values())
    if as_frequent > 1:
        most = f"{as_frequent} labels are the most frequent, {share} each"
    else:
        most = f"Most frequent label: {ordered[0]}, {share}"
    return f"{most} of {wording.counted(n, 'answer')}"


def _draw(layout: Layout, shown: Mix, axis: TimeAxis, label: str) -> str:
    with svg.style():
        figure = svg.new_figure(layout.width, layout.height)
        axes = layout.panel(figure, height=layout.height - HEAD_PX - FOOT_PX, bottom=FOOT_PX)
        _stack(axes, shown)
        axes.set_xlim(axis.start_s, axis.end_s)
        axes.set_ylim(0, 103)
        axes.set_yticks((0, 50, 100), ("0", "50 %", "100 %"))
        for place in (50, 100):
            axes.axhline(place, color=COLOURS["grid"], linewidth=1, zorder=0)
        layout.text(figure, 0, layout.height - 16, "share of the answers")
        layout.time_ticks(figure, axes, axis)
        return svg.to_svg(figure, f"classes-{layout.name}", label)


def _stack(axes: Axes, shown: Mix) -> None:
    total, base = shown.total, np.zeros(len(shown.spans))
    for (_, alpha), counts in zip(_SHADES, shown.by_label.values(), strict=False):
        share = np.divide(100.0 * counts, total, out=np.zeros(len(total)), where=total > 0)
        shown.spans.bars(
            axes,
            share,
            bottom=base,
            facecolor=COLOURS["accepted"],
            alpha=alpha,
            edgecolor=COLOURS["surface"],
            linewidth=0 if shown.spans.are_many else 0.6,
            zorder=2,
        )
        base = base + share


def _table(totals: Mapping[str, int], n: int) -> Table:
    rows = tuple(
        (
            name,
            wording.number(count),
            wording.percent(count / n),
            wording.percent_interval(*wilson_interval(count, n)),
        )
        for name, count in totals.items()
    )
    return Table(
        "Answers by label", ("label", "answers", "share", f"95{wording.NO_BREAK}% interval"), rows
    )
