"""An endpoint whose number of instances follows its traffic: real processes, real requests."""

import threading
import time

import pytest
from botocore.exceptions import ClientError

from scripts.localcloud.scaling import PERIOD_S
from tests.integration.localcloud.conftest import ROLE, SERVING_IMAGE, archive

NAME = "scaled"
RESOURCE = f"endpoint/{NAME}/variant/AllTraffic"
DIMENSION = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
WITHIN_S = 60.0
INFERENCE = """
def model_fn(folder):
    return None

def input_fn(body, content_type):
    return body

def predict_fn(body, model):
    return "[0.5, 0.5]"

def output_fn(answer, accept):
    return answer, "application/json"
"""


class Load:
    """Some requests a second, until it is left; every failure is noted."""

    def __init__(self, runtime, rate):
        self._runtime, self._pause_s = runtime, 1 / rate
        self._enough, self.failures = threading.Event(), []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join()

    def _run(self):
        while not self._enough.wait(self._pause_s):
            try:
                self._runtime.invoke_endpoint(EndpointName=NAME, Body=b"x")
            except Exception as error:
                self.failures.append(error)


@pytest.fixture(scope="module")
def scaled(cloud):
    """An endpoint with one instance that may have two; a minute is 3 s, a cool-down 5."""
    uri = cloud.put("models/scaled.tar.gz", archive({"code/inference.py": INFERENCE}))
    cloud.sagemaker.create_model(
        ModelName=NAME,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": SERVING_IMAGE, "ModelDataUrl": uri},
    )
    cloud.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=cloud.create_config(NAME))
    cloud.end_of_change(NAME)
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**DIMENSION, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(
        **DIMENSION,
        PolicyName="invocations",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 120.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
            "ScaleOutCooldown": 5,
            "ScaleInCooldown": 5,
        },
    )
    yield cloud
    scaling.deregister_scalable_target(**DIMENSION)
    cloud.sagemaker.delete_endpoint(EndpointName=NAME)


def instances(cloud):
    found = cloud.sagemaker.describe_endpoint(EndpointName=NAME)
    (variant,) = found["ProductionVariants"]
    return variant["CurrentInstanceCount"] if found["EndpointStatus"] == "InService" else None


def await_instances(cloud, count, within_s=WITHIN_S):
    deadline = time.monotonic() + within_s
    while instances(cloud) != count:
        assert time.monotonic() < deadline, f"not {count} in time"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def story(scaled):
    """Load comes and goes. Returns the failures, and the activities in their order."""
    await_instances(scaled, 1)
    with Load(scaled.client("sagemaker-runtime"), rate=10) as load:
        await_instances(scaled, 2)
        scaled.sagemaker.update_endpoint(
            EndpointName=NAME,
            EndpointConfigName=scaled.create_config(NAME),
            RetainAllVariantProperties=True,
        )
        scaled.end_of_change(NAME)
        after_update = instances(scaled)
    # Quiet for as long as fifteen of AWS's minutes, 45 s here.
    await_instances(scaled, 1, within_s=120)
    # Not before: while there was load a moment ago, there would be a third instance.
    scaling = scaled.client("application-autoscaling")
    scaling.put_scheduled_action(
        **DIMENSION,
        ScheduledActionName="every-minute",
        Schedule="cron(* * * * ? *)",
        ScalableTargetAction={"MaxCapacity": 3},
    )
    deadline = time.monotonic() + WITHIN_S + PERIOD_S
    while limits(scaled) != (1, 3):
        assert time.monotonic() < deadline, "nothing happened on the minute"
        time.sleep(0.5)
    found = scaling.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=RESOURCE)
    return load.failures, after_update, list(reversed(found["ScalingActivities"]))


def limits(cloud):
    """The least and the most instances that the variant may have."""
    found = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[RESOURCE]
    )
    (target,) = found["ScalableTargets"]
    return target["MinCapacity"], target["MaxCapacity"]


def changes_of(what, activities):
    """The activities that changed the `what`."""
    return [found for found in activities if found["Description"].startswith(f"Setting {what}")]


def test_load_starts_instances_and_quiet_stops_them(story):
    changes = changes_of("desired instance count", story[-1])
    assert [change["Description"] for change in changes] == [
        "Setting desired instance count to 2.",
        "Setting desired instance count to 1.",
    ]
    causes = [change["Cause"].partition(":")[0] for change in changes]
    assert causes == ["AlarmHigh", "AlarmLow"]


def test_a_scheduled_action_changes_a_limit_at_its_time(scaled, story):
    changes = changes_of("max capacity", story[-1])
    assert changes[0]["Description"] == "Setting max capacity to 3."
    assert changes[0]["Cause"] == "scheduled action name every-minute was triggered."
    assert changes[0]["StartTime"].second < 10
    assert limits(scaled) == (1, 3)


def test_no_request_fails_meanwhile(story):
    failures, *_ = story
    assert failures == []


def test_an_update_keeps_the_number_of_instances(story):
    _, after_update, _ = story
    assert after_update == 2


def test_a_policy_that_is_not_really_followed_here_is_refused(scaled):
    scaling = scaled.client("application-autoscaling")
    with pytest.raises(scaling.exceptions.ValidationException, match="tracks SageMakerVariant"):
        scaling.put_scaling_policy(
            **DIMENSION,
            PolicyName="other",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 1.0,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"
                },
            },
        )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"Schedule": "cron(0 20 * * * *)"}, "no cron expression"),
        ({"Schedule": "cron(0 20 * * ? *)", "Timezone": "Nowhere/Town"}, "no time zone"),
        ({"Schedule": "cron(0 20 * * ? *)", "EndTime": 2_000_000_000}, "no EndTime"),
    ],
)
def test_a_schedule_that_would_not_be_kept_here_is_refused(scaled, asked, says):
    scaling = scaled.client("application-autoscaling")
    with pytest.raises(scaling.exceptions.ValidationException, match=says):
        scaling.put_scheduled_action(
            **DIMENSION,
            ScheduledActionName="other",
            ScalableTargetAction={"MinCapacity": 1},
            **asked,
        )


def test_the_type_of_instances_that_are_scaled_cannot_be_changed(scaled, story):
    served = scaled.sagemaker.describe_endpoint(EndpointName=NAME)["EndpointConfigName"]
    (variant,) = scaled.sagemaker.describe_endpoint_config(EndpointConfigName=served)[
        "ProductionVariants"
    ]
    other = scaled.name("config")
    scaled.sagemaker.create_endpoint_config(
        EndpointConfigName=other, ProductionVariants=[variant | {"InstanceType": "ml.m5.xlarge"}]
    )
    with pytest.raises(ClientError, match="Deregister it as a scalable target first"):
        scaled.sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName=other)


def test_only_a_variant_that_is_there_can_be_given_instances(scaled):
    unknown = {"VariantName": "none", "DesiredInstanceCount": 1}
    with pytest.raises(ClientError, match="There is no variant none"):
        scaled.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=NAME, DesiredWeightsAndCapacities=[unknown]
        )
