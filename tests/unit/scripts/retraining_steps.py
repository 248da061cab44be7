"""The steps of a retraining, noted instead of done, and how tests run one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts import retrain
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.evaluation.gate import Rule
from scripts.retrain import Request, Retraining
from scripts.serving import registry
from scripts.serving.registry import Version
from scripts.serving.rollout import Rollout

STEPS = ["stage", "train", "evaluate", "gate", "roll out", "apply"]


@dataclass
class Steps:
    """What a retraining does, noted; any step can be made to fail."""

    done: list[str] = field(default_factory=list)
    jobs: list[str | None] = field(default_factory=list)
    configs: list[str | None] = field(default_factory=list)
    failing: dict[str, BaseException] = field(default_factory=dict)
    decision: str = registry.APPROVED
    datasets: list[str | None] = field(default_factory=list)

    def do(self, step: str) -> None:
        if error := self.failing.pop(step, None):
            raise error
        self.done.append(step)

    def version(self) -> Version:
        return Version(
            number=2,
            arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/scones-dev/2",
            model_name="a-job",
            algorithm="efficientnet",
            stand_in=False,
            dataset_id="0123456789ab",
            created_at=datetime(2026, 11, 23, tzinfo=UTC),
            status=self.decision,
            reason="Because.",
            accuracy=0.96,
            accuracy_interval=(0.92, 0.98),
            samples=200,
            threshold=0.6,
            coverage=0.97,
        )


def in_use(bucket: Bucket) -> Any:
    """The data set that others train on."""
    return bucket.read_json(CURRENT_DATASET)


def run_retraining(
    environment: Environment, request: Request | None = None, restart: bool = False
) -> Retraining:
    return retrain.retrain(
        environment, Screen(), request or Request(), Rule(), lambda _: Rollout(), restart=restart
    )
