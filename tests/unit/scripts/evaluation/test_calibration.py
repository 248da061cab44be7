"""Expected calibration error: its definition, its bins, and an interval that means something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from scripts.evaluation import calibration
from scripts.evaluation.calibration import Bin
from scripts.evaluation.quality import Prediction, wilson_interval


def _prediction(confidence: float, correct: bool = True) -> Prediction:
    """One of two classes, the first on top."""
    return Prediction("p", 0 if correct else 1, (confidence, 1 - confidence))


def _predictions(*groups: tuple[float, int, int]) -> list[Prediction]:
    """Groups of equal confidence: confidence, how many are right, how many wrong."""
    return [
        prediction
        for confidence, right, wrong in groups
        for prediction in [_prediction(confidence)] * right
        + [_prediction(confidence, correct=False)] * wrong
    ]


_ANSWERS = st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), min_size=1, max_size=30)


# The error


def test_the_error_is_the_gap_of_each_bin_weighted_by_its_samples() -> None:
    predictions = _predictions((0.95, 3, 1), (0.65, 2, 0))
    expected = 4 / 6 * abs(0.75 - 0.95) + 2 / 6 * abs(1 - 0.65)
    assert calibration.calibration_error(predictions) == pytest.approx(expected)


def test_a_model_that_is_as_often_right_as_it_says_has_no_error() -> None:
    assert calibration.calibration_error(_predictions((0.75, 3, 1), (1.0, 5, 0))) == 0


def test_too_much_and_too_little_confidence_cancel_within_a_bin_and_not_between_bins() -> None:
    within = _predictions((0.75, 1, 0), (0.75, 0, 1))
    between = _predictions((0.75, 1, 0), (0.95, 0, 1))
    assert calibration.calibration_error(within) == pytest.approx(abs(0.5 - 0.75))
    assert calibration.calibration_error(between) == pytest.approx((0.25 + 0.95) / 2)


def test_there_are_fifteen_bins_unless_said_otherwise() -> None:
    predictions = _predictions((0.61, 1, 0), (0.66, 0, 1), (0.67, 1, 0))
    assert calibration.calibration_error(predictions) == pytest.approx(
        (abs(1 - 0.61 - 0.66) + abs(1 - 0.67)) / 3
    )
    assert calibration.calibration_error(predictions, bins=1) == pytest.approx(
        abs(2 / 3 - (0.61 + 0.66 + 0.67) / 3)
    )


def test_an_error_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        calibration.calibration_error([])
    with pytest.raises(ValueError, match="at least one"):
        calibration.calibration_error_interval([])


# The bins


def test_a_bin_says_what_is_in_it() -> None:
    found = calibration.reliability(_predictions((0.7, 2, 1), (0.72, 1, 0)), bins=5)
    assert [item.samples for item in found] == [0, 0, 0, 4, 0]
    assert found[3] == Bin(
        low=0.6,
        high=0.8,
        samples=4,
        confidence=pytest.approx((0.7 * 3 + 0.72) / 4),
        accuracy=0.75,
        accuracy_interval=wilson_interval(3, 4),
    )


def test_an_empty_bin_has_no_figures() -> None:
    assert calibration.reliability(_predictions((0.9, 1, 0)), bins=5)[0] == Bin(
        0.0, 0.2, 0, None, None, None
    )


def test_a_bin_has_its_upper_edge_and_not_its_lower_one() -> None:
    found = calibration.reliability(_predictions((0.6, 1, 0), (0.8, 1, 0)), bins=5)
    assert [item.samples for item in found] == [0, 0, 1, 1, 0]


def test_a_score_above_1_by_rounding_is_in_the_last_bin() -> None:
    found = calibration.reliability([Prediction("p", 0, (1.005, 0.0))], bins=5)
    assert found[-1].samples == 1


@given(_ANSWERS, st.integers(1, 20))
def test_the_error_can_be_had_from_the_bins(answers: list[tuple[float, bool]], bins: int) -> None:
    predictions = [_prediction(*answer) for answer in answers]
    found = calibration.reliability(predictions, bins)
    assert len(found) == bins
    assert sum(item.samples for item in found) == len(predictions)
    error = sum(
        item.samples / len(predictions) * abs(item.accuracy - item.confidence)
        for item in found
        if item.accuracy is not None and item.confidence is not None
    )
    assert calibration.calibration_error(predictions, bins) == pytest.approx(error, abs=1e-12)


# The interval


@given(_ANSWERS)
def test_the_interval_contains_the_error(answers: list[tuple[float, bool]]) -> None:
    predictions = [_prediction(*answer) for answer in answers]
    low, high = calibration.calibration_error_interval(predictions, resamples=20)
    assert 0 <= low <= calibration.calibration_error(predictions) <= high <= 1


def test_the_interval_of_a_single_confidence_is_that_of_the_share_of_right_answers() -> None:
    # Mirrored quantiles of a binomial share that is a quarter, as far as 2,000 resamples show them.
    low, high = calibration.calibration_error_interval(_predictions((0.95, 100, 300)))
    shares = binom(400, 0.25).ppf((0.025, 0.975)) / 400
    assert (low, high) == pytest.approx((0.45 + shares[0], 0.45 + shares[1]), abs=0.004)


def test_the_interval_is_the_same_each_time() -> None:
    predictions = _predictions((0.95, 50, 5), (0.7, 12, 8))
    first = calibration.calibration_error_interval(predictions)
    assert first == calibration.calibration_error_interval(predictions)
    assert first != calibration.calibration_error_interval(predictions, seed=1)


def test_more_samples_give_a_narrower_interval() -> None:
    few, many = _predictions((0.95, 16, 4)), _predictions((0.95, 320, 80))
    widths = [high - low for low, high in map(calibration.calibration_error_interval, (few, many))]
    assert widths[1] < widths[0] / 2


def test_a_model_without_any_error_has_an_interval_without_width() -> None:
    assert calibration.calibration_error_interval(_predictions((1.0, 20, 0))) == (0.0, 0.0)


def test_the_interval_contains_the_true_error_of_most_samples_from_a_model() -> None:
    """Unmirrored quantiles do so in a quarter of the samples only."""
    random = np.random.default_rng(3)

    def sample(count: int) -> list[Prediction]:
        margins = np.abs(random.normal(4.2, 2.4, count))
        right = random.random(count) < 1 / (1 + np.exp(-margins))
        shown = 1 / (1 + np.exp(-0.7 * margins))  # it is less sure than it could be
        return [_prediction(float(c), bool(r)) for c, r in zip(shown, right, strict=True)]

    true_error = calibration.calibration_error(sample(50_000))
    intervals = [
        calibration.calibration_error_interval(sample(200), resamples=200) for _ in range(60)
    ]
    assert sum(low <= true_error <= high for low, high in intervals) >= 40
