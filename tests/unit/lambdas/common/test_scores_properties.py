"""Whatever a model answers, it is one probability for each label, or not used."""

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdas.common.decision import decide
from lambdas.common.errors import BadScores
from lambdas.common.scores import SUM_TOLERANCE, check, parse
from tests.unit.lambdas.hostile import JSON, outcome

LABELS = ("bicycle", "motorcycle", "neither")

# Shares of a whole: what a softmax gives.
_shares = st.lists(st.integers(0, 10**9), min_size=3, max_size=3).filter(any)
DISTRIBUTIONS = _shares.map(lambda parts: [part / sum(parts) for part in parts])


def used_or_refused(answer: bytes) -> dict[str, float] | BadScores:
    """The scores, checked against the contract, or the refusal."""
    found: dict[str, float] | BadScores = outcome(parse, answer, LABELS, failures=BadScores)
    if not isinstance(found, BadScores):
        assert tuple(found) == LABELS
        assert all(isinstance(score, float) and score >= 0 for score in found.values())
        assert abs(math.fsum(found.values()) - 1) <= SUM_TOLERANCE
    return found


@given(
    st.binary()
    | (JSON | st.lists(JSON | st.floats(0, 1), max_size=4)).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_answer_is_a_probability_for_each_label_or_not_used(answer: bytes) -> None:
    used_or_refused(answer)


@given(st.lists(st.floats(-0.1, 1.1), min_size=3, max_size=3))
def test_three_numbers_are_used_exactly_where_they_are_probabilities(values: list[float]) -> None:
    good = min(values) >= 0 and abs(math.fsum(values) - 1) <= SUM_TOLERANCE
    refused = isinstance(used_or_refused(json.dumps(values).encode()), BadScores)
    assert refused != good


@given(DISTRIBUTIONS)
def test_any_distribution_is_used_as_it_is(values: list[float]) -> None:
    assert used_or_refused(json.dumps(values).encode()) == dict(zip(LABELS, values, strict=True))


_NUMBERS_THAT_ARE_NO_PROBABILITIES = (
    st.sampled_from([math.nan, math.inf, -math.inf])
    | st.floats(max_value=0, exclude_max=True)
    | st.floats(min_value=1 + SUM_TOLERANCE, exclude_min=True)
    | st.integers(min_value=2)
)


@given(DISTRIBUTIONS, st.integers(0, 2), _NUMBERS_THAT_ARE_NO_PROBABILITIES | JSON)
def test_one_value_that_is_no_probability_spoils_the_answer(
    values: list[Any], position: int, value: Any
) -> None:
    assume(type(value) not in (int, float) or not 0 <= value <= 1 + SUM_TOLERANCE)
    values[position] = value
    with pytest.raises(BadScores):
        check(values, LABELS)


@given(DISTRIBUTIONS, st.floats(0, 1))
def test_the_highest_score_decides_and_at_the_threshold_it_is_enough(
    values: list[float], threshold: float
) -> None:
    scores = dict(zip(LABELS, values, strict=True))
    decision = decide(scores, threshold)
    assert scores[decision.label] == decision.confidence == max(values)
    assert (decision.outcome == "accepted") == (max(values) >= threshold)
    assert decide(scores, decision.confidence).outcome == "accepted"


@given(DISTRIBUTIONS, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_accepts_more(
    values: list[float], one: float, other: float
) -> None:
    scores = dict(zip(LABELS, values, strict=True))
    low, high = sorted((one, other))
    if decide(scores, high).outcome == "accepted":
        assert decide(scores, low).outcome == "accepted"
