"""Messages of a queue: counted, looked at, held and given back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from scripts.environment import Environment
from scripts.operation import queues


def test_a_queues_length_counts_messages_that_are_being_looked_at(
    queue: str, send: Callable[..., None], dev: Environment
) -> None:
    send("1", "2", "3")
    dev.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=1)
    assert queues.length(dev, queue) == 3


def test_looking_at_messages_leaves_them_for_whoever_looks_next(
    queue: str, send: Callable[..., None], dev: Environment
) -> None:
    send(*[json.dumps({"number": number}) for number in range(23)])
    for _ in range(2):
        found = list(queues.peek(dev, queue, 100))
        assert sorted(body["number"] for _, body in found) == list(range(23))
    assert queues.length(dev, queue) == 23


def test_no_more_messages_are_looked_at_than_asked_for(
    queue: str, send: Callable[..., None], dev: Environment
) -> None:
    send(*map(str, range(23)))
    assert len(list(queues.peek(dev, queue, 3))) == 3
    assert len(list(queues.peek(dev, queue, 12))) == 12
    assert list(queues.peek(dev, queue, 0)) == []


def test_an_empty_queue_shows_nothing(queue: str, dev: Environment) -> None:
    assert list(queues.peek(dev, queue, 10)) == []


def test_all_of_sqs_is_asked_and_not_just_some_servers(aws: Any, dev: Environment) -> None:
    aws.answers["ReceiveMessage"] = {}
    queues.peek(dev, "https://sqs.us-east-1.amazonaws.com/123456789012/scones-dev-review", 10)
    (asked,) = aws.made("ReceiveMessage")
    assert asked["WaitTimeSeconds"] >= 1  # AWS's long polling; see its guide to SQS


def test_messages_come_with_the_time_they_were_sent(
    queue: str, send: Callable[..., None], dev: Environment
) -> None:
    before = time.time()
    send("{}")
    ((sent, _),) = queues.peek(dev, queue, 10)
    assert before - 1 <= sent <= time.time() + 1


def test_a_message_that_is_not_json_is_shown_as_text(
    queue: str, send: Callable[..., None], dev: Environment
) -> None:
    send("hello")
    assert [body for _, body in queues.peek(dev, queue, 10)] == ["hello"]
