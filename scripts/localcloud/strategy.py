"""How an endpoint's traffic moves to its new model: a plan of steps, made by pure functions.

The fleet that serves is blue, the one that is to take over is green. A step gives a part of the
traffic to a part of green, and watches it for a while; only then comes the next.

    CANARY        a small part, then all
    LINEAR        equal parts, one after the other
    ALL_AT_ONCE   all
    rolling       like LINEAR, but each part's instances are started for it, and as many of blue's
                  are stopped after it: it needs no second fleet

The rules are those of AWS's pages on deployment guardrails and of the shapes CanarySize,
LinearStepSize and MaximumBatchSize. AWS's words for what it refuses are not published: these are
ours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.localcloud.protocol import ServiceError

ALL_AT_ONCE, CANARY, LINEAR, ROLLING = "ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"
_INTERVAL, _TERMINATION = "WaitIntervalInSeconds", "TerminationWaitInSeconds"
# The least and the most percent of a variant's instances that one step may move.
_LIMITS = {
    "CanarySize": (0, 50),
    "LinearStepSize": (10, 50),
    "MaximumBatchSize": (5, 50),
    "RollbackMaximumBatchSize": (0, 100),
}
_SIZE_OF_TYPE = {CANARY: "CanarySize", LINEAR: "LinearStepSize"}


@dataclass(frozen=True)
class Desired:
    """What a variant is to have: instances, and a weight among the variants."""

    instances: int
    weight: float


@dataclass(frozen=True)
class Step:
    """One shift of traffic. Mappings are by variant.

    `launched` instances of green run from now on, `active` of them take traffic, which is `shares`
    of all (0 to 1). Then they bake: for `bake_s` seconds, as the request's `bake_setting` says,
    the alarms are watched. Of blue, `blue_left` instances stay after that.
    """

    launched: Mapping[str, int]
    active: Mapping[str, int]
    shares: Mapping[str, float]
    bake_s: float
    bake_setting: str
    blue_left: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    """A deployment: its steps, the alarms that end it, the time it may take at most.

    `rollback_batch` is how many of blue's instances a rollback starts again at a time, by variant.
    """

    kind: str
    steps: tuple[Step, ...]
    alarms: tuple[str, ...] = ()
    timeout_s: float = math.inf
    rollback_batch: Mapping[str, int] | None = None


def desired(
    variants: Sequence[Mapping[str, Any]],
    request: Mapping[str, Any],
    current: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Desired]:
    """What each variant of a configuration is to have, by name.

    `current` are the endpoint's variants as DescribeEndpoint shows them: what they are to have is
    kept where the request says RetainAllVariantProperties and does not exclude it.
    """
    excluded = {
        item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])
    }
    kept = {item["VariantName"]: item for item in current}
    if not request.get("RetainAllVariantProperties"):
        kept = {}

    def one(variant: Mapping[str, Any]) -> Desired:
        old = kept.get(variant["VariantName"], {})
        instances = variant.get("InitialInstanceCount", 1)
        weight = variant.get("InitialVariantWeight", 1.0)
        if "DesiredInstanceCount" not in excluded:
            instances = old.get("DesiredInstanceCount", instances)
        if "DesiredWeight" not in excluded:
            weight = old.get("DesiredWeight", weight)
        return Desired(int(instances), float(weight))

    return {variant["VariantName"]: one(variant) for variant in variants}


def plan(
    config: Mapping[str, Any] | None, green: Mapping[str, int], blue: Mapping[str, int]
) -> Plan:
    """The plan of a DeploymentConfig for fleets of so many instances, by variant.

    None is the default: all at once, nothing watched. Raises ServiceError for what AWS refuses.
    """
    if config is None:
        return Plan(ALL_AT_ONCE, _blue_green_steps([dict(green)], green, blue, 0, 0))
    policy, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if policy and rolling:
        raise _refusal(
            "Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified."
        )
    if green.keys() != blue.keys():
        raise _refusal(
            "The new endpoint configuration must have the same variant names as the old one when "
            "a DeploymentConfig is used."
        )
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    names = tuple(alarm["AlarmName"] for alarm in alarms)
    if rolling:
        return _rolling(rolling, names, green, blue)
    return _blue_green(policy or {}, names, green, blue)


def _blue_green(
    policy: Mapping[str, Any],
    alarms: tuple[str, ...],
    green: Mapping[str, int],
    blue: Mapping[str, int],
) -> Plan:
    routing = policy.get("TrafficRoutingConfiguration", {"Type": ALL_AT_ONCE})
    kind = routing["Type"]
    needed = _SIZE_OF_TYPE.get(kind)
    for member in _SIZE_OF_TYPE.values():
        if (member in routing) != (member == needed):
            verb = "cannot" if member in routing else "must"
            raise _refusal(f"{member} {verb} be specified for traffic routing of type {kind}.")
    actives = _growing(_sizes(needed, routing[needed], green), green) if needed else [dict(green)]
    if kind == CANARY:
        actives = [actives[0], actives[-1]]
    interval_s, termination_s = routing.get(_INTERVAL, 0), policy.get(_TERMINATION, 0)
    steps = _blue_green_steps(actives, green, blue, interval_s, termination_s)
    return Plan(kind, steps, alarms, _timeout(policy, steps))


def _blue_green_steps(
    actives: Sequence[Mapping[str, int]],
    green: Mapping[str, int],
    blue: Mapping[str, int],
    interval_s: float,
    termination_s: float,
) -> tuple[Step, ...]:
    """All of green is started at first, and all of blue lives until the last bake has passed."""
    *parts, whole = [(active, _shares(active, green)) for active in actives]
    return (
        *(Step(green, *part, interval_s, _INTERVAL, blue) for part in parts),
        Step(green, *whole, termination_s, _TERMINATION, dict.fromkeys(blue, 0)),
    )


def _rolling(
    policy: Mapping[str, Any],
    alarms: tuple[str, ...],
    green: Mapping[str, int],
    blue: Mapping[str, int],
) -> Plan:
    if len(green) > 1:
        raise _refusal("A RollingUpdatePolicy cannot be used with more than one variant.")
    batch = _sizes("MaximumBatchSize", policy["MaximumBatchSize"], green)
    steps = tuple(
        Step(
            active,
            active,
            _shares(active, green),
            policy[_INTERVAL],
            _INTERVAL,
            {name: _left(count, active[name], green[name]) for name, count in blue.items()},
        )
        for active in _growing(batch, green)
    )
    back = policy.get("RollbackMaximumBatchSize", {"Type": "CAPACITY_PERCENT", "Value": 100})
    rollback_batch = _sizes("RollbackMaximumBatchSize", back, blue)
    return Plan(ROLLING, steps, alarms, _timeout(policy, steps), rollback_batch)


def _growing(size: Mapping[str, int], whole: Mapping[str, int]) -> list[dict[str, int]]:
    """How many instances are active after each step of `size`, until all are."""
    count = max(math.ceil(whole[name] / size[name]) for name in whole)
    return [
        {name: min(whole[name], size[name] * number) for name in whole}
        for number in range(1, count + 1)
    ]


def _shares(active: Mapping[str, int], whole: Mapping[str, int]) -> dict[str, float]:
    """A variant's traffic is shared in proportion to the capacity that has been shifted."""
    return {name: active[name] / whole[name] for name in whole}


def _left(blue: int, active: int, green: int) -> int:
    """What stays of `blue` instances when `active` of `green` have replaced their part."""
    return math.ceil(blue * (green - active) / green)


def _sizes(member: str, size: Mapping[str, Any], instances: Mapping[str, int]) -> dict[str, int]:
    """A CapacitySize as a number of instances of each variant. Raises when AWS's limits forbid it.

    A percentage that is not a whole number of instances is rounded down, but never to none.
    """
    least, most = _LIMITS[member]
    value, is_percent = size["Value"], size["Type"] == "CAPACITY_PERCENT"
    if is_percent and not least <= value <= most:
        raise _refusal(f"{member} must be between {least} and {most} percent, not {value}.")
    for name, count in instances.items():
        if most < 100 and count < 2:
            raise _refusal(
                f"{member} needs at least 2 instances in each variant; variant {name} has {count}."
            )
        if not is_percent and not least * count <= value * 100 <= most * count:
            raise _refusal(
                f"{member} must be between {least} and {most} percent of the instances of each "
                f"variant; {value} of the {count} of variant {name} are not."
            )
    return {
        name: max(1, count * value // 100) if is_percent else value
        for name, count in instances.items()
    }


def _timeout(policy: Mapping[str, Any], steps: Sequence[Step]) -> float:
    timeout_s = float(policy.get("MaximumExecutionTimeoutInSeconds", math.inf))
    waits_s = sum(step.bake_s for step in steps)
    if timeout_s <= waits_s:
        raise _refusal(
            f"MaximumExecutionTimeoutInSeconds must be larger than the {waits_s:g} seconds that "
            "the deployment waits in all."
        )
    return timeout_s


def _refusal(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
