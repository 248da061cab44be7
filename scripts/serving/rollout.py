"""How a new model takes over from the one that serves: SageMaker's deployment guardrails.

    canary        one instance takes its share of the traffic; all follow when it has baked
    linear        the traffic follows in equal steps, each with its bake
    rolling       instances are replaced a few at a time: needs no second fleet
    all-at-once   everything moves, and moves back when an alarm fires during the bake

The alarms are watched all the time. When one of them fires, SageMaker gives the traffic back to
the old fleet, which lives until the new one has baked.
"""

import math
from dataclasses import dataclass
from typing import Any

from scripts.errors import UserError

CANARY, LINEAR, ROLLING, ALL_AT_ONCE = "canary", "linear", "rolling", "all-at-once"
STRATEGIES = (CANARY, LINEAR, ROLLING, ALL_AT_ONCE)
BAKE_S = 600
LOCAL_BAKE_S = 30  # longer than the two periods in which a local alarm makes up its mind
MAX_BAKE_S = 3600
MAX_ALARMS = 10
_START_S = 1800  # what a fleet takes to start and install what the model needs, generously
_TIMEOUT_S = (600, 28_800)  # the least and the most that SageMaker takes


@dataclass(frozen=True)
class Rollout:
    """How to update an endpoint: the strategy, the seconds of each bake, the alarms to heed."""

    strategy: str = CANARY
    bake_s: int = BAKE_S
    alarms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UserError(
                f"There is no strategy '{self.strategy}'. There are {', '.join(STRATEGIES)}."
            )
        if not 0 <= self.bake_s <= MAX_BAKE_S:
            raise UserError(f"A bake of {self.bake_s} s is not possible: 0 to {MAX_BAKE_S} s.")


def possible(strategy: str, instances: int) -> tuple[str, str]:
    """The strategy to use with that many instances, and a remark when it is another one.

    A part of one instance cannot be had: everything moves at once, still with a bake and alarms.
    """
    if instances > 1 or strategy == ALL_AT_ONCE:
        return strategy, ""
    return ALL_AT_ONCE, (
        f"{strategy} needs two instances and there is one: everything moves at once, "
        "and back when an alarm fires"
    )


def deployment_config(rollout: Rollout, instances: int) -> dict[str, Any]:
    """UpdateEndpoint's DeploymentConfig for a fleet of `instances`.

    Raises UserError for more alarms than SageMaker takes.
    """
    if len(rollout.alarms) > MAX_ALARMS:
        raise UserError(
            f"SageMaker watches at most {MAX_ALARMS} alarms, not {len(rollout.alarms)}."
        )
    strategy, _ = possible(rollout.strategy, instances)
    config: dict[str, Any]
    if strategy == ROLLING:
        batch = math.ceil(instances / 20)  # at least 5 % of the fleet, at most half of it
        batches = math.ceil(instances / batch)
        config = {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": _instances(batch),
                "WaitIntervalInSeconds": rollout.bake_s,
                "MaximumExecutionTimeoutInSeconds": _timeout(rollout, batches, starts=batches),
            }
        }
    else:
        config = {"BlueGreenUpdatePolicy": _blue_green(strategy, rollout, instances)}
    if rollout.alarms:
        config["AutoRollbackConfiguration"] = {
            "Alarms": [{"AlarmName": name} for name in rollout.alarms]
        }
    return config


def _blue_green(strategy: str, rollout: Rollout, instances: int) -> dict[str, Any]:
    routing: dict[str, Any] = {
        "Type": strategy.upper().replace("-", "_"),
        "WaitIntervalInSeconds": rollout.bake_s,
    }
    waits = 2  # when everything has moved, and the old fleet's after that
    if strategy == CANARY:
        routing["CanarySize"] = _instances(1)
        waits = 3  # the first part's besides
    if strategy == LINEAR:
        step = math.ceil(instances / 10)  # SageMaker takes steps of 10 to 50 %
        routing["LinearStepSize"] = _instances(step)
        waits = math.ceil(instances / step) + 1
    return {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": rollout.bake_s,
        "MaximumExecutionTimeoutInSeconds": _timeout(rollout, waits),
    }


def _instances(count: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": count}


def _timeout(rollout: Rollout, waits: int, starts: int = 1) -> int:
    least, most = _TIMEOUT_S
    return min(most, max(least, waits * rollout.bake_s + starts * _START_S))
