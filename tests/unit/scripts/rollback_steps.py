"""What a rollback works on, in memory, and how tests make it fail."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.serving.rollout import Rollout


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class Serving:
    """What serves, where that is not what is on record, and what came of it."""

    rollouts: list[tuple[str, Rollout]] = field(default_factory=list)
    configs: list[str] = field(default_factory=list)
    model: str | None = None
    is_taking_over: bool = False
    applied: int = 0
    failing: dict[str, BaseException] = field(default_factory=dict)

    def fail(self, step: str) -> None:
        if error := self.failing.pop(step, None):
            raise error


def model_name(number: int) -> str:
    """The name of a version's model."""
    return f"scones-dev-efficientnet-{number}"
