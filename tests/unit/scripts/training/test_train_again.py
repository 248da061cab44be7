"""Training under a name: a job that exists is found again; and what is not possible at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from tests.unit.scripts.training.jobs import (
    described,
    submitted,
    tags,
    train_job,
)

QUOTA = (
    "The account-level service limit 'ml.p3.2xlarge for training job usage' is {} Instances, with "
    "current utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service "
    "Quotas to request an increase for this quota."
)


def _log(sagemaker: Any, pages: list[list[str]]) -> None:
    """The job's log stream, delivered page by page; each page's token leads to the next."""
    sagemaker.answers["DescribeLogStreams"] = lambda request: {
        "logStreams": [{"logStreamName": f"{request['logStreamNamePrefix']}algo-1-1"}]
    }

    def events(request: dict[str, Any]) -> dict[str, Any]:
        number = int(request.get("nextToken", "0"))
        page = pages[number] if number < len(pages) else []
        return {
            "events": [{"message": line, "timestamp": 1} for line in page],
            "nextForwardToken": str(min(number + 1, len(pages))),
        }

    sagemaker.answers["GetLogEvents"] = events


# A job that is there already


@pytest.fixture
def known(sagemaker: Any) -> Any:
    """SageMaker with a job that an earlier command has submitted, of AWS's algorithm."""
    sagemaker.answers["ListTags"] = tags(DatasetId="older", Algorithm="builtin")
    return sagemaker


def test_a_job_that_has_completed_returns_at_once_as_what_it_was(
    known: Any, staged: Bucket, dev: Environment
) -> None:
    lines: list[str] = []
    _log(known, [["an old line"]])
    result = train_job(dev, staged, lines, job="some-job")
    assert (result.job, result.algorithm, result.dataset_id) == ("some-job", "builtin", "older")
    assert known.made("CreateTrainingJob") == []
    assert lines == []


def test_a_job_that_is_running_is_followed_and_not_submitted_again(
    known: Any, staged: Bucket, dev: Environment
) -> None:
    running = described(TrainingJobStatus="InProgress", SecondaryStatus="Training")
    known.answers["DescribeTrainingJob"] = [running, running, described()]
    _log(known, [["from its beginning"], ["to its end"]])
    lines: list[str] = []
    assert train_job(dev, staged, lines, job="some-job").seconds == 133
    assert lines == ["from its beginning", "to its end"]
    assert known.made("CreateTrainingJob") == []


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_has_failed_is_not_tried_again_under_its_name(
    known: Any, staged: Bucket, dev: Environment, status: str
) -> None:
    known.answers["DescribeTrainingJob"] = described(
        TrainingJobStatus=status, SecondaryStatus=status, FailureReason="no pictures"
    )
    with pytest.raises(UserError, match=f"some-job ended as {status}: no pictures"):
        train_job(dev, staged, job="some-job")
    assert known.made("CreateTrainingJob") == []


def test_a_job_is_found_again_without_a_staged_data_set(
    known: Any, staged: Bucket, dev: Environment
) -> None:
    staged.s3.delete_object(Bucket=staged.name, Key=CURRENT_DATASET)
    assert train_job(dev, staged, job="some-job").dataset_id == "older"


def test_a_job_that_is_not_there_is_submitted_under_the_name_it_was_given(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    missing = aws_error("ValidationException", "Requested resource not found.")
    sagemaker.answers["DescribeTrainingJob"] = [missing, described()]
    train_job(dev, staged, job="some-job")
    assert submitted(sagemaker)["TrainingJobName"] == "some-job"


def test_a_refusal_is_not_taken_for_a_job_that_is_not_there(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = aws_error("AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        train_job(dev, staged, job="some-job")
    assert sagemaker.made("CreateTrainingJob") == []


def test_a_job_from_before_there_were_tags_is_known_by_its_image(
    known: Any, staged: Bucket, dev: Environment
) -> None:
    known.answers["ListTags"] = tags()
    assert train_job(dev, staged, job="some-job").algorithm == "efficientnet"
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
    known.answers["DescribeTrainingJob"] = described(
        AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": image}
    )
    assert train_job(dev, staged, job="some-job").algorithm == "builtin"


# What is not possible


def test_an_algorithm_that_there_is_not_is_named_with_those_that_there_are(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    with pytest.raises(UserError, match=r"no algorithm 'resnet': use efficientnet or builtin\."):
        train_job(dev, staged, algorithm="resnet")
    assert sagemaker.made("CreateTrainingJob") == []


@pytest.mark.parametrize("algorithm", ["efficientnet", "builtin"])
def test_an_instance_type_that_sagemaker_does_not_have_is_answered_with_ones_like_it(
    sagemaker: Any, staged: Bucket, dev: Environment, algorithm: str
) -> None:
    with pytest.raises(UserError, match=r"'ml.p3.2xlage': choose for example .*ml\.p3\.2xlarge"):
        train_job(dev, staged, algorithm=algorithm, instance_type="ml.p3.2xlage")
    assert sagemaker.made("CreateTrainingJob") == []


def test_a_gpu_quota_of_0_ends_in_one_line_with_both_ways_out(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["CreateTrainingJob"] = aws_error("ResourceLimitExceeded", QUOTA.format(0))
    with pytest.raises(UserError) as caught:
        train_job(dev, staged, algorithm="builtin")
    words = str(caught.value)
    assert "'ml.p3.2xlarge for training job usage' is 0 in us-east-1" in words
    assert "Service Quotas" in words
    assert words.endswith("on a CPU: the same command with --algorithm efficientnet")
    assert "\n" not in words


def test_a_quota_that_is_in_use_is_not_called_0(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["CreateTrainingJob"] = aws_error("ResourceLimitExceeded", QUOTA.format(2))
    with pytest.raises(UserError, match="usage' of 2 is used up"):
        train_job(dev, staged, algorithm="builtin")


def test_a_quota_whose_message_is_worded_differently_is_still_one_line(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["CreateTrainingJob"] = aws_error("ResourceLimitExceeded", "Too many.")
    with pytest.raises(UserError, match=r"'ml\.g5\.xlarge for training job usage' is used up"):
        train_job(dev, staged, algorithm="builtin", instance_type="ml.g5.xlarge")


def test_a_quota_for_the_usual_cpu_leads_to_another_one(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["CreateTrainingJob"] = aws_error("ResourceLimitExceeded", QUOTA.format(0))
    with pytest.raises(
        UserError, match=r"--algorithm efficientnet --instance-type ml\.c5\.2xlarge"
    ):
        train_job(dev, staged)


def test_another_refusal_of_the_job_is_not_taken_for_a_quota(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["CreateTrainingJob"] = aws_error("AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        train_job(dev, staged)
