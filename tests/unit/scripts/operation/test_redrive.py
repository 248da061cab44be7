"""Giving each failed input another try, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import queues, redrive

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:scones-dev-classify"


def failed(name: str, error: str = "EndpointTimeout") -> dict[str, Any]:
    given = {"s3_bucket": "uploads", "s3_key": f"incoming/{name}.png", "version_id": "v1"}
    return {"input": given, "error": error, "cause": "", "execution": f"arn:{name}"}


def ended(status: str, **output: Any) -> dict[str, Any]:
    return {
        "executionArn": f"{MACHINE.replace('stateMachine', 'express')}:1:1",
        "startDate": 0,
        "stopDate": 0,
        "status": status,
        "output": json.dumps(output),
    }


@pytest.fixture
def outputs(queue: str) -> dict[str, str]:
    return {"failure_queue_url": queue, "state_machine_arn": MACHINE}


@pytest.fixture
def again(dev: Environment, outputs: dict[str, str]) -> Callable[..., dict[str, int]]:
    """again(error=None): redrive all that is shown."""

    def again(error: str | None = None) -> dict[str, int]:
        found = redrive.waiting(dev, outputs["failure_queue_url"], error)
        ids = [failure.message.id for failure in found]
        return redrive.redrive(dev, outputs, ids, lambda _done, _total: None)

    return again


@pytest.fixture
def backlog(aws: Any) -> Callable[..., dict[str, dict[str, Any]]]:
    """backlog(bodies): a queue that hands out the first one last. Returns its messages by id."""

    def fill(bodies: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        waiting = {
            str(number): {
                "MessageId": str(number),
                "ReceiptHandle": str(number),
                "Body": json.dumps(body),
                "Attributes": {"SentTimestamp": "1000"},
            }
            for number, body in enumerate(bodies)
        }
        hidden: set[str] = set()

        def receive(request: dict[str, Any]) -> dict[str, Any]:
            seen = [name for name in reversed(waiting) if name not in hidden]
            some = seen[: request["MaxNumberOfMessages"]]
            hidden.update(some if request["VisibilityTimeout"] else [])
            return {"Messages": [waiting[name] for name in some]}

        def give_back(request: dict[str, Any]) -> dict[str, Any]:
            hidden.difference_update(entry["ReceiptHandle"] for entry in request["Entries"])
            return {}

        aws.answers["ReceiveMessage"] = receive
        aws.answers["ChangeMessageVisibilityBatch"] = give_back
        aws.answers["DeleteMessage"] = lambda request: waiting.pop(request["ReceiptHandle"]) and {}
        return waiting

    return fill


def started(aws: Any) -> list[dict[str, Any]]:
    return [json.loads(request["input"]) for request in aws.made("StartSyncExecution")]


def test_each_input_is_started_once_and_its_message_is_gone(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    send(*[failed(f"{number:02d}") for number in range(23)])
    aws.answers["StartSyncExecution"] = ended("SUCCEEDED", decision="accepted")
    assert again() == {"accepted": 23}
    keys = sorted(given["s3_key"] for given in started(aws))
    assert keys == [f"incoming/{number:02d}.png" for number in range(23)]
    assert queues.length(dev, queue) == 0


def test_an_input_is_started_under_the_claim_of_the_execution_that_failed(
    aws: Any, send: Callable[..., None], again: Callable[..., Any]
) -> None:
    send(failed("a"))
    aws.answers["StartSyncExecution"] = ended("SUCCEEDED", decision="accepted")
    again()
    assert started(aws)[0]["redrive_of"] == "arn:a"


def test_what_fails_again_is_not_started_again(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    send(failed("a"))

    def fails(_request: Any) -> dict[str, Any]:
        send(failed("a"))  # the execution keeps its input itself
        return ended("FAILED")

    aws.answers["StartSyncExecution"] = fails
    assert again() == {redrive.FAILED_AGAIN: 1}
    assert len(started(aws)) == 1
    assert queues.length(dev, queue) == 1


def test_the_message_stays_where_nobody_knows_how_the_execution_ended(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    send(failed("a"))
    aws.answers["StartSyncExecution"] = ReadTimeoutError(endpoint_url="https://states")
    assert again() == {redrive.NO_ANSWER: 1}
    assert queues.length(dev, queue) == 1
    assert redrive.waiting(dev, queue) == []  # hidden for as long as it may be running


def test_what_was_told_and_only_not_noted_as_such_is_done(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    send(failed("a"))
    aws.answers["StartSyncExecution"] = {**ended("FAILED"), "error": "DeliveryNotConfirmed"}
    assert again() == {redrive.NOT_CONFIRMED: 1}
    assert redrive.NOT_CONFIRMED not in redrive.STILL_WAITING
    assert queues.length(dev, queue) == 0


@pytest.mark.parametrize("error", ["InputNotKept", "States.Runtime", "States.DataLimitExceeded"])
def test_the_message_stays_where_the_execution_has_not_kept_its_input(
    aws: Any,
    send: Callable[..., None],
    queue: str,
    dev: Environment,
    again: Callable[..., Any],
    error: str,
) -> None:
    send(failed("a"))
    aws.answers["StartSyncExecution"] = {**ended("FAILED"), "error": error}
    assert again() == {redrive.NOT_DONE: 1}
    assert len(redrive.waiting(dev, queue)) == 1


def test_the_message_stays_where_the_execution_was_cut_off(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    send(failed("a"))
    aws.answers["StartSyncExecution"] = ended("TIMED_OUT")
    assert again() == {redrive.NOT_DONE: 1}
    assert len(redrive.waiting(dev, queue)) == 1


def test_what_could_not_be_started_is_there_for_the_next_try_at_once(
    aws: Any,
    send: Callable[..., None],
    queue: str,
    dev: Environment,
    again: Callable[..., Any],
    aws_error: Callable[..., Exception],
) -> None:
    send(failed("a"))
    aws.answers["StartSyncExecution"] = aws_error("AccessDeniedException")
    assert again() == {redrive.NOT_DONE: 1}
    assert len(redrive.waiting(dev, queue)) == 1


def test_only_failures_with_the_error_asked_for_are_started(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    send(failed("a", "BadScores"), failed("b"), failed("c", "BadScores"))
    aws.answers["StartSyncExecution"] = ended("SUCCEEDED", decision="review")
    assert again("BadScores") == {"review": 2}
    assert queues.length(dev, queue) == 1
    assert len(redrive.waiting(dev, queue)) == 1  # given back, for whoever looks next


def test_what_comes_after_thousands_of_others_is_replayed_too(
    aws: Any, backlog: Callable[..., Any], queue: str, dev: Environment, again: Callable[..., Any]
) -> None:
    wanted = [failed(str(number), "BadScores") for number in range(3)]
    waiting = backlog([*wanted, *[failed("other")] * 2500])
    aws.answers["StartSyncExecution"] = ended("SUCCEEDED", decision="accepted")
    assert again("BadScores") == {"accepted": 3}
    assert len(waiting) == 2500
    assert len(redrive.waiting(dev, queue)) == 2500  # given back, for whoever looks next


def test_all_of_a_large_backlog_is_replayed_once(
    aws: Any, backlog: Callable[..., Any], again: Callable[..., Any]
) -> None:
    waiting = backlog(failed(str(number)) for number in range(1200))
    aws.answers["StartSyncExecution"] = ended("SUCCEEDED", decision="accepted")
    assert again() == {"accepted": 1200}
    assert waiting == {}
    assert len({given["s3_key"] for given in started(aws)}) == len(started(aws)) == 1200


def test_a_search_that_meets_only_others_ends(
    aws: Any,
    backlog: Callable[..., Any],
    queue: str,
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter(range(0, 10_000, 100))
    monkeypatch.setattr(redrive.time, "monotonic", lambda: float(next(now)))
    waiting = backlog(failed(f"other {number}") for number in range(100))
    assert redrive.discard(dev, queue, ["gone"]) == 0
    assert len(waiting) == 100
    assert 1 <= len(aws.made("ReceiveMessage")) < 10


def test_failures_are_shown_from_the_oldest_on(aws: Any, queue: str, dev: Environment) -> None:
    messages = [
        {
            "MessageId": name,
            "ReceiptHandle": name,
            "Body": json.dumps(failed(name)),
            "Attributes": {"SentTimestamp": sent},
        }
        for name, sent in (("b", "2000"), ("a", "1000"), ("c", "3000"))
    ]
    aws.answers["ReceiveMessage"] = [{"Messages": messages}, {}]
    aws.answers["ChangeMessageVisibilityBatch"] = {}
    found = redrive.waiting(dev, queue)
    assert [failure.message.id for failure in found] == ["a", "b", "c"]


def test_nothing_is_started_before_there_is_a_workflow(dev: Environment, queue: str) -> None:
    with pytest.raises(UserError, match="No endpoint is deployed"):
        redrive.redrive(dev, {"failure_queue_url": queue}, ["1"], lambda _done, _total: None)


def test_discarding_deletes_what_was_shown_and_nothing_else(
    aws: Any, send: Callable[..., None], queue: str, dev: Environment
) -> None:
    send("nonsense", failed("a"))
    unreadable = [f for f in redrive.waiting(dev, queue) if f.input is None]
    assert redrive.discard(dev, queue, [f.message.id for f in unreadable]) == 1
    assert [f.key for f in redrive.waiting(dev, queue)] == ["incoming/a.png"]
    assert started(aws) == []
