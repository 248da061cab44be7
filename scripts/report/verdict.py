"""The verdict: one sentence that says how the service did, and what to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scripts.report import drift, wording
from scripts.report.drift import Standing
from scripts.report.figures import Figures
from scripts.report.model import OUTCOME_NAMES, ReportData

_TOLERATED = 0.02
_ENOUGH_SAMPLED = 10  # as for the monitor: lambdas/monitor/window.py

Level = Literal["good", "watch", "act", "none"]

LEVEL_NAMES: dict[Level, str] = {
    "good": "Working",
    "watch": "Worth a look",
    "act": "Action needed",
    "none": "No data",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` is the verdict, `reasons` what a person should look at (may be empty)."""

    level: Level
    sentence: str
    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        return LEVEL_NAMES[self.level]


def verdict(data: ReportData, figures: Figures) -> Verdict:
    """Judge the period. No data is never good news."""
    if not figures.executions and not data.inferences and not data.uploads:
        return Verdict(
            "none",
            "Nothing happened in this period: no execution ended and no inference was captured.",
            ("If pictures were uploaded, look at the event rule and the failure queue.",),
        )
    stands = drift.standing(data)
    reasons = (*(_drift_reasons(stands) if stands else ()), *_reasons(data, figures))
    unanswered = (data.uploads or 0) - figures.executions
    if unanswered > 0:
        have = "has" if unanswered == 1 else "have"
        uploads = wording.counted(data.uploads or 0, "upload")
        also = (_failed(figures),) if figures.waiting else ()
        sentence = f"{wording.number(unanswered)} of {uploads} {have} no known outcome."
        return Verdict("act", sentence, also + reasons)
    if figures.waiting:
        return Verdict("act", _failed(figures), reasons)
    if stands and stands.severity == "act":
        return _of_drift("act", stands, data, figures)
    if _enough_captured(figures, data) and not data.captured_records:
        return Verdict("none", _uncaptured(figures), reasons)
    if stands and _is_blind(data, stands):
        return _of_drift("none", stands, data, figures)
    level: Level = "watch" if reasons else "good"
    return Verdict(level, _answered(data, figures), reasons)


def _of_drift(level: Level, stands: Standing, data: ReportData, figures: Figures) -> Verdict:
    said = () if stands.sentence == stands.headline else (stands.sentence,)
    reasons = (*said, _answered(data, figures), *stands.besides, *_reasons(data, figures))
    return Verdict(level, stands.headline, reasons)


def _drift_reasons(stands: Standing) -> tuple[str, ...]:
    return stands.besides if stands.severity == "none" else (stands.sentence, *stands.besides)


def _is_blind(data: ReportData, stands: Standing) -> bool:
    """Whether there was traffic at the end of the period, but the monitor saw none of it."""
    return stands.severity == "no_data" and data.windows[-1].invoked not in (0, None)


def _failed(figures: Figures) -> str:
    failed, total = figures.waiting, max(figures.executions, figures.waiting)
    if total == 1:
        return "The only execution failed: see the failure queue."
    if failed == total:
        return f"All {wording.number(total)} executions failed: see the failure queue."
    return (
        f"{wording.number(failed)} of {wording.number(total)} executions failed: "
        f"{'its input is' if failed == 1 else 'their inputs are'} in the failure queue."
    )


def _enough_captured(figures: Figures, data: ReportData) -> bool:
    """Whether something should have been captured: of a part, it is not by chance that none was."""
    expected = figures.classified * data.capture_percentage / 100
    return expected > 0 and (data.capture_percentage == 100 or expected >= _ENOUGH_SAMPLED)


def _uncaptured(figures: Figures) -> str:
    pictures = wording.counted(figures.classified, "picture")
    was = "was" if figures.classified == 1 else "were"
    return (
        f"{pictures} {was} classified, but nothing was captured: what the model saw is not known."
    )


def _answered(data: ReportData, figures: Figures) -> str:
    if not figures.executions:
        captured = wording.counted(len(data.inferences), "inference")
        return f"The endpoint answered {captured}; no execution of the workflow is known."
    ended = [(n, OUTCOME_NAMES[kind]) for kind, n in figures.outcomes.items() if n]
    if figures.executions == 1 and not figures.outcomes["failed"]:
        return f"The only upload was {ended[0][1]}."
    parts = [f"{wording.number(n)} {name}" for n, name in ended]
    if figures.outcomes["failed"]:
        every = wording.number(figures.executions)
        return f"{every} executions ended: {wording.listed(parts)}, none of which still waits."
    every = f"{wording.number(figures.executions)} uploads"
    return f"All {every} got an answer: {wording.listed(parts)}."


def _reasons(data: ReportData, figures: Figures) -> list[str]:
    reasons = []
    interval = figures.accepted_right.interval
    if data.target_accuracy is not None and interval and interval[1] < data.target_accuracy:
        reasons.append(
            f"Accepted pictures are right less often than the target of "
            f"{wording.percent(data.target_accuracy)}: "
            f"{wording.percent_interval(*interval)} (95{wording.NO_BREAK}% interval)."
        )
    evaluation, observed = data.evaluation, figures.right.interval
    if evaluation and observed and observed[1] < evaluation.accuracy_interval[0]:
        reasons.append("The accuracy observed is below what the evaluation measured.")
    missing, tolerated = data.uncaptured, 0.0
    if data.is_sample:
        # What windows count came from metrics: single records may lie on either side of an edge.
        missing = figures.classified - data.captured_records
        tolerated = _TOLERATED * figures.classified
    if missing > tolerated and data.capture_percentage == 100:
        reasons.append(
            f"{wording.counted(missing, 'classified picture')} "
            f"{'is' if missing == 1 else 'are'} not in the captured data, "
            "which can be minutes late."
        )
    if data.damaged_records:
        was = "was" if data.damaged_records == 1 else "were"
        damaged = wording.counted(data.damaged_records, "capture record")
        reasons.append(f"{damaged} could not be read and {was} skipped.")
    if not figures.executions:
        reasons.append("What the workflow decided is not known for this period.")
    if data.damaged_windows:
        records = wording.counted(data.damaged_windows, "window")
        reasons.append(f"The monitor's records of {records} could not be read.")
    return reasons
