"""Updates of a live endpoint: as canaries, heeding alarms, taken up where they were left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
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


def test_an_update_that_an_alarm_would_end_at_once_is_not_begun(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    aws.answers["DescribeAlarms"] = {"MetricAlarms": [{"AlarmName": "slow"}]}
    with pytest.raises(UserError, match=r"slow in ALARM.*invoke rollback"):
        deploy(dev, bucket, Rollout(alarms=("slow", "5xx")))
    assert aws.made("UpdateEndpoint") == []
    assert aws.made("DescribeAlarms") == [{"AlarmNames": ["slow", "5xx"], "StateValue": "ALARM"}]


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
