"""What the services say of the time of a load."""

import time

import pytest

from scripts.traffic import services

OUTPUTS = {
    "state_machine_arn": "arn:aws:states:us-east-1:123456789012:stateMachine:scones-dev",
    "function_names": {name: f"scones-dev-{name}" for name in ("serialize", "infer", "filter")},
}


@pytest.mark.parametrize(
    ("begin_s", "end_s", "period"),
    [
        (600, 660, (600, 60)),
        (601, 659, (600, 60)),
        (650, 670, (600, 120)),
        (1190, 1210, (1080, 180)),
    ],
)
def test_a_load_lies_in_one_period(begin_s, end_s, period):
    assert services.one_period(begin_s, end_s) == period


def test_parts_are_in_milliseconds_and_unknown_ones_absent(aws, dev):
    def answer(request):
        known = {"infer": 20.0, "model": 9000.0}
        results = []
        for query in request["MetricDataQueries"]:
            part, statistic = query["Id"].split("_")
            value = 7.0 if statistic == "samplecount" else known.get(part)
            results.append({"Id": query["Id"], "Values": [value] if part in known else []})
        return {"MetricDataResults": results}

    aws.answers["GetMetricData"] = answer
    assert services.parts(dev, OUTPUTS, 600, 700) == {
        "infer": {"n": 7.0, "p50_ms": 20.0, "p99_ms": 20.0},
        "model": {"n": 7.0, "p50_ms": 9.0, "p99_ms": 9.0},  # SageMaker's are in microseconds
    }


def _with_instances(count):
    return {"ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": count}]}


@pytest.mark.parametrize("between", ["unchanged", "refused"])
def test_a_change_of_instances_is_seen_once(aws, dev, monkeypatch, aws_error, between):
    monkeypatch.setattr(services, "POLL_S", 0.01)
    looks = {"unchanged": _with_instances(2), "refused": aws_error("ThrottlingException", "Rate")}
    aws.answers["DescribeEndpoint"] = [_with_instances(2), looks[between], _with_instances(4)]
    with services.instances(dev) as changes:
        deadline = time.monotonic() + 10
        while len(changes) < 2:
            assert time.monotonic() < deadline
    assert [change["count"] for change in changes] == [2, 4]
