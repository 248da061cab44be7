"""Endpoints: configurations and updates that are refused, and changes that meet each other."""

import threading

import pytest

from scripts.localcloud import endpoints as endpoints_module
from scripts.localcloud import updates
from scripts.localcloud.endpoints import Endpoints
from scripts.localcloud.fleet import Invocation
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import ENDPOINT, ENDPOINT_CONFIG, MODEL, JobFailed, Records

ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    }
}
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 0,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        }
    }
}


@pytest.fixture
def records():
    made = Records("us-east-1")
    made.create(MODEL, {"ModelName": "model"})
    for name in ("first", "second"):
        made.create(ENDPOINT_CONFIG, config(EndpointConfigName=name))
    return made


@pytest.fixture
def endpoints(services, records, monkeypatch, make):
    """Endpoints whose fleets start at once, and answer with their configuration's name."""

    def prepare(_aws, _records, _endpoint, config, desired):
        made.append(make(config.name))
        return made[-1].fleet(desired["A"].instances, desired["A"].weight)

    made = []
    monkeypatch.setattr(endpoints_module.launch, "prepare", prepare)
    monkeypatch.setattr(updates, "POLL_S", 0.01)
    endpoints = Endpoints(services, records)
    endpoints.made = made
    return endpoints


@pytest.fixture
def in_service(endpoints, records, eventually):
    endpoints.create({"EndpointName": "scones", "EndpointConfigName": "first"})
    record = records.get(ENDPOINT, "scones")
    eventually(lambda: record.status == "InService")
    return record


@pytest.fixture
def prepared(endpoints, monkeypatch):
    """prepared(before): `before` runs when the next fleet is about to be made."""

    def wrap(before):
        really_prepare = endpoints_module.launch.prepare

        def prepare(*arguments):
            before()
            return really_prepare(*arguments)

        monkeypatch.setattr(endpoints_module.launch, "prepare", prepare)

    return wrap


def update(**members):
    return {"EndpointName": "scones", "EndpointConfigName": "second", **members}


def answer_of(endpoints):
    return endpoints.invoke("scones", Invocation(b""))[0].body.decode()


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


@pytest.mark.parametrize("deployment", [{}, {"DeploymentConfig": ALL_AT_ONCE}])
def test_during_an_update_another_one_and_a_deletion_are_refused(
    endpoints, in_service, prepared, eventually, deployment
):
    may_go_on = threading.Event()
    prepared(lambda: may_go_on.wait(5))
    endpoints.update(update(**deployment))
    for change in (
        lambda: endpoints.update(update()),
        lambda: endpoints.delete({"EndpointName": "scones"}),
    ):
        with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
            change()
    assert answer_of(endpoints) == "first-0"
    may_go_on.set()
    eventually(lambda: in_service.status == "InService")
    assert answer_of(endpoints) == "second-0"


@pytest.mark.parametrize("status", ["Updating", "RollingBack", "Creating", "Deleting"])
def test_an_endpoint_in_the_middle_of_a_change_is_left_alone(endpoints, in_service, status):
    in_service.update(EndpointStatus=status)
    for change in (lambda: endpoints.update(update()), lambda: endpoints.delete(update())):
        with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
            change()


def test_an_endpoint_whose_way_back_failed_can_be_updated(endpoints, in_service, eventually):
    in_service.update(EndpointStatus="UpdateRollbackFailed")
    endpoints.update(update())
    eventually(lambda: in_service.status == "InService")
    assert answer_of(endpoints) == "second-0"


def test_a_success_clears_the_reason_of_an_earlier_failure(
    endpoints, in_service, prepared, eventually
):
    failures = [JobFailed("why")]

    def fail_once():
        if failures:
            raise failures.pop()

    prepared(fail_once)
    endpoints.update(update())
    eventually(lambda: in_service.state.get("FailureReason") == "why")
    eventually(lambda: in_service.status == "InService")
    endpoints.update(update())
    eventually(lambda: in_service.state["EndpointConfigName"] == "second")
    eventually(lambda: in_service.status == "InService")
    assert "FailureReason" not in in_service.state


def test_the_reason_of_an_earlier_failure_is_gone_as_soon_as_an_update_begins(
    endpoints, in_service, prepared, eventually
):
    in_service.update(FailureReason="why")
    may_go_on = threading.Event()
    prepared(lambda: may_go_on.wait(5))
    endpoints.update(update())
    assert "FailureReason" not in in_service.state
    may_go_on.set()
    eventually(lambda: in_service.status == "InService")


def test_an_update_that_is_refused_changes_nothing(endpoints, in_service):
    before = in_service.state
    with pytest.raises(ServiceError, match="at least 2 instances"):
        endpoints.update(update(DeploymentConfig=CANARY))
    assert in_service.state == before


def test_alarms_that_cloudwatch_does_not_have_are_refused(endpoints, in_service):
    alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "none"}]}}
    with pytest.raises(ServiceError, match="Could not find the CloudWatch alarms"):
        endpoints.update(update(DeploymentConfig=alarms))
    assert in_service.status == "InService"


def test_an_endpoint_is_created_with_a_configuration_for_its_updates(
    endpoints, records, eventually
):
    endpoints.create(update(DeploymentConfig=ALL_AT_ONCE))
    record = records.get(ENDPOINT, "scones")
    eventually(lambda: record.status == "InService")
    assert record.state["LastDeploymentConfig"] == ALL_AT_ONCE


def test_an_endpoint_is_not_created_with_a_configuration_that_could_not_update_it(
    endpoints, records
):
    with pytest.raises(ServiceError, match="at least 2 instances"):
        endpoints.create(update(DeploymentConfig=CANARY))
    assert records.all(ENDPOINT) == []


@pytest.fixture
def plans(endpoints, monkeypatch):
    """The configuration of each deployment that was planned."""
    seen = []
    really_plan = endpoints_module.strategy.plan
    monkeypatch.setattr(
        endpoints_module.strategy,
        "plan",
        lambda config, *counts: (seen.append(config), really_plan(config, *counts))[1],
    )
    return seen


def test_the_last_deployment_configuration_is_used_again_where_that_is_asked_for(
    endpoints, in_service, plans, eventually
):
    for request in (
        {"DeploymentConfig": ALL_AT_ONCE},
        {},
        {"RetainDeploymentConfig": True},
    ):
        endpoints.update(update(**request))
        eventually(lambda: in_service.status == "InService")
        assert in_service.state["LastDeploymentConfig"] == ALL_AT_ONCE
    assert plans == [ALL_AT_ONCE, None, ALL_AT_ONCE]


def test_a_deployment_configuration_that_is_given_comes_before_one_to_retain(
    endpoints, in_service, plans, eventually
):
    in_service.update(LastDeploymentConfig=CANARY)
    endpoints.update(update(DeploymentConfig=ALL_AT_ONCE, RetainDeploymentConfig=True))
    eventually(lambda: in_service.status == "InService")
    assert plans == [ALL_AT_ONCE]


def test_without_an_earlier_deployment_configuration_there_is_none_to_retain(
    endpoints, in_service, plans, eventually
):
    endpoints.update(update(RetainDeploymentConfig=True))
    eventually(lambda: in_service.status == "InService")
    assert plans == [None]


def test_what_the_variants_have_is_retained_where_that_is_asked_for(
    endpoints, records, in_service, eventually
):
    three = config(EndpointConfigName="three")
    three["ProductionVariants"][0] |= {"InitialInstanceCount": 3, "InitialVariantWeight": 0.5}
    records.create(ENDPOINT_CONFIG, three)
    seen = []
    for request in (
        {"EndpointConfigName": "three"},
        {"RetainAllVariantProperties": True},
        {},
    ):
        endpoints.update(update(**request))
        eventually(lambda: in_service.status == "InService")
        (variant,) = in_service.state["ProductionVariants"]
        seen.append((variant["CurrentInstanceCount"], variant["CurrentWeight"]))
    assert seen == [(3, 0.5), (3, 0.5), (1, 1.0)]


def test_a_canary_may_use_the_instances_that_are_retained(
    endpoints, records, in_service, eventually
):
    two = config(EndpointConfigName="two")
    two["ProductionVariants"][0]["InitialInstanceCount"] = 2
    records.create(ENDPOINT_CONFIG, two)
    endpoints.update(update(EndpointConfigName="two"))
    eventually(lambda: in_service.status == "InService")
    endpoints.update(update(DeploymentConfig=CANARY, RetainAllVariantProperties=True))
    eventually(lambda: in_service.status == "InService")
    assert {answer_of(endpoints) for _ in range(10)} == {"second-0", "second-1"}


def test_the_last_instances_of_a_deleted_endpoint_are_stopped(
    endpoints, records, in_service, eventually
):
    endpoints.delete({"EndpointName": "scones"})
    eventually(lambda: records.all(ENDPOINT) == [])
    assert endpoints.made[0].servers[0].is_stopped
    with pytest.raises(ServiceError, match=r"^Endpoint scones .* not found\.$"):
        answer_of(endpoints)


def test_a_variant_that_an_endpoint_does_not_have_is_named(endpoints, in_service):
    with pytest.raises(ServiceError, match=r"^Variant Other of endpoint scones not found\.$"):
        endpoints.invoke("scones", Invocation(b"", target_variant="Other"))


@pytest.mark.parametrize(
    ("status", "side"), [(0, "server"), (400, "client"), (500, "server"), (302, "server")]
)
def test_each_status_of_the_model_but_200_is_a_model_error(endpoints, in_service, status, side):
    endpoints.made[0].servers[0].status = status
    with pytest.raises(ServiceError, match=rf"^Received {side} error \({status}\)") as raised:
        endpoints.invoke("scones", Invocation(b""))
    assert raised.value.status == 424
    assert raised.value.extra["OriginalStatusCode"] == status
    assert raised.value.extra["LogStreamArn"].endswith(":/aws/sagemaker/Endpoints/scones")


def test_a_fleet_that_does_not_start_is_ended_and_fails_its_endpoint(
    endpoints, records, monkeypatch, make, eventually
):
    made = make("first", may_start=1)
    monkeypatch.setattr(endpoints_module.launch, "prepare", lambda *_: made.fleet(2))
    endpoints.create({"EndpointName": "e", "EndpointConfigName": "first"})
    record = records.get(ENDPOINT, "e")
    eventually(lambda: record.status == "Failed")
    assert record.state["FailureReason"] == "it does not start"
    assert made.servers[0].is_stopped
    assert made.metrics.is_closed


def test_a_failure_inside_the_local_cloud_is_the_services_own(
    endpoints, records, monkeypatch, eventually
):
    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(endpoints_module.launch, "prepare", fail)
    printed = []
    monkeypatch.setattr(threading, "excepthook", printed.append)  # which prints it to the log
    endpoints.create({"EndpointName": "e", "EndpointConfigName": "first"})
    assert str(eventually(lambda: printed)[0].exc_value) == "a bug"
    record = records.get(ENDPOINT, "e")
    assert record.status == "Failed"
    assert record.state["FailureReason"] == "InternalServerError: a bug"
