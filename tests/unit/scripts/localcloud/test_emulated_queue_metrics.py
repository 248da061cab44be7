"""What the emulated SQS publishes of its queues."""

import time

import pytest
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch

from scripts.localcloud import emulated_queue_metrics


@pytest.fixture
def metrics(monkeypatch):
    """metrics(name): the values that were published of the queue called `failures`."""
    monkeypatch.setattr(cloudwatch, "_metrics", AccountRegionScopedDict())

    def read(name):
        dimensions = cloudwatch._dims_key({"QueueName": "failures"})
        found = cloudwatch._metrics.get(("AWS/SQS", name, dimensions)) or []
        return [point["Value"] for point in found]

    return read


def test_messages_that_wait_and_messages_that_are_looked_at_are_counted_apart(metrics):
    now_s = time.time()
    messages = [
        {"visible_at": now_s + hidden_s, "receive_count": 1, "sent_at": now_s}
        for hidden_s in (-1, -1, 60)
    ]
    attributes = {"MessageRetentionPeriod": "1209600"}
    queue = {"name": "failures", "messages": messages, "attributes": attributes}
    emulated_queue_metrics._measure(queue, now_s)
    assert metrics("ApproximateNumberOfMessagesVisible") == [2.0]
    assert metrics("ApproximateNumberOfMessagesNotVisible") == [1.0]
