"""Each signal of drift over time, beside its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from scripts.report import wording
from scripts.report.charts import svg
from scripts.report.charts.chart import Chart, LegendItem, Table
from scripts.report.charts.layout import FOOT_PX, HEAD_PX
from scripts.report.charts.spans import Spans, spans
from scripts.report.charts.svg import COLOURS
from scripts.report.charts.time_axis import TimeAxis
from scripts.report.windows import Signal, Window

MOST_DRAWN = 12
"""Signals with a panel of their own: the strongest, where a model has many classes."""
_MOST_NAMED = 3
_PANEL_PX = 62
_TICK_GAP = 0.25


@dataclass(frozen=True, slots=True)
class _Grid:
    """Panels in columns, in CSS pixels: one page width."""

    name: str
    width: int
    columns: int
    left: int
    right: int
    most_time_ticks: int

    @property
    def column(self) -> float:
        return self.width / self.columns


@dataclass(frozen=True, slots=True)
class _Line:
    """One signal over the windows: NaN where it was not computed; all of shape (n,)."""

    name: str
    statistic: NDArray[np.float64]
    limit: NDArray[np.float64]
    is_drifting: NDArray[np.bool_]


_GRIDS = (_Grid("wide", 960, 2, 62, 24, 4), _Grid("narrow", 340, 1, 56, 24, 3))


def signals_chart(windows: Sequence[Window], drawn: Sequence[Window], axis: TimeAxis) -> Chart:
    """Draw each signal in a panel of its own, with its limit as a dashed line.

    `windows` are counted, `drawn` are the same ones, joined where they are too many.
    """
    names = _strongest(drawn)
    if not names:
        return Chart(
            "No signal of drift was computed",
            "The monitor compares windows with a baseline once they hold enough records.",
        )
    every = spans(drawn)
    lines = [_line(name, drawn) for name in names[:MOST_DRAWN]]
    finding = _finding(windows)
    label = f"{finding}. {wording.counted(len(lines), 'signal')} over time, each with its limit."
    wide, narrow = (_draw(grid, lines, every, axis, label) for grid in _GRIDS)
    left_out = len(names) - len(lines)
    caption = f"n = {wording.counted(len(windows), 'window')}. Each signal has a scale of its own."
    if any(np.nanmin(line.statistic) < 0 for line in lines):
        caption += " What lies below 0 is drawn at 0."
    if left_out:
        caption += f" {wording.number(left_out)} weaker ones are in the numbers alone."
    return Chart(
        finding=finding,
        caption=caption,
        wide=wide,
        narrow=narrow,
        legend=(
            LegendItem("line", "statistic"),
            LegendItem("dashed", "its limit"),
            LegendItem("over", "drifting"),
        ),
        table=_table(names, windows),
    )


def _strongest(windows: Sequence[Window]) -> list[str]:
    """The names of all signals in the monitor's order; those beyond MOST_DRAWN by strength."""
    highest: dict[str, float] = {}
    for signal in (signal for window in windows for signal in window.signals):
        highest[signal.name] = max(signal.of_limit, highest.get(signal.name, 0.0))
    by_strength = sorted(highest, key=lambda name: -highest[name])
    shown = set(by_strength[:MOST_DRAWN])
    return [name for name in highest if name in shown] + by_strength[MOST_DRAWN:]


def _newest(windows: Sequence[Window]) -> Window | None:
    return next((window for window in reversed(windows) if window.signals), None)


def _finding(windows: Sequence[Window]) -> str:
    newest = _newest(windows)
    assert newest
    now = [signal.name for signal in newest.signals if signal.is_drifting]
    total = len(newest.signals)
    if len(now) > _MOST_NAMED:
        worst = max(newest.signals, key=lambda signal: signal.of_limit).name
        return f"{len(now)} of {total} signals drift, {worst} most of all"
    if now:
        verb = "drifts" if len(now) == 1 else "drift"
        return f"{_capital(wording.listed(now))} {verb}: {len(now)} of {total} signals"
    before = {s.name for window in windows for s in window.signals if s.is_drifting}
    if before:
        names = wording.listed([name for name in _strongest(windows) if name in before])
        return f"No signal drifts now; {names} did before"
    return f"No signal drifts: none of {total} reached its limit"


def _line(name: str, windows: Sequence[Window]) -> _Line:
    found = [
        next((signal for signal in window.signals if signal.name == name), None)
        for window in windows
    ]
    return _Line(
        name,
        np.array([s.statistic if s else np.nan for s in found], dtype=np.float64),
        np.array([s.limit if s else np.nan for s in found], dtype=np.float64),
        np.array([bool(s and s.is_drifting) for s in found], dtype=np.bool_),
    )


def _draw(grid: _Grid, lines: Sequence[_Line], every: Spans, axis: TimeAxis, label: str) -> str:
    rows = -(-len(lines) // grid.columns)
    height = rows * (_PANEL_PX + HEAD_PX) + FOOT_PX
    with svg.style():
        figure = svg.new_figure(grid.width, height)
        for at, line in enumerate(lines):
            row, column = divmod(at, grid.columns)
            bottom = height - (row + 1) * (_PANEL_PX + HEAD_PX)
            axes = svg.add_panel(
                figure,
                left=column * grid.column + grid.left,
                top=height - bottom - _PANEL_PX,
                right=grid.width - (column + 1) * grid.column + grid.right,
                bottom=bottom,
            )
            _panel(axes, line, every)
            axes.set_xlim(axis.start_s, axis.end_s)
            is_last = at + grid.columns >= len(lines)
            ticks = axis.ticks(grid.most_time_ticks)
            axes.set_xticks(
                [place for place, _ in ticks], [text if is_last else "" for _, text in ticks]
            )
            _name(figure, line.name, column * grid.column, bottom + _PANEL_PX + 10, grid, height)
        figure.text(grid.left / grid.width, 8 / height, axis.label, color=COLOURS["muted"])
        return svg.to_svg(figure, f"signals-{grid.name}", label)


def _panel(axes: Axes, line: _Line, every: Spans) -> None:
    shown = np.maximum(line.statistic, 0.0)
    times, (statistic, limit) = every.level(shown, line.limit)
    axes.plot(times, limit, color=COLOURS["ink"], linewidth=1.4, dashes=(5, 3), zorder=2)
    axes.plot(times, statistic, color=COLOURS["accepted"], linewidth=2, zorder=3)
    if line.is_drifting.any():
        _, (drifting,) = every.level(np.where(line.is_drifting, shown, np.nan))
        wrong = COLOURS["wrong"]
        axes.fill_between(times, 0, drifting, facecolor=wrong, alpha=0.28, linewidth=0, zorder=1)
        axes.plot(times, drifting, color=wrong, linewidth=3, zorder=4)
    newest = float(line.limit[~np.isnan(line.limit)][-1])
    top = float(np.nanmax([np.nanmax(shown), np.nanmax(line.limit), 1e-9]))
    axes.set_ylim(0, 1.08 * top)
    # Where the limit lies too close to it, 0 would stand over its number.
    places = [0.0, newest] if newest > _TICK_GAP * top else [newest]
    axes.set_yticks(places, [f"{place:.3g}" for place in places])


def _name(
    figure: Figure, name: str, left_px: float, bottom_px: float, grid: _Grid, height: int
) -> None:
    figure.text(left_px / grid.width, bottom_px / height, name, color=COLOURS["ink"])


def _table(names: Sequence[str], windows: Sequence[Window]) -> Table:
    rows = []
    for name in names:
        found = [s for window in windows for s in window.signals if s.name == name]
        newest, drifting = found[-1], sum(signal.is_drifting for signal in found)
        rows.append((name, *_cells(newest), f"{drifting:,} of {len(found):,}"))
    header = ("signal, newest window", "statistic", "limit", "p", "n", "windows that drift")
    return Table("Signals of drift", header, tuple(rows))


def _cells(signal: Signal) -> tuple[str, ...]:
    p_value = wording.EM_DASH if signal.p_value is None else f"{signal.p_value:.2g}"
    return f"{signal.statistic:.3g}", f"{signal.limit:.3g}", p_value, wording.number(signal.n)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
