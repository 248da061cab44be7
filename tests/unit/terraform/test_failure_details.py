"""What people are told of the messages in the failure queue: the expression, evaluated."""

import json
from typing import Any

import pytest
from jsonata import Jsonata

from scripts.environment import TERRAFORM

EXPRESSION = (TERRAFORM / "modules" / "workflow" / "failure-details.jsonata").read_text("utf-8")
INPUT = {"s3_bucket": "uploads", "s3_key": "incoming/a.png"}


def details(*bodies: Any) -> str:
    """The text about messages with these bodies, as Step Functions would make it."""
    expression = Jsonata(EXPRESSION)
    expression.register_lambda("parse", json.loads)
    messages = [{"Body": json.dumps(body)} for body in bodies]
    frame = expression.create_frame()
    frame.bind("states", {"result": {"Messages": messages} if messages else {}})
    text: str = expression.evaluate(None, frame)
    return text


def test_a_failed_execution_is_told_with_picture_error_and_cause() -> None:
    body = {"input": INPUT, "error": "States.Timeout", "cause": "too slow", "execution": "arn"}
    assert details(body) == '"incoming/a.png": States.Timeout: too slow'


def test_of_a_functions_error_only_the_message_is_told() -> None:
    cause = json.dumps({"errorMessage": "Not in time.", "stackTrace": ["a", "b"]})
    body = {"input": INPUT, "error": "EndpointTimeout", "cause": cause}
    assert details(body) == '"incoming/a.png": EndpointTimeout: Not in time.'


def test_each_of_several_has_a_line() -> None:
    bodies = [{"input": {"s3_key": key}, "error": "E", "cause": "c"} for key in ("a", "b")]
    assert details(*bodies) == '"a": E: c\n"b": E: c'


def test_a_key_with_a_line_break_stays_on_its_line() -> None:
    body = {"input": {"s3_key": 'one\n"two"'}, "error": "E", "cause": "c"}
    assert details(body) == '"one\\n\\"two\\"": E: c'


def test_an_event_that_was_not_delivered_is_told_too() -> None:
    event = {"detail": {"bucket": {"name": "uploads"}, "object": {"key": "incoming/a.png"}}}
    assert details(event).startswith('"incoming/a.png": Undelivered: ')


def test_an_input_that_is_no_object_has_no_key() -> None:
    body = {"input": "the start of it", "error": "InvalidInput", "cause": "too long"}
    assert details(body) == '"no key": InvalidInput: too long'


def test_what_was_made_of_an_event_is_told_as_one() -> None:
    assert details(INPUT).startswith('"incoming/a.png": Undelivered: ')


@pytest.mark.parametrize(
    "cause", ['Returned payload: {"errorMessage": "x"}', '{"errorMessage": "x']
)
def test_a_cause_that_only_looks_like_a_functions_is_told_as_it_is(cause: str) -> None:
    assert details({"input": INPUT, "error": "E", "cause": cause}).endswith(f"E: {cause}")


def test_a_long_cause_is_cut() -> None:
    body = {"input": INPUT, "error": "E", "cause": "x" * 1000}
    assert len(details(body)) < 250


def test_an_empty_queue_is_no_mistake() -> None:
    assert details() == "None any more: somebody has dealt with them."
