"""The key figures: the monitor's where it has run, each with what it rests on."""

import pytest

from scripts.report import wording
from scripts.report.cards import cards
from scripts.report.figures import figures


@pytest.fixture
def shown():
    return lambda data: {card.name: card for card in cards(data, figures(data))}


def _basis(card):
    return [line.replace(wording.NO_BREAK, " ") for line in card.basis]


def test_without_the_monitor_there_are_the_six_of_before(shown, demo):
    assert list(shown(demo)) == [
        "Accuracy",
        "Accuracy of the accepted",
        "Coverage",
        "Executions",
        "Failed",
        "Captured",
    ]


def test_where_no_truth_is_known_an_estimate_stands_in_its_place(shown, watched, window):
    found = shown(watched([window(0), window(1)]))
    assert "Accuracy" not in found
    assert found["Estimated accuracy"].value.replace(wording.NO_BREAK, " ") == "95.7 %"
    assert _basis(found["Estimated accuracy"])[:2] == [
        "from 800 confidences alone",
        "newest window 95.7 % of 400",
    ]


def test_where_truths_are_known_both_are_shown(shown, watched, window, inference):
    found = shown(watched([window(0)], inferences=[inference()]))
    assert {"Accuracy", "Estimated accuracy"} <= set(found)


def test_the_severity_says_since_when_and_of_how_many_windows(shown, drifting):
    card = shown(drifting)["Drift"]
    assert (card.value, card.tone) == ("Act", "act")
    assert _basis(card)[0] == "in the newest of 48 windows"
    assert _basis(card)[1].startswith("since 25 November 2026")


def test_no_data_is_worth_a_look(shown, watched, window, empty_window):
    card = shown(watched([window(0), empty_window(1)]))["Drift"]
    assert (card.value, card.tone) == ("No data", "watch")


def test_a_sample_counts_the_period_from_the_windows(shown, watched, window):
    found = shown(watched([window(0), window(1)]))
    assert found["Executions"].value == "806"
    assert found["Captured"].value == "800"
    assert _basis(found["Coverage"])[1] == "of 800 classified were accepted"


def test_failures_that_were_dealt_with_are_not_called_for(shown, watched, window, outcome):
    ended = {"accepted": 370, "review": 30, "rejected": 0, "failed": 4}
    over = shown(watched([window(0, decisions=ended)]))["Failed"]
    assert (over.value, over.tone, over.basis[-1]) == ("4", "", "none still waiting")
    waiting = shown(watched([window(0, decisions=ended)], outcomes=[outcome(0, "failed")]))
    assert waiting["Failed"].tone == "act"
    assert waiting["Failed"].basis[-1] == "1 still waiting"


def test_what_failed_without_an_execution_is_counted_as_failed_too(shown, watched, window, outcome):
    ended = {"accepted": 100, "review": 0, "rejected": 0, "failed": 0}
    undelivered = [outcome(number, "failed") for number in range(5)]
    found = shown(watched([window(0, decisions=ended)], outcomes=undelivered))
    assert (found["Failed"].value, found["Executions"].value) == ("5", "105")
