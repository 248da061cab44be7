"""Endpoint metrics under AWS's names, sent to the local CloudWatch once a second."""

import threading
from collections import defaultdict
from datetime import UTC, datetime

from scripts.localcloud.aws import Aws

NAMESPACE = "AWS/SageMaker"
INTERVAL_S = 1.0
_UNITS = {"ModelLatency": "Microseconds", "OverheadLatency": "Microseconds"}


class MetricsWriter:
    """Collects the measurements of one endpoint and sends them in batches."""

    def __init__(self, aws: Aws, endpoint: str) -> None:
        self._aws, self._endpoint = aws, endpoint
        self._values: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._flush_regularly, daemon=True).start()

    def invocation(self, variant: str, status: int, model_s: float, overhead_s: float) -> None:
        """Count one invocation: `status` is the model's HTTP status, times are in seconds."""
        measured = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500),
            "ModelLatency": model_s * 1e6,
            "OverheadLatency": overhead_s * 1e6,
        }
        with self._lock:
            for name, value in measured.items():
                self._values[variant, name].append(value)

    def flush(self) -> None:
        with self._lock:
            values, self._values = self._values, defaultdict(list)
        now = datetime.now(UTC)
        data = [
            {
                "MetricName": name,
                "Dimensions": [
                    {"Name": "EndpointName", "Value": self._endpoint},
                    {"Name": "VariantName", "Value": variant},
                ],
                "Timestamp": now,
                "Values": chunk,
                "Unit": _UNITS.get(name, "Count"),
            }
            for (variant, name), items in values.items()
            for chunk in _chunks(items)
        ]
        for start in range(0, len(data), 100):
            self._aws.cloudwatch.put_metric_data(
                Namespace=NAMESPACE, MetricData=data[start : start + 100]
            )

    def close(self) -> None:
        self._closed.set()
        self.flush()

    def _flush_regularly(self) -> None:
        while not self._closed.wait(INTERVAL_S):
            self.flush()


def _chunks(items: list[float], size: int = 150) -> list[list[float]]:
    """PutMetricData takes at most 150 values in one datum."""
    return [items[start : start + size] for start in range(0, len(items), size)]
