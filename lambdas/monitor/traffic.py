"""How much was asked, and what came of it, from CloudWatch's metrics: the table of decisions is
not read, since a scan of all of it every hour would cost more than anything else here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class CloudWatch(Protocol):
    """The one call of CloudWatch's client that is made here."""

    def get_metric_data(self, **kwargs: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Whose metrics are read, named as in the function's settings; `period_s` is what they are
    summed over, from 1 s on. Where `low_confidence_fails`, nobody is asked to review."""

    namespace: str
    environment: str
    endpoint: str
    variant: str
    state_machine_arn: str
    period_s: int
    low_confidence_fails: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """What happened in a window: requests to the endpoint, and executions by outcome."""

    invoked: int
    accepted: int
    review: int
    rejected: int
    failed: int


def read(cloudwatch: CloudWatch, source: Source, start: datetime, end: datetime) -> Traffic:
    """What happened from `start` (inclusive) to `end` (exclusive), at whole periods.

    What is never published, such as rejections where there were none, counts as zero.
    """
    queries = _queries(source)
    sums = dict.fromkeys(queries, 0.0)
    request: dict[str, Any] = {
        "MetricDataQueries": list(queries.values()),
        "StartTime": start,
        "EndTime": end,
    }
    while True:
        answer = cloudwatch.get_metric_data(**request)
        for result in answer["MetricDataResults"]:
            sums[result["Id"]] += sum(result["Values"])
        if not answer.get("NextToken"):
            break
        request["NextToken"] = answer["NextToken"]
    counts = {name: round(total) for name, total in sums.items()}
    return Traffic(
        invoked=counts["invoked"],
        accepted=counts["decided"] - counts["review"],
        # Below the threshold an execution may be set to fail: it is counted there.
        review=0 if source.low_confidence_fails else counts["review"],
        rejected=counts["rejected_by_serialize"] + counts["rejected_by_infer"],
        failed=counts["failed"] + counts["timed_out"],
    )


def _queries(source: Source) -> dict[str, dict[str, Any]]:
    """Each number's query, by its name."""
    variant = {"EndpointName": source.endpoint, "VariantName": source.variant}
    machine = {"StateMachineArn": source.state_machine_arn}

    def of(service: str) -> dict[str, str]:
        return {"Environment": source.environment, "service": service}

    metrics: dict[str, tuple[str, str, Mapping[str, str], str]] = {
        "invoked": ("AWS/SageMaker", "Invocations", variant, "Sum"),
        "review": (source.namespace, "LowConfidence", of("filter"), "Sum"),
        "decided": (source.namespace, "LowConfidence", of("filter"), "SampleCount"),
        "rejected_by_serialize": (source.namespace, "Rejected", of("serialize"), "Sum"),
        "rejected_by_infer": (source.namespace, "Rejected", of("infer"), "Sum"),
        "failed": ("AWS/States", "ExecutionsFailed", machine, "Sum"),
        "timed_out": ("AWS/States", "ExecutionsTimedOut", machine, "Sum"),
    }
    return {
        name: {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in where.items()],
                },
                "Period": source.period_s,
                "Stat": statistic,
            },
        }
        for name, (namespace, metric, where, statistic) in metrics.items()
    }
