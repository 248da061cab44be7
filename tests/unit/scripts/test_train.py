"""Training: the job that SageMaker is asked for, its log, its result, and what its failure says."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import train
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"
DATASET = {
    "dataset_id": "0123456789ab",
    "classes": ["bicycle", "motorcycle"],
    "channels": {
        part: f"s3://scones-dev-artifacts/datasets/0123456789ab/{part}/"
        for part in ("train", "validation", "test")
    },
}


def _description(**given: Any) -> dict[str, Any]:
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
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "CreationTime": 1.0,
    }
    return {**job, **given}


@pytest.fixture
def staged(bucket: Bucket) -> Bucket:
    bucket.write_json(CURRENT_DATASET, DATASET)
    return bucket


@pytest.fixture
def sagemaker(aws: Any, staged: Bucket, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SageMaker accepts the job, which is completed at the first look."""
    monkeypatch.setattr(train, "POLL_S", 0.0)
    aws.answers["CreateTrainingJob"] = {
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/some-job"
    }
    aws.answers["DescribeTrainingJob"] = _description()
    return aws


def _train(
    environment: Environment,
    bucket: Bucket,
    hyperparameters: dict[str, object] | None = None,
    lines: list[str] | None = None,
) -> train.TrainingResult:
    on_line = (lines if lines is not None else []).append
    return train.train(environment, bucket, ROLE, hyperparameters or {}, on_line)


def _job(sagemaker: Any) -> dict[str, Any]:
    (job,) = sagemaker.made("CreateTrainingJob")
    return dict(job)


# The job


def test_the_job_trains_on_the_staged_channels_and_never_on_test(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    _train(dev, staged)
    channels = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]
        for channel in _job(sagemaker)["InputDataConfig"]
    }
    assert {name: source["S3Uri"] for name, source in channels.items()} == {
        name: DATASET["channels"][name]  # type: ignore[index]
        for name in ("train", "validation")
    }
    assert {source["S3DataType"] for source in channels.values()} == {"S3Prefix"}
    assert {source["S3DataDistributionType"] for source in channels.values()} == {"FullyReplicated"}


def test_the_jobs_name_is_the_environments_and_different_each_time(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    first, second = _train(dev, staged).job, _train(dev, staged).job
    assert first != second
    for name in (first, second):
        assert re.fullmatch(r"scones-dev-efficientnet-\d{8}-\d{6}-\d{6}", name)


def test_the_longest_environments_name_still_makes_a_valid_job(
    sagemaker: Any, staged: Bucket
) -> None:
    _train(Environment("e" * 12, "us-east-1", "p" * 12, {}), staged)
    assert len(_job(sagemaker)["TrainingJobName"]) <= 63


def test_the_job_runs_as_the_role_for_at_most_an_hour_on_one_instance(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    _train(dev, staged)
    job = _job(sagemaker)
    assert job["RoleArn"] == ROLE
    assert job["ResourceConfig"]["InstanceCount"] == 1
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 3600


def test_the_container_is_aws_own_for_pytorch_on_a_cpu(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    _train(dev, staged)
    image = _job(sagemaker)["AlgorithmSpecification"]["TrainingImage"]
    assert re.search(r"\.dkr\.ecr\.us-east-1\.amazonaws\.com/pytorch-training:.*-cpu-", image)


def test_hyperparameters_are_json_as_the_toolkit_in_the_container_reads_them(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    _train(dev, staged, {"epochs": 3, "learning_rate": "0.001"})
    sent = {k: json.loads(v) for k, v in _job(sagemaker)["HyperParameters"].items()}
    assert sent["epochs"] == 3
    assert sent["learning_rate"] == "0.001"
    assert sent["classes"] == "bicycle,motorcycle"
    assert sent["sagemaker_program"] == "train.py"


def test_the_jobs_source_is_the_algorithm_flat_as_a_container_unpacks_it(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    _train(dev, staged)
    uri = json.loads(_job(sagemaker)["HyperParameters"]["sagemaker_submit_directory"])
    body = staged.s3.get_object(Bucket=staged.name, Key=staged.key(uri))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        names = set(tar.getnames())
    folder = ROOT / "scripts" / "algorithm"
    assert names == {path.name for path in folder.glob("*.py")} | {"requirements.txt"}
    assert {"train.py", "inference.py"} <= names


def test_the_same_source_is_stored_once(sagemaker: Any, staged: Bucket, dev: Environment) -> None:
    _train(dev, staged)
    _train(dev, staged)
    assert len(staged.keys("training/source/")) == 1


def test_the_job_says_what_it_belongs_to_and_what_it_was_trained_on(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    _train(dev, staged)
    tags = {tag["Key"]: tag["Value"] for tag in _job(sagemaker)["Tags"]}
    assert tags == {"Project": "scones", "Environment": "dev", "DatasetId": "0123456789ab"}


def test_the_model_will_know_the_commit_it_was_trained_from(
    sagemaker: Any, staged: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "git_commit", lambda: "0123abc")
    _train(dev, staged)
    assert _job(sagemaker)["Environment"]["GIT_COMMIT"] == "0123abc"


def test_the_commit_is_the_checkouts_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # a hook that runs the tests sets them, to another repository
    monkeypatch.setattr(train, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert train.git_commit() == "unknown"
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message=a"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", train.git_commit())


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert train.git_commit() == "unknown"


def test_metrics_are_read_from_what_the_algorithm_prints() -> None:
    line = "epoch=3/12 train_loss=0.2511 validation_loss=0.1312 validation_accuracy=0.9625"
    found = {
        name: float(match[1])
        for name, regex in train.METRICS.items()
        if (match := re.search(regex, line))
    }
    assert found == {
        "train:loss": 0.2511,
        "validation:loss": 0.1312,
        "validation:accuracy": 0.9625,
    }


def test_nothing_staged_is_said_before_anything_is_asked_for(
    bucket: Bucket, aws: Any, dev: Environment
) -> None:
    with pytest.raises(UserError, match="Run: invoke stage"):
        _train(dev, bucket)
    assert aws.made("CreateTrainingJob") == []


# Its result


def test_the_result_is_sagemakers_own_account_of_the_job(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    result = _train(dev, staged)
    assert result.job == _job(sagemaker)["TrainingJobName"]
    assert result.algorithm == "efficientnet"
    assert result.model_uri == "s3://scones-dev-artifacts/models/x/model.tar.gz"
    assert result.dataset_id == "0123456789ab"
    assert result.seconds == 133
    assert result.metrics == {"validation:accuracy": 0.9625}


def test_a_job_without_metrics_has_a_result(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    description = _description()
    del description["FinalMetricDataList"]
    sagemaker.answers["DescribeTrainingJob"] = description
    assert _train(dev, staged).metrics == {}


def test_the_job_is_waited_for(sagemaker: Any, staged: Bucket, dev: Environment) -> None:
    running = _description(TrainingJobStatus="InProgress", SecondaryStatus="Training")
    sagemaker.answers["DescribeTrainingJob"] = [running, running, running, _description()]
    _train(dev, staged)
    assert len(sagemaker.made("DescribeTrainingJob")) >= 4


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_does_not_complete_ends_in_one_line_with_sagemakers_reason(
    sagemaker: Any, staged: Bucket, dev: Environment, status: str
) -> None:
    reason = 'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "no pictures"'
    sagemaker.answers["DescribeTrainingJob"] = _description(
        TrainingJobStatus=status, SecondaryStatus=status, FailureReason=reason
    )
    with pytest.raises(UserError, match=f"ended as {status}: AlgorithmError") as caught:
        _train(dev, staged)
    assert "\n" not in str(caught.value)
    assert 'ExitCode 1 ErrorMessage "no pictures"' in str(caught.value)


def test_a_job_that_gives_no_reason_says_so(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = _description(
        TrainingJobStatus="Stopped", SecondaryStatus="Stopped"
    )
    with pytest.raises(UserError, match="ended as Stopped: no reason was given"):
        _train(dev, staged)


def test_who_stops_waiting_stops_the_job(
    sagemaker: Any, staged: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    sagemaker.answers["DescribeTrainingJob"] = _description(
        TrainingJobStatus="InProgress", SecondaryStatus="Training"
    )
    sagemaker.answers["StopTrainingJob"] = {}
    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _train(dev, staged)
    (stopped,) = sagemaker.made("StopTrainingJob")
    assert stopped["TrainingJobName"] == _job(sagemaker)["TrainingJobName"]


# Its log


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


def test_each_line_of_the_log_is_passed_on_once_and_in_order(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    running = _description(TrainingJobStatus="InProgress", SecondaryStatus="Training")
    sagemaker.answers["DescribeTrainingJob"] = [running, running, _description()]
    _log(sagemaker, [["one", "two"], ["three"]])
    lines: list[str] = []
    _train(dev, staged, lines=lines)
    assert lines == ["one", "two", "three"]


def test_only_the_jobs_own_log_is_read(sagemaker: Any, staged: Bucket, dev: Environment) -> None:
    _log(sagemaker, [["one"]])
    job = _train(dev, staged).job
    (asked,) = sagemaker.made("DescribeLogStreams")
    assert asked["logStreamNamePrefix"] == f"{job}/"
    assert asked["logGroupName"] == "/aws/sagemaker/TrainingJobs"


def test_a_log_that_does_not_exist_yet_is_no_error(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    lines: list[str] = []
    _train(dev, staged, lines=lines)
    assert sagemaker.made("DescribeLogStreams")
    assert lines == []


def test_a_failed_jobs_last_lines_are_passed_on_before_its_reason(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = _description(
        TrainingJobStatus="Failed", SecondaryStatus="Failed", FailureReason="AlgorithmError"
    )
    _log(sagemaker, [["Traceback"]])
    lines: list[str] = []
    with pytest.raises(UserError):
        _train(dev, staged, lines=lines)
    assert lines == ["Traceback"]


def test_a_refused_log_is_not_hidden(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["DescribeLogStreams"] = aws_error("AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        _train(dev, staged)
