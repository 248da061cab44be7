"""A state machine's definition is checked for what would end an execution in nowhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from scripts.environment import TERRAFORM
from scripts.security.definition import expressions, filled, mistake, problems, read

RETRIER = {
    "ErrorEquals": ["States.Timeout"],
    "IntervalSeconds": 1,
    "MaxAttempts": 2,
    "MaxDelaySeconds": 4,
    "JitterStrategy": "FULL",
}
SOUND: dict[str, Any] = {
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"Payload": "{% $states.input %}"},
            "TimeoutSeconds": 3,
            "Retry": [RETRIER],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
            "Next": "Good?",
        },
        "Good?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.good %}", "Next": "Done"},
                {"Condition": "{% true %}", "Next": "Failed"},
            ],
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail"},
    },
}


@pytest.fixture
def sound() -> dict[str, Any]:
    return copy.deepcopy(SOUND)


def test_a_sound_definition_has_no_problems(sound: dict[str, Any]) -> None:
    assert problems(sound) == []


def test_a_state_that_does_not_exist_is_named(sound: dict[str, Any]) -> None:
    sound["States"]["Good?"]["Default"] = "Nowhere"
    assert problems(sound) == ["Nowhere: there is no such state"]


def test_a_name_that_two_states_have_is_a_problem_wherever_they_are(sound: dict[str, Any]) -> None:
    inner = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    each = {"Type": "Map", "ItemProcessor": inner, "Next": "Done"}
    sound["States"]["Each"] = each
    sound["States"]["Good?"]["Choices"][0]["Next"] = "Each"
    assert problems(sound) == ["Done: 2 states have this name"]


def test_a_start_that_does_not_exist_is_named(sound: dict[str, Any]) -> None:
    sound["StartAt"] = "Begin"
    assert "Begin: there is no such state" in problems(sound)


@pytest.mark.parametrize("route", ["Next", "Catch", "Choices"])
def test_a_state_that_no_path_leads_to_is_named(sound: dict[str, Any], route: str) -> None:
    states = sound["States"]
    states["Island"] = {"Type": "Succeed"}
    assert problems(sound) == ["Island: no path leads there"]
    match route:
        case "Next":
            states["Work"]["Next"] = "Rest"
            states["Rest"] = {"Type": "Pass", "Next": "Good?"}
            states["Good?"]["Default"] = "Island"
        case "Catch":
            states["Work"]["Catch"].insert(0, {"ErrorEquals": ["Odd"], "Next": "Island"})
        case "Choices":
            states["Good?"]["Choices"].insert(0, {"Condition": "{% odd %}", "Next": "Island"})
    assert problems(sound) == []


def test_a_choice_without_a_last_resort_is_a_problem(sound: dict[str, Any]) -> None:
    sound["States"]["Good?"]["Choices"][-1]["Condition"] = "{% $states.input.bad %}"
    assert problems(sound) == ["Good?: an input may match none of its choices"]


def test_only_succeed_and_fail_end_an_execution(sound: dict[str, Any]) -> None:
    sound["States"]["Done"] = {"Type": "Pass", "End": True}
    assert problems(sound) == ["Done: an execution ends here without Succeed or Fail"]


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("TimeoutSeconds", "it may take for ever, without TimeoutSeconds"),
        ("Retry", "it is never retried"),
        ("Catch", "its last Catch does not take every error"),
    ],
)
def test_a_task_has_a_timeout_retries_and_a_catch(
    sound: dict[str, Any], field: str, problem: str
) -> None:
    del sound["States"]["Work"][field]
    assert f"Work: {problem}" in problems(sound)


def test_a_catch_of_some_errors_only_lets_the_others_through(sound: dict[str, Any]) -> None:
    sound["States"]["Work"]["Catch"][0]["ErrorEquals"] = ["Odd"]
    assert problems(sound) == ["Work: its last Catch does not take every error"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"JitterStrategy": "NONE"}, "come all at once"),
        ({"ErrorEquals": ["States.ALL"]}, "what cannot heal"),
        ({"MaxDelaySeconds": None}, "does not say MaxDelaySeconds"),
    ],
)
def test_a_retry_is_bounded_spread_out_and_for_what_can_heal(
    sound: dict[str, Any], changes: dict[str, Any], problem: str
) -> None:
    retrier = {**RETRIER, **changes}
    sound["States"]["Work"]["Retry"] = [
        {field: value for field, value in retrier.items() if value is not None}
    ]
    (found,) = problems(sound)
    assert problem in found


@pytest.mark.parametrize("text", ["{% $f( %}", "{% a ? %}", "key: {% $key %}", "{% $key"])
def test_an_expression_that_cannot_be_read_is_shown(sound: dict[str, Any], text: str) -> None:
    sound["States"]["Work"]["Arguments"] = {"deep": [{"inside": text}]}
    (found,) = problems(sound)
    assert found.startswith(f"{text}: ")


def test_states_within_a_state_are_checked_too(sound: dict[str, Any]) -> None:
    hasty = {**sound["States"]["Work"], "Next": "Worked", "Catch": []}
    inner = {"StartAt": "Hasty", "States": {"Hasty": hasty, "Worked": {"Type": "Succeed"}}}
    sound["States"]["Done"] = {"Type": "Map", "ItemProcessor": inner, "Next": "Failed"}
    assert problems(sound) == ["Hasty: its last Catch does not take every error"]


def test_placeholders_are_replaced_by_their_names(tmp_path: Path) -> None:
    template = tmp_path / "a.asl.json"
    template.write_text('{"TableName": "${decisions_table}", "Item": "{% ${record_item} %}"}')
    assert read(template) == {"TableName": "decisions_table", "Item": "{% record_item %}"}


@pytest.mark.parametrize("path", sorted(TERRAFORM.rglob("*.asl.json")), ids=lambda path: path.name)
def test_every_definition_of_ours_is_sound(path: Path) -> None:
    definition = read(path)
    assert problems(definition) == []
    assert expressions(definition) > 0


@pytest.mark.parametrize("path", sorted(TERRAFORM.rglob("*.jsonata")), ids=lambda path: path.name)
def test_every_expression_of_ours_can_be_read(path: Path) -> None:
    assert mistake(filled(path.read_text("utf-8"))) == ""
