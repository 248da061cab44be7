"""An endpoint that changes its state by one each time somebody looks, and how it is deployed."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.serving import endpoint
from scripts.serving.deployment import Deployment
from scripts.serving.rollout import Rollout
from scripts.training.models import Model

MODEL = Model(
    name="scones-dev-efficientnet-1",
    job="scones-dev-efficientnet-1",
    algorithm="efficientnet",
    labels=("bicycle", "motorcycle"),
    image_size_px=128,
    dataset_id="0123456789ab",
)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/scones-dev"


class SageMaker:
    """An endpoint that changes its state by one each time somebody looks."""

    def __init__(self, aws: Any, missing: ClientError, no_config: ClientError) -> None:
        self.states: list[str | None] = [None]
        self.config = "before"
        self.reason = ""
        self.serves: str | None = None
        self.answer = b"[0.25, 0.75]"
        self.instances = 2
        self.pending: dict[str, Any] = {}
        self.configs: dict[str, datetime] = {}
        self.described: dict[str, dict[str, Any]] = {}
        self.modified = NOW
        self._missing, self._no_config = missing, no_config
        aws.answers |= {
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": self._describe_config,
            "CreateEndpoint": self._change,
            "UpdateEndpoint": self._change,
            "DeleteEndpoint": self._delete,
            "DescribeEndpoint": self._describe,
            "InvokeEndpoint": lambda _request: {"Body": io.BytesIO(self.answer)},
        }

    def exists(self, *states: str | None) -> None:
        self.states = list(states)

    def _create_config(self, request: dict[str, Any]) -> dict[str, Any]:
        self.configs[request["EndpointConfigName"]] = NOW
        self.described[request["EndpointConfigName"]] = request
        return {"EndpointConfigArn": ARN}

    def _describe_config(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        if name not in self.configs:
            raise self._no_config
        made_elsewhere = {"ProductionVariants": [{"InstanceType": "ml.m5.large"}]}
        return {"CreationTime": self.configs[name], **self.described.get(name, made_elsewhere)}

    def _change(self, request: dict[str, Any]) -> dict[str, Any]:
        stable = (None, "InService", "UpdateRollbackFailed")
        assert self.states[0] in stable, f"AWS refuses this while {self.states[0]}"
        self.config = request["EndpointConfigName"]
        self.states = [*self.after]
        return {"EndpointArn": ARN}

    after: tuple[str, ...] = ("Creating", "Creating", "InService")

    def _delete(self, _request: dict[str, Any]) -> dict[str, Any]:
        self.states = ["Deleting", "Deleting", None]
        return {}

    def _describe(self, _request: dict[str, Any]) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise self._missing
        return {
            "EndpointName": "scones-dev",
            "EndpointArn": ARN,
            "EndpointStatus": state,
            "EndpointConfigName": self.serves or self.config,
            "LastModifiedTime": self.modified,
            "ProductionVariants": [
                {"VariantName": "AllTraffic", "DesiredInstanceCount": self.instances}
            ],
            **({"PendingDeploymentSummary": self.pending} if state == "Updating" else {}),
            **({"FailureReason": self.reason} if self.reason else {}),
        }


def deploy(
    environment: Environment, bucket: Bucket, rollout: Rollout | None = None, **options: Any
) -> Deployment:
    """Deploy MODEL, silently unless `say` is given."""
    rollout = rollout or Rollout()
    options = {"say": lambda _text: None, **options}
    return endpoint.deploy(environment, bucket, MODEL, rollout=rollout, **options)
