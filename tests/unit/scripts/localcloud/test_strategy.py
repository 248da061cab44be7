"""Plans of deployments: how many instances, which share of the traffic, how long."""

import math

import pytest

from scripts.localcloud import strategy
from scripts.localcloud.protocol import ServiceError, check_request
from scripts.localcloud.strategy import Desired


def instances(value):
    return {"Type": "INSTANCE_COUNT", "Value": value}


def percent(value):
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def blue_green(kind, wait_s=10, termination_s=20, **routing):
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": kind,
                "WaitIntervalInSeconds": wait_s,
                **routing,
            },
            "TerminationWaitInSeconds": termination_s,
        }
    }


def rolling(batch, wait_s=10, **policy):
    return {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": batch,
            "WaitIntervalInSeconds": wait_s,
            **policy,
        }
    }


def plan(config, green=4, blue=4):
    """The plan for one variant, after botocore's model has been asked about the request."""
    if config is not None:
        request = {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": config}
        check_request("sagemaker", "UpdateEndpoint", request)
    return strategy.plan(config, {"A": green}, {"A": blue})


def column(found, member):
    return [getattr(step, member)["A"] for step in found.steps]


def bakes(found):
    return [(step.bake_s, step.bake_setting) for step in found.steps]


def refusal(config, green=4, blue=4):
    with pytest.raises(ServiceError) as raised:
        plan(config, green, blue)
    assert raised.value.code == "ValidationException"
    return raised.value.message


def test_without_a_configuration_everything_moves_at_once_and_nothing_bakes():
    found = plan(None)
    assert column(found, "shares") == [1.0]
    assert bakes(found) == [(0, "TerminationWaitInSeconds")]
    assert found.alarms == ()


def test_without_a_configuration_variants_may_change():
    found = strategy.plan(None, {"New": 1}, {"Old": 2})
    assert (found.steps[0].active, found.steps[0].blue_left) == ({"New": 1}, {"Old": 0})


def test_all_at_once_bakes_once_with_the_old_fleet_alive():
    found = plan(blue_green("ALL_AT_ONCE"))
    assert column(found, "active") == [4]
    assert bakes(found) == [(20, "TerminationWaitInSeconds")]


@pytest.mark.parametrize(
    ("size", "fleet", "canary"),
    [
        (instances(1), 4, 1),
        (instances(2), 4, 2),
        (percent(50), 4, 2),
        (percent(30), 10, 3),
        (percent(30), 5, 1),  # 1.5 rounded down
        (percent(10), 2, 1),  # a canary has an instance at least
    ],
)
def test_a_canary_is_a_small_part_and_then_all(size, fleet, canary):
    found = plan(blue_green("CANARY", CanarySize=size), fleet, fleet)
    assert column(found, "active") == [canary, fleet]
    assert column(found, "shares") == [canary / fleet, 1.0]
    assert bakes(found) == [(10, "WaitIntervalInSeconds"), (20, "TerminationWaitInSeconds")]


def test_a_blue_green_deployment_starts_all_of_green_first_and_keeps_blue_to_the_end():
    found = plan(blue_green("CANARY", CanarySize=instances(1)), green=4, blue=3)
    assert column(found, "launched") == [4, 4]
    assert column(found, "blue_left") == [3, 0]


@pytest.mark.parametrize(
    ("size", "fleet", "active"),
    [
        (instances(1), 3, [1, 2, 3]),
        (instances(2), 5, [2, 4, 5]),
        (percent(25), 4, [1, 2, 3, 4]),
        (percent(50), 2, [1, 2]),
    ],
)
def test_linear_steps_are_equal_until_the_last(size, fleet, active):
    found = plan(blue_green("LINEAR", LinearStepSize=size), fleet, fleet)
    assert column(found, "active") == active
    assert column(found, "shares") == [count / fleet for count in active]
    assert [seconds for seconds, _ in bakes(found)] == [10] * (len(active) - 1) + [20]


def test_each_variants_share_is_that_of_its_own_instances():
    config = blue_green("CANARY", CanarySize=instances(1))
    fleet = {"Small": 2, "Large": 4}
    found = strategy.plan(config, fleet, fleet)
    assert found.steps[0].shares == {"Small": 0.5, "Large": 0.25}


@pytest.mark.parametrize(
    ("size", "active"),
    [(instances(1), [1, 2, 3]), (percent(33), [1, 2, 3]), (percent(5), [1, 2, 3])],
)
def test_a_rolling_deployment_starts_and_stops_batch_by_batch(size, active):
    found = plan(rolling(size), 3, 3)
    assert column(found, "launched") == column(found, "active") == active
    assert column(found, "blue_left") == [2, 1, 0]
    assert bakes(found) == [(10, "WaitIntervalInSeconds")] * 3


def test_a_rolling_deployment_between_fleets_of_different_size_keeps_the_proportion():
    found = plan(rolling(instances(1)), green=2, blue=5)
    assert column(found, "blue_left") == [3, 0]
    found = plan(rolling(instances(2)), green=5, blue=2)
    assert column(found, "blue_left") == [2, 1, 0]


def test_a_rolled_back_rolling_deployment_starts_all_instances_at_once_unless_told_otherwise():
    assert plan(rolling(instances(1))).rollback_batch == {"A": 4}
    slowly = rolling(instances(1), RollbackMaximumBatchSize=instances(1))
    assert plan(slowly).rollback_batch == {"A": 1}


def test_the_alarms_are_named():
    config = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}
    assert plan(config).alarms == ("a", "b")


def test_alarms_without_a_policy_watch_an_update_all_at_once():
    found = plan({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}})
    assert column(found, "shares") == [1.0]


def test_a_deployment_may_take_as_long_as_it_says():
    config = blue_green("ALL_AT_ONCE")
    assert plan(config).timeout_s == math.inf
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 900
    assert plan(config).timeout_s == 900.0


def test_two_policies_at_once_are_refused():
    both = blue_green("ALL_AT_ONCE") | rolling(instances(1))
    assert "Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy" in refusal(both)


def test_variants_may_not_change_with_a_deployment_configuration():
    with pytest.raises(ServiceError, match="must have the same variant names"):
        strategy.plan(blue_green("ALL_AT_ONCE"), {"New": 2}, {"Old": 2})


@pytest.mark.parametrize(
    ("kind", "sizes", "words"),
    [
        ("CANARY", {}, "CanarySize must be specified"),
        ("LINEAR", {}, "LinearStepSize must be specified"),
        ("LINEAR", {"CanarySize": instances(1)}, "CanarySize cannot be specified"),
        ("ALL_AT_ONCE", {"LinearStepSize": instances(1)}, "LinearStepSize cannot be specified"),
    ],
)
def test_each_kind_of_routing_has_its_own_size(kind, sizes, words):
    assert words in refusal(blue_green(kind, **sizes))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (blue_green("CANARY", CanarySize=percent(51)), "between 0 and 50 percent, not 51"),
        (blue_green("CANARY", CanarySize=instances(3)), "3 of the 4 of variant A are not"),
        (blue_green("LINEAR", LinearStepSize=percent(9)), "between 10 and 50 percent, not 9"),
        (blue_green("LINEAR", LinearStepSize=percent(51)), "between 10 and 50 percent, not 51"),
        (blue_green("LINEAR", LinearStepSize=instances(3)), "3 of the 4 of variant A are not"),
        (rolling(percent(4)), "between 5 and 50 percent, not 4"),
        (rolling(percent(51)), "between 5 and 50 percent, not 51"),
        (rolling(instances(3)), "3 of the 4 of variant A are not"),
        (rolling(instances(1), RollbackMaximumBatchSize=percent(101)), "0 and 100 percent"),
        (rolling(instances(1), RollbackMaximumBatchSize=instances(5)), "5 of the 4 of variant A"),
    ],
)
def test_a_size_outside_awss_limits_is_refused(config, words):
    assert words in refusal(config)


def test_a_linear_step_of_less_than_a_tenth_is_refused():
    one = blue_green("LINEAR", LinearStepSize=instances(1))
    assert len(plan(one, 10, 10).steps) == 10
    assert "between 10 and 50 percent" in refusal(one, 11, 11)


@pytest.mark.parametrize(
    "config",
    [
        blue_green("CANARY", CanarySize=instances(1)),
        blue_green("CANARY", CanarySize=percent(50)),
        blue_green("LINEAR", LinearStepSize=percent(50)),
        rolling(instances(1)),
    ],
)
def test_a_part_of_a_single_instance_cannot_be_had(config):
    assert "at least 2 instances in each variant; variant A has 1" in refusal(config, green=1)


def test_a_rolling_deployment_of_several_variants_is_refused():
    fleet = {"A": 2, "B": 2}
    with pytest.raises(ServiceError, match="more than one variant"):
        strategy.plan(rolling(instances(1)), fleet, fleet)


def test_a_deployment_must_be_allowed_the_time_that_it_waits():
    config = blue_green("LINEAR", wait_s=200, termination_s=0, LinearStepSize=instances(1))
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    assert plan(config, 3, 3).timeout_s == 600
    assert "larger than the 600 seconds" in refusal(config, 4, 4)


CONFIGURED = [{"VariantName": "A", "InitialInstanceCount": 1, "InitialVariantWeight": 2.0}]
CURRENT = [{"VariantName": "A", "DesiredInstanceCount": 3, "DesiredWeight": 0.5}]


def exclude(*types):
    return {
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": name} for name in types],
    }


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, Desired(1, 2.0)),
        ({"RetainAllVariantProperties": False}, Desired(1, 2.0)),
        ({"RetainAllVariantProperties": True}, Desired(3, 0.5)),
        (exclude("DesiredInstanceCount"), Desired(1, 0.5)),
        (exclude("DesiredWeight"), Desired(3, 2.0)),
        (exclude("DataCaptureConfig"), Desired(3, 0.5)),
    ],
)
def test_what_a_variant_has_is_kept_where_the_request_says_so(request_, expected):
    assert strategy.desired(CONFIGURED, request_, CURRENT) == {"A": expected}


def test_a_new_variant_has_nothing_to_keep():
    new = [{"VariantName": "B"}]
    request = {"RetainAllVariantProperties": True}
    assert strategy.desired(new, request, CURRENT) == {"B": Desired(1, 1.0)}
