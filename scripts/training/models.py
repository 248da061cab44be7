"""From a training job's artefact to a SageMaker model that containers can serve."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts import archives
from scripts.artifacts import DATASETS, MODELS, Bucket
from scripts.dataset.layout import MARKER
from scripts.dataset.pictures import MAX_PICTURE_BYTES
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.training import builtin, builtin_hyperparameters, efficientnet, train

PROGRAM = "inference.py"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Model:
    """A registered model. `labels` are in the order of its scores.

    `image` is the container that serves it, `model_data_url` its archive in S3. `stand_in` is true
    when the local cloud trained it, and serves it, in place of AWS's algorithm.
    """

    name: str
    job: str
    algorithm: str
    labels: tuple[str, ...]
    image_size_px: int
    dataset_id: str
    stand_in: bool = False
    image: str = ""
    model_data_url: str = ""


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

    A model that exists stays as it is, archive included: it may be in service. Raises UserError
    when the job is unknown or has not completed, or when the data set of its labels is gone.
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
    tags = train.tags_of(environment, found["TrainingJobArn"])
    trained_in = found.get("AlgorithmSpecification", {}).get("TrainingImage", "")
    algorithm = train.algorithm_of(tags, trained_in)
    dataset_id = tags.get("DatasetId", "")
    artefact_uri = found["ModelArtifacts"]["S3ModelArtifacts"]
    container = _container(sagemaker, job)
    if algorithm == train.BUILTIN:
        labels = _labels(bucket, dataset_id)
        size_px = builtin_hyperparameters.image_size_px(found["HyperParameters"])
        made = container or {"Image": builtin.image_uri(environment), "ModelDataUrl": artefact_uri}
    else:
        artefact = archive(bucket, artefact_uri)
        description = json.loads(artefact[DESCRIPTION])
        labels, size_px = tuple(description["labels"]), int(description["image_size"])
        made = container or _served(environment, bucket, job, artefact)
    if container is None:
        sagemaker.create_model(
            ModelName=job,
            ExecutionRoleArn=role_arn,
            PrimaryContainer=made,
            Tags=environment.tags,
        )
    return Model(
        name=job,
        job=job,
        algorithm=algorithm,
        labels=labels,
        image_size_px=size_px,
        dataset_id=dataset_id,
        stand_in=train.is_stand_in(environment, algorithm),
        image=made["Image"],
        model_data_url=made["ModelDataUrl"],
    )


def _served(
    environment: Environment, bucket: Bucket, job: str, artefact: Mapping[str, bytes]
) -> dict[str, Any]:
    """The container of an efficientnet: SageMaker's PyTorch ones import `code/inference.py`.

    The job's artefact is data only; the serving code comes from this checkout and is added here.
    """
    code = {f"code/{name}": data for name, data in efficientnet.source_files().items()}
    key = f"{MODELS}/{job}/served/model.tar.gz"
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=archives.pack({**artefact, **code}))
    return {
        "Image": efficientnet.image_uri(environment, "inference"),
        "ModelDataUrl": bucket.uri(key),
        "Environment": {
            "SAGEMAKER_PROGRAM": PROGRAM,
            # TorchServe's own limit is 6,553,500, less than a transform job sends it.
            "TS_MAX_REQUEST_SIZE": str(MAX_PICTURE_BYTES),
        },
    }


def _labels(bucket: Bucket, dataset_id: str) -> tuple[str, ...]:
    """The classes of a data set in label order, which AWS's algorithm knows by number only."""
    dataset = bucket.read_json(f"{DATASETS}/{dataset_id}/{MARKER}")
    if dataset is None:
        raise UserError(f"The data set {dataset_id} is gone from S3. Run: invoke stage")
    return tuple(dataset["classes"])


def archive(bucket: Bucket, uri: str) -> dict[str, bytes]:
    """The files of a model archive by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tar.gz"
        bucket.download(bucket.key(uri), path)
        return archives.unpack(path)


def _container(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """The container of the model called `name`, or None when there is no such model."""
    try:
        found: dict[str, Any] = sagemaker.describe_model(ModelName=name)["PrimaryContainer"]
    except ClientError as error:
        if "Could not find" in error.response["Error"]["Message"]:
            return None
        raise
    return found
