"""Messages that wait in the review queue and in the failure queue."""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scripts.environment import Environment

LONG_POLL_S = 1  # without it SQS asks some of its servers only, and may find nothing
AT_ONCE = 10  # SQS's limit for one call
_LOOK_S = 60  # until they are given back, messages that are looked at are hidden


@dataclass(frozen=True)
class Message:
    """A message that is held, hidden from others; `handle` is what it is deleted by.

    `sent_s` is in seconds since 1970. `body` is parsed where it is JSON, else it is text.
    """

    id: str
    handle: str
    sent_s: float
    body: Any


def length(environment: Environment, url: str) -> int:
    """About how many messages wait in a queue, those being looked at included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = environment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def peek(environment: Environment, url: str, limit: int) -> list[tuple[float, Any]]:
    """Look at up to `limit` messages of a queue and leave them there for whoever looks next.

    Returns when each was sent (epoch seconds) and its body: parsed where it is JSON, else as text.
    """
    with held(environment, url, limit) as messages:
        return [(message.sent_s, message.body) for message in messages]


def hidden(environment: Environment, url: str) -> int:
    """About how many messages somebody else is dealing with just now."""
    name = "ApproximateNumberOfMessagesNotVisible"
    answer = environment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])


@contextmanager
def held(
    environment: Environment, url: str, limit: float = math.inf, hidden_s: int = _LOOK_S
) -> Iterator[list[Message]]:
    """Up to `limit` messages, hidden from others for `hidden_s`; at the end they are given back."""
    sqs = environment.client("sqs")
    messages: dict[str, Message] = {}
    try:
        while len(messages) < limit:
            new = receive(sqs, url, int(min(AT_ONCE, limit - len(messages))), hidden_s)
            if {message.id for message in new} <= messages.keys():
                break
            messages |= {message.id: message for message in new}
        yield list(messages.values())
    finally:
        give_back(sqs, url, messages.values())


def receive(sqs: Any, url: str, limit: int, hidden_s: int) -> list[Message]:
    """At most `limit` (up to 10) messages, hidden from others for `hidden_s` seconds."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=limit,
        VisibilityTimeout=hidden_s,
        WaitTimeSeconds=LONG_POLL_S,
        MessageSystemAttributeNames=["SentTimestamp"],
    )
    return [
        Message(
            message["MessageId"],
            message["ReceiptHandle"],
            int(message["Attributes"]["SentTimestamp"]) / 1000,
            _body(message["Body"]),
        )
        for message in answer.get("Messages", [])
    ]


def give_back(sqs: Any, url: str, messages: Iterable[Message]) -> None:
    """Let others see held messages again; those that were deleted stay so."""
    handles = [message.handle for message in messages]
    for start in range(0, len(handles), AT_ONCE):
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for number, handle in enumerate(handles[start : start + AT_ONCE])
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def delete(sqs: Any, url: str, messages: Iterable[Message]) -> None:
    """Delete held messages for good."""
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message.handle)


def _body(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
