"""The key figures on top of the page, each with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.report import drift, wording
from scripts.report.figures import Figures, Share
from scripts.report.model import ReportData
from scripts.report.windows import SEVERITY_NAMES, Severity


@dataclass(frozen=True, slots=True)
class Card:
    """A key figure: its name, its value, and what it rests on."""

    name: str
    value: str
    basis: tuple[str, ...]
    tone: str = ""


_TONES: dict[Severity, str] = {"no_data": "watch", "watch": "watch", "warn": "watch", "act": "act"}


def cards(data: ReportData, figures: Figures) -> tuple[Card, ...]:
    """The key figures, each with its n: what the monitor says of drift where it has run.

    Where no truth is known, its estimate stands in place of the accuracy.
    """
    measured = _measured(data, figures) if figures.right.total or not data.windows else ()
    return (*_monitored(data), *measured, *_counted(data, figures))


def _monitored(data: ReportData) -> tuple[Card, ...]:
    if not data.windows:
        return ()
    newest = data.windows[-1]
    estimate = drift.estimated_accuracy(data.windows)
    latest = drift.estimated_accuracy([newest])
    since = (f"since {wording.moment(newest.since)}",) if newest.since else ()
    return (
        Card(
            "Drift",
            SEVERITY_NAMES[newest.severity].capitalize(),
            (
                f"in the newest of {wording.counted(len(data.windows), 'window')}",
                *since,
            ),
            _TONES.get(newest.severity, ""),
        ),
        Card(
            "Estimated accuracy",
            wording.percent(estimate[0]) if estimate else wording.EM_DASH,
            (
                f"from {wording.counted(estimate[1] if estimate else 0, 'confidence')} alone",
                *([f"newest window {_of(*latest)}"] if latest else []),
                *_evaluated(data),
            ),
        ),
    )


def _measured(data: ReportData, figures: Figures) -> tuple[Card, ...]:
    target = (
        f"target {wording.percent(data.target_accuracy)}"
        if data.target_accuracy is not None
        else ""
    )
    return (
        _share_card(
            "Accuracy",
            figures.right,
            "of {n} with known truth",
            "no truth is known",
            "".join(_evaluated(data)),
        ),
        _share_card(
            "Accuracy of the accepted",
            figures.accepted_right,
            "of {n} accepted, truth known",
            "no truth is known",
            target,
        ),
    )


def _counted(data: ReportData, figures: Figures) -> tuple[Card, ...]:
    rejected, failed = figures.outcomes["rejected"], figures.outcomes["failed"]
    resolved = failed - figures.waiting
    return (
        _share_card(
            "Coverage",
            figures.accepted,
            "of {n} classified were accepted",
            "nothing was classified",
            f"threshold {wording.threshold(data.threshold)}",
        ),
        Card(
            "Executions",
            wording.number(figures.executions),
            (
                f"{wording.number(figures.classified)} classified",
                f"{wording.number(rejected)} rejected",
            ),
        ),
        Card(
            "Failed",
            wording.number(failed),
            (
                f"of {wording.counted(figures.executions, 'execution', none='0')}",
                *(
                    [f"{wording.number_or_none(figures.waiting)} still waiting"]
                    if resolved > 0
                    else []
                ),
            ),
            "act" if figures.waiting else "",
        ),
        Card(
            "Captured",
            wording.number(data.captured_records),
            (
                "capture record" if data.captured_records == 1 else "capture records",
                f"{wording.number(data.damaged_records)} damaged",
            ),
            "watch" if data.damaged_records else "",
        ),
    )


def _of(share: float, n: int) -> str:
    return f"{wording.percent(share)} of {wording.number(n)}"


def _evaluated(data: ReportData) -> tuple[str, ...]:
    if data.evaluation is None:
        return ()
    return (f"evaluation {wording.percent(data.evaluation.accuracy)}",)


def _share_card(name: str, share: Share, basis: str, nothing: str, also: str) -> Card:
    value, interval = share.value, share.interval
    if value is None or interval is None:
        return Card(name, wording.EM_DASH, (nothing, *([also] if also else [])))
    return Card(
        name,
        wording.percent(value),
        (
            f"95{wording.NO_BREAK}% interval {wording.percent_interval(*interval)}",
            basis.format(n=wording.number(share.total)),
            *([also] if also else []),
        ),
    )
