"""One window from beginning to end: look at what is new, keep it, and tell of it.

The order makes every record count once. The checkpoint is replaced first, on the condition that
nobody else has done so; the window's record travels in it, so that the next monitor can tell what
one that died could not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.common.errors import WorkflowError
from lambdas.common.metrics import Publisher
from lambdas.monitor import checkpoint, telling, window
from lambdas.monitor.look import look
from lambdas.monitor.store import Store
from lambdas.monitor.telling import Events
from lambdas.monitor.traffic import CloudWatch, Source


class NoBaseline(WorkflowError):
    """The model in service has nothing to be compared with: nobody would notice drift."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the monitor works with."""

    store: Store
    cloudwatch: CloudWatch
    events: Events
    metrics: Publisher


def watch(services: Services, source: Source, now: datetime) -> Mapping[str, Any] | None:
    """The record of the window that has just ended; the last one's where none has ended since.

    None before the first one has ended, and where another monitor was faster. Raises NoBaseline,
    once the window is told, and telling.NotTold.
    """
    store = services.store
    deployment = store.read_deployment()
    kept = store.read_checkpoint()
    if kept is None:
        deployed_at = datetime.fromisoformat(deployment["deployed_at"])
        start = window.first_start(deployed_at, now, source.period_s)
        before, etag = checkpoint.beginning(start), None
    else:
        before, etag = kept
        if before.record and not telling.is_told(store, before.record):
            _tell(services, before.record)
    span = window.following(before.until, now, source.period_s)
    if span is None:
        return before.record
    after = look(store, services.cloudwatch, source, deployment, before, span, now)
    if not store.write_checkpoint(after, etag):
        return None
    assert after.record
    _tell(services, after.record)
    if after.baseline is None:
        raise NoBaseline(after.record["drift"]["sentence"])
    return after.record


def _tell(services: Services, record: Mapping[str, Any]) -> None:
    telling.tell(services.store, services.events, services.metrics, record)
