"""What the tests of serving share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from scripts import pipeline
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.evaluation.evaluate import evaluation_key
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint, models, rollback
from scripts.serving.deployment import Deployment
from scripts.serving.models import Model
from scripts.serving.registry import Version
from scripts.serving.rollout import Rollout
from tests.unit.scripts.serving.endpoint_in_memory import ARN, MODEL, SageMaker
from tests.unit.scripts.serving.rollback_steps import Serving

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"


@pytest.fixture
def sagemaker(
    aws: Any,
    bucket: Bucket,
    aws_error: Callable[..., ClientError],
    evaluation_document: dict[str, Any],
) -> SageMaker:
    """SageMaker without an endpoint, and the model's evaluation."""
    bucket.write_json(evaluation_key(MODEL.name), evaluation_document)
    missing = aws_error("ValidationException", f'Could not find endpoint "{ARN}".')
    no_config = aws_error("ValidationException", f'Could not find endpoint configuration "{ARN}".')
    return SageMaker(aws, missing, no_config)


@pytest.fixture
def serving(
    monkeypatch: pytest.MonkeyPatch, bucket: Bucket, make_deployment: Callable[..., Deployment]
) -> Serving:
    """An endpoint that takes every model at once, and Terraform; each can be made to fail."""
    state = Serving()

    def deploy(
        _environment: object,
        _bucket: object,
        model: Model,
        *,
        rollout: Rollout,
        config: str,
        **_options: Any,
    ) -> Deployment:
        state.configs.append(config)
        state.fail("deploy")
        state.rollouts.append((model.name, rollout))
        state.model = model.name
        state.fail("after deploy")
        moment = f"2026-11-23T11:{len(state.rollouts):02d}:00+00:00"
        return make_deployment(model_name=model.name, version=None, deployed_at=moment)

    def register(_environment: object, _bucket: object, _role: str, job: str) -> Model:
        return Model(job, job, "efficientnet", ("bicycle", "motorcycle"), 128, "0123456789ab")

    def served_model(_environment: object, _say: object) -> str | None:
        live = deployment.load(bucket)
        return state.model or (live.model_name if live else None)

    def provision(*_args: Any) -> None:
        state.fail("apply")
        state.applied += 1

    monkeypatch.setattr(endpoint, "deploy", deploy)
    monkeypatch.setattr(endpoint, "is_taking_over", lambda _environment: state.is_taking_over)
    monkeypatch.setattr(endpoint, "served_model", served_model)
    monkeypatch.setattr(models, "register", register)
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: state.fail("package"))
    monkeypatch.setattr(pipeline, "provision", provision)
    return state


@pytest.fixture
def deployed(
    registry: Registry,
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> Callable[..., None]:
    """deployed(status, status, ...): versions from 1 on, deployed one after the other."""

    def make(*statuses: str) -> None:
        for number, status in enumerate(statuses, start=1):
            registry.hold(make_version(number, status=status))
            deployment.save(bucket, make_deployment(number))

    return make


@pytest.fixture
def roll_back(
    serving: Serving, dev: Environment, bucket: Bucket, screen: Screen
) -> Callable[[], Deployment]:
    """roll_back(): what `invoke rollback` does."""
    outputs = {"sagemaker_role_arn": ROLE, "rollback_alarm_names": ["scones-dev-rollback-5xx"]}
    return lambda: rollback.rollback(dev, Provisioned(outputs, bucket), screen, "Too many errors.")
