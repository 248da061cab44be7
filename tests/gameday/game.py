"""A game day: the deployed service under traffic, and what its safeguards say."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.environment import ROOT
from tests.e2e.client import aws
from tests.e2e.world import PREFIX, Seen, Sent, World
from tests.gameday.traffic import Picture, Traffic

POLL_S = 1.0
MONITOR_EVERY_S = 8.0  # an hour on AWS
ALARM_PERIOD_S = 10  # an hour, too: CloudWatch has nothing between 10 and 1


@dataclass(frozen=True)
class Scenario:
    """A fault: how it is caused and ended, and what a safeguard has to say of it.

    `seen` returns what was seen, in words, once it was; `is_over` says when all is well again.
    """

    name: str
    expected: str
    cause: Callable[["Game"], None]
    seen: Callable[["Game"], str]
    heal: Callable[["Game"], None]
    is_over: Callable[["Game"], bool]
    within_s: float = 90.0


@dataclass(frozen=True)
class Result:
    """What came of a scenario; times in seconds, None for what did not happen in time.

    `lost` uploads were neither decided nor kept, `twice` were told more than once.
    """

    name: str
    expected: str
    seen: str
    detection_s: float | None
    recovery_s: float | None
    uploads: int
    lost: int
    twice: int

    @property
    def is_good(self) -> bool:
        timely = self.detection_s is not None and self.recovery_s is not None
        return timely and not self.lost and not self.twice

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "good": self.is_good}


class Tasks:
    """Runs the project's tasks against the game's cloud."""

    def __init__(self, cloud: Path) -> None:
        self.environment = {**os.environ, "SCONES_LOCAL_CLOUD": str(cloud)}

    def invoke(self, *words: str, checkout: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(
            command,
            cwd=checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


class Game:
    """The world, its traffic, and a monitor whose hours last seconds."""

    def __init__(self, cloud: Path, tasks: Tasks, pictures: Sequence[Picture], rate: float) -> None:
        self.cloud, self.tasks, self.pictures = cloud, tasks, pictures
        self.world = World(cloud)
        self.traffic = Traffic(self.world, pictures, rate)
        self.rate = rate
        self.began_s = 0.0
        self.notes: dict[str, Any] = {}
        self._cloudwatch = aws(cloud, "cloudwatch")
        self._enough = threading.Event()
        self._clock = threading.Thread(target=self._run_the_monitor, daemon=True)

    def start(self) -> None:
        self.traffic.start()
        self._clock.start()

    def stop(self) -> None:
        self._enough.set()
        self._clock.join()
        self.traffic.stop()

    def _run_the_monitor(self) -> None:
        while not self._enough.wait(MONITOR_EVERY_S):
            self.world.monitor()

    def state(self, alarm: str) -> str:
        """OK, ALARM or INSUFFICIENT_DATA."""
        answer = self._cloudwatch.describe_alarms(
            AlarmNames=[f"{PREFIX}-{alarm}"], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        (found,) = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        return str(found["StateValue"])

    def fires(self, alarm: str) -> str:
        return f"alarm {alarm}" if self.state(alarm) == "ALARM" else ""

    def is_calm(self, *alarms: str) -> bool:
        return all(self.state(alarm) != "ALARM" for alarm in alarms)

    def compress(self, alarm: str) -> None:
        """Let an alarm on the monitor look as often as the monitor runs, about."""
        (found,) = self._cloudwatch.describe_alarms(AlarmNames=[f"{PREFIX}-{alarm}"])[
            "MetricAlarms"
        ]
        operation = self._cloudwatch.meta.service_model.operation_model("PutMetricAlarm")
        kept = {name: found[name] for name in operation.input_shape.members if name in found}
        self._cloudwatch.put_metric_alarm(**{**kept, "Period": ALARM_PERIOD_S})

    def run(self, scenario: Scenario, say: Callable[[str], None]) -> Result:
        """Cause it, wait until it is seen, end it, and wait until all is well."""
        self.began_s = started = time.time()
        say("causing it")
        scenario.cause(self)
        seen, detection_s = "", None
        while time.time() - started < scenario.within_s:
            say(f"waiting for a safeguard, {time.time() - started:.0f} s")
            if seen := scenario.seen(self):
                detection_s = round(time.time() - started, 1)
                break
            time.sleep(POLL_S)
        healed = time.time()
        scenario.heal(self)
        recovery_s = None
        while time.time() - healed < scenario.within_s:
            say(f"waiting until all is well, {time.time() - healed:.0f} s")
            if scenario.is_over(self):
                recovery_s = round(time.time() - healed, 1)
                break
            time.sleep(POLL_S)
        sent = self.traffic.since(started)
        found = self.settle(sent, scenario.within_s)
        return Result(
            scenario.name,
            scenario.expected,
            seen or "nothing",
            detection_s,
            recovery_s,
            len(sent),
            sum(found.told[one.id] == 0 for one in sent),
            sum(found.told[one.id] > 1 for one in sent),
        )

    def settle(self, sent: Sequence[Sent], within_s: float) -> Seen:
        """Wait until everybody was told of each upload; what failed gets another try."""
        deadline = time.time() + within_s
        while True:
            seen = self.world.look(calls=False)
            if all(seen.told[one.id] for one in sent) or time.time() > deadline:
                return seen
            if seen.failures:
                self.tasks.invoke("redrive", "--yes")
            time.sleep(POLL_S)

    def window(self) -> dict[str, Any]:
        """The monitor's newest record; empty while there is none."""
        s3 = aws(self.cloud, "s3", s3={"addressing_style": "path"})
        bucket = f"{PREFIX}-artifacts-000000000000"
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix="monitoring/windows/"
        )
        keys = sorted(item["Key"] for page in pages for item in page.get("Contents", []))
        if not keys:
            return {}
        body = s3.get_object(Bucket=bucket, Key=keys[-1])["Body"].read()
        record: dict[str, Any] = json.loads(body)
        return record

    def severity(self) -> str:
        return str(self.window().get("drift", {}).get("severity", "none"))
