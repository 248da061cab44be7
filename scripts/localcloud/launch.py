"""A fleet for an endpoint configuration: model servers that can be started, and where they log."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.aws import Aws
from scripts.localcloud.capture import CaptureWriter
from scripts.localcloud.fleet import Fleet, Variant
from scripts.localcloud.hosting import Instance, NotHealthy
from scripts.localcloud.metrics import MetricsWriter
from scripts.localcloud.records import MODEL, JobFailed, Record, Records
from scripts.localcloud.strategy import Desired

LOG_GROUP = "/aws/sagemaker/Endpoints"


def prepare(
    aws: Aws, records: Records, endpoint: str, config: Record, desired: Mapping[str, Desired]
) -> Fleet:
    """A fleet of no instances yet. Raises ServiceError when one of its models is gone."""
    capture = config.request.get("DataCaptureConfig", {})
    fleet = []
    for item in config.request["ProductionVariants"]:
        name = item["VariantName"]
        container = records.get(MODEL, item["ModelName"]).request["PrimaryContainer"]
        fleet.append(
            Variant(
                name,
                desired[name],
                _launcher(aws, endpoint, name, container),
                MetricsWriter(aws, endpoint, name, config.name),
                CaptureWriter(aws, endpoint, name, capture)
                if capture.get("EnableCapture")
                else None,
            )
        )
    return Fleet(config, fleet)


def _launcher(
    aws: Aws, endpoint: str, variant: str, container: Mapping[str, Any]
) -> Callable[[int], Instance]:
    """A function that starts an instance, given its number, or raises JobFailed."""

    def launch(number: int) -> Instance:
        stream = f"{variant}/i-{number}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        try:
            return Instance.start(aws, container, f"{LOG_GROUP}/{endpoint}", stream)
        except NotHealthy as failure:
            raise JobFailed(
                f"The primary container for production variant {variant} did not pass the ping "
                "health check. Please check CloudWatch logs for this endpoint."
            ) from failure

    return launch
