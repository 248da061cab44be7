"""Harm that only traffic shows: alarms of the local CloudWatch take the update back."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time

import psutil
import pytest
from botocore.exceptions import ClientError

from scripts.localcloud import control

ALARM_WITHIN_S = 60.0  # an alarm's period, what CloudWatch needs to see it, and busy cores
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        }
    }
}
ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 300,
    }
}
ERRORS = {"MetricName": "Invocation5XXErrors", "Statistic": "Average", "Threshold": 0.05}
LATENCY = {"MetricName": "ModelLatency", "ExtendedStatistic": "p99", "Threshold": 300_000.0}


class Client:
    """Asks with one letter after the other, 20 times a second; notes when it failed."""

    def __init__(self, cloud, endpoint):
        self.failed_at, self.statuses, self.words = [], set(), []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(cloud, endpoint))

    def _ask(self, cloud, endpoint):
        for letter in itertools.cycle("abcd"):
            if self._is_over.wait(0.05):
                return
            try:
                self.words.append(cloud.invoke(endpoint, letter)["Body"]["word"])
            except ClientError as error:
                self.failed_at.append(time.monotonic())
                self.statuses.add(error.response.get("OriginalStatusCode"))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def put_alarm(cloud):
    """put_alarm(endpoint, **metric): the name of an alarm that looks at 10 seconds."""

    def put(endpoint, **metric):
        name = cloud.name("alarm")
        cloud.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            Dimensions=[
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            Period=10,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            **metric,
        )
        return name

    return put


def update(cloud, endpoint, config, deployment, *alarms):
    rollback = {"Alarms": [{"AlarmName": name} for name in alarms]}
    cloud.sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=config,
        DeploymentConfig={**deployment, "AutoRollbackConfiguration": rollback},
    )


def await_status(cloud, endpoint, *statuses):
    return cloud.wait_for(
        lambda: cloud.sagemaker.describe_endpoint(EndpointName=endpoint),
        lambda found: found["EndpointStatus"] in statuses,
        within_s=ALARM_WITHIN_S,
    )


@pytest.mark.parametrize("deployment", [CANARY, ALL_AT_ONCE], ids=["canary", "all at once"])
def test_a_model_that_fails_for_some_pictures_is_taken_back_by_the_alarm(
    cloud, model, put_alarm, deployment
):
    good = cloud.create_config(model, instances=2)
    name = cloud.create_endpoint(good)
    errors, latency = put_alarm(name, **ERRORS), put_alarm(name, **LATENCY)
    picky = cloud.create_config(cloud.create_model("picky"), instances=2)
    with Client(cloud, name) as client:
        update(cloud, name, picky, deployment, errors, latency)
        found = await_status(cloud, name, "InService")
        rolled_back_at = time.monotonic()
        time.sleep(1)
    assert found["EndpointConfigName"] == good
    assert found["FailureReason"].endswith(f"in the ALARM state: {errors}.")
    assert client.failed_at, "the canary was never asked"
    assert max(client.failed_at) < rolled_back_at
    assert client.statuses == {500}  # the model's own; the update itself failed none
    assert {"first", "picky"} == set(client.words)
    cloud.delete_endpoint(name)


def test_a_slow_model_is_taken_back_by_the_alarm_and_no_request_fails(cloud, model, put_alarm):
    good = cloud.create_config(model, instances=2)
    name = cloud.create_endpoint(good)
    errors, latency = put_alarm(name, **ERRORS), put_alarm(name, **LATENCY)
    slow = cloud.create_config(cloud.create_model("slow"), instances=2)
    with Client(cloud, name) as client:
        update(cloud, name, slow, CANARY, errors, latency)
        found = await_status(cloud, name, "InService")
    assert found["EndpointConfigName"] == good
    assert found["FailureReason"].endswith(f"in the ALARM state: {latency}.")
    assert client.failed_at == []
    assert {"first", "slow"} == set(client.words)
    cloud.delete_endpoint(name)


def test_an_alarm_that_looks_at_the_new_configuration_alone_can_be_used(cloud, model, put_alarm):
    name = cloud.create_endpoint(cloud.create_config(model, instances=2))
    picky = cloud.create_config(cloud.create_model("picky"), instances=2)
    alarm = cloud.name("alarm")
    dimensions = {"EndpointName": name, "VariantName": "AllTraffic", "EndpointConfigName": picky}
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Period=10,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        **ERRORS | {"Threshold": 0.2},  # a quarter of what the new fleet is asked fails
    )
    with Client(cloud, name):
        update(cloud, name, picky, CANARY, alarm)
        found = await_status(cloud, name, "InService")
    assert alarm in found["FailureReason"]
    cloud.delete_endpoint(name)


def test_down_during_a_bake_leaves_no_process_behind(start_cloud, tmp_path):
    file = tmp_path / "place" / "cloud" / "cloud.json"
    cloud = start_cloud(file)
    try:
        name = cloud.create_endpoint(cloud.create_config(cloud.create_model("first"), instances=2))
        green = cloud.create_config(cloud.create_model("second"), instances=2)
        cloud.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=green, DeploymentConfig=CANARY
        )
        cloud.wait_for(
            lambda: {cloud.invoke(name)["Body"]["word"] for _ in range(9)} == {"first", "second"}
        )
        assert len(model_servers(file)) == 4
    finally:
        control.down(file)
    cloud.wait_for(lambda: model_servers(file) == [])


def model_servers(file):
    """The processes that serve a model of this cloud, without the guards above them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            line = process.cmdline()
            if process.status() == psutil.STATUS_ZOMBIE or str(file.parent) not in " ".join(line):
                continue
            if any(word.endswith("serving.py") for word in line[:3]):
                found.append(process.pid)
    return found
