"""Metrics of an endpoint's variant under AWS's names, sent to the local CloudWatch every second."""

from dataclasses import dataclass
from datetime import UTC, datetime

from scripts.localcloud.aws import Aws
from scripts.localcloud.outbox import Outbox

NAMESPACE = "AWS/SageMaker"
INTERVAL_S = 1.0
VALUES_A_DATUM = 150  # PutMetricData's limit


@dataclass(frozen=True)
class Measurement:
    """One invocation: the status the model answered with (0: none in time), its times, and its
    part in what each instance gets."""

    status: int
    model_s: float
    overhead_s: float
    per_instance: float = 1.0

    def values(self) -> dict[str, float]:
        """Value by metric name. SageMaker's latencies are in microseconds."""
        return {
            "Invocations": 1.0,
            "InvocationsPerInstance": self.per_instance,
            "Invocation4XXErrors": float(400 <= self.status < 500),
            "Invocation5XXErrors": float(self.status == 0 or self.status >= 500),
            "ModelLatency": self.model_s * 1e6,
            "OverheadLatency": self.overhead_s * 1e6,
        }


class MetricsWriter:
    """Collects the measurements of one variant and sends them together.

    As on AWS there are two of each metric: one of the variant, whatever configuration it has, and
    one of the variant with this configuration, so that an alarm can look at a new fleet alone.
    """

    def __init__(self, aws: Aws, endpoint: str, variant: str, config: str) -> None:
        self._aws = aws
        of_variant = [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ]
        of_config = [*of_variant, {"Name": "EndpointConfigName", "Value": config}]
        self._dimensions = (of_variant, of_config)
        self._outbox = Outbox(
            f"Metrics of {endpoint}", self._send, batch_size=VALUES_A_DATUM, interval_s=INTERVAL_S
        )

    def add(self, measurement: Measurement) -> None:
        self._outbox.add(measurement)

    def close(self) -> None:
        self._outbox.close()

    def _send(self, measurements: list[Measurement]) -> None:
        now = datetime.now(UTC)
        rows = [measurement.values() for measurement in measurements]
        self._aws.cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": dimensions,
                    "Timestamp": now,
                    "Values": [row[name] for row in rows],
                    "Unit": "Microseconds" if name.endswith("Latency") else "None",
                }
                for dimensions in self._dimensions
                for name in rows[0]
            ],
        )
