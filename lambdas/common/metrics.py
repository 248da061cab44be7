"""Metrics of the functions. They travel in the log (CloudWatch's embedded metric format), so that
publishing them takes no call and no permission."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.common import environment


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where a function's metrics belong: namespace, and the dimensions Environment and service."""

    namespace: str
    environment: str
    service: str

    def count(self, name: str, value: float) -> None:
        """Publish one value of the metric `name`, a number of things, as a line of the log."""
        self._publish(name, MetricUnit.Count, value)

    def measure(self, name: str, value: float) -> None:
        """The same for what has no unit, such as a rate."""
        self._publish(name, MetricUnit.NoUnit, value)

    def _publish(self, name: str, unit: MetricUnit, value: float) -> None:
        with single_metric(
            name,
            unit,
            value,
            namespace=self.namespace,
            # Powertools adds `service` by itself where its own variable is set: here it always is.
            default_dimensions={"Environment": self.environment, "service": self.service},
        ):
            pass


def load_publisher(variables: Mapping[str, str], service: str) -> Publisher:
    """The publisher from environment variables. Raises InvalidSettings naming the wrong one."""
    return Publisher(
        namespace=environment.text(variables, "METRIC_NAMESPACE"),
        environment=environment.text(variables, "ENVIRONMENT"),
        service=service,
    )
