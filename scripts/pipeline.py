"""From nothing to a deployed model, step by step; each step is also a task of its own."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import artifacts, deployment, endpoint, evaluate, models, package, terraform, train
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.console import Screen, Step
from scripts.dataset import StagedDataset, describe, load, make_splits, stage
from scripts.dataset.model import Splits
from scripts.deployment import Deployment
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.evaluate import Evaluation
from scripts.models import Model
from scripts.train import TrainingResult

DOWNLOADS = ROOT / ".local" / "downloads"
CLASSES = ("bicycle", "motorcycle")
_EPOCH = re.compile(r"epoch=(\d+)/(\d+)\b.*?validation_accuracy=([0-9.]+)")


@dataclass(frozen=True)
class Provisioned:
    """An environment that Terraform has applied: its outputs and its artefact bucket."""

    outputs: Mapping[str, Any]
    bucket: Bucket


def build_packages(environment: Environment, screen: Screen) -> None:
    """Build what Terraform uploads: three functions and their layer."""
    with screen.step("package", "Package") as step:
        paths = package.build(package.target_of(environment))
        sizes = (f"{name} {path.stat().st_size / 1e3:,.1f} KB" for name, path in paths.items())
        step.result = ", ".join(sizes)


def open_provisioned(environment: Environment) -> Provisioned:
    """The environment as it is. Raises UserError when nothing has been applied."""
    outputs = terraform.outputs(terraform.open_workspace(environment))
    return _provisioned(environment, outputs)


def provision(
    environment: Environment, screen: Screen, name: str = "provision", title: str = "Provision"
) -> Provisioned:
    """Apply the configuration with what the record of deployment says."""
    with screen.step(name, title) as step:
        step.say("initialising Terraform")
        workspace = terraform.open_workspace(environment)
        known = terraform.outputs(workspace)
        current = None
        if "artifacts_bucket" in known:
            current = deployment.load(_provisioned(environment, known).bucket)
        changed = terraform.apply(
            workspace,
            deployment.write_var_file(environment, current),
            lambda done, total, kind: step.progress(done, total, kind),
        )
        step.result = f"{changed} resources changed" if changed else "nothing to change"
        return _provisioned(environment, terraform.outputs(workspace))


def _provisioned(environment: Environment, outputs: Mapping[str, Any]) -> Provisioned:
    if "artifacts_bucket" not in outputs:
        flag = f" --env {environment.name}"
        raise UserError(f"Nothing is provisioned in '{environment.name}'. Run: invoke apply{flag}")
    return Provisioned(outputs, artifacts.open_bucket(environment, outputs["artifacts_bucket"]))


def stage_data(
    provisioned: Provisioned,
    screen: Screen,
    source: Path | None,
    classes: Sequence[str] = CLASSES,
    seed: int = 0,
) -> tuple[Splits, StagedDataset]:
    """Read the data set, split it, and bring it to S3; remember it as the one to train on."""
    with screen.step("stage", "Stage data") as step:

        def show(what: str, done: int, total: int | None) -> None:
            step.progress(done, total or 0, what)

        dataset = load(source, classes, DOWNLOADS, show)
        splits = make_splits(dataset, seed=seed)
        bucket = provisioned.bucket
        staged = stage(splits, dataset.classes, bucket.s3, bucket.name, progress=show)
        document = {
            "dataset_id": staged.dataset_id,
            "digest": staged.digest,
            "classes": list(dataset.classes),
            "channels": dict(staged.channels),
            "counts": {part: sum(n.values()) for part, n in staged.counts.items()},
        }
        if bucket.read_json(CURRENT_DATASET) != document:
            bucket.write_json(CURRENT_DATASET, document)
        step.result = f"{describe(splits, dataset.classes)}; {staged.uploaded} objects uploaded"
        return splits, staged


def train_model(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    hyperparameters: Mapping[str, object],
) -> TrainingResult:
    """Train, with the job's log on the screen."""
    with screen.step("train", "Train") as step:
        result = train.train(
            environment,
            provisioned.bucket,
            provisioned.outputs["sagemaker_role_arn"],
            hyperparameters,
            lambda line: _show_training(screen, step, line),
        )
        step.result = f"{result.job}: {result.seconds} s of training"
        return result


def _show_training(screen: Screen, step: Step, line: str) -> None:
    """An epoch's line moves the bar; every other line is shown as it comes."""
    if match := _EPOCH.search(line):
        done, total, accuracy = match.groups()
        step.progress(int(done), int(total), f"validation accuracy {float(accuracy):.3f}")
    elif line.strip():
        step.say(line.strip()[:70])
    if not screen.console.is_terminal and line.strip():
        shown = f"    {line}"
        screen.console.print(shown, markup=False, emoji=False, style="dim", soft_wrap=True)


def evaluate_model(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    job: str | None = None,
    target: float = evaluate.TARGET,
) -> tuple[Model, Evaluation]:
    """Register the model of a job (the newest by default) and evaluate it."""
    with screen.step("evaluate", "Evaluate") as step:
        step.say("registering the model")
        model = models.register(
            environment,
            provisioned.bucket,
            provisioned.outputs["sagemaker_role_arn"],
            job or models.latest_job(environment),
        )
        evaluation = evaluate.evaluate(environment, provisioned.bucket, model, target, step.say)
        low, high = evaluation.accuracy_interval
        step.result = (
            f"accuracy {evaluation.accuracy:.3f} "
            f"({low:.3f} to {high:.3f}, n = {evaluation.samples}), "
            f"threshold {evaluation.chosen.value:.4g}, coverage {evaluation.coverage:.3f}"
        )
        return model, evaluation


def deploy_endpoint(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    job: str | None = None,
    capture_percentage: int = 100,
) -> Deployment:
    """Put a model (the newest by default) into service and record the deployment."""
    with screen.step("endpoint", "Deploy the endpoint") as step:
        model = models.register(
            environment,
            provisioned.bucket,
            provisioned.outputs["sagemaker_role_arn"],
            job or models.latest_job(environment),
        )
        deployed = endpoint.deploy(
            environment,
            provisioned.bucket,
            model,
            capture_percentage=capture_percentage,
            say=step.say,
        )
        deployment.save(provisioned.bucket, deployed)
        step.result = f"{deployed.endpoint_name} in service with {deployed.model_name}"
        return deployed


def deploy(
    environment: Environment,
    screen: Screen,
    source: Path | None,
    classes: Sequence[str] = CLASSES,
    hyperparameters: Mapping[str, object] | None = None,
) -> tuple[Provisioned, Splits, StagedDataset, TrainingResult, Evaluation, Deployment]:
    """Everything from packages to a running workflow, in the order that it has to be."""
    build_packages(environment, screen)
    provisioned = provision(environment, screen)
    splits, staged = stage_data(provisioned, screen, source, classes)
    trained = train_model(environment, provisioned, screen, hyperparameters or {})
    _, evaluation = evaluate_model(environment, provisioned, screen, trained.job)
    deployed = deploy_endpoint(environment, provisioned, screen, trained.job)
    provisioned = provision(environment, screen, "apply", "Provision the workflow")
    return provisioned, splits, staged, trained, evaluation, deployed


def plan(environment: Environment) -> tuple[int, str]:
    """What applying would change: Terraform's exit code (0 or 2) and its words."""
    workspace = terraform.open_workspace(environment)
    known = terraform.outputs(workspace)
    current = None
    if "artifacts_bucket" in known:
        current = deployment.load(_provisioned(environment, known).bucket)
    with tempfile.TemporaryDirectory() as folder:  # a plan may hold secrets: it is not kept
        var_file = deployment.write_var_file(environment, current)
        return terraform.plan(workspace, var_file, Path(folder) / "plan")
