"""The verdict: one sentence, the right level, correct grammar."""

from dataclasses import replace

import pytest

from scripts.report import Evaluation, wording
from scripts.report.figures import figures
from scripts.report.verdict import verdict


@pytest.fixture
def judge():
    return lambda data: verdict(data, figures(data))


def test_no_data_is_never_good(judge, report):
    assert judge(report()).level == "none"


def test_an_answered_demo_is_good(judge, demo):
    found = judge(demo)
    assert found.level == "good"
    assert found.reasons == ()
    assert "All 203 uploads got an answer" in found.sentence
    assert "3 rejected as unusable" in found.sentence


@pytest.mark.parametrize(
    ("failed", "fine", "sentence"),
    [
        (1, 0, "The only execution failed: see the failure queue."),
        (2, 0, "All 2 executions failed: see the failure queue."),
        (1, 2, "1 of 3 executions failed: its input is in the failure queue."),
        (2, 1, "2 of 3 executions failed: their inputs are in the failure queue."),
    ],
)
def test_a_failure_calls_for_action(judge, report, outcome, failed, fine, sentence):
    outcomes = [outcome(0, "failed")] * failed + [outcome(0, "rejected")] * fine
    found = judge(report(outcomes=outcomes))
    assert (found.level, found.sentence) == ("act", sentence)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("accepted", "The only upload was accepted."),
        ("review", "The only upload was sent for review."),
        ("rejected", "The only upload was rejected as unusable."),
    ],
)
def test_one_upload_is_spoken_of_as_one(judge, report, outcome, inference, kind, sentence):
    found = judge(report(outcomes=[outcome(0, kind)], inferences=[inference()]))
    assert found.sentence == sentence


def test_an_upload_without_an_outcome_calls_for_action(judge, demo):
    found = judge(replace(demo, uploads=204))
    assert (found.level, found.sentence) == ("act", "1 of 204 uploads has no known outcome.")


def test_uploads_without_any_outcome_are_not_merely_no_data(judge, report):
    assert judge(report(uploads=5)).level == "act"


def test_a_failure_is_not_hidden_by_a_missing_outcome(judge, report, outcome):
    found = judge(report(uploads=3, outcomes=[outcome(0, "failed"), outcome(0, "rejected")]))
    assert any("1 of 2 executions failed" in reason for reason in found.reasons)


def test_damaged_capture_records_are_worth_a_look(judge, demo):
    found = judge(replace(demo, damaged_records=1))
    assert found.level == "watch"
    assert found.reasons == ("1 capture record could not be read and was skipped.",)


def test_where_a_part_is_captured_the_rest_is_no_gap(judge, demo):
    data = replace(demo, captured_records=20, uncaptured=180, capture_percentage=10)
    assert judge(data).level == "good"


@pytest.mark.parametrize(("percentage", "level"), [(100, "none"), (10, "none"), (1, "good")])
def test_that_nothing_was_captured_counts_where_something_should_have_been(
    judge, demo, percentage, level
):
    assert judge(replace(demo, captured_records=0, capture_percentage=percentage)).level == level


def test_a_gap_in_the_captured_data_is_worth_a_look(judge, demo):
    found = judge(replace(demo, uncaptured=2))
    assert "2 classified pictures are not in the captured data" in found.reasons[0]


@pytest.mark.parametrize(("count", "begin"), [(1, "1 picture was"), (2, "2 pictures were")])
def test_traffic_without_any_captured_data_is_no_data_and_never_good(
    judge, report, outcome, count, begin
):
    found = judge(report(outcomes=[outcome(0, "accepted")] * count))
    assert found.level == "none"
    assert found.sentence.startswith(f"{begin} classified, but nothing was captured")


def test_a_target_that_is_clearly_missed_is_worth_a_look(judge, demo):
    assert judge(replace(demo, target_accuracy=0.9999)).level == "watch"


def test_a_target_within_the_interval_is_not_missed(judge, demo):
    observed = figures(demo).accepted_right
    assert observed.value is not None
    assert judge(replace(demo, target_accuracy=observed.value + 0.005)).level == "good"


def test_an_accuracy_below_the_evaluations_interval_is_worth_a_look(judge, demo):
    better = Evaluation(accuracy=0.999, accuracy_interval=(0.998, 1.0), n=5000)
    assert (
        "below what the evaluation measured" in judge(replace(demo, evaluation=better)).reasons[0]
    )


def test_inferences_without_executions_are_worth_a_look(judge, report, inference):
    found = judge(report(inferences=[inference(decision=None)]))
    assert found.level == "watch"
    assert found.sentence.startswith("The endpoint answered 1 inference;")


def test_percentages_do_not_break_across_lines(judge, demo):
    reasons = judge(replace(demo, target_accuracy=0.9999)).reasons
    assert f"95{wording.NO_BREAK}% interval" in reasons[0]
