"""The page: everything together, as one self-contained HTML text without scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.report import drift, sections, wording
from scripts.report.cards import cards
from scripts.report.figures import figures
from scripts.report.model import ReportData
from scripts.report.pictures import galleries
from scripts.report.verdict import verdict
from scripts.report.windows import joined

if TYPE_CHECKING:
    from jinja2 import Template
    from numpy import float64
    from numpy.typing import NDArray

    from scripts.report.charts.time_axis import TimeAxis

_HERE = Path(__file__).parent


def render(data: ReportData) -> str:
    """The report as HTML text: the same data always gives the same text.

    All text from the data is escaped; the page runs no script and asks for nothing from outside.
    """
    # matplotlib and numpy take a second to import: only who draws waits for them.
    import numpy as np

    from scripts.report.charts.classes import classes_chart, mix, mix_in
    from scripts.report.charts.columns import columns
    from scripts.report.charts.confidence import confidence_chart, confidence_over_windows
    from scripts.report.charts.executions import counted as counted_at
    from scripts.report.charts.executions import counted_in, executions_chart
    from scripts.report.charts.histogram import histogram_chart
    from scripts.report.charts.reliability import reliability_chart
    from scripts.report.charts.scale import confidence_scale
    from scripts.report.charts.severity import severity_chart
    from scripts.report.charts.signals import signals_chart
    from scripts.report.charts.spans import MOST_SPANS
    from scripts.report.charts.time_axis import time_axis

    inferred = columns(data.inferences)
    ended_s = np.array([outcome.time.timestamp() for outcome in data.outcomes], dtype=np.float64)
    edges_s = [time.timestamp() for window in data.windows for time in (window.start, window.end)]
    axis = time_axis(
        np.concatenate([inferred.times_s, ended_s, np.array(edges_s, dtype=np.float64)]),
        data.period_start,
        data.period_end,
    )
    scale = confidence_scale(inferred.confidence, len(data.labels), data.threshold)
    counted = figures(data)
    drawn = joined(data.windows, MOST_SPANS)
    per = drift.span(data.windows, drawn)
    classes = len(data.labels)
    if data.is_sample:
        confidence = confidence_over_windows(drawn, axis, data.threshold, classes, per)
        executions = executions_chart(counted_in(drawn, per), axis)
        mixed = classes_chart(mix_in(drawn, data.labels, per), axis)
    else:
        confidence = confidence_chart(inferred, axis, scale, data.threshold)
        executions = executions_chart(counted_at(data.outcomes, axis), axis)
        mixed = classes_chart(mix(data.inferences, data.labels, axis), axis)
    basis = partial(_basis, data=data, axis=axis)
    return _template().render(
        data=data,
        period=wording.period(data.period_start, data.period_end),
        generated=wording.moment(data.generated_at),
        verdict=verdict(data, counted),
        cards=cards(data, counted),
        sample=sections.sample(data),
        confidence=confidence,
        confidence_basis=basis(
            inferred.times_s, "captured inference", sum(w.inferences for w in data.windows)
        ),
        executions=executions,
        executions_basis=basis(ended_s, "execution", counted.executions),
        severities=severity_chart(data.windows, drawn, axis, drift.finding(data.windows), per),
        signals=signals_chart(data.windows, drawn, axis),
        classes=mixed,
        classes_basis=basis(
            inferred.times_s, "answer", sum(sum(w.classes.values()) for w in data.windows)
        ),
        matrix=sections.matrix(data, counted),
        histogram=histogram_chart(inferred, scale, data.threshold),
        reliability=reliability_chart(data.evaluation, classes, data.threshold),
        comparison=sections.comparison(data.evaluation, counted),
        galleries=galleries(data),
        reasons=sections.reasons(data, counted.executions),
        unlisted=sections.unlisted(data, counted),
        windows=drift.table(data.windows),
        windows_header=drift.HEADER,
        windows_caption=drift.table_caption(data),
        details=sections.details(data),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html")


def _basis(
    times_s: NDArray[float64], noun: str, in_windows: int, *, data: ReportData, axis: TimeAxis
) -> str:
    """How many records a chart shows, and of which period."""
    if data.is_sample:
        first, last = data.windows[0].start, data.windows[-1].end
        return (
            f"n = {wording.counted(in_windows, noun, none='0')} in "
            f"{wording.counted(len(data.windows), 'window')} of the monitor, "
            f"{wording.period(first, last)}."
        )
    n = f"n = {wording.counted(int(times_s.size), noun, none='0')}"
    asked = wording.period(data.period_start, data.period_end)
    if not times_s.size:
        return f"{n}, {asked}."
    begin = datetime.fromtimestamp(float(times_s.min()), UTC)
    end = datetime.fromtimestamp(float(times_s.max()), UTC)
    if axis.is_zoomed:
        return f"{n}, {wording.period(begin, end)}: the part of the period in which they happened."
    return f"{n}, {asked}."
