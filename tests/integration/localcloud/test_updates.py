"""Updates with each strategy, under traffic from several clients: no request may fail."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from botocore.exceptions import ClientError

ONE = {"Type": "INSTANCE_COUNT", "Value": 1}
# Short bakes; instances share two cores with the clients.
STRATEGIES = {
    "none": None,
    "all at once": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 1,
        }
    },
    "canary": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 1,
                "CanarySize": ONE,
            },
            "TerminationWaitInSeconds": 1,
        }
    },
    "linear": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "LINEAR",
                "WaitIntervalInSeconds": 1,
                "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            }
        }
    },
    "rolling": {"RollingUpdatePolicy": {"MaximumBatchSize": ONE, "WaitIntervalInSeconds": 1}},
}


class Clients:
    """Four clients that ask again and again, and what they were answered."""

    def __init__(self, cloud, endpoint):
        self.words, self.failures = [], []
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(cloud, endpoint)) for _ in range(4)
        ]

    def _ask(self, cloud, endpoint):
        while not self._is_over.is_set():
            try:
                self.words.append(cloud.invoke(endpoint, "sleep 0.02")["Body"]["word"])
            except Exception as error:
                self.failures.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def second(cloud):
    return cloud.create_model("second")


@pytest.fixture
def alarm(cloud):
    """The name of an alarm that never fires."""
    name = cloud.name("quiet")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Tests",
        MetricName="Nothing",
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    return name


@pytest.fixture
def baking(cloud, model, second, alarm):
    """An endpoint with an update that bakes for ten minutes, and its new configuration."""
    name = cloud.create_endpoint(cloud.create_config(model, instances=2))
    green = cloud.create_config(second, instances=2)
    deployment = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 600,
                "CanarySize": ONE,
            }
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }
    update(cloud, name, green, deployment)
    await_stage(cloud, name, "Baking for 600 seconds (WaitIntervalInSeconds)")
    return name, green


def update(cloud, endpoint, config, deployment, **members):
    cloud.sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=config,
        **({"DeploymentConfig": deployment} if deployment else {}),
        **members,
    )


def stage_of(found):
    pending = found.get("PendingDeploymentSummary", {}).get("ProductionVariants", [{}])
    return pending[0].get("VariantStatus", [{}])[0].get("StatusMessage", "")


def await_stage(cloud, endpoint, words):
    """The endpoint's description as soon as its new variant's message has `words` in it."""
    return cloud.wait_for(
        lambda: cloud.sagemaker.describe_endpoint(EndpointName=endpoint),
        lambda found: words in stage_of(found),
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_request_fails_whatever_the_strategy(cloud, model, second, strategy):
    name = cloud.create_endpoint(cloud.create_config(model, instances=2))
    config = cloud.create_config(second, instances=2)
    with Clients(cloud, name) as clients:
        cloud.wait_for(lambda: clients.words)
        update(cloud, name, config, STRATEGIES[strategy])
        found = cloud.end_of_change(name)
        cloud.wait_for(lambda: clients.words[-1] == "second")
    assert clients.failures == []
    assert found["EndpointConfigName"] == config
    assert set(clients.words) == {"first", "second"}
    assert cloud.invoke(name)["Body"]["word"] == "second"
    cloud.delete_endpoint(name)


def refused(call):
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error


def test_a_canary_is_described_while_it_bakes_and_takes_its_share(cloud, baking, alarm):
    name, green = baking
    found = cloud.sagemaker.describe_endpoint(EndpointName=name)
    words = Counter(cloud.invoke(name)["Body"]["word"] for _ in range(100))
    assert 25 <= words["second"] <= 75  # beyond these limits in 1 of 3,000,000 runs
    assert found["EndpointStatus"] == "Updating"
    assert found["EndpointConfigName"] != green
    rollback = found["LastDeploymentConfig"]["AutoRollbackConfiguration"]
    assert rollback == {"Alarms": [{"AlarmName": alarm}]}
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    pending = found["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == green
    (variant,) = pending["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 2)
    assert variant["VariantStatus"][0]["Status"] == "Baking"


def test_during_a_bake_the_endpoint_can_be_neither_updated_nor_deleted(cloud, baking):
    name, green = baking
    for change in (
        lambda: update(cloud, name, green, None),
        lambda: cloud.sagemaker.delete_endpoint(EndpointName=name),
    ):
        assert refused(change)["Message"].startswith("Cannot update in-progress endpoint")


def test_an_alarm_that_is_gone_ends_the_bake_at_once(cloud, baking, alarm):
    name, green = baking
    cloud.client("cloudwatch").delete_alarms(AlarmNames=[alarm])
    found = cloud.end_of_change(name)
    assert found["EndpointConfigName"] != green
    assert f"in the ALARM state: {alarm}." in found["FailureReason"]
    assert "PendingDeploymentSummary" not in found
    assert {cloud.invoke(name)["Body"]["word"] for _ in range(20)} == {"first"}


def test_the_requests_to_both_fleets_are_metrics_of_the_one_variant(cloud, model, second):
    blue, green = (cloud.create_config(name, instances=2) for name in (model, second))
    name = cloud.create_endpoint(blue)
    with Clients(cloud, name) as clients:
        update(cloud, name, green, STRATEGIES["canary"])
        cloud.end_of_change(name)

    def invocations(*config):
        dimensions = [("EndpointName", name), ("VariantName", "AllTraffic")]
        dimensions += [("EndpointConfigName", each) for each in config]
        first = cloud.sagemaker.describe_endpoint(EndpointName=name)["CreationTime"]
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions],
            StartTime=first.timestamp() - 60,
            EndTime=first.timestamp() + 600,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    counts = Counter(clients.words)
    cloud.wait_for(lambda: invocations() == len(clients.words))
    assert invocations(blue) == counts["first"]
    assert invocations(green) == counts["second"]


def test_the_number_of_instances_is_retained_where_that_is_asked_for(cloud, model, second):
    name = cloud.create_endpoint(cloud.create_config(model, instances=2))
    one = cloud.create_config(second)
    update(cloud, name, one, STRATEGIES["rolling"], RetainAllVariantProperties=True)
    (variant,) = cloud.end_of_change(name)["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2
    update(cloud, name, one, None, RetainDeploymentConfig=True, RetainAllVariantProperties=True)
    await_stage(cloud, name, "partial capacity of 1 instance(s)")
    cloud.end_of_change(name)
    update(
        cloud,
        name,
        one,
        None,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    (variant,) = cloud.end_of_change(name)["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 1


def test_an_update_that_aws_would_refuse_is_refused(cloud, model):
    name = cloud.create_endpoint(cloud.create_config(model))
    config = cloud.create_config(model)
    error = refused(lambda: update(cloud, name, config, STRATEGIES["canary"]))
    assert "at least 2 instances in each variant; variant AllTraffic has 1" in error["Message"]
    alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nobody's"}]}}
    error = refused(lambda: update(cloud, name, config, alarms))
    assert "Could not find the CloudWatch alarms" in error["Message"]
    assert cloud.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"


def test_a_rolling_update_whose_second_batch_fails_goes_back_to_a_whole_old_fleet(cloud, model):
    broken_later = cloud.create_model("second")
    blue = cloud.create_config(model, instances=2)
    name = cloud.create_endpoint(blue)
    green = cloud.create_config(broken_later, instances=2)
    with Clients(cloud, name) as clients:
        update(cloud, name, green, STRATEGIES["rolling"])
        await_stage(cloud, name, "Baking")
        cloud.put(f"models/{broken_later}.tar.gz", b"\x1f\x8b damaged")
        found = cloud.end_of_change(name)
    assert clients.failures == []
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", blue)
    assert found["FailureReason"].startswith("Failed to extract model data archive")
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert "second" in clients.words  # which had its share before
    assert {cloud.invoke(name)["Body"]["word"] for _ in range(20)} == {"first"}
