"""What the tests of an environment in use share: a queue, and messages in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts.environment import Environment
from scripts.operation import queues


@pytest.fixture
def queue(aws: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch) -> str:
    """A queue's URL."""
    monkeypatch.setattr(queues, "LONG_POLL_S", 0)
    url: str = dev.client("sqs").create_queue(QueueName="scones-dev-failures")["QueueUrl"]
    return url


@pytest.fixture
def send(queue: str, dev: Environment) -> Callable[..., None]:
    """send(body, ...): messages for the queue; what is no text is sent as JSON."""

    def send(*bodies: Any) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            dev.client("sqs").send_message(QueueUrl=queue, MessageBody=text)

    return send
