"""The threshold rule, and what an assignment must say."""

import math

import pytest

from lambdas.common.decision import Assignment, Decision, decide, parse_assignments
from lambdas.common.errors import InvalidSettings

GOOD = {"loading_bay": "A", "max_distance_km": 5}


def test_a_confidence_exactly_at_the_threshold_is_accepted() -> None:
    scores = {"bicycle": 0.8, "motorcycle": 0.2}
    assert decide(scores, 0.8) == Decision("bicycle", 0.8, "accepted")


def test_a_confidence_just_below_the_threshold_goes_to_review() -> None:
    scores = {"bicycle": math.nextafter(0.8, 0), "motorcycle": 0.2}
    assert decide(scores, 0.8).outcome == "review"


def test_the_label_with_the_highest_score_wins() -> None:
    assert decide({"bicycle": 0.1, "motorcycle": 0.9}, 0.5).label == "motorcycle"


def test_of_equal_scores_the_first_label_wins() -> None:
    assert decide({"motorcycle": 0.5, "bicycle": 0.5}, 0.5).label == "motorcycle"


def test_assignments_are_read_by_label() -> None:
    assert parse_assignments({"bicycle": GOOD}, "A") == {"bicycle": Assignment("A", 5)}


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        {"loading_bay": "A"},
        {**GOOD, "colour": "red"},
        {**GOOD, "loading_bay": ""},
        {**GOOD, "loading_bay": 1},
        {**GOOD, "max_distance_km": "5"},
        {**GOOD, "max_distance_km": 0},
        {**GOOD, "max_distance_km": True},
        {**GOOD, "max_distance_km": math.inf},
        {**GOOD, "max_distance_km": math.nan},
    ],
)
def test_a_wrong_assignment_is_refused_with_its_setting_and_label(fields: object) -> None:
    with pytest.raises(InvalidSettings, match=r"ASSIGNMENTS: .*bicycle"):
        parse_assignments({"bicycle": fields}, "ASSIGNMENTS")
