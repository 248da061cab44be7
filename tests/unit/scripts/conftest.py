"""What tests of several subjects share: environments to open, and the steps of a change."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import environment, pipeline, release, retrain, rollback
from scripts.artifacts import Bucket, dataset_key
from scripts.console import Screen
from scripts.environment import Environment
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint, registry
from scripts.serving.deployment import Deployment
from scripts.serving.registry import Version
from scripts.serving.rollout import Rollout
from scripts.training import models
from scripts.training.models import Model
from scripts.training.train import TrainingResult
from tests.unit.scripts.retraining_steps import Steps
from tests.unit.scripts.rollback_steps import Serving

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

LOCAL_URL = "http://127.0.0.1:4566"
ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_account: Path) -> Path:
    """A Terraform folder with `local`, `dev` and `eu`, and no local cloud."""
    monkeypatch.setattr(environment, "TERRAFORM", tmp_path)
    monkeypatch.setattr(environment, "LOCAL_CLOUD_FILE", tmp_path / "cloud.json")
    folder = tmp_path / "environments"
    folder.mkdir()
    for name in ("local", "dev"):
        (folder / f"{name}.tfvars").write_text(f'environment = "{name}"\n')
    (folder / "eu.tfvars").write_text(
        'environment = "eu"\n'
        'region      = "eu-west-1" # close to the drivers\n'
        '# project = "ignored"\n'
        'project="buns"\n'
        "assignments = {\n"
        '  region = "nowhere"\n'
        "}\n"
    )
    return tmp_path


@pytest.fixture
def live_cloud(here: Path) -> Iterator[Callable[[dict[str, str]], None]]:
    """live_cloud(endpoints): a local cloud that tells them, and holds its file while it lives."""
    with (here / "cloud.json.tmp").open("w") as file:

        def tell(endpoints: dict[str, str]) -> None:
            fcntl.flock(file, fcntl.LOCK_EX)
            json.dump({"pid": 1, "endpoints": endpoints}, file)
            file.flush()
            Path(file.name).rename(here / "cloud.json")

        yield tell


@pytest.fixture
def running_cloud(live_cloud: Callable[[dict[str, str]], None]) -> dict[str, str]:
    """A local cloud that says where it is."""
    endpoints = {"AWS_ENDPOINT_URL": LOCAL_URL, "AWS_ENDPOINT_URL_SAGEMAKER": "http://[::1]:4567"}
    live_cloud(endpoints)
    return endpoints


@pytest.fixture
def aws_config(monkeypatch: pytest.MonkeyPatch, here: Path) -> Callable[[str], None]:
    """aws_config(text): the user's AWS configuration file, with credentials in `default`."""

    def write(text: str) -> None:
        folder = Path(os.environ["HOME"]) / ".aws"
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text(text)
        keys = "aws_access_key_id = testing\naws_secret_access_key = testing\n"
        (folder / "credentials").write_text(f"[default]\n{keys}")

    return write


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Steps:
    """Every step of a retraining, without AWS; its document and its lease are real."""
    steps = Steps()
    outputs = {
        "sagemaker_role_arn": "arn:aws:iam::123456789012:role/r",
        "labels": ["bicycle", "motorcycle"],
    }
    provisioned = Provisioned(outputs, bucket)

    def train_model(
        *_args: Any, job: str | None, dataset_id: str | None, **_options: Any
    ) -> TrainingResult:
        steps.jobs.append(job)
        steps.datasets.append(dataset_id)
        steps.do("train")
        return TrainingResult(str(job), "efficientnet", "s3://b/m", "0123456789ab", 70, {})

    def deploy_endpoint(*_args: Any, config: str | None, **_options: Any) -> None:
        steps.configs.append(config)
        steps.do("roll out")

    def noting(step: str, result: Any) -> Callable[..., Any]:
        def call(*_args: Any, **_options: Any) -> Any:
            steps.do(step)
            return result

        return call

    evaluation = SimpleNamespace(document=lambda: {"accuracy": 0.96})
    verdict = SimpleNamespace(document=lambda: {"decision": "approve"})
    monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: provisioned)
    monkeypatch.setattr(pipeline, "train_model", train_model)
    monkeypatch.setattr(pipeline, "evaluate_model", noting("evaluate", (None, evaluation)))
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: None)
    monkeypatch.setattr(pipeline, "provision", noting("apply", provisioned))
    monkeypatch.setattr(retrain, "_stage", noting("stage", "0123456789ab"))
    monkeypatch.setattr(
        release,
        "gate_model",
        lambda *_args: (steps.do("gate"), (steps.version(), verdict))[1],
    )
    monkeypatch.setattr(release, "deploy_endpoint", deploy_endpoint)
    monkeypatch.setattr(registry, "find", lambda _environment, _which: steps.version())
    staged = {"dataset_id": "0123456789ab", "counts": {}}
    bucket.write_json(dataset_key("0123456789ab"), staged)
    return steps


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
