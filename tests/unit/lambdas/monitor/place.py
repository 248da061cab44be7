"""A model in service with the monitor around it: S3 in memory, and everything that is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import measure
from lambdas.common.metrics import Publisher
from lambdas.common.picture import decode
from lambdas.monitor.store import Store
from lambdas.monitor.traffic import Source
from lambdas.monitor.watch import Services, watch
from tests.unit.lambdas.monitor.conftest import capture_key, image_id

DEPLOYED = datetime(2026, 11, 7, 9, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SOURCE = Source("scones", "test", "scones-test", "AllTraffic", "arn", 60)
MODEL = "scones-test-efficientnet-1"


@dataclass
class Bus:
    """An event bus that takes every event, or none; and metrics in which something was asked."""

    events: list[dict[str, Any]] = field(default_factory=list)
    is_full: bool = False
    invoked: float = 0.0

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.is_full:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.events += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    def get_metric_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"MetricDataResults": [{"Id": "invoked", "Values": [self.invoked]}]}


@dataclass
class Place:
    """A model in service and everything around it."""

    store: Store
    bus: Bus
    capsys: pytest.CaptureFixture[str]
    line: Callable[..., bytes]
    picture: Callable[[int], bytes]
    files: int = 0

    def put(self, key: str, document: Any) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.store.s3.put_object(Bucket=self.store.bucket, Key=key, Body=body)

    def deploy(self, model: str = MODEL, at: datetime = DEPLOYED, *, known: bool = True) -> None:
        deployment = {
            "endpoint_name": "scones-test",
            "model_name": model,
            "version": 1,
            "labels": ["bicycle", "motorcycle"],
            "image_size_px": 32,
            "confidence_threshold": 0.8,
            "deployed_at": at.isoformat(),
        }
        self.put("deployments/current.json", deployment)
        if not known:
            return
        pictures = [decode(self.picture(100 + n % 56), 32, 10_000) for n in range(200)]
        baseline = Baseline(
            version=1,
            model_name=model,
            labels=("bicycle", "motorcycle"),
            threshold=0.8,
            created_at=at.isoformat(),
            scores=scores(200),
            pictures=np.array([measure(np.asarray(picture)) for picture in pictures]),
        )
        self.put(f"monitoring/baselines/{model}.json", baseline.to_json())

    def capture(
        self, numbers: Iterable[int], time: datetime, brightness: int | None = None
    ) -> None:
        """A file with an answer for each of these pictures."""
        lines = [
            self.line(
                scores(200)[number % 200],
                time,
                image_id(number),
                self.picture(100 + number % 56 if brightness is None else brightness),
            )
            for number in numbers
        ]
        self.files += 1
        self.put(capture_key(time, self.files), b"".join(lines))

    def watch(self, now: datetime) -> Any:
        services = Services(self.store, self.bus, self.bus, Publisher("scones", "test", "monitor"))
        return watch(services, SOURCE, now)

    def windows(self) -> list[str]:
        found = self.store.s3.list_objects_v2(
            Bucket=self.store.bucket, Prefix="monitoring/windows/"
        )
        return [item["Key"] for item in found.get("Contents", [])]

    def published(self) -> dict[str, float]:
        """The metrics that were published since the last time, by name."""
        lines = map(json.loads, self.capsys.readouterr().out.splitlines())
        return {
            metric["Name"]: line[metric["Name"]][0]
            for line in lines
            for directive in line["_aws"]["CloudWatchMetrics"]
            for metric in directive["Metrics"]
        }


def scores(count: int) -> Any:
    confidence = np.random.default_rng(0).uniform(0.7, 1, count)
    flipped = np.arange(count) % 2 == 0
    bicycle = np.where(flipped, confidence, 1 - confidence)
    return np.column_stack([bicycle, 1 - bicycle])
