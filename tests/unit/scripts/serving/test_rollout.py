"""How updates are asked for: within SageMaker's limits, for fleets of every size."""

from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from scripts.errors import UserError
from scripts.serving.rollout import (
    ALL_AT_ONCE,
    CANARY,
    LINEAR,
    MAX_BAKE_S,
    ROLLING,
    STRATEGIES,
    Rollout,
    deployment_config,
    possible,
)


def _blue_green(rollout: Rollout, instances: int) -> dict[str, Any]:
    policy: dict[str, Any] = deployment_config(rollout, instances)["BlueGreenUpdatePolicy"]
    return policy


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("instances", [1, 2, 3, 20, 100])
@pytest.mark.parametrize("bake_s", [0, 20, MAX_BAKE_S])
def test_every_request_is_one_that_botocore_accepts(
    strategy: str, instances: int, bake_s: int
) -> None:
    model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
    config = deployment_config(Rollout(strategy, bake_s, ("a", "b")), instances)
    report = ParamValidator().validate(config, model.shape_for("DeploymentConfig"))
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("instances", [2, 3, 10, 50])
def test_a_canary_is_one_instance_and_never_more_than_half_of_them(instances: int) -> None:
    routing = _blue_green(Rollout(CANARY, 60), instances)["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"] == {"Type": "INSTANCE_COUNT", "Value": 1}
    assert routing["WaitIntervalInSeconds"] == 60


@pytest.mark.parametrize("instances", [2, 3, 10, 11, 35, 100])
def test_linear_steps_are_a_tenth_to_a_half_of_the_fleet(instances: int) -> None:
    step = _blue_green(Rollout(LINEAR), instances)["TrafficRoutingConfiguration"]["LinearStepSize"]
    assert 0.1 <= step["Value"] / instances <= 0.5


@pytest.mark.parametrize("instances", [2, 3, 19, 21, 40, 100])
def test_rolling_batches_are_a_twentieth_to_a_half_of_the_fleet(instances: int) -> None:
    policy = deployment_config(Rollout(ROLLING), instances)["RollingUpdatePolicy"]
    assert 0.05 <= policy["MaximumBatchSize"]["Value"] / instances <= 0.5


@pytest.mark.parametrize("strategy", [CANARY, LINEAR, ALL_AT_ONCE])
def test_the_old_fleet_lives_until_the_new_one_has_baked(strategy: str) -> None:
    assert _blue_green(Rollout(strategy, 90), 2)["TerminationWaitInSeconds"] == 90


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("instances", [2, 10])
def test_the_time_limit_leaves_room_for_every_bake(strategy: str, instances: int) -> None:
    (policy,) = deployment_config(Rollout(strategy, 1800), instances).values()
    # AWS lets a canary bake twice, and the old fleet wait after that. Batches start one by one.
    waits = {CANARY: 3, LINEAR: instances + 1, ROLLING: instances, ALL_AT_ONCE: 2}[strategy]
    starts = instances if strategy == ROLLING else 1
    needed = min(28_800, waits * 1800 + starts * 900)
    assert policy["MaximumExecutionTimeoutInSeconds"] >= needed


def test_the_time_limit_is_at_most_what_sagemaker_takes() -> None:
    policy = _blue_green(Rollout(LINEAR, MAX_BAKE_S), 10)
    assert policy["MaximumExecutionTimeoutInSeconds"] == 28_800


def test_alarms_roll_an_update_back() -> None:
    config = deployment_config(Rollout(alarms=("5xx", "slow")), 2)
    alarms = config["AutoRollbackConfiguration"]["Alarms"]
    assert alarms == [{"AlarmName": "5xx"}, {"AlarmName": "slow"}]


def test_without_alarms_nothing_is_watched() -> None:
    assert "AutoRollbackConfiguration" not in deployment_config(Rollout(), 2)


def test_more_alarms_than_sagemaker_takes_are_refused() -> None:
    rollout = Rollout(alarms=tuple(map(str, range(11))))
    with pytest.raises(UserError, match="at most 10 alarms, not 11"):
        deployment_config(rollout, 2)


@pytest.mark.parametrize("strategy", [CANARY, LINEAR, ROLLING])
def test_one_instance_cannot_be_divided_and_that_is_said(strategy: str) -> None:
    used, remark = possible(strategy, 1)
    assert used == ALL_AT_ONCE
    assert remark.startswith(f"{strategy} needs two instances and there is one")
    policy = _blue_green(Rollout(strategy), 1)
    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_instances_allow_every_strategy(strategy: str) -> None:
    assert possible(strategy, 2) == (strategy, "")


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no strategy 'blue'\. There are canary, linear, rolling"):
        Rollout("blue")


@pytest.mark.parametrize("bake_s", [-1, MAX_BAKE_S + 1])
def test_a_bake_outside_sagemakers_limits_is_refused(bake_s: int) -> None:
    with pytest.raises(UserError, match="0 to 3600 s"):
        Rollout(bake_s=bake_s)
