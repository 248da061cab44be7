"""Metrics of an endpoint's variant."""

import pytest

from scripts.localcloud import metrics
from scripts.localcloud.metrics import Measurement, MetricsWriter


@pytest.fixture
def send(services, monkeypatch):
    """send(*measurements): the requests that CloudWatch gets."""
    monkeypatch.setattr(metrics, "INTERVAL_S", 3600.0)

    def sent(*measurements):
        writer = MetricsWriter(services, "scones", "AllTraffic", "config-1")
        for measurement in measurements:
            writer.add(measurement)
        writer.close()
        return services.cloudwatch.made("put_metric_data")

    return sent


def by_name(request):
    return {datum["MetricName"]: datum for datum in request["MetricData"]}


def test_times_are_sent_in_microseconds(send):
    (request,) = send(Measurement(200, model_s=0.25, overhead_s=0.001))
    data = by_name(request)
    assert data["ModelLatency"]["Values"] == [250_000.0]
    assert data["OverheadLatency"]["Values"] == [1_000.0]
    assert {data[name]["Unit"] for name in ("ModelLatency", "OverheadLatency")} == {"Microseconds"}


def test_counts_have_no_unit(send):
    data = by_name(send(Measurement(200, 0.1, 0.1))[0])
    counts = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    assert {data[name]["Unit"] for name in counts} == {"None"}


def test_namespace_and_dimensions_are_sagemakers(send):
    (request,) = send(Measurement(200, 0.1, 0.1))
    assert request["Namespace"] == "AWS/SageMaker"
    variant = [
        {"Name": "EndpointName", "Value": "scones"},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    of_config = [*variant, {"Name": "EndpointConfigName", "Value": "config-1"}]
    for name in Measurement(200, 0.1, 0.1).values():
        data = [datum for datum in request["MetricData"] if datum["MetricName"] == name]
        assert [datum["Dimensions"] for datum in data] == [variant, of_config]
        assert data[0]["Values"] == data[1]["Values"]


@pytest.mark.parametrize(
    ("status", "client_errors", "server_errors"),
    [(200, 0, 0), (400, 1, 0), (499, 1, 0), (500, 0, 1), (503, 0, 1), (0, 0, 1)],
)
def test_each_status_counts_as_what_it_is(send, status, client_errors, server_errors):
    data = by_name(send(Measurement(status, 0.1, 0.1))[0])
    assert data["Invocations"]["Values"] == [1.0]
    assert data["Invocation4XXErrors"]["Values"] == [client_errors]
    assert data["Invocation5XXErrors"]["Values"] == [server_errors]


def test_a_request_holds_at_most_150_values_of_a_metric(send):
    requests = send(*[Measurement(200, 0.1, 0.1)] * 400)
    sizes = [len(by_name(request)["Invocations"]["Values"]) for request in requests]
    assert sizes == [150, 150, 100]


def test_nothing_is_sent_of_no_traffic(send):
    assert send() == []
