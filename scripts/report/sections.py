"""The page's words and tables, ready for the template: no markup here, no arithmetic there."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from scripts.report import wording
from scripts.report.figures import Confusion, Figures, Share
from scripts.report.model import Evaluation, Outcome, ReportData
from scripts.report.pictures import safe_text, short_name

_MOST_LABELS = 12
_MOST_EXAMPLES = 3
_LONGEST_NAME = 40
_MEANINGS = {
    "empty": "The file has no content.",
    "not_an_image": "The file is not a JPEG, PNG or WebP picture.",
    "damaged": "The picture is cut off or damaged.",
    "too_many_pixels": "The picture has more pixels than are accepted.",
    "too_small": "The picture is too small to show a vehicle.",
    "too_large": "The file is larger than is accepted.",
    "gone": "The object was deleted or replaced before it was read.",
    "model_refused": "The model refused the picture.",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix; `share` (0..1) is of its row."""

    count: str
    percent: str
    share: float
    is_right: bool
    says: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """The confusion matrix, rows by truth: of the captured pictures, where truths are known."""

    finding: str
    caption: str
    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...], str], ...]
    precision: tuple[str, ...]
    is_observed: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Uploads that ended without a classification for one reason."""

    outcome: str
    reason: str
    meaning: str
    count: str
    share: str
    examples: tuple[tuple[str, str], ...]
    more: str


def sample(data: ReportData) -> str:
    """Which inferences are shown one by one, where they are a sample; '' where they are all."""
    if not data.is_sample:
        return ""
    if not data.inferences:
        return "None of the inferences was read one by one."
    first = min(inference.time for inference in data.inferences)
    newest = wording.counted(len(data.inferences), "inference")
    return f"A sample: the newest {newest}, captured since {wording.moment(first)}."


def matrix(data: ReportData, figures: Figures) -> Matrix | None:
    """The confusion observed or, where no truth is known, the evaluation's, said to be so."""
    confusion, source = figures.confusion, "captured pictures whose truth is known"
    evaluated = data.evaluation
    if confusion is None:
        if evaluated is None or not evaluated.confusion:
            return None
        confusion = Confusion(tuple(evaluated.labels), tuple(map(tuple, evaluated.confusion)))
        source = "held-out pictures of the evaluation, before deployment"
    worst = confusion.worst()
    finding = "No label was mistaken for another"
    if worst:
        truth, predicted, count = worst
        times = {1: "once", 2: "twice"}.get(count, f"{wording.number(count)} times")
        finding = f"Most frequent mistake: {truth} taken for {predicted}, {times}"
    shown = confusion.at_most(_MOST_LABELS)
    return Matrix(
        finding=finding,
        caption=f"n = {wording.number(confusion.total)} {source}. Percentages are of a row.",
        labels=shown.labels,
        rows=tuple(
            (truth, _cells(shown, at), _of(shown.recall(at)))
            for at, truth in enumerate(shown.labels)
        ),
        precision=tuple(_of(shown.precision(at)) for at in range(len(shown.labels))),
        is_observed=figures.confusion is not None,
    )


def _cells(confusion: Confusion, truth: int) -> tuple[Cell, ...]:
    row = confusion.counts[truth]
    cells = []
    for predicted, count in enumerate(row):
        share = Share(count, sum(row)).value or 0.0
        cells.append(
            Cell(
                count=wording.number(count),
                percent=wording.percent(share) if sum(row) else "",
                share=round(share, 3),
                is_right=truth == predicted,
                says="right" if truth == predicted else "wrong",
            )
        )
    return tuple(cells)


def _of(share: Share) -> str:
    return wording.EM_DASH if share.value is None else wording.percent(share.value)


def comparison(evaluation: Evaluation | None, figures: Figures) -> tuple[tuple[str, str, str], ...]:
    """(measure, evaluated, observed) rows; none without an evaluation."""
    if evaluation is None:
        return ()
    low, high = evaluation.accuracy_interval
    rows = [
        (
            "Accuracy",
            f"{wording.percent(evaluation.accuracy)} ({wording.percent_interval(low, high)})",
            _with_interval(figures.right),
        )
    ]
    for name, evaluated, observed in (
        ("Coverage", evaluation.coverage, figures.accepted),
        ("Accuracy of the accepted", evaluation.accepted_accuracy, figures.accepted_right),
    ):
        if evaluated is not None:
            rows.append((name, wording.percent(evaluated), _with_interval(observed)))
    return tuple(rows)


def _with_interval(share: Share) -> str:
    if share.value is None or share.interval is None:
        return "not known"
    return f"{wording.percent(share.value)} ({wording.percent_interval(*share.interval)})"


def reasons(data: ReportData, total: int) -> tuple[Reason, ...]:
    """Rejected and failed executions by reason, most frequent first within each outcome.

    `total` counts all executions, of which each reason is a share.
    """
    found: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in data.outcomes:
        if outcome.outcome in ("rejected", "failed"):
            found[outcome.outcome, outcome.reason or "not recorded"].append(outcome)
    ordered = sorted(found.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1]))
    return tuple(_reason(*names, outcomes, total) for names, outcomes in ordered)


def unlisted(data: ReportData, figures: Figures) -> str:
    """How many rejected uploads are counted alone, without their reasons; '' where none are."""
    rejected = figures.outcomes["rejected"]
    if not data.is_sample or not rejected:
        return ""
    one = rejected == 1
    return (
        f"{wording.counted(rejected, 'upload')} {'was' if one else 'were'} rejected in the "
        f"monitor's windows. A report on a shorter period lists {'its reason' if one else 'why'}."
    )


def _reason(outcome: str, reason: str, outcomes: list[Outcome], total: int) -> Reason:
    keys = list(Counter(o.key for o in outcomes if o.key))
    shown, more = keys[:_MOST_EXAMPLES], len(keys) - _MOST_EXAMPLES
    unknown = "The system failed; the failure queue holds the input." if outcome == "failed" else ""
    return Reason(
        outcome=outcome,
        reason=safe_text(reason),
        meaning=_MEANINGS.get(reason, unknown),
        count=wording.number(len(outcomes)),
        share=wording.percent(len(outcomes) / max(total, len(outcomes))),
        examples=tuple((safe_text(key), short_name(key, _LONGEST_NAME)) for key in shown),
        more=f"and {wording.number(more)} more" if more > 0 else "",
    )


def details(data: ReportData) -> tuple[tuple[str, str], ...]:
    """(name, value) pairs: where, what and when."""
    model = data.model.algorithm + (" (stand-in)" if data.model.stand_in else "")
    pairs = [
        ("Environment", data.environment),
        ("Endpoint", data.endpoint),
        ("Algorithm", model),
        ("Training job", data.model.job or "not known"),
        ("Labels", wording.listed(list(data.labels))),
        ("Confidence threshold", wording.threshold(data.threshold)),
        ("Period", wording.period(data.period_start, data.period_end)),
        ("Capture records", f"{wording.number(data.captured_records)} read, "
                            f"{wording.number(data.damaged_records)} damaged"),
        ("Report made", wording.moment(data.generated_at)),
    ]  # fmt: skip
    return (*pairs, *sorted(data.versions.items()))
