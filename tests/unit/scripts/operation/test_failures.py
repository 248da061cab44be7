"""What the messages of the failure queue say, and how they are shown."""

import json
from typing import Any

import pytest

from scripts.operation import failures
from scripts.operation.failures import UNDELIVERED, UNREADABLE, Failure
from scripts.operation.queues import Message

INPUT = {"s3_bucket": "uploads", "s3_key": "incoming/a.png", "version_id": "v1"}


def read(body: Any) -> Failure:
    return failures.read(Message("1", "handle", 0.0, body))


def test_the_input_of_a_failed_execution_is_tried_again_under_its_claim() -> None:
    failure = read({"input": INPUT, "error": "BadScores", "cause": "why", "execution": "arn:1"})
    assert failure.input == {**INPUT, "redrive_of": "arn:1"}
    assert (failure.key, failure.error, failure.cause) == ("incoming/a.png", "BadScores", "why")


def test_a_redrive_that_failed_keeps_the_claim_of_the_first_execution() -> None:
    given = {**INPUT, "redrive_of": "arn:1"}
    failure = read({"input": given, "error": "BadScores", "execution": "arn:2"})
    assert failure.input == given


def test_an_event_of_s3_that_could_not_be_delivered_is_an_input_again() -> None:
    event = {
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": "uploads"},
            "object": {"key": "incoming/a.png", "version-id": "v1", "sequencer": "0A", "size": 3},
        },
    }
    failure = read(event)
    assert failure.input == {**INPUT, "sequencer": "0A"}
    assert (failure.key, failure.error) == ("incoming/a.png", UNDELIVERED)


def test_what_was_made_of_such_an_event_is_an_input_too() -> None:
    assert read(INPUT).input == INPUT


@pytest.mark.parametrize("body", ["text", None, 3, [], {}, {"detail": 3}, {"detail": {}}])
def test_a_message_that_is_neither_is_shown_and_cannot_be_tried_again(body: Any) -> None:
    failure = read(body)
    assert (failure.input, failure.error) == (None, UNREADABLE)


@pytest.mark.parametrize("given", ["the start of a long input", None, 3, ["a"]])
def test_an_input_that_is_no_object_cannot_be_tried_again(given: Any) -> None:
    failure = read({"input": given, "error": "InvalidInput"})
    assert (failure.input, failure.error) == (None, "InvalidInput")


def test_of_a_functions_error_only_the_message_is_shown() -> None:
    cause = json.dumps({"errorMessage": "Too late.", "errorType": "E", "stackTrace": ["a", "b"]})
    assert read({"input": INPUT, "error": "E", "cause": cause}).cause == "Too late."


@pytest.mark.parametrize("cause", ["plain", "{}", "[1]", '"text"', "3"])
def test_any_other_cause_is_shown_as_it_is(cause: str) -> None:
    assert failures.plain_cause(cause) == cause


def test_a_key_of_a_stranger_stays_on_one_line_and_moves_no_cursor() -> None:
    key = "incoming/\n\x1b[2J\u202e" + "x" * 1000
    shown = failures.row(read({"input": {**INPUT, "s3_key": key}, "error": "E"}))[1]
    assert shown.startswith(r"incoming/\n\x1b[2J\u202ex")
    assert len(shown) < 130
