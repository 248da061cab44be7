"""Counts of a window, from metrics as CloudWatch keeps them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.monitor.traffic import Source, Traffic, read

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
END = START + timedelta(minutes=30)
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:classify"
SOURCE = Source("scones", "test", "scones-test", "AllTraffic", MACHINE, 60)
VARIANT = {"EndpointName": "scones-test", "VariantName": "AllTraffic"}

Aws = Callable[[str], Any]


def publish(
    aws: Aws,
    namespace: str,
    name: str,
    values: list[float],
    when: datetime = START,
    **dimensions: str,
) -> None:
    aws("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": of} for key, of in dimensions.items()],
                "Timestamp": when,
                "Value": value,
            }
            for value in values
        ],
    )


def test_where_nothing_was_published_nothing_happened(aws: Aws) -> None:
    assert read(aws("cloudwatch"), SOURCE, START, END) == Traffic(0, 0, 0, 0, 0)


def test_outcomes_are_counted_from_the_functions_and_the_workflows_metrics(aws: Aws) -> None:
    publish(aws, "AWS/SageMaker", "Invocations", [1, 1, 1, 1], **VARIANT)
    publish(aws, "scones", "LowConfidence", [0, 1, 0, 0], Environment="test", service="filter")
    publish(aws, "scones", "Rejected", [1, 1], Environment="test", service="serialize")
    publish(aws, "scones", "Rejected", [1], Environment="test", service="infer")
    publish(aws, "AWS/States", "ExecutionsFailed", [1, 1], StateMachineArn=MACHINE)
    publish(aws, "AWS/States", "ExecutionsTimedOut", [1], StateMachineArn=MACHINE)
    found = read(aws("cloudwatch"), SOURCE, START, END)
    assert found == Traffic(invoked=4, accepted=3, review=1, rejected=3, failed=3)


def test_where_low_confidence_fails_nobody_is_asked_to_review(aws: Aws) -> None:
    publish(aws, "scones", "LowConfidence", [0, 1, 0], Environment="test", service="filter")
    publish(aws, "AWS/States", "ExecutionsFailed", [1], StateMachineArn=MACHINE)
    source = replace(SOURCE, low_confidence_fails=True)
    found = read(aws("cloudwatch"), source, START, END)
    assert (found.accepted, found.review, found.failed) == (2, 0, 1)


def test_what_belongs_to_others_or_to_another_time_does_not_count(aws: Aws) -> None:
    other = {"EndpointName": "scones-test", "VariantName": "Other"}
    publish(aws, "AWS/SageMaker", "Invocations", [1], **other)
    publish(aws, "scones", "LowConfidence", [1], Environment="prod", service="filter")
    publish(aws, "AWS/SageMaker", "Invocations", [1], START - timedelta(minutes=1), **VARIANT)
    publish(aws, "AWS/SageMaker", "Invocations", [1], END, **VARIANT)
    assert read(aws("cloudwatch"), SOURCE, START, END) == Traffic(0, 0, 0, 0, 0)


def test_an_answer_of_several_pages_is_added_up() -> None:
    class Paged:
        """CloudWatch that gives a datapoint a page."""

        def get_metric_data(self, **kwargs: Any) -> dict[str, Any]:
            page = int(kwargs.get("NextToken", "1"))
            result = {"Id": "invoked", "Values": [float(page)]}
            more = {"NextToken": str(page + 1)} if page < 3 else {}
            return {"MetricDataResults": [result], **more}

    assert read(Paged(), SOURCE, START, END).invoked == 1 + 2 + 3
