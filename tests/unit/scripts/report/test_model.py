"""Records are checked when they are made."""

from datetime import datetime, timedelta

import pytest

from scripts.report import Evaluation


def test_a_time_without_a_zone_is_refused(inference):
    with pytest.raises(ValueError, match=r"Inference\.time has no time zone"):
        inference(time=datetime(2026, 11, 23))


@pytest.mark.parametrize("confidence", [-0.1, 1.2, float("nan"), float("inf")])
def test_a_confidence_that_is_no_share_is_refused(inference, confidence):
    with pytest.raises(ValueError, match=r"Inference\.confidence"):
        inference(confidence=confidence)


def test_a_score_a_hair_above_one_is_taken(inference):
    assert inference(confidence=1.000001).confidence == 1.000001


def test_an_unknown_outcome_is_refused(outcome):
    with pytest.raises(ValueError, match="expected one of"):
        outcome(0, "lost")


def test_a_period_that_ends_before_it_starts_is_refused(report, start):
    with pytest.raises(ValueError, match="before period_start"):
        report(period_end=start - timedelta(seconds=1))


def test_a_threshold_of_80_percent_written_as_80_is_refused(report):
    with pytest.raises(ValueError, match=r"ReportData\.threshold is 80"):
        report(threshold=80)


def test_an_evaluation_whose_confusion_does_not_fit_its_labels_is_refused():
    with pytest.raises(ValueError, match="2 rows and columns"):
        Evaluation(
            accuracy=0.9,
            accuracy_interval=(0.8, 0.95),
            n=10,
            labels=["a", "b"],
            confusion=[[5, 0]],
        )


@pytest.mark.parametrize(
    ("truth", "is_right"), [("bicycle", True), ("motorcycle", False), (None, None)]
)
def test_right_wrong_and_unknown_are_three_things(inference, truth, is_right):
    assert inference(truth=truth).is_right is is_right
