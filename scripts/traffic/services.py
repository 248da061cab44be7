"""What the services say of the time of a load: their durations, and the number of instances."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.environment import Environment
from scripts.serving.endpoint import VARIANT

PERIOD_S = 60  # CloudWatch's shortest for these metrics
POLL_S = 2.0
_FUNCTIONS = ("serialize", "infer", "filter")


def parts(
    environment: Environment, outputs: Mapping[str, Any], begin_s: float, end_s: float
) -> dict[str, dict[str, float]]:
    """Durations of the workflow's parts in the minutes of this time, in milliseconds.

    Each has `n`, `p50_ms` and `p99_ms`, of everything that ran in `one_period`. A part of which
    CloudWatch knows nothing (yet: on AWS it takes some minutes) is absent.
    """
    names = outputs["function_names"]
    start_s, seconds = one_period(begin_s, end_s)
    endpoint = {"EndpointName": environment.prefix, "VariantName": VARIANT}
    wanted: dict[str, tuple[str, str, dict[str, str], float]] = {
        "execution": (
            "AWS/States",
            "ExecutionTime",
            {"StateMachineArn": outputs["state_machine_arn"]},
            1.0,
        ),
        **{
            name: ("AWS/Lambda", "Duration", {"FunctionName": names[name]}, 1.0)
            for name in _FUNCTIONS
        },
        "model": ("AWS/SageMaker", "ModelLatency", endpoint, 1e-3),
    }
    queries = [
        {
            "Id": f"{part}_{statistic.lower()}",
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": name, "Value": value} for name, value in dimensions.items()
                    ],
                },
                "Period": seconds,
                "Stat": statistic,
            },
        }
        for part, (namespace, metric, dimensions, _) in wanted.items()
        for statistic in ("SampleCount", "p50", "p99")
    ]
    answer = environment.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(start_s, UTC),
        EndTime=datetime.fromtimestamp(start_s + seconds, UTC),
    )
    values = {
        item["Id"]: item["Values"][0] for item in answer["MetricDataResults"] if item["Values"]
    }
    return {
        part: {
            "n": values[f"{part}_samplecount"],
            "p50_ms": round(values[f"{part}_p50"] * to_ms, 1),
            "p99_ms": round(values[f"{part}_p99"] * to_ms, 1),
        }
        for part, (*_, to_ms) in wanted.items()
        if f"{part}_p99" in values
    }


def one_period(begin_s: float, end_s: float) -> tuple[int, int]:
    """The shortest period of CloudWatch that holds this time: its start, and its length in seconds.

    Percentiles of several periods cannot be put together. A period begins at a multiple of its
    length since 1970.
    """
    for period in itertools.count(PERIOD_S, PERIOD_S):
        start = int(begin_s // period * period)
        if end_s <= start + period:
            return start, period
    raise AssertionError("a long enough period holds every time")


@contextmanager
def instances(environment: Environment) -> Iterator[list[dict[str, float]]]:
    """A list that says, from now on, how many instances serve, and since which second."""
    sagemaker = environment.client("sagemaker")
    began, changes, enough = time.monotonic(), list[dict[str, float]](), threading.Event()

    def look() -> None:
        (variant, *_) = sagemaker.describe_endpoint(EndpointName=environment.prefix)[
            "ProductionVariants"
        ]
        count = variant["CurrentInstanceCount"]
        if not changes or changes[-1]["count"] != count:
            changes.append({"at_s": round(time.monotonic() - began, 1), "count": count})

    def watch() -> None:
        while not enough.wait(POLL_S):
            # A look that is refused, or gets no answer, is made up for by the next.
            with suppress(BotoCoreError, ClientError):
                look()

    look()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield changes
    finally:
        enough.set()
        thread.join()
