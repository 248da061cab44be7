"""Training jobs as SageMaker tells of them, and how tests ask for one."""

from __future__ import annotations

from typing import Any

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.training import train

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"
DATASET = {
    "dataset_id": "0123456789ab",
    "classes": ["bicycle", "motorcycle"],
    "channels": {
        part: f"s3://scones-dev-artifacts/datasets/0123456789ab/{part}/"
        for part in ("train", "validation", "test", "train_lst", "validation_lst")
    },
    "counts": {"train": 850, "validation": 150, "test": 200},
}
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6-cpu-py312"


def described(**given: Any) -> dict[str, Any]:
    job: dict[str, Any] = {
        "TrainingJobName": "some-job",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/some-job",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "TrainingTimeInSeconds": 133,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://scones-dev-artifacts/models/x/model.tar.gz"},
        "FinalMetricDataList": [
            {"MetricName": "validation:accuracy", "Value": 0.9625, "Timestamp": 1.0}
        ],
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": PYTORCH},
        "CreationTime": 1.0,
    }
    return {**job, **given}


def tags(**tags: str) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def train_job(
    environment: Environment, bucket: Bucket, lines: list[str] | None = None, **options: Any
) -> train.TrainingResult:
    on_line = (lines if lines is not None else []).append
    return train.train(environment, bucket, ROLE, {}, on_line, **options)


def submitted(sagemaker: Any) -> dict[str, Any]:
    """The newest job that was submitted."""
    return dict(sagemaker.made("CreateTrainingJob")[-1])
