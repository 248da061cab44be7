"""The endpoint switched off for a while, and on again: nothing is lost meanwhile."""

import time

import pytest

from tests.bad_inputs import stripes
from tests.e2e.client import aws
from tests.e2e.conftest import Place
from tests.e2e.world import PREFIX, UPLOADS, Sent, World
from tests.fuzz.seeds import encoded

QUIET_S = 5.0


@pytest.fixture(scope="module")
def off(deployed: Place):
    """Switched off, twice: the second time there is nothing left to do."""
    return [deployed.invoke("endpoint.stop"), deployed.invoke("endpoint.stop")]


@pytest.fixture(scope="module")
def meanwhile(deployed: Place, off) -> tuple[Sent, dict[str, object]]:
    """An upload, and how things are some seconds later."""
    world = World(deployed.cloud)
    waiting = world.waiting()  # of tests before these
    sent = world.put("incoming/at-night.png", encoded(stripes(77), "PNG"))
    time.sleep(QUIET_S)
    alarms = aws(deployed.cloud, "cloudwatch").describe_alarms(AlarmNamePrefix=PREFIX)
    scaling = aws(deployed.cloud, "application-autoscaling")
    seen = {
        "decided": sent.id in world.look(calls=False).decisions,
        "failed": world.waiting() - waiting,
        "telling": sum(alarm["ActionsEnabled"] for alarm in alarms["MetricAlarms"]),
        "scaled": len(
            scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        ),
    }
    return sent, seen


@pytest.fixture(scope="module")
def on(deployed: Place, meanwhile):
    return deployed.invoke("endpoint.start")


def test_the_endpoint_is_gone_and_stopping_it_again_does_no_harm(deployed, off, meanwhile):
    for ended in off:
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "invoke endpoint.start" in ended.stdout


def test_uploads_wait_and_nobody_is_told(meanwhile):
    _, seen = meanwhile
    assert seen == {"decided": False, "failed": 0, "telling": 0, "scaled": 0}


def test_it_comes_back_as_it_was(deployed, on):
    assert on.returncode == 0, on.stdout + on.stderr
    found = aws(deployed.cloud, "sagemaker").describe_endpoint(EndpointName=PREFIX)
    assert found["EndpointStatus"] == "InService"
    scaling = aws(deployed.cloud, "application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"] == f"endpoint/{PREFIX}/variant/AllTraffic"


def test_what_came_meanwhile_is_classified_by_the_command_that_is_named(deployed, on, meanwhile):
    sent, _ = meanwhile
    command = f"batch s3://{UPLOADS}/incoming/"
    assert f"invoke {command}" in on.stdout
    deployed.invoke(*command.split())
    assert sent.id in World(deployed.cloud).look(calls=False).decisions


def test_starting_it_when_it_is_on_is_a_mistake(deployed, on):
    again = deployed.invoke("endpoint.start")
    assert again.returncode == 1
    assert "is not switched off" in again.stderr


def test_uploads_start_executions_again(deployed, on):
    rule = aws(deployed.cloud, "events").describe_rule(Name=f"{PREFIX}-uploads")
    assert rule["State"] == "ENABLED"
