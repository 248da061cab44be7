"""The gate: floors that are reached, missed by chance or clearly missed, and the champion."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.evaluation import gate
from scripts.evaluation.gate import Candidate, Check, Rule, judge
from scripts.evaluation.quality import Prediction

LABELS = ("bicycle", "motorcycle")
RULE = Rule()


def _candidate(
    wrong: Collection[int] = (),
    confidence: float | None = None,
    name: str = "new",
    unsure: Collection[int] = (),
    target_reached: bool = True,
) -> Candidate:
    """Answers for 200 pictures, of both classes in turn; unless said otherwise well calibrated.

    `wrong` are the pictures it is wrong about, `unsure` those it is barely sure of.
    """
    usual = confidence or 1 - len(wrong) / 200
    test = []
    for index in range(200):
        truth = index % 2
        predicted = 1 - truth if index in wrong else truth
        top = 0.55 if index in unsure else usual
        scores = (top, 1 - top) if predicted == 0 else (1 - top, top)
        test.append(Prediction(f"{index:03}.png", truth, scores))
    return Candidate(name, LABELS, threshold=0.6, target_reached=target_reached, test=test)


def _champion(wrong: Collection[int] = ()) -> Candidate:
    return _candidate(wrong, name="old")


def _check(candidate: Candidate, name: str, rule: Rule = RULE) -> Check:
    (found,) = (check for check in judge(candidate, None, rule).checks if check.name == name)
    return found


# Without a champion: the floors


def test_a_model_that_reaches_every_floor_is_approved() -> None:
    verdict = judge(_candidate(wrong=range(8)), None, RULE)
    assert verdict.decision == "approve"
    assert verdict.reasons == (
        "It reaches every floor.",
        "There is no champion to compare it with.",
    )
    assert (verdict.champion, verdict.comparison, verdict.changed) == (None, None, ())


def test_every_floor_is_a_row_with_what_is_required_and_found() -> None:
    verdict = judge(_candidate(wrong=range(0, 16, 2), unsure=range(100, 120)), None, RULE)
    assert [(c.name, c.required, c.found, c.passed) for c in verdict.checks] == [
        ("accuracy", "at least 0.9", "0.960", True),
        ("recall of bicycle", "at least 0.85", "0.920", True),
        ("recall of motorcycle", "at least 0.85", "1.000", True),
        ("threshold", "reaches the target on validation", "0.6", True),
        ("coverage", "at least 0.7", "0.900", True),
        ("calibration error", "at most 0.08", "0.049", True),
    ]


@pytest.mark.parametrize(
    ("wrong", "decision"),
    [(range(20), "approve"), (range(21), "person"), (range(40), "reject")],
    ids=["exactly at the floor", "just below it", "far below it"],
)
def test_an_accuracy_below_the_floor_is_a_persons_or_rejected_when_chance_cannot_explain_it(
    wrong: range, decision: str
) -> None:
    assert judge(_candidate(wrong), None, RULE).decision == decision


def test_what_chance_may_explain_is_said_with_the_figures() -> None:
    narrow = judge(_candidate(range(21)), None, RULE).reasons
    clear = judge(_candidate(range(40)), None, replace(RULE, recall=0.5)).reasons
    required = "at least 0.9 is required"
    assert narrow == (f"Its accuracy is 0.895: {required}, and chance may explain the difference.",)
    assert clear == (
        f"Its accuracy is 0.800: {required}, and chance does not explain the difference.",
    )


def test_what_chance_may_explain_depends_on_the_confidence() -> None:
    candidate = _candidate(range(27))  # .865: with 95 % confidence at most .8997
    assert _check(candidate, "accuracy").clearly_missed
    assert not _check(candidate, "accuracy", replace(RULE, confidence=0.99)).clearly_missed


def test_a_single_class_that_is_often_missed_is_enough() -> None:
    bicycles = range(0, 56, 2)
    verdict = judge(_candidate(wrong=bicycles), None, replace(RULE, accuracy=0.8))
    assert verdict.decision == "reject"
    assert [check.name for check in verdict.checks if not check.passed] == ["recall of bicycle"]


def test_a_class_without_test_pictures_needs_a_person() -> None:
    candidate = _candidate(wrong=range(8))
    motorless = replace(candidate, test=[p for p in candidate.test if p.truth == 0])
    verdict = judge(motorless, None, RULE)
    assert verdict.decision == "person"
    assert verdict.reasons == ("The recall of motorcycle is not known: test has no such picture.",)


def test_a_model_without_a_threshold_that_reaches_the_target_is_rejected() -> None:
    verdict = judge(_candidate(target_reached=False), None, RULE)
    assert verdict.decision == "reject"
    assert verdict.reasons == ("No threshold reaches the target.",)


def test_coverage_counts_the_test_pictures_from_the_threshold_on() -> None:
    assert _check(_candidate(unsure=range(60)), "coverage").passed
    assert not _check(_candidate(unsure=range(61)), "coverage").passed
    exactly = _candidate(confidence=0.6)
    assert _check(exactly, "coverage").found == "1.000"


def test_a_model_that_is_far_too_sure_is_rejected() -> None:
    sure = _candidate(wrong=range(16), confidence=0.999)
    assert _check(sure, "calibration error").found == "0.079"
    rule = replace(RULE, calibration_error=0.02)
    assert _check(sure, "calibration error", rule).clearly_missed
    assert judge(sure, None, rule).decision == "reject"


def test_a_calibration_error_that_chance_may_explain_needs_a_person() -> None:
    sure = _candidate(wrong=range(16), confidence=0.999)
    rule = replace(RULE, calibration_error=0.07)
    assert not _check(sure, "calibration error", rule).clearly_missed
    assert judge(sure, None, rule).decision == "person"


def test_every_floor_that_was_missed_is_a_reason_the_clear_ones_first() -> None:
    reasons = judge(_candidate(wrong=range(40), target_reached=False), None, RULE).reasons
    assert [reason.split(":")[0] for reason in reasons] == [
        "Its accuracy is 0.800",
        "No threshold reaches the target.",
        "Its recall of bicycle is 0.800",
        "Its recall of motorcycle is 0.800",
    ]


# Against a champion


def test_a_challenger_like_the_champion_is_approved() -> None:
    verdict = judge(_candidate(range(8)), _champion(range(8)), RULE)
    assert verdict.decision == "approve"
    assert verdict.champion == "old"
    assert verdict.reasons[1] == (
        "It is not worse than the champion: its accuracy differs by +0.000; with a confidence of "
        "0.95 it loses no more than 0.013, where 0.04 may be lost."
    )


def test_a_challenger_that_the_exact_test_shows_to_be_worse_is_rejected() -> None:
    verdict = judge(_candidate(range(17)), _champion(range(8)), RULE)
    assert verdict.decision == "reject"  # 9 lost, none won: p = 1/512
    assert verdict.reasons == (
        "It is worse than the champion, which is right about 9 of the 9 pictures that only one of "
        "the two gets right (p = 0.002).",
    )


def test_with_five_lost_pictures_and_none_won_it_is_shown_and_with_four_it_is_not() -> None:
    assert judge(_candidate(range(13)), _champion(range(8)), RULE).decision == "reject"
    assert judge(_candidate(range(12)), _champion(range(8)), RULE).decision != "reject"


def test_a_challenger_that_is_shown_to_be_worse_within_the_margin_is_rejected_too() -> None:
    verdict = judge(_candidate(range(13)), _champion(range(8)), replace(RULE, margin=0.5))
    assert verdict.comparison
    assert verdict.comparison.loss_limit < 0.5
    assert verdict.decision == "reject"


def test_too_many_changed_sides_need_a_person() -> None:
    verdict = judge(_candidate(range(20, 32)), _champion(range(10)), RULE)
    assert verdict.decision == "person"  # 12 lost and 10 won: perhaps as good, perhaps worse
    assert verdict.comparison
    assert verdict.comparison.loss_limit > RULE.margin
    assert verdict.reasons[0].startswith("It is not shown to be good enough: its accuracy differs")


def test_the_same_result_is_within_a_wider_margin() -> None:
    rule = replace(RULE, margin=0.06)
    assert judge(_candidate(range(20, 32)), _champion(range(10)), rule).decision == "approve"


def test_a_limit_exactly_at_the_margin_is_within_it() -> None:
    challenger, champion = _candidate(range(12)), _champion(range(10))
    found = judge(challenger, champion, RULE).comparison
    assert found
    exactly = replace(RULE, margin=found.loss_limit)
    assert judge(challenger, champion, exactly).decision == "approve"
    below = replace(RULE, margin=found.loss_limit - 1e-6)
    assert judge(challenger, champion, below).decision == "person"


def test_more_confidence_takes_more_to_show() -> None:
    challenger, champion = _candidate(range(11)), _champion(range(10))
    sure = replace(RULE, margin=0.03)
    assert judge(challenger, champion, sure).decision == "approve"
    surer = replace(sure, confidence=0.99)
    assert judge(challenger, champion, surer).decision == "person"


def test_a_better_challenger_is_approved_without_any_margin() -> None:
    rule = replace(RULE, margin=0.0)
    assert judge(_candidate(range(2)), _champion(range(20)), rule).decision == "approve"


def test_a_better_challenger_must_reach_the_floors_as_well() -> None:
    verdict = judge(_candidate(range(24)), _champion(range(60)), RULE)
    assert verdict.decision == "person"
    assert "accuracy" in verdict.reasons[0]


def test_the_champion_need_not_reach_any_floor() -> None:
    champion = replace(_champion(range(100)), target_reached=False)
    assert judge(_candidate(range(8)), champion, RULE).decision == "approve"


def test_pictures_that_changed_sides_are_part_of_the_verdict() -> None:
    verdict = judge(_candidate([5, 6]), _champion([6, 8]), RULE)
    assert [item.name for item in verdict.changed] == ["005.png", "008.png"]
    assert verdict.changed[0].truth == "motorcycle"


# Models that cannot be compared


def test_other_labels_than_the_champions_need_a_person() -> None:
    champion = Candidate("old", ("bicycle", "car"), 0.5, True, [])
    verdict = judge(_candidate(), champion, RULE)
    assert verdict.decision == "person"
    assert (verdict.champion, verdict.comparison, verdict.changed) == ("old", None, ())
    assert "knows bicycle, car" in verdict.reasons[0]


def test_other_test_pictures_than_the_champions_need_a_person() -> None:
    champion = _champion()
    verdict = judge(_candidate(), replace(champion, test=champion.test[:150]), RULE)
    assert verdict.decision == "person"
    assert verdict.reasons == (
        "It cannot be compared with the champion, which answered other test pictures: 50 of them "
        "have no counterpart.",
    )


def test_a_clearly_missed_floor_rejects_even_what_cannot_be_compared() -> None:
    champion = Candidate("old", ("bicycle", "car"), 0.5, True, [])
    assert judge(_candidate(range(60)), champion, RULE).decision == "reject"


def test_a_challenger_without_test_pictures_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="one answer for each test picture"):
        judge(replace(_candidate(), test=[]), None, RULE)


# Any number of classes


def test_more_than_two_classes_are_judged_in_the_same_way() -> None:
    labels = ("a", "b", "c")

    def candidate(name: str, wrong: int) -> Candidate:
        test = []
        for index in range(300):
            scores = [0.02, 0.02, 0.02]
            scores[(index + (index < wrong)) % 3] = 0.96
            test.append(Prediction(str(index), index % 3, tuple(scores)))
        return Candidate(name, labels, 0.5, True, test)

    approved = judge(candidate("new", 12), candidate("old", 12), RULE)
    assert approved.decision == "approve"
    assert [check.name for check in approved.checks][1:4] == [f"recall of {x}" for x in labels]
    assert judge(candidate("new", 40), candidate("old", 12), RULE).decision == "reject"


# The whole


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 199), max_size=60), st.sets(st.integers(0, 199), max_size=60))
def test_a_challenger_with_fewer_of_the_same_mistakes_is_never_judged_worse(
    mistakes: set[int], mended: set[int]
) -> None:
    order = ["reject", "person", "approve"]
    champion = _champion(mistakes)
    calibrated = replace(RULE, calibration_error=1.0)
    same = judge(_candidate(mistakes, confidence=0.9), champion, calibrated)
    better = judge(_candidate(mistakes - mended, confidence=0.9), champion, calibrated)
    assert order.index(better.decision) >= order.index(same.decision)


def test_the_document_is_json_with_everything_in_it() -> None:
    verdict = judge(_candidate(range(9)), _champion(range(8)), RULE)
    document = verdict.document()
    assert json.loads(json.dumps(document)) == document
    assert document["decision"] == "approve"
    assert (document["challenger"], document["champion"]) == ("new", "old")
    assert document["rule"]["margin"] == 0.04
    assert document["reasons"] == list(verdict.reasons)
    assert document["checks"][0]["name"] == "accuracy"
    assert document["comparison"]["only_champion"] == 1
    assert [item["name"] for item in document["changed"]] == ["008.png"]


def test_a_candidate_is_made_of_its_evaluations_document(
    evaluation_document: dict[str, Any],
) -> None:
    test = [Prediction("a.png", 0, (0.9, 0.1))]
    assert gate.candidate(evaluation_document, test) == Candidate(
        model_name="scones-dev-efficientnet-1",
        labels=LABELS,
        threshold=0.8125,
        target_reached=True,
        test=test,
    )
