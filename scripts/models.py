"""From a training job's artefact to a SageMaker model that containers can serve."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts import archives
from scripts.artifacts import MODELS, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.train import ALGORITHM, image_uri, source_files

PROGRAM = "inference.py"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Model:
    """A registered model. `labels` are in the order of its scores."""

    name: str
    job: str
    algorithm: str
    labels: tuple[str, ...]
    image_size_px: int
    dataset_id: str


def latest_job(environment: Environment) -> str:
    """The newest completed training job. Raises UserError when there is none."""
    answer = environment.client("sagemaker").list_training_jobs(
        NameContains=f"{environment.prefix}-",
        StatusEquals="Completed",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=100,
    )
    for summary in answer["TrainingJobSummaries"]:
        name = str(summary["TrainingJobName"])
        if name.startswith(f"{environment.prefix}-"):
            return name
    raise UserError("No model has been trained yet. Run: invoke train")


def register(environment: Environment, bucket: Bucket, role_arn: str, job: str) -> Model:
    """Make the SageMaker model of a training job, once; returns it.

    SageMaker's PyTorch containers import `code/inference.py` from the model archive. The job's
    artefact is data only; the serving code comes from this checkout and is added here.
    Raises UserError when the job is unknown or has not completed.
    """
    sagemaker = environment.client("sagemaker")
    try:
        found = sagemaker.describe_training_job(TrainingJobName=job)
    except ClientError as error:
        if "not found" not in error.response["Error"]["Message"]:
            raise
        raise UserError(f"There is no training job {job}. Run: invoke train") from error
    if found["TrainingJobStatus"] != "Completed":
        raise UserError(f"Training job {job} is {found['TrainingJobStatus']}, not Completed.")
    artifact = archive(bucket, found["ModelArtifacts"]["S3ModelArtifacts"])
    description = json.loads(artifact[DESCRIPTION])
    served = {**artifact, **{f"code/{name}": data for name, data in source_files().items()}}
    key = f"{MODELS}/{job}/served/model.tar.gz"
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=archives.pack(served))
    if not _exists(sagemaker, job):
        sagemaker.create_model(
            ModelName=job,
            ExecutionRoleArn=role_arn,
            PrimaryContainer={
                "Image": image_uri(environment, "inference"),
                "ModelDataUrl": bucket.uri(key),
                "Environment": {"SAGEMAKER_PROGRAM": PROGRAM},
            },
            Tags=[
                {"Key": "Project", "Value": environment.project},
                {"Key": "Environment", "Value": environment.name},
            ],
        )
    return Model(
        name=job,
        job=job,
        algorithm=ALGORITHM,
        labels=tuple(description["labels"]),
        image_size_px=int(description["image_size"]),
        dataset_id=_tag(sagemaker, found["TrainingJobArn"], "DatasetId"),
    )


def archive(bucket: Bucket, uri: str) -> dict[str, bytes]:
    """The files of a model archive by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tar.gz"
        bucket.download(bucket.key(uri), path)
        return archives.unpack(path)


def _exists(sagemaker: Any, name: str) -> bool:
    try:
        sagemaker.describe_model(ModelName=name)
    except ClientError as error:
        if "Could not find" in error.response["Error"]["Message"]:
            return False
        raise
    return True


def _tag(sagemaker: Any, arn: str, key: str) -> str:
    tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return next((tag["Value"] for tag in tags if tag["Key"] == key), "")
