"""What tasks show of their results: small tables, and a demo's end in a few calm lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.console import Screen
from scripts.environment import ROOT
from scripts.evaluation.evaluate import Evaluation
from scripts.retrain import Retraining
from scripts.serving import registry
from scripts.serving.registry import Version

_CHANGED_SHOWN = 10


def show_evaluation(screen: Screen, found: Evaluation) -> None:
    """Quality by class, with what the pictures of each class were called."""
    rows = [
        (
            item.label,
            str(item.samples),
            "-" if item.precision is None else f"{item.precision:.3f}",
            "-" if item.recall is None else f"{item.recall:.3f}",
            *map(str, counts),
        )
        for item, counts in zip(found.by_class, found.confusion, strict=True)
    ]
    predicted = [f"called {label}" for label in found.labels]
    screen.table("True class", "n", "Precision", "Recall", *predicted, rows=rows)


def show_verdict(screen: Screen, verdict: Mapping[str, Any]) -> None:
    """The gate's decision: the floors, the comparison, and the pictures that changed sides."""
    rows: list[tuple[str, ...]] = [
        (check["name"], check["required"], check["found"], "yes" if check["passed"] else "no")
        for check in verdict["checks"]
    ]
    screen.table("The gate asks for", "Required", "Found", "Reached", rows=rows)
    if comparison := verdict["comparison"]:
        screen.print(
            f"Same test pictures: {comparison['both_right']} both right, "
            f"{comparison['only_champion']} only the champion, "
            f"{comparison['only_challenger']} only the challenger, "
            f"{comparison['both_wrong']} neither; exact McNemar p = "
            f"{comparison['p_worse']:.3f}, loss {comparison['loss']:+.3f}, "
            f"at most {comparison['loss_limit']:+.3f} (margin {comparison['margin']:g})."
        )
    if changed := verdict["changed"]:
        screen.table(
            "Changed sides",
            "True class",
            "Champion",
            "Challenger",
            rows=[
                (
                    item["name"],
                    item["truth"],
                    f"{item['champion_label']} {item['champion_confidence']:.3f}",
                    f"{item['challenger_label']} {item['challenger_confidence']:.3f}",
                )
                for item in changed[:_CHANGED_SHOWN]
            ],
        )
        if len(changed) > _CHANGED_SHOWN:
            screen.print(f"… and {len(changed) - _CHANGED_SHOWN} more.")


def show_models(screen: Screen, versions: Sequence[Version], live_model: str | None) -> None:
    """The registry as a table, newest first."""
    rows = registry.table_rows(versions, live_model)
    if not rows:
        screen.print("No model has been evaluated yet. Run: invoke train, then invoke evaluate")
        return
    screen.table(*registry.COLUMNS, rows=rows)


def show_retraining(screen: Screen, ended: Retraining) -> None:
    """Champion against challenger, and what came of it."""
    if ended.verdict:
        show_verdict(screen, ended.verdict)
        screen.print()
    screen.table("", "Champion", "Challenger", rows=comparison_rows(ended))


def comparison_rows(ended: Retraining) -> list[tuple[str, ...]]:
    """The two models side by side; a first model stands alone."""
    sides = [ended.champion or {}, ended.challenger or {}]
    evaluations = [side.get("evaluation") or {} for side in sides]
    labels = [item["label"] for item in evaluations[1].get("by_class", [])]
    rows = [
        ("Version", *(_number(side.get("version"), "d") for side in sides)),
        ("Algorithm", *(str(side.get("algorithm", "-")) for side in sides)),
        ("Accuracy on test", *map(_accuracy, evaluations)),
        *(
            (f"Recall, {label}", *(_recall(item, label) for item in evaluations))
            for label in labels
        ),
        *(
            (title, *(_number(item.get(name), form) for item in evaluations))
            for title, name, form in (
                ("Calibration error", "calibration_error", ".3f"),
                ("Threshold", "threshold", ".4g"),
                ("Coverage", "coverage", ".3f"),
                ("Accepted and right", "accepted_accuracy", ".3f"),
            )
        ),
    ]
    return [*rows, ("Outcome", "", str(ended.outcome or "unfinished"))]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _accuracy(evaluation: Mapping[str, Any]) -> str:
    if not evaluation:
        return "-"
    low, high = evaluation["accuracy_interval"]
    return f"{evaluation['accuracy']:.3f} ({low:.3f} to {high:.3f})"


def _recall(evaluation: Mapping[str, Any], label: str) -> str:
    found = (item for item in evaluation.get("by_class", []) if item["label"] == label)
    return _number(next((item["recall"] for item in found), None), ".3f")


def show_demo(screen: Screen, summary: Mapping[str, Any], folder: Path, keep: bool) -> None:
    """The end of the demo: what came out."""
    counts, evaluation = summary["workflow"], summary["evaluation"]
    low, high = evaluation["accuracy_interval"]
    accepted = counts["accuracy_accepted"]
    deployment = summary["deployment"]
    screen.print()
    if "checks" in summary["gate"]:
        show_verdict(screen, summary["gate"])
        screen.print()
    screen.table(
        "What",
        "Result",
        rows=[
            (
                "Gate",
                summary["gate"].get("decision", "not reached")
                + (", approved by the demo" if summary["gate"].get("approved_by_demo") else ""),
            ),
            (
                "Rollout",
                f"{deployment['strategy']}, {deployment['outcome']}: "
                f"{deployment['requests']} requests meanwhile, "
                f"{deployment['failed_requests']} failed",
            ),
            ("Accuracy on test", f"{evaluation['accuracy']:.3f}, 95 % {low:.3f} to {high:.3f}"),
            ("Threshold", f"{evaluation['threshold']:.4g}"),
            ("Uploads", f"{counts['uploaded']}"),
            (
                "  accepted",
                "0" if accepted is None else f"{counts['accepted']}, right: {accepted:.3f}",
            ),
            ("  for a person", f"{counts['review']}"),
            ("  rejected", f"{counts['rejected']}"),
            ("  failed, missing, twice", "{failed}, {missing}, {duplicates}".format(**counts)),
            ("Captured", f"{summary['capture']['records']} requests"),
            ("Drift", summary["drift"]),
            (
                "Left behind",
                "everything, as asked" if keep else str(summary["cleanup"]["remaining"]),
            ),
            ("Time", f"{summary['seconds']['total']:.0f} s"),
        ],
    )
    shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    screen.print(f"\nLook at {shown}/report.html; the figures are in {shown}/summary.json.")
    if keep:
        screen.print(
            "The local cloud is running. Try: invoke classify PHOTO, invoke models, "
            "invoke retrain --dry-run, invoke report; stop it with: invoke cloud.down"
        )
