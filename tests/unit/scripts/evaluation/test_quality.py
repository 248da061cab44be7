"""Accuracy, its interval, confusion, and the threshold that is worth deploying."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scripts.evaluation import quality
from scripts.evaluation.quality import ClassQuality, Prediction, Threshold

LABELS = ("bicycle", "motorcycle")


def _prediction(confidence: float, correct: bool = True) -> Prediction:
    """One of two classes, the first on top."""
    return Prediction("p", 0 if correct else 1, (confidence, 1 - confidence))


def _predictions(right: list[float], wrong: list[float]) -> list[Prediction]:
    return [_prediction(c) for c in right] + [_prediction(c, correct=False) for c in wrong]


# One prediction


def test_the_highest_score_is_the_prediction_and_its_confidence() -> None:
    prediction = Prediction("p", 2, (0.2, 0.3, 0.5))
    assert (prediction.predicted, prediction.confidence, prediction.correct) == (2, 0.5, True)


def test_the_first_of_equal_scores_is_the_prediction() -> None:
    prediction = Prediction("p", 1, (0.5, 0.5))
    assert prediction.predicted == 0
    assert not prediction.correct


# Accuracy and its interval


def test_accuracy_is_the_share_of_right_answers() -> None:
    assert quality.accuracy(_predictions([0.9, 0.8, 0.7], [0.6])) == 0.75


def test_accuracy_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        quality.accuracy([])


# Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3.
@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_has_its_published_values(
    successes: int, total: int, low: float, high: float
) -> None:
    found = quality.wilson_interval(successes, total)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_a_smaller_quantile_gives_a_narrower_interval() -> None:
    # The one-sided 95 % bounds are those of a two-sided 90 % interval.
    low, high = quality.wilson_interval(81, 263, quantile=1.6448536269514722)
    for bound in (low, high):
        error = math.sqrt(bound * (1 - bound) / 263)
        assert abs(81 / 263 - bound) == pytest.approx(1.644854 * error, rel=1e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_at_wilsons_bounds_the_observed_share_is_exactly_z_standard_errors_away(
    share_of: tuple[int, int],
) -> None:
    successes, total = share_of
    share = successes / total
    low, high = quality.wilson_interval(successes, total)
    assert 0 <= low <= share <= high <= 1
    for bound in (low, high):
        error = math.sqrt(bound * (1 - bound) / total)
        assert abs(share - bound) == pytest.approx(1.959964 * error, rel=1e-5, abs=1e-9)


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_failures_have_the_mirrored_interval(share_of: tuple[int, int]) -> None:
    successes, total = share_of
    low, high = quality.wilson_interval(successes, total)
    mirrored = quality.wilson_interval(total - successes, total)
    assert mirrored == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("successes", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_has_no_interval(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        quality.wilson_interval(successes, total)


# Confusion, precision and recall


def test_confusion_counts_by_true_and_then_by_predicted_class() -> None:
    predictions = [
        Prediction("a", 0, (0.9, 0.1, 0.0)),
        Prediction("b", 0, (0.1, 0.9, 0.0)),
        Prediction("c", 0, (0.1, 0.9, 0.0)),
        Prediction("d", 2, (0.1, 0.0, 0.9)),
    ]
    assert quality.confusion(predictions, 3) == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_precision_is_by_predicted_and_recall_by_true_class() -> None:
    predictions = [
        *[Prediction("p", 0, (0.9, 0.1))] * 3,
        Prediction("p", 0, (0.1, 0.9)),
        Prediction("p", 1, (0.1, 0.9)),
    ]
    assert quality.by_class(predictions, LABELS) == [
        ClassQuality("bicycle", precision=1.0, recall=0.75, samples=4),
        ClassQuality("motorcycle", precision=0.5, recall=1.0, samples=1),
    ]


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    predictions = [Prediction("p", 1, (0.9, 0.1))]
    assert quality.by_class(predictions, LABELS)[1] == ClassQuality("motorcycle", None, 0.0, 1)


def test_a_class_that_never_occurs_has_no_recall() -> None:
    predictions = [Prediction("p", 1, (0.9, 0.1))]
    assert quality.by_class(predictions, LABELS)[0] == ClassQuality("bicycle", 0.0, None, 0)


# The threshold


def test_a_confidence_exactly_at_the_threshold_is_accepted() -> None:
    predictions = _predictions([0.8], [0.79])
    assert quality.at_threshold(predictions, 0.8, 1.0) == Threshold(0.8, 0.5, 1.0, reached=True)


def test_a_threshold_that_accepts_nothing_has_no_accuracy_and_reaches_no_target() -> None:
    found = quality.at_threshold(_predictions([0.7], []), 0.8, 0.0)
    assert found == Threshold(0.8, 0.0, None, reached=False)


def test_a_threshold_on_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        quality.at_threshold([], 0.8, 0.97)
    with pytest.raises(ValueError, match="at least one"):
        quality.choose_threshold([], 0.97)


def test_everything_is_accepted_where_that_already_reaches_the_target() -> None:
    chosen = quality.choose_threshold(_predictions([0.6, 0.9], []), 0.97)
    assert chosen == Threshold(0.5, 1.0, 1.0, reached=True)


def test_the_threshold_is_the_lowest_that_leaves_the_wrong_ones_out() -> None:
    chosen = quality.choose_threshold(_predictions([0.6, 0.85, 0.9], [0.7]), 1.0)
    assert chosen == Threshold(0.7001, 0.5, 1.0, reached=True)


def test_a_target_below_1_lets_some_wrong_ones_in() -> None:
    predictions = _predictions([0.9] * 3, [0.8, 0.7, 0.6])
    assert quality.choose_threshold(predictions, 0.75) == Threshold(0.7001, 4 / 6, 0.75, True)


def test_predictions_of_equal_confidence_are_accepted_or_not_together() -> None:
    predictions = _predictions([0.9, 0.9, 0.95], [0.9])
    assert quality.choose_threshold(predictions, 0.97) == Threshold(0.9001, 0.25, 1.0, True)


def test_confidences_close_to_1_are_not_rounded_out_of_reach() -> None:
    predictions = _predictions([0.99996, 0.99994], [0.99981])
    assert quality.choose_threshold(predictions, 1.0) == Threshold(0.9999, 2 / 3, 1.0, True)


def test_where_nothing_reaches_the_target_the_threshold_is_1() -> None:
    chosen = quality.choose_threshold(_predictions([0.6], [0.7, 0.99]), 0.97)
    assert chosen == Threshold(1.0, 0.0, None, reached=False)


def test_a_sure_and_wrong_prediction_leaves_the_target_unreached() -> None:
    chosen = quality.choose_threshold(_predictions([1.0], [1.0]), 0.97)
    assert chosen == Threshold(1.0, 1.0, 0.5, reached=False)


def test_no_threshold_is_above_1_even_where_scores_are_by_rounding() -> None:
    predictions = [Prediction("p", 0, (1.005, 0.0)), Prediction("p", 1, (1.002, 0.0))]
    assert quality.choose_threshold(predictions, 1.0) == Threshold(1.0, 1.0, 0.5, reached=False)


def test_no_threshold_below_the_lowest_is_chosen() -> None:
    predictions = [_prediction(0.9), Prediction("p", 1, (0.4, 0.3, 0.3))]
    assert quality.choose_threshold(predictions, 0.97, lowest=0.3).value == 0.4001
    assert quality.choose_threshold(predictions, 0.97, lowest=0.5).value == 0.5
    assert quality.choose_threshold(predictions, 0.97, lowest=0.77777).value == 0.77777


_CONFIDENCES = st.one_of(
    st.floats(0, 1),
    st.integers(0, 10_000).map(lambda step: step / 10_000),  # where rounding can go wrong
    st.integers(0, 10_000).map(lambda step: math.nextafter(step / 10_000, 0)),
)
_ANSWERS = st.lists(st.tuples(_CONFIDENCES, st.booleans()), min_size=1, max_size=8)


def _scored(confidence: float, correct: bool) -> Prediction:
    return Prediction("p", 0 if correct else 1, (confidence, 0.0))


@settings(max_examples=60)
@given(_ANSWERS, st.sampled_from([0.5, 0.75, 0.97, 1.0]))
@example([(1.0, True), (0.9823999999999999, False)], 0.75)  # its product with 10,000 is 9,824
@example([(1.0, True), (0.5701, False)], 1.0)  # and this one's is above 5,701
def test_no_lower_threshold_of_four_decimals_would_do(
    answers: list[tuple[float, bool]], target: float
) -> None:
    predictions = [_scored(*answer) for answer in answers]
    assume(all(p.confidence > 0 for p in predictions))  # else the other class is on top, too
    chosen = quality.choose_threshold(predictions, target)
    first = next(
        (
            value / 10_000
            for value in range(5_000, 10_001)
            if _accuracy_at(predictions, value / 10_000) >= Fraction(target)
        ),
        None,
    )
    assert chosen.value == (first if first is not None else 1.0)
    assert chosen.reached == (first is not None)
    accepted = [p for p in predictions if p.confidence >= chosen.value]
    assert chosen.coverage == len(accepted) / len(predictions)
    assert chosen.accuracy == (quality.accuracy(accepted) if accepted else None)


def _accuracy_at(predictions: list[Prediction], value: float) -> Fraction:
    accepted = [p.correct for p in predictions if p.confidence >= value]
    return Fraction(sum(accepted), len(accepted)) if accepted else Fraction(-1)
