"""From a training job to a SageMaker model: the newest job, its artefact, the code that serves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import archives, models
from scripts.artifacts import Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"
JOB = "scones-dev-efficientnet-20261123-100000-000000"
JOB_ARN = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{JOB}"
ARTEFACT = {
    "model.onnx": b"weights",
    "model.json": json.dumps({"labels": ["bicycle", "motorcycle"], "image_size": 128}).encode(),
}


def _summaries(*names: str) -> dict[str, Any]:
    return {
        "TrainingJobSummaries": [
            {
                "TrainingJobName": name,
                "TrainingJobArn": JOB_ARN,
                "CreationTime": datetime(2026, 11, 23, tzinfo=UTC),
                "TrainingJobStatus": "Completed",
            }
            for name in names
        ]
    }


@pytest.fixture
def sagemaker(aws: Any, bucket: Bucket) -> Any:
    """SageMaker with one completed training job, whose artefact is in the bucket."""
    key = f"models/{JOB}/output/model.tar.gz"
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=archives.pack(ARTEFACT))
    aws.answers["DescribeTrainingJob"] = {
        "TrainingJobName": JOB,
        "TrainingJobArn": JOB_ARN,
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": bucket.uri(key)},
    }
    aws.answers["ListTags"] = {
        "Tags": [{"Key": "Project", "Value": "scones"}, {"Key": "DatasetId", "Value": "0123"}]
    }
    return aws


# The newest job


def test_the_newest_completed_job_of_the_environment_is_asked_for(
    aws: Any, dev: Environment
) -> None:
    aws.answers["ListTrainingJobs"] = _summaries(JOB)
    assert models.latest_job(dev) == JOB
    (asked,) = aws.made("ListTrainingJobs")
    assert asked["NameContains"] == "scones-dev-"
    assert asked["StatusEquals"] == "Completed"
    assert (asked["SortBy"], asked["SortOrder"]) == ("CreationTime", "Descending")


def test_a_job_whose_name_merely_contains_the_environments_is_not_taken(
    aws: Any, dev: Environment
) -> None:
    aws.answers["ListTrainingJobs"] = _summaries("best-scones-dev-efficientnet-1", JOB)
    assert models.latest_job(dev) == JOB
    aws.answers["ListTrainingJobs"] = _summaries("best-scones-dev-efficientnet-1")
    with pytest.raises(UserError, match="Run: invoke train"):
        models.latest_job(dev)


def test_without_a_job_the_next_command_is_named(aws: Any, dev: Environment) -> None:
    aws.answers["ListTrainingJobs"] = _summaries()
    with pytest.raises(UserError, match="Run: invoke train"):
        models.latest_job(dev)


# The model


def test_a_model_knows_what_its_artefact_says(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    assert models.register(dev, bucket, ROLE, JOB) == models.Model(
        name=JOB,
        job=JOB,
        algorithm="efficientnet",
        labels=("bicycle", "motorcycle"),
        image_size_px=128,
        dataset_id="0123",
    )


def test_the_artefact_is_served_unchanged_with_this_checkouts_code_beside_it(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    models.register(dev, bucket, ROLE, JOB)
    (created,) = sagemaker.made("CreateModel")
    served = models.archive(bucket, created["PrimaryContainer"]["ModelDataUrl"])
    algorithm = ROOT / "scripts" / "algorithm"
    code = {f"code/{path.name}": path.read_bytes() for path in algorithm.glob("*.py")}
    requirements = (algorithm / "requirements.txt").read_bytes()
    assert served == {**ARTEFACT, **code, "code/requirements.txt": requirements}


def test_the_container_serves_our_code_on_a_cpu(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    models.register(dev, bucket, ROLE, JOB)
    (created,) = sagemaker.made("CreateModel")
    container = created["PrimaryContainer"]
    assert re.search(r"/pytorch-inference:.*-cpu-", container["Image"])
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    assert created["ExecutionRoleArn"] == ROLE
    tags = {tag["Key"]: tag["Value"] for tag in created["Tags"]}
    assert tags == {"Project": "scones", "Environment": "dev"}


def test_registering_again_makes_no_second_model(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    first = models.register(dev, bucket, ROLE, JOB)
    assert models.register(dev, bucket, ROLE, JOB) == first
    assert len(sagemaker.made("CreateModel")) == 1


def test_aws_own_words_for_a_missing_model_are_understood(
    sagemaker: Any, bucket: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model/{JOB}"
    sagemaker.answers["DescribeModel"] = aws_error(
        "ValidationException", f'Could not find model "{arn}".'
    )
    models.register(dev, bucket, ROLE, JOB)
    assert len(sagemaker.made("CreateModel")) == 1


def test_any_other_answer_about_the_model_is_not_taken_for_a_missing_one(
    sagemaker: Any, bucket: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["DescribeModel"] = aws_error("AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        models.register(dev, bucket, ROLE, JOB)
    assert sagemaker.made("CreateModel") == []


def test_an_unknown_job_ends_in_one_line(
    aws: Any, bucket: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    aws.answers["DescribeTrainingJob"] = aws_error(
        "ValidationException", "Requested resource not found."
    )
    with pytest.raises(UserError, match="There is no training job nobody"):
        models.register(dev, bucket, ROLE, "nobody")


def test_a_refusal_is_not_taken_for_an_unknown_job(
    aws: Any, bucket: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    aws.answers["DescribeTrainingJob"] = aws_error("AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        models.register(dev, bucket, ROLE, JOB)


@pytest.mark.parametrize("status", ["InProgress", "Failed", "Stopped"])
def test_a_job_that_has_not_completed_has_no_model(
    sagemaker: Any, bucket: Bucket, dev: Environment, status: str
) -> None:
    sagemaker.answers["DescribeTrainingJob"]["TrainingJobStatus"] = status
    with pytest.raises(UserError, match=f"is {status}, not Completed"):
        models.register(dev, bucket, ROLE, JOB)
    assert sagemaker.made("CreateModel") == []


def test_a_job_of_somebody_else_without_a_data_set_has_an_empty_one(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.answers["ListTags"] = {"Tags": []}
    assert models.register(dev, bucket, ROLE, JOB).dataset_id == ""


def test_the_serving_program_is_part_of_the_algorithm(tmp_path: Path) -> None:
    assert (ROOT / "scripts" / "algorithm" / models.PROGRAM).is_file()
