"""Records are checked when they are made."""

from datetime import datetime, timedelta

import pytest

from scripts.report import Evaluation, ReliabilityBin


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


BIN = {
    "low": 0.8,
    "high": 0.9,
    "samples": 40,
    "confidence": 0.86,
    "accuracy": 0.9,
    "accuracy_interval": (0.77, 0.96),
}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("confidence", 1.2, "ReliabilityBin.confidence"),
        ("accuracy", 97.0, "ReliabilityBin.accuracy"),
        ("low", -0.1, "ReliabilityBin.low"),
        ("high", float("nan"), "ReliabilityBin.high"),
        ("accuracy_interval", (-0.2, 0.9), r"accuracy_interval\[0\]"),
        ("accuracy_interval", (0.8, 1.1), r"accuracy_interval\[1\]"),
        ("samples", 0, "leave an empty bin out"),
    ],
)
def test_a_reliability_bin_of_impossible_numbers_is_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        ReliabilityBin(**BIN | {field: value})


def test_a_calibration_error_of_2_percent_written_as_2_is_refused():
    with pytest.raises(ValueError, match=r"Evaluation\.calibration_error is 2"):
        Evaluation(accuracy=0.9, accuracy_interval=(0.8, 0.95), n=10, calibration_error=2.0)


DOCUMENT = {
    "model_name": "scones-1",
    "labels": ["a", "b"],
    "samples": 40,
    "accuracy": 0.9,
    "accuracy_interval": [0.77, 0.96],
    "coverage": 0.95,
    "accepted_accuracy": None,
    "confusion": [[18, 2], [2, 18]],
}


def test_an_evaluation_is_read_from_its_document():
    calibration = {
        "calibration_error": 0.04,
        "calibration_error_interval": [0.01, 0.08],
        "reliability": [
            {"low": 0.7, "high": 0.8, "samples": 0, "confidence": None, "accuracy": None}
            | {"accuracy_interval": None},
            BIN | {"accuracy_interval": list(BIN["accuracy_interval"])},
        ],
    }
    found = Evaluation.from_document(DOCUMENT | calibration)
    assert (found.n, found.accuracy_interval) == (40, (0.77, 0.96))
    assert (found.coverage, found.accepted_accuracy) == (0.95, None)
    assert found.confusion == [[18, 2], [2, 18]]
    assert found.calibration_error_interval == (0.01, 0.08)
    assert found.reliability == (ReliabilityBin(**BIN),)


def test_a_document_from_before_calibration_was_measured_is_read_as_well():
    found = Evaluation.from_document(DOCUMENT)
    assert found.accuracy == 0.9
    assert (found.calibration_error, found.calibration_error_interval) == (None, None)
    assert found.reliability == ()


@pytest.mark.parametrize(
    ("truth", "is_right"), [("bicycle", True), ("motorcycle", False), (None, None)]
)
def test_right_wrong_and_unknown_are_three_things(inference, truth, is_right):
    assert inference(truth=truth).is_right is is_right
