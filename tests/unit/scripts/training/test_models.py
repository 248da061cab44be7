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

from scripts import archives
from scripts.artifacts import Bucket
from scripts.dataset.pictures import MAX_PICTURE_BYTES
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.training import models

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"
JOB = "scones-dev-efficientnet-20261123-100000-000000"
JOB_ARN = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{JOB}"
BUILTIN_IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
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
        stand_in=False,
        image=sagemaker.made("CreateModel")[0]["PrimaryContainer"]["Image"],
        model_data_url=f"s3://scones-dev-artifacts/models/{JOB}/served/model.tar.gz",
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
    assert int(container["Environment"]["TS_MAX_REQUEST_SIZE"]) >= MAX_PICTURE_BYTES
    assert created["ExecutionRoleArn"] == ROLE
    tags = {tag["Key"]: tag["Value"] for tag in created["Tags"]}
    assert tags == {"Project": "scones", "Environment": "dev"}


def test_registering_again_makes_no_second_model(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    first = models.register(dev, bucket, ROLE, JOB)
    assert models.register(dev, bucket, ROLE, JOB) == first
    assert len(sagemaker.made("CreateModel")) == 1


def test_what_a_model_in_service_was_made_of_is_never_written_again(
    sagemaker: Any, bucket: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = models.register(dev, bucket, ROLE, JOB)
    before = models.archive(bucket, first.model_data_url)
    monkeypatch.setattr(models.efficientnet, "source_files", lambda: {"inference.py": b"newer"})
    assert models.register(dev, bucket, ROLE, JOB).image == first.image
    assert models.archive(bucket, first.model_data_url) == before


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


# AWS's own algorithm


@pytest.fixture
def builtin(sagemaker: Any, bucket: Bucket) -> Any:
    """SageMaker whose job is of AWS's image classification; its name says nothing of that."""
    sagemaker.answers["DescribeTrainingJob"] |= {
        "AlgorithmSpecification": {"TrainingImage": BUILTIN_IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"image_shape": "3,224,224", "num_classes": "2"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://scones-dev-artifacts/models/x/model.tar.gz"},
    }
    sagemaker.answers["ListTags"] = {
        "Tags": [{"Key": "DatasetId", "Value": "0123"}, {"Key": "Algorithm", "Value": "builtin"}]
    }
    bucket.write_json("datasets/0123/dataset.json", {"classes": ["motorcycle", "bicycle"]})
    return sagemaker


def test_a_model_of_awss_algorithm_has_its_labels_from_the_data_set_and_its_size_from_the_job(
    builtin: Any, bucket: Bucket, dev: Environment
) -> None:
    assert models.register(dev, bucket, ROLE, JOB) == models.Model(
        name=JOB,
        job=JOB,
        algorithm="builtin",
        labels=("motorcycle", "bicycle"),
        image_size_px=224,
        dataset_id="0123",
        stand_in=False,
        image=BUILTIN_IMAGE,
        model_data_url="s3://scones-dev-artifacts/models/x/model.tar.gz",
    )


def test_the_artefact_of_awss_algorithm_is_served_as_it_is(
    builtin: Any, bucket: Bucket, dev: Environment
) -> None:
    models.register(dev, bucket, ROLE, JOB)
    (created,) = builtin.made("CreateModel")
    assert created["PrimaryContainer"] == {
        "Image": BUILTIN_IMAGE,
        "ModelDataUrl": "s3://scones-dev-artifacts/models/x/model.tar.gz",
    }
    assert bucket.keys(f"models/{JOB}/served/") == []


def test_a_model_of_awss_algorithm_that_exists_is_described_as_it_is(
    builtin: Any, bucket: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.register(dev, bucket, ROLE, JOB)
    monkeypatch.setattr(models.builtin, "image_uri", lambda _environment: "a-newer-image")
    assert models.register(dev, bucket, ROLE, JOB).image == BUILTIN_IMAGE


def test_without_a_tag_the_image_of_the_job_says_which_algorithm_it_was(
    builtin: Any, bucket: Bucket, dev: Environment
) -> None:
    builtin.answers["ListTags"] = {"Tags": [{"Key": "DatasetId", "Value": "0123"}]}
    assert models.register(dev, bucket, ROLE, JOB).algorithm == "builtin"


def test_on_this_machine_a_model_of_awss_algorithm_is_a_stand_in(
    builtin: Any, bucket: Bucket
) -> None:
    local = Environment("local", "us-east-1", "scones", {})
    assert models.register(local, bucket, ROLE, JOB).stand_in


def test_our_own_model_is_no_stand_in_anywhere(sagemaker: Any, bucket: Bucket) -> None:
    local = Environment("local", "us-east-1", "scones", {})
    assert not models.register(local, bucket, ROLE, JOB).stand_in


def test_a_data_set_that_is_gone_leaves_awss_model_without_labels(
    builtin: Any, bucket: Bucket, dev: Environment
) -> None:
    bucket.s3.delete_object(Bucket=bucket.name, Key="datasets/0123/dataset.json")
    with pytest.raises(UserError, match=r"data set 0123 is gone from S3\. Run: invoke stage"):
        models.register(dev, bucket, ROLE, JOB)
    assert builtin.made("CreateModel") == []
