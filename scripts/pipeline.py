"""From nothing to an evaluated model, step by step; each step is also a task of its own."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts import artifacts
from scripts.artifacts import CURRENT_DATASET, Bucket, dataset_key
from scripts.console import Screen, Step
from scripts.dataset import (
    Dataset,
    Progress,
    StagedDataset,
    describe,
    load,
    make_splits,
    read_staged,
    stage,
)
from scripts.dataset.model import Splits
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.evaluation import evaluate
from scripts.evaluation.evaluate import Evaluation
from scripts.provisioning import destroy as removal
from scripts.provisioning import package, terraform
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.training import models, train
from scripts.training.models import Model
from scripts.training.train import TrainingResult

DOWNLOADS = ROOT / ".local" / "downloads"
_EPOCH = re.compile(r"epoch=(\d+)/(\d+)\b.*?validation_accuracy=([0-9.]+)")


@dataclass(frozen=True)
class Provisioned:
    """An environment that Terraform has applied: its outputs and its artefact bucket."""

    outputs: Mapping[str, Any]
    bucket: Bucket


def build_packages(environment: Environment, screen: Screen) -> None:
    """Build what Terraform uploads: the functions and their layers."""
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
        _keep_the_key(environment, known)
        current = _deployed(environment, known)
        changed = 0
        while True:
            changed += terraform.apply(
                workspace,
                deployment.write_var_file(environment, current),
                lambda done, total, kind: step.progress(done, total, kind),
            )
            outputs = terraform.outputs(workspace)
            # While this waited for the state, somebody else may have deployed another model.
            if (newest := _deployed(environment, outputs)) == current:
                break
            current = newest
        step.result = f"{changed} resources changed" if changed else "nothing to change"
        return _provisioned(environment, outputs)


def _deployed(environment: Environment, outputs: Mapping[str, Any]) -> Deployment | None:
    """What the record says; None also before there is a bucket for it."""
    if "artifacts_bucket" not in outputs:
        return None
    return deployment.load(_provisioned(environment, outputs).bucket)


def _keep_the_key(environment: Environment, known: Mapping[str, Any]) -> None:
    """Raise UserError when Terraform would delete the key to everything that is stored."""
    if known.get("key_arn") and environment.settings.get("customer_managed_key") == "false":
        raise UserError(
            f"'{environment.name}' has a key, and its file says customer_managed_key = false: what "
            "is stored could not be read any more. Make another environment without a key, or "
            "keep this one's."
        )


def _provisioned(environment: Environment, outputs: Mapping[str, Any]) -> Provisioned:
    if "artifacts_bucket" not in outputs:
        command = environment.command("apply")
        raise UserError(f"Nothing is provisioned in '{environment.name}'. Run: {command}")
    return Provisioned(outputs, artifacts.open_bucket(environment, outputs["artifacts_bucket"]))


def stage_data(
    provisioned: Provisioned,
    screen: Screen,
    source: Path | None,
    seed: int = 0,
) -> tuple[Splits, StagedDataset]:
    """Read the data set, split it, and bring it to S3; remember it as the one to train on."""
    with screen.step("stage", "Stage data") as step:
        dataset = read_dataset(step, source, provisioned.outputs["labels"])
        splits = make_splits(dataset, seed=seed)
        staged = stage_splits(provisioned, step, splits, dataset.classes)
        use_dataset(provisioned.bucket, staged.dataset_id)
        return splits, staged


def read_dataset(step: Step, source: Path | None, classes: Sequence[str]) -> Dataset:
    """Labelled pictures from a source (CIFAR-100 by default), with progress on the screen."""
    return load(source, classes, DOWNLOADS, progress_of(step))


def progress_of(step: Step) -> Progress:
    """What the functions of scripts/dataset report to."""
    return lambda what, done, total: step.progress(done, total or 0, what)


def stage_splits(
    provisioned: Provisioned, step: Step, splits: Splits, classes: Sequence[str]
) -> StagedDataset:
    """Bring the parts to S3, with a document that says what they are."""
    bucket = provisioned.bucket
    staged = stage(splits, classes, bucket.s3, bucket.name, progress=progress_of(step))
    document = {
        "dataset_id": staged.dataset_id,
        "digest": staged.digest,
        "classes": list(classes),
        "channels": dict(staged.channels),
        "counts": {part: sum(n.values()) for part, n in staged.counts.items()},
    }
    if bucket.read_json(dataset_key(staged.dataset_id)) != document:
        bucket.write_json(dataset_key(staged.dataset_id), document)
    step.result = f"{describe(splits, classes)}; {staged.uploaded} objects uploaded"
    return staged


def use_dataset(bucket: Bucket, dataset_id: str) -> None:
    """Make a staged data set the one to train on from now on."""
    document = bucket.read_json(dataset_key(dataset_id))
    if bucket.read_json(CURRENT_DATASET) != document:
        bucket.write_json(CURRENT_DATASET, document)


def read_current_dataset(bucket: Bucket, progress: Progress) -> tuple[tuple[str, ...], Splits]:
    """Classes and parts of the data set that was staged last. Raises UserError without one."""
    staged = bucket.read_json(CURRENT_DATASET)
    if staged is None:
        raise UserError("No data set is staged. Run: invoke stage")
    return read_staged(bucket.s3, bucket.name, staged["dataset_id"], progress=progress)


def train_model(
    environment: Environment,
    provisioned: Provisioned,
    screen: Screen,
    hyperparameters: Mapping[str, object],
    *,
    algorithm: str = train.EFFICIENTNET,
    instance_type: str | None = None,
    job: str | None = None,
    dataset_id: str | None = None,
) -> TrainingResult:
    """Train, with the job's log on the screen; a `job` of this name that exists is followed.

    The data set is the one that was staged last, unless another one is named.
    """
    with screen.step("train", "Train") as step:
        result = train.train(
            environment,
            provisioned.bucket,
            provisioned.outputs["sagemaker_role_arn"],
            hyperparameters,
            lambda line: _show_training(screen, step, line),
            algorithm=algorithm,
            instance_type=instance_type,
            job=job,
            dataset_id=dataset_id,
        )
        stand_in = " by a stand-in for AWS's algorithm" if result.stand_in else ""
        step.result = f"{result.job}: {result.seconds} s of training{stand_in}"
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
            f"{'; a stand-in' if model.stand_in else ''}"
        )
        return model, evaluation


@dataclass(frozen=True)
class Plan:
    """What applying would change: Terraform's exit code (0 or 2), its words, and its JSON."""

    code: int
    text: str
    document: Mapping[str, Any]


def plan(environment: Environment, endpoint_to_be: str | None = None) -> Plan:
    """Ask Terraform what applying would change. Nothing is changed, and nothing is kept.

    Where no endpoint is deployed yet, it is planned without one, or with `endpoint_to_be`.
    """
    workspace = terraform.open_workspace(environment)
    current = _deployed(environment, terraform.outputs(workspace))
    with tempfile.TemporaryDirectory() as folder:  # a plan may hold secrets
        file = Path(folder) / "plan"
        var_file = deployment.write_var_file(environment, current)
        if endpoint_to_be and not var_file:
            var_file = Path(folder) / "endpoint.tfvars.json"
            var_file.write_text(json.dumps({"endpoint_name": endpoint_to_be}))
        code, text = terraform.plan(workspace, var_file, file)
        return Plan(code, text, terraform.show(workspace, file))


def destroy(environment: Environment, screen: Screen) -> list[str]:
    """Remove everything and return what is left, which should be nothing.

    When that fails, what is left is on the screen, with what it still costs: nobody else will look.
    """
    try:
        with screen.step("destroy", "Clean up") as step:
            removed = _remove(environment, step)
            remaining = removal.inventory(environment)
            step.result = f"{removed} resources removed, {len(remaining)} left"
            return remaining
    except Exception:  # whatever it was: it is told, too, after what is left
        _show_left(environment, screen)
        raise


def _remove(environment: Environment, step: Step) -> int:
    workspace = terraform.open_workspace(environment)
    step.say("endpoint and models")
    removal.remove_models(environment, step.say)
    buckets = removal.buckets(environment)
    for name in buckets:
        removal.empty_bucket(environment, name, step.say)
    try:
        return terraform.destroy(workspace, step.progress)
    except UserError as error:
        if "BucketNotEmpty" not in str(error):
            raise
    # A late capture, or the monitor's record: with what Terraform has removed, nothing writes now.
    for name in buckets:
        removal.empty_bucket(environment, name, step.say)
    return terraform.destroy(workspace, step.progress)


def _show_left(environment: Environment, screen: Screen) -> None:
    try:
        remaining = removal.inventory(environment)
    except (BotoCoreError, ClientError, UserError) as error:
        # Told beside what failed first, not instead of it.
        screen.print(f"  What is left cannot be listed: {error}")
        return
    for item in remaining:
        screen.print(f"  left: {removal.describe_left(item)}")
