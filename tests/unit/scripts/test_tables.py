"""What is shown of results: every figure under its name, and nothing that is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import tables
from scripts.console import Screen
from scripts.environment import BUILD
from scripts.evaluation.comparison import Candidate
from scripts.evaluation.gate import Rule, judge
from scripts.evaluation.quality import Prediction
from scripts.retrain import Request, Retraining
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version

LABELS = ("bicycle", "motorcycle")


def _lines(text: str) -> list[list[str]]:
    """The words of each line that has any."""
    return [line.split() for line in text.splitlines() if line.strip()]


# An evaluation


def test_an_evaluation_is_shown_by_class_with_what_each_was_called(
    screen: Screen, shown: Callable[[], str]
) -> None:
    found: Any = SimpleNamespace(
        labels=LABELS,
        by_class=[
            SimpleNamespace(label="bicycle", samples=100, precision=0.96, recall=0.97),
            SimpleNamespace(label="motorcycle", samples=0, precision=None, recall=None),
        ],
        confusion=[[97, 3], [0, 0]],
    )
    tables.show_evaluation(screen, found)
    heading, *rows = _lines(shown())
    assert heading[:5] == ["True", "class", "n", "Precision", "Recall"]
    assert heading[5:] == ["called", "bicycle", "called", "motorcycle"]
    assert rows == [
        ["bicycle", "100", "0.960", "0.970", "97", "3"],
        ["motorcycle", "0", "-", "-", "0", "0"],
    ]


# The gate


def _candidate(name: str, wrong: range) -> Candidate:
    """A model that is wrong about some of two hundred pictures, with a confidence of 0.95."""
    answers = []
    for number in range(200):
        truth = number % 2
        called = 1 - truth if number in wrong else truth
        scores = (0.95, 0.05) if called == 0 else (0.05, 0.95)
        answers.append(Prediction(f"{LABELS[truth]}/{number:03d}.png", truth, scores))
    return Candidate(name, LABELS, 0.5, True, answers)


def test_a_verdict_shows_every_floor_with_what_was_found_and_whether_it_was_reached(
    screen: Screen, shown: Callable[[], str]
) -> None:
    verdict = judge(_candidate("new", range(4)), None, Rule(accuracy=0.99))
    tables.show_verdict(screen, verdict.document())
    rows = [line for line in shown().splitlines() if line.strip()][1:]
    assert [row.split("  ")[0].strip() for row in rows] == [check.name for check in verdict.checks]
    accuracy = next(row for row in rows if row.startswith("accuracy"))
    assert accuracy.split() == ["accuracy", "at", "least", "0.99", "0.980", "no"]
    assert all(row.split()[-1] == "yes" for row in rows if row != accuracy)


def test_a_first_models_verdict_has_no_comparison(screen: Screen, shown: Callable[[], str]) -> None:
    tables.show_verdict(screen, judge(_candidate("new", range(4)), None, Rule()).document())
    assert "Same test pictures" not in shown()
    assert "Changed sides" not in shown()


def test_a_comparison_shows_its_four_counts_the_p_and_the_loss(
    screen: Screen, shown: Callable[[], str]
) -> None:
    rule = Rule(margin=0.05)
    verdict = judge(_candidate("new", range(2, 8)), _candidate("old", range(4)), rule)
    assert verdict.comparison
    tables.show_verdict(screen, verdict.document())
    assert (
        "Same test pictures: 192 both right, 4 only the champion, 2 only the challenger, 2 neither;"
        f" exact McNemar p = {verdict.comparison.p_worse:.3f}, loss +0.010, "
        f"at most +{verdict.comparison.loss_limit:.3f} (margin 0.05)."
    ) in shown()


def test_pictures_that_changed_sides_are_shown_with_what_both_said(
    screen: Screen, shown: Callable[[], str]
) -> None:
    verdict = judge(_candidate("new", range(1)), _candidate("old", range(1, 2)), Rule())
    tables.show_verdict(screen, verdict.document())
    heading, *rows = _lines(shown())[-3:]
    assert heading == ["Changed", "sides", "True", "class", "Champion", "Challenger"]
    assert rows == [
        ["bicycle/000.png", "bicycle", "bicycle", "0.950", "motorcycle", "0.950"],
        ["motorcycle/001.png", "motorcycle", "bicycle", "0.950", "motorcycle", "0.950"],
    ]


@pytest.mark.parametrize(("changed", "more"), [(10, None), (11, "… and 1 more."), (25, "15 more")])
def test_of_many_pictures_that_changed_sides_ten_are_shown_and_the_others_counted(
    screen: Screen, shown: Callable[[], str], changed: int, more: str | None
) -> None:
    champion = _candidate("old", range(0))
    verdict = judge(_candidate("new", range(changed)), champion, Rule())
    tables.show_verdict(screen, verdict.document())
    assert shown().count(".png") == 10
    assert (" more." in shown()) is (more is not None)
    assert (more or "") in shown()


# The registry


def test_versions_are_a_table_with_what_is_live(
    screen: Screen, shown: Callable[[], str], make_version: Callable[..., Version]
) -> None:
    versions = [
        make_version(3, status=PENDING, threshold=0.5417),
        make_version(2, status=REJECTED, algorithm="builtin", stand_in=True),
        make_version(1, status=APPROVED),
    ]
    tables.show_models(screen, versions, versions[2].model_name)
    heading, *rows = shown().splitlines()
    assert heading.split() == [
        *("Version", "Date", "Algorithm", "Accuracy", "Threshold", "Coverage", "Status", "Live")
    ]
    assert [row.split()[0] for row in rows] == ["3", "2", "1"]
    for text in ("0.965 (0.930 to 0.983)", "0.5417", "0.940", "2026-11-23 10:03"):
        assert text in rows[0]
    assert "builtin (stand-in)" in rows[1]
    assert [row.rstrip().endswith("live") for row in rows] == [False, False, True]


def test_without_a_version_the_commands_that_make_one_are_named(
    screen: Screen, shown: Callable[[], str]
) -> None:
    tables.show_models(screen, [], None)
    assert "Run: invoke train, then invoke evaluate" in shown()


# A retraining


def _side(number: int, **changes: Any) -> dict[str, Any]:
    """Champion or challenger, as a retraining's document has it."""
    evaluation = {
        "accuracy": 0.965,
        "accuracy_interval": [0.93, 0.983],
        "by_class": [{"label": "bicycle", "recall": 0.97}, {"label": "motorcycle", "recall": 0.96}],
        "calibration_error": 0.0213,
        "threshold": 0.8125,
        "coverage": 0.94,
        "accepted_accuracy": 0.98,
    }
    return {"version": number, "evaluation": {**evaluation, **changes}}


ENDED = Retraining(
    started_at="2026-11-23T10:00:00+00:00",
    request=Request(),
    champion=_side(1),
    challenger=_side(2, accuracy=0.975, accuracy_interval=[0.943, 0.989], threshold=0.75),
    outcome="deployed",
)


def _rows(ended: Retraining) -> dict[str, tuple[str, ...]]:
    return {name: tuple(rest) for name, *rest in tables.comparison_rows(ended)}


def test_champion_and_challenger_stand_side_by_side() -> None:
    found = _rows(ENDED)
    assert found["Version"] == ("1", "2")
    assert found["Accuracy on test"] == ("0.965 (0.930 to 0.983)", "0.975 (0.943 to 0.989)")
    assert found["Recall, bicycle"] == ("0.970", "0.970")
    assert found["Recall, motorcycle"] == ("0.960", "0.960")
    assert found["Calibration error"] == ("0.021", "0.021")
    assert found["Coverage"] == ("0.940", "0.940")
    assert found["Accepted and right"] == ("0.980", "0.980")
    assert [float(value) for value in found["Threshold"]] == pytest.approx([0.8125, 0.75], abs=1e-3)


def test_the_last_row_is_what_came_of_it() -> None:
    assert tables.comparison_rows(ENDED)[-1] == ("Outcome", "", "deployed")
    assert tables.comparison_rows(replace(ENDED, outcome=None))[-1][2] == "unfinished"


def test_a_first_model_stands_alone() -> None:
    found = _rows(replace(ENDED, champion=None))
    assert {name: row[0] for name, row in found.items() if row[0] != "-"} == {"Outcome": ""}
    assert found["Version"] == ("-", "2")


def test_what_is_not_known_is_a_dash_and_not_a_number() -> None:
    champion = _side(1, accepted_accuracy=None, by_class=[{"label": "bicycle", "recall": None}])
    champion["version"] = None
    found = _rows(replace(ENDED, champion=champion))
    assert found["Version"] == ("-", "2")
    assert found["Accepted and right"] == ("-", "0.980")
    assert found["Recall, bicycle"] == ("-", "0.970")
    assert found["Recall, motorcycle"] == ("-", "0.960")


def test_a_retraining_shows_the_gates_reasons_in_figures_and_then_both_models(
    screen: Screen, shown: Callable[[], str]
) -> None:
    verdict = judge(_candidate("new", range(4)), None, Rule()).document()
    tables.show_retraining(screen, replace(ENDED, verdict=verdict))
    text = shown()
    assert 0 <= text.index("The gate asks for") < text.index("Champion") < text.index("deployed")


def test_a_retraining_that_never_reached_the_gate_shows_no_floors(
    screen: Screen, shown: Callable[[], str]
) -> None:
    tables.show_retraining(screen, replace(ENDED, outcome=None))
    assert "The gate asks for" not in shown()
    assert "unfinished" in shown()


# The demo


def _summary(**changes: Any) -> dict[str, Any]:
    return {
        "evaluation": {"accuracy": 0.965, "accuracy_interval": [0.93, 0.98], "threshold": 0.8125},
        "gate": {"decision": "approve"},
        "deployment": {
            "outcome": "deployed",
            "strategy": "canary",
            "requests": 90,
            "failed_requests": 0,
        },
        "workflow": {
            "uploaded": 203,
            "accepted": 190,
            "review": 10,
            "rejected": 3,
            "failed": 0,
            "missing": 0,
            "duplicates": 0,
            "accuracy_accepted": 0.98,
        },
        "capture": {"records": 201},
        "drift": "No drift in the latest 201 records.",
        "cleanup": {"remaining": 0},
        "seconds": {"total": 240.2},
    } | changes


def test_a_demos_end_shows_what_came_out_and_where_it_is(
    screen: Screen, shown: Callable[[], str]
) -> None:
    tables.show_demo(screen, _summary(), BUILD / "demo", keep=False)
    lines = {line.split("  ")[0]: line for line in shown().splitlines() if line.strip()}
    assert "approve" in lines["Gate"]
    assert "canary, deployed: 90 requests meanwhile, 0 failed" in lines["Rollout"]
    assert "0.965, 95 % 0.930 to 0.980" in lines["Accuracy on test"]
    assert lines["Left behind"].split()[-1] == "0"
    assert "240 s" in lines["Time"]
    for text in ("0.8125", "203", "190, right: 0.980", "0, 0, 0", "201 requests"):
        assert text in shown()
    assert "Look at build/demo/report.html" in shown()
    assert "cloud.down" not in shown()


def test_a_demo_whose_gate_was_not_reached_says_so(
    screen: Screen, shown: Callable[[], str], tmp_path: Path
) -> None:
    tables.show_demo(screen, _summary(gate={"champion": None}), tmp_path, keep=False)
    assert "not reached" in shown()
    assert f"Look at {tmp_path}/report.html" in shown()


def test_a_demo_that_is_kept_says_what_to_try_and_how_to_stop_it(
    screen: Screen, shown: Callable[[], str], tmp_path: Path
) -> None:
    tables.show_demo(screen, _summary(cleanup={"remaining": None}), tmp_path, keep=True)
    assert "everything, as asked" in shown()
    for command in ("invoke models", "invoke retrain --dry-run", "invoke cloud.down"):
        assert command in shown()
