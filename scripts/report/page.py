"""The page: everything together, as one self-contained HTML text without scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.report import sections, wording
from scripts.report.figures import figures
from scripts.report.model import ReportData
from scripts.report.pictures import galleries
from scripts.report.verdict import verdict

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

    from scripts.report.charts.columns import columns
    from scripts.report.charts.confidence import confidence_chart
    from scripts.report.charts.executions import executions_chart
    from scripts.report.charts.histogram import histogram_chart
    from scripts.report.charts.reliability import reliability_chart
    from scripts.report.charts.scale import confidence_scale
    from scripts.report.charts.time_axis import time_axis

    inferred = columns(data.inferences)
    ended_s = np.array([outcome.time.timestamp() for outcome in data.outcomes], dtype=np.float64)
    axis = time_axis(
        np.concatenate([inferred.times_s, ended_s]), data.period_start, data.period_end
    )
    scale = confidence_scale(inferred.confidence, len(data.labels), data.threshold)
    counted = figures(data)
    return _template().render(
        data=data,
        period=wording.period(data.period_start, data.period_end),
        generated=wording.moment(data.generated_at),
        verdict=verdict(data, counted),
        cards=sections.cards(data, counted),
        confidence=confidence_chart(inferred, axis, scale, data.threshold),
        confidence_basis=_basis(inferred.times_s, "captured inference", data, axis),
        executions=executions_chart(data.outcomes, axis),
        executions_basis=_basis(ended_s, "execution", data, axis),
        matrix=sections.matrix(data, counted),
        histogram=histogram_chart(inferred, scale, data.threshold),
        reliability=reliability_chart(data.evaluation, len(data.labels), data.threshold),
        comparison=sections.comparison(data.evaluation, counted),
        galleries=galleries(data.inferences, data.threshold),
        reasons=sections.reasons(data),
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


def _basis(times_s: NDArray[float64], noun: str, data: ReportData, axis: TimeAxis) -> str:
    """How many records a chart shows, and of which period."""
    n = f"n = {wording.counted(int(times_s.size), noun, none='0')}"
    asked = wording.period(data.period_start, data.period_end)
    if not times_s.size:
        return f"{n}, {asked}."
    first = datetime.fromtimestamp(float(times_s.min()), UTC)
    last = datetime.fromtimestamp(float(times_s.max()), UTC)
    if axis.is_zoomed:
        return f"{n}, {wording.period(first, last)}: the part of the period in which they happened."
    return f"{n}, {asked}."
