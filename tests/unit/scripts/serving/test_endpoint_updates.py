"""Updates of a live endpoint: as canaries, heeding alarms, taken up where they were left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.serving import deployment, endpoint
from scripts.serving.endpoint import Fleet, RolledBack
from scripts.serving.rollout import ALL_AT_ONCE, LINEAR, Rollout
from tests.unit.scripts.serving.endpoint_in_memory import MODEL, NOW, SageMaker, deploy

# How an update is made


def test_an_update_is_a_canary_that_terraforms_alarms_can_roll_back(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    aws.answers["DescribeAlarms"] = {"MetricAlarms": []}
    deploy(dev, bucket, Rollout(alarms=("scones-dev-rollback-5xx-rate",)))
    (updated,) = aws.made("UpdateEndpoint")
    assert updated["RetainAllVariantProperties"] is True
    assert "ExcludeRetainedVariantProperties" not in updated
    config = updated["DeploymentConfig"]
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert config["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "scones-dev-rollback-5xx-rate"}]
    }


def test_another_strategy_can_be_chosen(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    deploy(dev, bucket, Rollout(LINEAR))
    policy = aws.made("UpdateEndpoint")[0]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "LINEAR"


def test_an_update_of_one_instance_moves_everything_and_says_so(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.instances = 1
    seen: list[str] = []
    deploy(dev, bucket, say=seen.append)
    policy = aws.made("UpdateEndpoint")[0]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert "canary needs two instances and there is one" in seen[0]


def test_an_update_keeps_the_number_of_instances_that_autoscaling_has_reached(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.instances = 7
    deploy(dev, bucket)
    (config,) = aws.made("CreateEndpointConfig")
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 7


def test_another_number_of_instances_replaces_the_present_one(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    deploy(dev, bucket, fleet=Fleet(instance_count=4))
    (config,) = aws.made("CreateEndpointConfig")
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 4
    (updated,) = aws.made("UpdateEndpoint")
    assert updated["ExcludeRetainedVariantProperties"] == [
        {"VariantPropertyType": "DesiredInstanceCount"}
    ]


SMALL = Fleet("ml.c6i.xlarge", 3, 25)


def _asked(request: dict[str, Any]) -> tuple[str, int]:
    """The type of instances, and the percentage that is captured, of a configuration."""
    capture = request["DataCaptureConfig"]
    assert capture["EnableCapture"] is (capture["InitialSamplingPercentage"] > 0)
    return request["ProductionVariants"][0]["InstanceType"], capture["InitialSamplingPercentage"]


@pytest.mark.parametrize(
    ("fleet", "asked"),
    [
        (None, ("ml.c6i.xlarge", 25)),
        (Fleet(), ("ml.c6i.xlarge", 25)),
        (Fleet("ml.m5.xlarge"), ("ml.m5.xlarge", 25)),
        (Fleet(capture_percentage=50), ("ml.c6i.xlarge", 50)),
        (Fleet(capture_percentage=0), ("ml.c6i.xlarge", 0)),
    ],
)
def test_an_update_keeps_the_type_of_instances_and_the_capture_that_it_is_not_asked_to_change(
    sagemaker: SageMaker,
    aws: Any,
    bucket: Bucket,
    dev: Environment,
    fleet: Fleet | None,
    asked: tuple[str, int],
) -> None:
    deploy(dev, bucket, fleet=SMALL)
    deploy(dev, bucket, fleet=fleet)
    assert [_asked(config) for config in aws.made("CreateEndpointConfig")] == [
        ("ml.c6i.xlarge", 25),
        asked,
    ]


SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/scones-dev/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.mark.parametrize(
    ("fleet", "expected"),
    [
        (None, []),
        (Fleet("ml.m5.large", 3, 50), []),
        (Fleet(instance_type="ml.c6i.xlarge"), [SCALED]),
    ],
)
def test_only_another_type_of_instance_ends_their_scaling_which_would_forbid_it(
    sagemaker: SageMaker,
    aws: Any,
    bucket: Bucket,
    dev: Environment,
    fleet: Fleet | None,
    expected: list[Any],
) -> None:
    deploy(dev, bucket)
    scaling = dev.client("application-autoscaling")
    scaling.register_scalable_target(**SCALED, MinCapacity=1, MaxCapacity=2)
    deploy(dev, bucket, fleet=fleet)
    assert aws.made("DeregisterScalableTarget") == expected


@pytest.mark.parametrize(
    "served",
    [{}, {"DataCaptureConfig": {"EnableCapture": False, "InitialSamplingPercentage": 100}}],
)
def test_capture_that_is_off_stays_off(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment, served: dict[str, Any]
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["before"] = NOW
    variants = [{"ModelName": MODEL.name, "InstanceType": "ml.m5.large"}]
    sagemaker.described["before"] = {"ProductionVariants": variants, **served}
    deploy(dev, bucket)
    assert _asked(aws.made("CreateEndpointConfig")[0]) == ("ml.m5.large", 0)


def test_what_is_kept_is_what_serves_and_not_what_an_update_was_to_bring(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket, fleet=SMALL)
    sagemaker.serves = sagemaker.config
    sagemaker.after = ("Updating", "RollingBack", "InService")
    with pytest.raises(RolledBack):
        deploy(dev, bucket, fleet=Fleet("ml.m5.xlarge", 3, 50))
    with pytest.raises(RolledBack):
        deploy(dev, bucket)
    assert _asked(aws.made("CreateEndpointConfig")[2]) == ("ml.c6i.xlarge", 25)


def test_an_endpoint_that_failed_is_made_anew_as_it_was(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket, fleet=SMALL)
    sagemaker.exists("Failed", "Deleting", None)
    deploy(dev, bucket)
    assert _asked(aws.made("CreateEndpointConfig")[1]) == ("ml.c6i.xlarge", 25)


def test_an_endpoint_that_was_switched_off_is_made_anew_as_it_was(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    before = deploy(dev, bucket, fleet=SMALL)
    deployment.save(bucket, replace(before, stopped_config=sagemaker.config))
    sagemaker.exists(None)
    deploy(dev, bucket)
    assert _asked(aws.made("CreateEndpointConfig")[1]) == ("ml.c6i.xlarge", 25)


def test_an_endpoint_whose_configuration_is_gone_is_updated_as_one_begins(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    deploy(dev, bucket)
    assert _asked(aws.made("CreateEndpointConfig")[0]) == ("ml.m5.large", 100)


def test_an_update_that_an_alarm_would_end_at_once_is_not_begun(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    aws.answers["DescribeAlarms"] = {"MetricAlarms": [{"AlarmName": "slow"}]}
    with pytest.raises(UserError, match=r"slow in ALARM.*invoke rollback --reason WORDS --env dev"):
        deploy(dev, bucket, Rollout(alarms=("slow", "5xx")))
    assert aws.made("UpdateEndpoint") == []
    assert aws.made("DescribeAlarms") == [{"AlarmNames": ["slow", "5xx"], "StateValue": "ALARM"}]


def test_while_an_alarm_fires_nothing_of_the_scaling_is_touched(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    dev.client("application-autoscaling").register_scalable_target(
        **SCALED, MinCapacity=1, MaxCapacity=2
    )
    aws.answers["DescribeAlarms"] = {"MetricAlarms": [{"AlarmName": "slow"}]}
    with pytest.raises(UserError, match="slow in ALARM"):
        deploy(dev, bucket, Rollout(alarms=("slow",)), fleet=Fleet("ml.c6i.xlarge"))
    assert aws.made("DeregisterScalableTarget") == []


def test_who_waits_sees_the_stage_of_the_update(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.after = ("Updating", "Updating", "InService")
    sagemaker.pending = {
        "EndpointConfigName": "next",
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "CurrentInstanceCount": 1,
                "DesiredInstanceCount": 2,
                "VariantStatus": [{"Status": "Baking"}],
            }
        ],
    }
    seen: list[str] = []
    deploy(dev, bucket, say=seen.append)
    assert seen == ["updating: canary", "Updating: Baking, 1 of 2 new instances"]


# An update whose process was killed


def test_an_update_that_was_made_is_not_made_again(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config = "mine"
    deployed = deploy(dev, bucket, config="mine")
    assert deployed.model_name == MODEL.name
    assert aws.made("UpdateEndpoint") == aws.made("CreateEndpointConfig") == []


def test_an_update_that_is_under_way_is_followed_to_its_end(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("Updating", "InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config = "mine"
    sagemaker.pending = {"EndpointConfigName": "mine"}
    seen: list[str] = []
    deploy(dev, bucket, config="mine", say=seen.append)
    assert seen == ["this deployment goes on: the endpoint is Updating"]
    assert aws.made("UpdateEndpoint") == []


def test_an_update_that_was_rolled_back_meanwhile_is_not_tried_again(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config, sagemaker.modified = "before", NOW + timedelta(minutes=5)
    sagemaker.reason = "An alarm went off."
    with pytest.raises(RolledBack, match="An alarm went off"):
        deploy(dev, bucket, config="mine")
    assert aws.made("UpdateEndpoint") == []


def test_an_update_that_was_only_prepared_is_made(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config, sagemaker.modified = "before", NOW - timedelta(days=1)
    sagemaker.reason = "An alarm went off a day ago."
    deploy(dev, bucket, Rollout(ALL_AT_ONCE), config="mine")
    assert [update["EndpointConfigName"] for update in aws.made("UpdateEndpoint")] == ["mine"]
    assert aws.made("CreateEndpointConfig") == []


# Who asks what serves


def test_the_model_that_serves_is_told_when_the_endpoint_has_come_to_rest(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    sagemaker.exists("Updating", "Updating", "InService")
    seen: list[str] = []
    assert endpoint.served_model(dev, seen.append) == MODEL.name
    assert seen == ["waiting: the endpoint is Updating"] * 2


@pytest.mark.parametrize("state", ["Failed", "UpdateRollbackFailed"])
def test_asking_what_serves_removes_nothing(
    sagemaker: SageMaker, aws: Any, dev: Environment, state: str
) -> None:
    sagemaker.exists(state)
    assert endpoint.served_model(dev, lambda _text: None) is None
    assert aws.made("DeleteEndpoint") == []


def test_without_an_endpoint_nothing_serves_and_nothing_takes_over(
    sagemaker: SageMaker, dev: Environment
) -> None:
    assert endpoint.served_model(dev, lambda _text: None) is None
    assert endpoint.is_taking_over(dev) is False


@pytest.mark.parametrize(
    ("pending", "expected"),
    [({"EndpointConfigName": "next"}, True), ({"EndpointConfigName": "before"}, False)],
)
def test_another_configuration_is_told_from_other_changes(
    sagemaker: SageMaker, dev: Environment, pending: dict[str, Any], expected: bool
) -> None:
    sagemaker.exists("Updating")
    sagemaker.pending = pending
    assert endpoint.is_taking_over(dev) is expected
    sagemaker.exists("InService")
    assert endpoint.is_taking_over(dev) is False
