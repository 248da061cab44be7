"""An update of an endpoint, step by step, and back when an alarm says so.

`strategy` has made the plan. Here it happens: instances of the new fleet (green) are started, a
part of the traffic goes to them, the alarms are watched while they bake, and so on until green has
all. Whatever goes wrong on the way, the fleet that served before (blue) gets all traffic back at
once, and green is stopped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud import endpoint_view as view
from scripts.localcloud.fleet import Fleet
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import JobFailed, Record
from scripts.localcloud.strategy import Plan, Step
from scripts.localcloud.traffic import Traffic

POLL_S = 1.0


class RolledBack(Exception):
    """Why an update does not go on."""


@dataclass
class Update:
    """One update under way. `tripped` tells which alarms say no, None when that is not known."""

    record: Record
    traffic: Traffic
    green: Fleet
    plan: Plan
    tripped: Callable[[], list[str] | None]
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def run(self) -> None:
        """Take every step of the plan, or end with the fleet and the configuration of before.

        The record tells how it went. Raises only what nobody foresaw, after the way back.
        """
        self._blue, self._active = self.traffic.fleet, dict.fromkeys(self.green.variants, 0)
        self._deadline = self.now() + self.plan.timeout_s
        try:
            self._watch()
            for step in self.plan.steps:
                self._take(step)
        except (RolledBack, JobFailed, ServiceError) as failure:
            self._roll_back(str(failure))
        except Exception as error:
            self._roll_back(f"InternalServerError: {error}")
            raise
        else:
            self._finish()

    def _take(self, step: Step) -> None:
        running = self.green.running
        if running != step.launched:
            missing = {name: count - running[name] for name, count in step.launched.items()}
            self._tell(view.launching(missing))
            self.green.grow(step.launched)
            self._watch()
        self._tell(view.activating(self.plan.kind, step))
        self.green.serve(step.active)
        self.traffic.split(self.green, step.shares)
        self._active = dict(step.active)
        self._tell(view.baking(self.plan.kind, step))
        self._bake(step.bake_s)
        if any(step.blue_left.values()):
            self._blue.shrink(step.blue_left)

    def _bake(self, duration_s: float) -> None:
        """Watch the alarms for that long. It is over when they have been read at its end."""
        end = self.now() + duration_s
        while not self._watch() or self.now() < end:
            self.sleep(min(POLL_S, max(end - self.now(), 0.0)) or POLL_S)

    def _watch(self) -> bool:
        """Whether the alarms could be read. Raises RolledBack when the update must not go on."""
        if self.now() > self._deadline:
            raise RolledBack(
                "The deployment exceeded its MaximumExecutionTimeoutInSeconds of "
                f"{self.plan.timeout_s:g} seconds and was rolled back."
            )
        tripped = self.tripped()
        if tripped:
            # AWS does not publish what it says here.
            raise RolledBack(
                f"The deployment of endpoint configuration {self.green.config.name} was rolled "
                "back because these CloudWatch alarms are in the ALARM state: "
                f"{', '.join(tripped)}."
            )
        return tripped is not None

    def _finish(self) -> None:
        """Green is the endpoint now; blue has no traffic any more."""
        self.record.update(**view.terminating(self._blue))
        self.traffic.give(self.green)
        self._blue.close()
        self.record.update(**view.settled(self.green))

    def _roll_back(self, reason: str) -> None:
        self.traffic.give(self._blue)
        self._active = dict.fromkeys(self._active, 0)
        self.record.update(EndpointStatus="RollingBack")
        self._tell(view.deleting(self.green.running))
        status = "InService"
        try:
            self._restore()
        except Exception as failure:
            status, reason = "UpdateRollbackFailed", f"{reason} The rollback failed: {failure}"
        self.green.close()
        self.record.update(**view.settled(self._blue, reason, status))

    def _restore(self) -> None:
        """Start again what a rolling deployment has stopped of blue, batch by batch."""
        for name, wanted in self._blue.wanted.items():
            while (running := self._blue.running[name]) < wanted:
                batch = (self.plan.rollback_batch or {}).get(name, wanted)
                self._blue.grow({name: min(wanted, running + batch)})

    def _tell(self, stage: view.Stage) -> None:
        state: dict[str, Any] = view.pending(
            self._blue, self.green, self._active, stage, self.started
        )
        self.record.update(**state)
