"""Application Auto Scaling that really scales: an endpoint's variants, by traffic and by the clock.

As AWS's page "Target tracking scaling policies" has it, a policy is two alarms: more than the
target for three minutes, less than 90 % of it for fifteen. A minute is PERIOD_S here. Scaling out
goes to the number of instances that brings the metric back to the target; scaling in leaves what
the busiest of the fifteen minutes needed. A variant without traffic is at zero, as SageMaker says.
A scheduled action sets other limits at its time, which is the clock's.
"""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.aws import Aws
from scripts.localcloud.metrics import NAMESPACE
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.scheduled_scaling import ScheduledAction, due

METRIC = "SageMakerVariantInvocationsPerInstance"
PERIOD_S = 3  # stands for AWS's minute
OUT_AFTER, IN_AFTER = 3, 15  # periods
IN_BELOW = 0.9
ACTIVITIES_KEPT = 100


@dataclass(frozen=True)
class Policy:
    """Invocations per instance and minute to aim at, and seconds to wait after each change."""

    target: float
    out_cooldown_s: float = 300.0
    in_cooldown_s: float = 300.0
    scales_in: bool = True


@dataclass(frozen=True)
class Target:
    """A variant that is scaled, within its limits; `resource` is as AWS writes it."""

    resource: str
    minimum: int
    maximum: int
    policies: tuple[Policy, ...] = ()
    scheduled: tuple[ScheduledAction, ...] = ()
    out_suspended: bool = False
    in_suspended: bool = False

    @property
    def endpoint(self) -> str:
        return self.resource.split("/")[1]

    @property
    def variant(self) -> str:
        return self.resource.split("/")[3]


@dataclass(frozen=True)
class Change:
    """Another number of instances, and the alarm that asks for it, in words."""

    count: int
    cause: str


def decide(target: Target, count: int, values: Sequence[float]) -> Change | None:
    """What the number of instances is to become; None when it is right.

    `values` are invocations per instance and minute, of one period each, the newest last.
    """
    bounded = min(max(count, target.minimum), target.maximum)
    if bounded != count:
        return Change(bounded, "the capacity was outside of the limits of the scalable target")
    wanted = [change for policy in target.policies if (change := _tracked(policy, count, values))]
    # Of several policies the one that wants the most instances is heard.
    change = max(wanted, key=lambda change: change.count, default=None)
    if change is None:
        return None
    change = Change(min(max(change.count, target.minimum), target.maximum), change.cause)
    is_suspended = target.out_suspended if change.count > count else target.in_suspended
    return None if change.count == count or is_suspended else change


def _tracked(policy: Policy, count: int, values: Sequence[float]) -> Change | None:
    newest = values[-OUT_AFTER:]
    if len(newest) == OUT_AFTER and min(newest) > policy.target:
        needed = math.ceil(count * values[-1] / policy.target)
        return Change(needed, f"AlarmHigh: more than {policy.target:g} in {OUT_AFTER} periods")
    recent = values[-IN_AFTER:]
    low = IN_BELOW * policy.target
    if policy.scales_in and len(recent) == IN_AFTER and max(recent) < low:
        needed = math.ceil(count * max(recent) / policy.target)
        return Change(needed, f"AlarmLow: less than {low:g} in {IN_AFTER} periods")
    return None


@dataclass
class Scaler:
    """Looks at every scalable target once a period, until the process ends.

    `targets` tells which there are, and `limit` sets the limits of one; `instances` tells how many
    a variant has (None while it must not be touched), and `resize` changes that.
    """

    aws: Aws
    targets: Callable[[], Iterable[Target]]
    limit: Callable[[str, int | None, int | None], None]
    instances: Callable[[str, str], int | None]
    resize: Callable[[str, str, int], None]
    activities: list[dict[str, Any]] = field(default_factory=list)
    _changed_s: dict[str, tuple[float, bool]] = field(default_factory=dict)

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        looked = datetime.now(UTC)
        while True:
            time.sleep(PERIOD_S)
            now = datetime.now(UTC)
            for target in self.targets():
                try:
                    self.keep_time(target, looked, now)
                    self.look(target)
                except Exception as error:  # the next period is another chance
                    print(f"Scaling {target.resource}: {error}", file=sys.stderr)
            looked = now

    def keep_time(self, target: Target, since: datetime, now: datetime) -> None:
        """Do what is scheduled for a target after `since` and up to `now`."""
        for action in due(target.scheduled, since, now):
            self.limit(target.resource, action.minimum, action.maximum)
            limits = {"min": action.minimum, "max": action.maximum}
            words = [f"{end} capacity to {n}" for end, n in limits.items() if n is not None]
            cause = f"scheduled action name {action.name} was triggered"
            self._note(target.resource, " and ".join(words), cause)

    def look(self, target: Target) -> None:
        """Scale one target, if that is due."""
        count = self.instances(target.endpoint, target.variant)
        if count is None:
            return
        change = decide(target, count, self._values(target))
        if change is None or self._is_cooling(target, change.count > count):
            return
        try:
            self.resize(target.endpoint, target.variant, change.count)
        except ServiceError as error:  # an update has begun in between
            print(f"Scaling {target.resource}: {error}", file=sys.stderr)
            return
        self._changed_s[target.resource] = (time.monotonic(), change.count > count)
        verb = "out" if change.count > count else "in"
        cause = f"{change.cause}: scaling {verb} from {count}"
        self._note(target.resource, f"desired instance count to {change.count}", cause)

    def _is_cooling(self, target: Target, is_out: bool) -> bool:
        """Whether the last change is too recent. Scaling out never waits for a scaling in."""
        then_s, was_out = self._changed_s.get(target.resource, (-math.inf, True))
        if is_out and not was_out:
            return False
        waits = [p.out_cooldown_s if is_out else p.in_cooldown_s for p in target.policies]
        return time.monotonic() - then_s < max(waits, default=0.0)

    def _values(self, target: Target) -> list[float]:
        """Invocations per instance and minute in each of the last periods."""
        end_s = time.time() // PERIOD_S * PERIOD_S - PERIOD_S  # the last one is still arriving
        start_s = end_s - IN_AFTER * PERIOD_S
        points = self.aws.cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName="InvocationsPerInstance",
            Dimensions=[
                {"Name": "EndpointName", "Value": target.endpoint},
                {"Name": "VariantName", "Value": target.variant},
            ],
            StartTime=datetime.fromtimestamp(start_s, UTC),
            EndTime=datetime.fromtimestamp(end_s, UTC),
            Period=PERIOD_S,
            Statistics=["Sum"],
        )["Datapoints"]
        sums = {int(point["Timestamp"].timestamp()): point["Sum"] for point in points}
        times = range(int(start_s), int(end_s), PERIOD_S)
        return [sums.get(second, 0.0) * 60 / PERIOD_S for second in times]

    def _note(self, resource: str, what: str, cause: str) -> None:
        now = datetime.now(UTC)
        self.activities.insert(
            0,
            {
                "ActivityId": f"{now:%Y%m%d%H%M%S%f}",
                "ServiceNamespace": "sagemaker",
                "ResourceId": resource,
                "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                "Description": f"Setting {what}.",
                "Cause": f"{cause}.",
                "StartTime": now.timestamp(),
                "EndTime": now.timestamp(),
                "StatusCode": "Successful",
                "StatusMessage": f"Successfully set {what}.",
            },
        )
        del self.activities[ACTIVITIES_KEPT:]
