"""Tell of a window: metrics for alarms, an event for other systems, a record for the report."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from lambdas.common.drift.judge import Severity
from lambdas.common.errors import WorkflowError
from lambdas.common.metrics import Publisher
from lambdas.monitor.store import Store
from lambdas.monitor.window import NO_DATA

EVENT_SOURCE, EVENT_TYPE = "scones.monitor", "DriftDetected"


class NotTold(WorkflowError):
    """The event bus did not take an event. The next run tries again."""


class Events(Protocol):
    """The one call of EventBridge's client that is made here."""

    def put_events(self, **kwargs: Any) -> dict[str, Any]: ...


def tell(store: Store, events: Events, metrics: Publisher, record: Mapping[str, Any]) -> None:
    """Tell everybody of a window. Its record comes last: where it is, all is told.

    Raises NotTold.
    """
    if record["drift"]["risen"]:
        _publish(events, record)
    _measure(metrics, record)
    store.write_window(name_of(record), record)


def is_told(store: Store, record: Mapping[str, Any]) -> bool:
    """Whether a window was told to the end."""
    return store.has_window(name_of(record))


def name_of(record: Mapping[str, Any]) -> str:
    """Where in the folder of windows a record lies: it is named after the end of its window."""
    return f"{datetime.fromisoformat(record['window']['end']):%Y/%m/%d/%H-%M-%S}.json"


def _publish(events: Events, record: Mapping[str, Any]) -> None:
    told = ("environment", "endpoint", "model_name", "version", "window", "drift", "examples")
    detail = {name: record[name] for name in told}
    entry = {"Source": EVENT_SOURCE, "DetailType": EVENT_TYPE, "Detail": json.dumps(detail)}
    answer = events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        (refused,) = answer["Entries"]
        raise NotTold(f"The event {EVENT_TYPE} was not taken: {refused.get('ErrorCode')}.")


def _measure(metrics: Publisher, record: Mapping[str, Any]) -> None:
    """What is not known is not published: no data is never a good value."""
    traffic = record["traffic"]
    metrics.count("CapturedInferences", traffic["captured"])
    metrics.count("DamagedRecords", record["damaged_lines"])
    metrics.count("UnreadFiles", record["unread_files"])
    if traffic["capture_ratio"] is not None:
        metrics.measure("CaptureRatio", traffic["capture_ratio"])
    if record["low_confidence"]:
        metrics.measure("LowConfidenceRate", record["low_confidence"]["rate"])
        metrics.measure("EstimatedAccuracy", record["estimated_accuracy"]["value"])
    if record["drift"]["severity"] != NO_DATA:
        metrics.measure("DriftSeverity", Severity[record["drift"]["severity"].upper()])
