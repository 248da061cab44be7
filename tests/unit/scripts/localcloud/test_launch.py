"""Fleets from endpoint configurations: which model, which log, what is kept."""

import pytest

from scripts.localcloud import launch
from scripts.localcloud.fleet import Invocation
from scripts.localcloud.hosting import Answer, NotHealthy
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import ENDPOINT_CONFIG, MODEL, JobFailed, Records
from scripts.localcloud.strategy import Desired

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captures",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


class ModelServer:
    def invoke(self, *_request):
        return Answer(200, b"[1.0]", "application/json")

    def stop(self):
        pass


@pytest.fixture
def records():
    made = Records("us-east-1")
    made.create(MODEL, {"ModelName": "m", "PrimaryContainer": {"ModelDataUrl": "s3://bucket/m"}})
    return made


@pytest.fixture
def started(monkeypatch):
    """What each instance was started with: container, log group and log stream."""
    calls = []

    def start(_aws, *arguments):
        calls.append(arguments)
        return ModelServer()

    monkeypatch.setattr(launch.Instance, "start", start)
    return calls


@pytest.fixture
def prepare(services, records):
    """prepare(**members): the fleet for a configuration of one variant with these members."""
    fleets = []

    def build(instances=1, **members):
        variant = {"VariantName": "A", "ModelName": "m"}
        request = {"EndpointConfigName": "c", "ProductionVariants": [variant], **members}
        config = records.create(ENDPOINT_CONFIG, request)
        desired = {"A": Desired(instances, 1.0)}
        fleets.append(launch.prepare(services, records, "e", config, desired))
        return fleets[-1]

    yield build
    for fleet in fleets:
        fleet.close()


def test_a_fleet_is_prepared_without_starting_anything(prepare, started):
    fleet = prepare(2)
    assert (fleet.wanted, fleet.running, started) == ({"A": 2}, {"A": 0}, [])


def test_each_instance_serves_the_variants_model_and_has_a_log_stream_of_its_own(prepare, started):
    prepare().grow({"A": 2})
    containers, groups, streams = zip(*started, strict=True)
    assert containers == ({"ModelDataUrl": "s3://bucket/m"},) * 2
    assert groups == ("/aws/sagemaker/Endpoints/e",) * 2
    assert [stream.rpartition("-")[0] for stream in streams] == ["A/i-0", "A/i-1"]


def test_an_instance_that_is_not_healthy_is_said_in_awss_words(prepare, monkeypatch):
    def start(*_):
        raise NotHealthy

    monkeypatch.setattr(launch.Instance, "start", start)
    with pytest.raises(JobFailed, match="production variant A did not pass the ping health check"):
        prepare().grow({"A": 1})


def test_a_model_that_is_gone_is_named(prepare, records):
    records.remove(records.get(MODEL, "m"))
    with pytest.raises(ServiceError, match='Could not find model "arn:aws'):
        prepare()


@pytest.mark.parametrize("is_enabled", [True, False])
def test_requests_are_captured_where_that_is_configured(prepare, started, services, is_enabled):
    fleet = prepare(DataCaptureConfig=CAPTURE | {"EnableCapture": is_enabled})
    fleet.grow({"A": 1})
    fleet.serve({"A": 1})
    fleet.variants["A"].invoke(Invocation(b"picture"))
    fleet.close()
    assert len(services.s3.made("put_object")) == is_enabled


def test_the_metrics_are_those_of_endpoint_variant_and_configuration(prepare, started, services):
    fleet = prepare()
    fleet.grow({"A": 1})
    fleet.serve({"A": 1})
    fleet.variants["A"].invoke(Invocation(b"picture"))
    fleet.close()
    (request,) = services.cloudwatch.made("put_metric_data")
    assert [item["Value"] for item in request["MetricData"][-1]["Dimensions"]] == ["e", "A", "c"]
