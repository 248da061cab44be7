"""What SQS publishes of its queues: how many messages wait, as the alarm of failures reads it."""

import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sqs

# AWS publishes once a minute; here an alarm's test should not take that long.
EVERY_S = 5.0
NAMESPACE = "AWS/SQS"
# SQS's attribute, and what CloudWatch calls it.
_METRICS = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
}


def publish() -> None:
    """Publish, from now on, of every queue of this process."""
    threading.Thread(target=_keep_publishing, daemon=True, name="queue-metrics").start()


def _keep_publishing() -> None:
    while True:
        time.sleep(EVERY_S)
        for (account, region, _), queue in sqs._queues.all_items():
            with request_scope(account, region):
                _measure(queue, time.time())


def _measure(queue: dict[str, Any], now_s: float) -> None:
    sqs._refresh_counts(queue)
    for attribute, metric in _METRICS.items():
        value = float(queue["attributes"][attribute])
        dimensions = {"QueueName": queue["name"]}
        cloudwatch._store_datum(
            *(NAMESPACE, metric, dimensions, now_s, "Count", value), None, None, None
        )
