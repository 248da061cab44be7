"""Every trained model as a version in SageMaker's Model Registry, with its figures and status.

The versions of an environment are one model package group, named like the environment's other
resources. A version is deployed only when its status is Approved.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.artifacts import DATASETS, Bucket
from scripts.dataset.layout import MARKER
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import transforms
from scripts.evaluation.evaluate import Evaluation, evaluation_key
from scripts.serving import endpoint
from scripts.serving.deployment import Deployment
from scripts.training.models import Model

APPROVED, REJECTED, PENDING = "Approved", "Rejected", "PendingManualApproval"
COLUMNS = ("Version", "Date", "Algorithm", "Accuracy", "Threshold", "Coverage", "Status", "Live")
_STATUS_WORDS = {APPROVED: "approved", REJECTED: "rejected", PENDING: "needs a person"}
_LONGEST_REASON = 1024  # UpdateModelPackage's limit, in characters
_UNKNOWN = "unknown"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Version:
    """A version of the registry.

    `status` is APPROVED, REJECTED or PENDING, `reason` why (empty while undecided). `accuracy`
    and its 95 % interval, `samples` and `coverage` are those on test, all shares from 0 to 1.
    """

    number: int
    arn: str
    model_name: str
    algorithm: str
    stand_in: bool
    dataset_id: str
    created_at: datetime
    status: str
    reason: str
    accuracy: float
    accuracy_interval: tuple[float, float]
    samples: int
    threshold: float
    coverage: float


def register(
    environment: Environment, bucket: Bucket, model: Model, evaluation: Evaluation
) -> Version:
    """Make a version of an evaluated model, undecided. A model that has one keeps it.

    Figures of a version that were measured anew are brought up to date; its status stays.
    """
    sagemaker = environment.client("sagemaker")
    properties = _properties(sagemaker, bucket, model, evaluation)
    found = _package_of(sagemaker, environment.prefix, model.name)
    if found is None:
        _make_group(sagemaker, environment)
        arn = sagemaker.create_model_package(
            ModelPackageGroupName=environment.prefix,
            ModelPackageDescription=f"{algorithm_in_words(model)}, data set {model.dataset_id}",
            InferenceSpecification=_inference(model),
            ModelMetrics=_metrics(bucket, model),
            CustomerMetadataProperties=properties,
            ModelApprovalStatus=PENDING,
            SkipModelValidation="All",
        )["ModelPackageArn"]
        found = sagemaker.describe_model_package(ModelPackageName=arn)
    elif found["CustomerMetadataProperties"] != properties:
        sagemaker.update_model_package(
            ModelPackageArn=found["ModelPackageArn"], CustomerMetadataProperties=properties
        )
        found = {**found, "CustomerMetadataProperties": properties}
    return _version(found)


def _make_group(sagemaker: Any, environment: Environment) -> None:
    if _group_exists(sagemaker, environment.prefix):
        return
    sagemaker.create_model_package_group(
        ModelPackageGroupName=environment.prefix,
        ModelPackageGroupDescription=f"The models of {environment.prefix}, one version each.",
        Tags=environment.tags,
    )


def _inference(model: Model) -> dict[str, Any]:
    """What it takes to serve the version: SageMaker's console can deploy it from this."""
    return {
        "Containers": [{"Image": model.image, "ModelDataUrl": model.model_data_url}],
        "SupportedContentTypes": [transforms.CONTENT_TYPE],
        "SupportedResponseMIMETypes": [transforms.ACCEPT],
        "SupportedRealtimeInferenceInstanceTypes": [endpoint.INSTANCE_TYPE],
        "SupportedTransformInstanceTypes": [transforms.INSTANCE_TYPE],
    }


def _metrics(bucket: Bucket, model: Model) -> dict[str, Any]:
    source = {"ContentType": "application/json", "S3Uri": bucket.uri(evaluation_key(model.name))}
    return {"ModelQuality": {"Statistics": source}}


def _properties(
    sagemaker: Any, bucket: Bucket, model: Model, evaluation: Evaluation
) -> dict[str, str]:
    """What the registry keeps of a model: up to 50 texts of letters, digits, spaces and _.:/=+-@"""
    job = sagemaker.describe_training_job(TrainingJobName=model.job)
    dataset = bucket.read_json(f"{DATASETS}/{model.dataset_id}/{MARKER}") or {}
    low, high = evaluation.accuracy_interval
    return {
        "model_name": model.name,
        "training_job": model.job,
        "algorithm": model.algorithm,
        "stand_in": str(model.stand_in).lower(),
        "dataset_id": model.dataset_id,
        "data_digest": dataset.get("digest", _UNKNOWN),
        "git_commit": job.get("Environment", {}).get("GIT_COMMIT", _UNKNOWN),
        "accuracy": str(evaluation.accuracy),
        "accuracy_low": str(low),
        "accuracy_high": str(high),
        "samples": str(evaluation.samples),
        "calibration_error": str(evaluation.calibration_error),
        "threshold": str(evaluation.chosen.value),
        "coverage": str(evaluation.coverage),
    }


def versions(environment: Environment) -> list[Version]:
    """Every version, newest first; those that something else put into the group are left out."""
    packages = _packages(environment.client("sagemaker"), environment.prefix)
    return [_version(package) for package in packages]


def of_model(environment: Environment, model_name: str) -> Version | None:
    """The version of a model, or None."""
    found = _package_of(environment.client("sagemaker"), environment.prefix, model_name)
    return _version(found) if found else None


def find(environment: Environment, which: str) -> Version:
    """The version with this number, or of the model with this name.

    Raises UserError, which names the known ones, when there is none.
    """
    known = versions(environment)
    for version in known:
        if which in (str(version.number), version.model_name):
            return version
    if not known:
        raise UserError("No model is registered yet. Run: invoke train, then invoke evaluate")
    numbers = ", ".join(str(version.number) for version in known)
    raise UserError(f"There is no version '{which}'. There are: {numbers}. See: invoke models")


def decide(environment: Environment, version: Version, status: str, reason: str) -> Version:
    """Set the status of a version and say why; returns it as it is then.

    `status` is APPROVED, REJECTED or PENDING. A reason that is too long for the registry is cut.
    """
    line = " ".join(reason.split())
    if len(line) > _LONGEST_REASON:
        line = f"{line[: _LONGEST_REASON - 1]}…"
    environment.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn, ModelApprovalStatus=status, ApprovalDescription=line
    )
    return replace(version, status=status, reason=line)


def remove(environment: Environment, say: Say) -> None:
    """Delete every version, and then the group. Nothing to delete is no error."""
    sagemaker, group = environment.client("sagemaker"), environment.prefix
    if not _group_exists(sagemaker, group):
        return
    for arn in _arns(sagemaker, group):
        say("model versions")
        sagemaker.delete_model_package(ModelPackageName=arn)
    while _arns(sagemaker, group):  # a group that is not empty cannot be deleted
        time.sleep(environment.poll_s)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)


def names(environment: Environment) -> list[str]:
    """Everything in the group, as <group>/<number>; empty when there is no group."""
    sagemaker, group = environment.client("sagemaker"), environment.prefix
    found = _arns(sagemaker, group) if _group_exists(sagemaker, group) else []
    return [arn.rpartition(":model-package/")[2] for arn in found]


def _group_exists(sagemaker: Any, group: str) -> bool:
    try:
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return False
        raise
    return True


def _arns(sagemaker: Any, group: str) -> list[str]:
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    return [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]


def _packages(sagemaker: Any, group: str) -> list[dict[str, Any]]:
    """The full descriptions, newest first: a listing leaves out what is kept of a model."""
    if not _group_exists(sagemaker, group):
        return []

    def describe(arn: str) -> dict[str, Any]:
        found: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=arn)
        return found

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(describe, _arns(sagemaker, group)))
    ours = [item for item in found if "model_name" in item.get("CustomerMetadataProperties", {})]
    return sorted(ours, key=lambda item: int(item["ModelPackageVersion"]), reverse=True)


def _package_of(sagemaker: Any, group: str, model_name: str) -> dict[str, Any] | None:
    for package in _packages(sagemaker, group):
        if package["CustomerMetadataProperties"]["model_name"] == model_name:
            return package
    return None


def _version(package: dict[str, Any]) -> Version:
    kept = package["CustomerMetadataProperties"]
    return Version(
        number=int(package["ModelPackageVersion"]),
        arn=package["ModelPackageArn"],
        model_name=kept["model_name"],
        algorithm=kept["algorithm"],
        stand_in=kept["stand_in"] == "true",
        dataset_id=kept["dataset_id"],
        created_at=package["CreationTime"].astimezone(UTC),
        status=package["ModelApprovalStatus"],
        reason=package.get("ApprovalDescription", ""),
        accuracy=float(kept["accuracy"]),
        accuracy_interval=(float(kept["accuracy_low"]), float(kept["accuracy_high"])),
        samples=int(kept["samples"]),
        threshold=float(kept["threshold"]),
        coverage=float(kept["coverage"]),
    )


def table_rows(versions: Sequence[Version], live_model_name: str | None) -> list[tuple[str, ...]]:
    """The versions as rows under COLUMNS; `live_model_name` is the model that is in service."""
    return [
        (
            str(version.number),
            f"{version.created_at:%Y-%m-%d %H:%M}",
            algorithm_in_words(version),
            f"{version.accuracy:.3f} ({version.accuracy_interval[0]:.3f} to "
            f"{version.accuracy_interval[1]:.3f})",
            f"{version.threshold:.4g}",
            f"{version.coverage:.3f}",
            _STATUS_WORDS[version.status],
            "live" if version.model_name == live_model_name else "",
        )
        for version in versions
    ]


def algorithm_in_words(model: Version | Model | Deployment) -> str:
    """The algorithm, and that a stand-in took its place where one did."""
    return f"{model.algorithm} (stand-in)" if model.stand_in else model.algorithm
