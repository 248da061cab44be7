"""Endpoints: configurations that are refused, and changes that meet each other."""

import threading

import pytest

from scripts.localcloud.endpoints import Endpoints
from scripts.localcloud.fleet import Fleet, Invocation
from scripts.localcloud.hosting import Answer
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import ENDPOINT, ENDPOINT_CONFIG, MODEL, JobFailed, Records


class AnyVariant:
    """A variant that answers with the name of its configuration."""

    name = "A"
    weight = 1.0

    def __init__(self, config):
        self.config = config
        self.status = 200

    def invoke(self, _request):
        return Answer(self.status, self.config.encode(), "text/plain")

    def close(self):
        pass


@pytest.fixture
def records():
    made = Records("us-east-1")
    made.create(MODEL, {"ModelName": "model"})
    for name in ("first", "second"):
        made.create(ENDPOINT_CONFIG, config(EndpointConfigName=name))
    return made


@pytest.fixture
def endpoints(services, records, monkeypatch):
    """Endpoints whose fleets start at once, and answer with their configuration's name."""
    monkeypatch.setattr(
        Endpoints, "_start_fleet", lambda self, _, config: Fleet([AnyVariant(config.name)])
    )
    return Endpoints(services, records)


@pytest.fixture
def in_service(endpoints, records, eventually):
    endpoints.create({"EndpointName": "scones", "EndpointConfigName": "first"})
    record = records.get(ENDPOINT, "scones")
    eventually(lambda: record.status == "InService")
    return record


def config(**changes):
    variant = {"VariantName": "A", "ModelName": "model", "InitialInstanceCount": 1}
    return {"EndpointConfigName": "c", "ProductionVariants": [variant], **changes}


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ([{"VariantName": "A"}], "must have a ModelName"),
        ([{"VariantName": "A", "ModelName": "other"}], 'Could not find model "arn:aws'),
        ([{"VariantName": "A", "ModelName": "model"}] * 2, "must be unique"),
        (
            [{"VariantName": "A", "ModelName": "model", "InitialVariantWeight": 0.0}],
            "a weight above 0",
        ),
    ],
)
def test_a_configuration_that_could_not_serve_is_refused(endpoints, records, variants, words):
    with pytest.raises(ServiceError, match=words):
        endpoints.create_config(config(ProductionVariants=variants))
    assert len(records.all(ENDPOINT_CONFIG)) == 2


def test_captures_must_go_to_s3(endpoints):
    with pytest.raises(ServiceError, match="is not an S3 URI"):
        endpoints.create_config(config(DataCaptureConfig={"DestinationS3Uri": "/tmp"}))


def test_an_endpoint_needs_a_configuration_that_exists(endpoints, records):
    with pytest.raises(ServiceError, match="Could not find endpoint configuration"):
        endpoints.create({"EndpointName": "e", "EndpointConfigName": "none"})
    assert records.all(ENDPOINT) == []


def test_of_two_updates_at_once_one_is_refused(endpoints, in_service, monkeypatch, eventually):
    may_go_on = threading.Event()

    def start_slowly(_self, _name, config):
        may_go_on.wait(5)
        return Fleet([AnyVariant(config.name)])

    monkeypatch.setattr(Endpoints, "_start_fleet", start_slowly)
    update = {"EndpointName": "scones", "EndpointConfigName": "second"}
    endpoints.update(update)
    with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
        endpoints.update(update)
    with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
        endpoints.delete({"EndpointName": "scones"})
    assert endpoints.invoke("scones", Invocation(b""))[0].body == b"first"
    may_go_on.set()
    eventually(lambda: in_service.status == "InService")
    assert endpoints.invoke("scones", Invocation(b""))[0].body == b"second"


def test_a_success_clears_the_reason_of_an_earlier_failure(
    endpoints, in_service, monkeypatch, eventually
):
    def fail(*_):
        raise JobFailed("why")

    with monkeypatch.context() as patched:
        patched.setattr(Endpoints, "_start_fleet", fail)
        endpoints.update({"EndpointName": "scones", "EndpointConfigName": "second"})
        eventually(lambda: in_service.state.get("FailureReason") == "why")
        eventually(lambda: in_service.status == "InService")
    endpoints.update({"EndpointName": "scones", "EndpointConfigName": "second"})
    eventually(lambda: in_service.state["EndpointConfigName"] == "second")
    assert "FailureReason" not in in_service.state


def test_a_request_that_finds_its_fleet_just_replaced_goes_to_the_next_one(endpoints, in_service):
    old = endpoints._fleets["scones"]
    new = Fleet([AnyVariant("second")])

    class Replaced:
        def get(self, _name):  # the first look comes just before the replacement
            fleets.append(new)
            return fleets.pop(0)

    fleets = [old]
    old.close()
    endpoints._fleets = Replaced()
    assert endpoints.invoke("scones", Invocation(b""))[0].body == b"second"


def test_a_request_that_failed_is_not_in_flight_any_more(endpoints, in_service):
    fleet = endpoints._fleets["scones"]
    with pytest.raises(ServiceError):
        endpoints.invoke("scones", Invocation(b"", target_variant="Other"))
    assert fleet._in_flight == 0


@pytest.mark.parametrize(
    ("status", "side"), [(0, "server"), (400, "client"), (500, "server"), (302, "server")]
)
def test_each_status_of_the_model_but_200_is_a_model_error(endpoints, in_service, status, side):
    endpoints._fleets["scones"].choose(None).status = status
    with pytest.raises(ServiceError, match=rf"^Received {side} error \({status}\)") as raised:
        endpoints.invoke("scones", Invocation(b""))
    assert raised.value.status == 424
    assert raised.value.extra["OriginalStatusCode"] == status
    assert raised.value.extra["LogStreamArn"].endswith(":/aws/sagemaker/Endpoints/scones")


def test_a_failure_inside_the_local_cloud_is_the_services_own(
    endpoints, records, monkeypatch, eventually
):
    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(Endpoints, "_start_fleet", fail)
    printed = []
    monkeypatch.setattr(threading, "excepthook", printed.append)  # which prints it to the log
    endpoints.create({"EndpointName": "e", "EndpointConfigName": "first"})
    assert str(eventually(lambda: printed)[0].exc_value) == "a bug"
    record = records.get(ENDPOINT, "e")
    assert record.status == "Failed"
    assert record.state["FailureReason"] == "InternalServerError: a bug"
