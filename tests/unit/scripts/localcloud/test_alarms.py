"""What state an alarm is in."""

import pytest

from scripts.localcloud import alarms

NOON = 1_781_611_200  # 16 June 2026, 12:00:00 UTC
SETTINGS = {
    "Period": 10,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 0.02,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
    "StateValue": "OK",
    "StateReason": "it was well",
}


def judge(*values, **settings):
    """The state and the reason by the values of the last periods; None is a missing one."""
    known = [(NOON + 10 * index, value) for index, value in enumerate(values) if value is not None]
    return alarms.judge(SETTINGS | settings, known, values.count(None))


@pytest.mark.parametrize("into_the_period_s", [0, 0.1, 9.9])
def test_only_periods_that_are_over_count_and_they_stand_at_multiples_of_their_length(
    into_the_period_s,
):
    found = alarms.periods(SETTINGS, NOON + into_the_period_s)
    assert found == [NOON - 30, NOON - 20, NOON - 10]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ((0, 0, 0), "OK"),
        ((0, 0, 1), "OK"),
        ((0, 1, 1), "ALARM"),
        ((1, 0, 1), "ALARM"),
        ((1, 1, 0), "ALARM"),
    ],
)
def test_it_takes_as_many_breaching_datapoints_as_are_asked_for(values, state):
    assert judge(*values)[0] == state


def test_without_a_number_of_datapoints_all_must_breach():
    assert judge(0, 1, 1, DatapointsToAlarm=None)[0] == "OK"
    assert judge(1, 1, 1, DatapointsToAlarm=None)[0] == "ALARM"


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("GreaterThanOrEqualToThreshold", "OK", "ALARM", "ALARM"),
        ("GreaterThanThreshold", "OK", "OK", "ALARM"),
        ("LessThanThreshold", "ALARM", "OK", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
    ],
)
def test_the_threshold_is_compared_as_asked(comparison, below, at, above):
    states = [judge(*[value] * 3, ComparisonOperator=comparison)[0] for value in (0, 0.02, 0.03)]
    assert states == [below, at, above]


@pytest.mark.parametrize(
    ("treatment", "one", "two", "all_"),
    [
        ("notBreaching", "OK", "ALARM", "OK"),
        ("breaching", "ALARM", "ALARM", "ALARM"),
        ("ignore", "OK", "ALARM", "OK"),
        ("missing", "OK", "ALARM", "INSUFFICIENT_DATA"),
        (None, "OK", "ALARM", "INSUFFICIENT_DATA"),
    ],
)
def test_missing_data_is_treated_as_asked(treatment, one, two, all_):
    states = [
        judge(*values, TreatMissingData=treatment)[0]
        for values in ((None, None, 1), (1, None, 1), (None, None, None))
    ]
    assert states == [one, two, all_]


def test_an_alarm_that_ignores_missing_data_stays_as_it_is():
    asked = {"TreatMissingData": "ignore", "StateValue": "ALARM", "StateReason": "it was bad"}
    assert judge(None, None, None, **asked) == ("ALARM", "it was bad")


@pytest.mark.parametrize(
    ("values", "settings", "reason"),
    [
        (
            (0, 0.25, 0.02),
            {},
            "2 out of the last 3 datapoints [0.02 (16/06/26 12:00:20), 0.25 (16/06/26 12:00:10)]"
            " were greater than or equal to the threshold (0.02)"
            " (minimum 2 datapoints for OK -> ALARM transition)",
        ),
        (
            (0.25, 0.01, None),
            {},
            "1 out of the last 3 datapoints [0.01 (16/06/26 12:00:10)]"
            " was not greater than or equal to the threshold (0.02)"
            " (minimum 2 datapoints for ALARM -> OK transition)"
            " and 1 missing datapoint was treated as [NonBreaching]",
        ),
        (
            (None, None, None),
            {},
            "no datapoints were received for 3 periods"
            " and 3 missing datapoints were treated as [NonBreaching]",
        ),
        (
            (None, None, 1),
            {"TreatMissingData": "missing"},
            "1 datapoint was breaching and 2 must be",
        ),
    ],
)
def test_the_reason_names_the_datapoints_the_threshold_and_the_time(values, settings, reason):
    assert judge(*values, **settings)[1] == f"Threshold Crossed: {reason}."


def test_of_no_data_at_all_nothing_is_known():
    reason = judge(None, None, None, TreatMissingData="missing")[1]
    assert reason == "Insufficient Data: 3 datapoints were unknown."
