"""Training: the job that is submitted or found again, its log, its result, its failure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.training import train
from tests.unit.scripts.training.jobs import (
    DATASET,
    ROLE,
    described,
    submitted,
    train_job,
)

# The job


def test_the_job_trains_on_the_staged_channels_and_never_on_test(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    train_job(dev, staged)
    channels = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]
        for channel in submitted(sagemaker)["InputDataConfig"]
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
    names = [train_job(dev, staged, algorithm=name).job for name in (*train.ALGORITHMS, "builtin")]
    assert len(set(names)) == 3
    for name, algorithm in zip(names, (*train.ALGORITHMS, "builtin"), strict=True):
        assert re.fullmatch(rf"scones-dev-{algorithm}-\d{{8}}-\d{{6}}-\d{{6}}", name)


def test_the_longest_environments_name_still_makes_a_valid_job(
    sagemaker: Any, staged: Bucket
) -> None:
    train_job(Environment("e" * 12, "us-east-1", "p" * 12, {}), staged)
    assert len(submitted(sagemaker)["TrainingJobName"]) <= 63


def test_the_job_runs_as_the_role_for_at_most_four_hours_on_one_instance(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    train_job(dev, staged)
    job = submitted(sagemaker)
    assert job["RoleArn"] == ROLE
    assert job["ResourceConfig"]["InstanceCount"] == 1
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 14_400


def test_the_job_says_what_it_belongs_to_and_what_it_was_trained_on(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    train_job(dev, staged)
    tags = {tag["Key"]: tag["Value"] for tag in submitted(sagemaker)["Tags"]}
    assert tags == {
        "Project": "scones",
        "Environment": "dev",
        "DatasetId": "0123456789ab",
        "Algorithm": "efficientnet",
    }


def test_nothing_staged_is_said_before_anything_is_asked_for(
    bucket: Bucket, aws: Any, dev: Environment
) -> None:
    with pytest.raises(UserError, match="Run: invoke stage"):
        train_job(dev, bucket)
    assert aws.made("CreateTrainingJob") == []


def test_a_data_set_with_a_class_that_can_be_no_label_is_refused_before_it_is_trained_on(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    staged.write_json(CURRENT_DATASET, {**DATASET, "classes": ["Bicycle", "motorcycle"]})
    with pytest.raises(UserError, match="'Bicycle' cannot be a class name"):
        train_job(dev, staged)
    assert sagemaker.made("CreateTrainingJob") == []


def test_two_clouds_one_after_the_other_are_not_confused(
    sagemaker: Any, staged: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    call = BaseClient._make_api_call

    def noted(client: Any, operation: str, request: dict[str, Any]) -> Any:
        asked.append((operation, client.meta.endpoint_url))
        return call(client, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    for url in ("http://127.0.0.1:1111", "http://127.0.0.1:2222"):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", url)
        asked.clear()
        train_job(dev, staged)
        places = {place for operation, place in asked if "Training" in operation}
        assert places == {url}


# Its result


def test_the_result_is_sagemakers_own_account_of_the_job(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    result = train_job(dev, staged)
    assert result.job == submitted(sagemaker)["TrainingJobName"]
    assert result.algorithm == "efficientnet"
    assert result.model_uri == "s3://scones-dev-artifacts/models/x/model.tar.gz"
    assert result.dataset_id == "0123456789ab"
    assert result.seconds == 133
    assert result.metrics == {"validation:accuracy": 0.9625}


def test_a_job_without_metrics_has_a_result(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    description = described()
    del description["FinalMetricDataList"]
    sagemaker.answers["DescribeTrainingJob"] = lambda request: {**description, **request}
    assert train_job(dev, staged).metrics == {}


def test_the_job_is_waited_for(sagemaker: Any, staged: Bucket, dev: Environment) -> None:
    running = described(TrainingJobStatus="InProgress", SecondaryStatus="Training")
    sagemaker.answers["DescribeTrainingJob"] = [running, running, running, described()]
    train_job(dev, staged)
    assert len(sagemaker.made("DescribeTrainingJob")) >= 4


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_does_not_complete_ends_in_one_line_with_sagemakers_reason(
    sagemaker: Any, staged: Bucket, dev: Environment, status: str
) -> None:
    reason = 'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "no pictures"'
    sagemaker.answers["DescribeTrainingJob"] = described(
        TrainingJobStatus=status, SecondaryStatus=status, FailureReason=reason
    )
    with pytest.raises(UserError, match=f"ended as {status}: AlgorithmError") as caught:
        train_job(dev, staged)
    assert "\n" not in str(caught.value)
    assert 'ExitCode 1 ErrorMessage "no pictures"' in str(caught.value)


def test_a_job_that_gives_no_reason_says_so(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = described(
        TrainingJobStatus="Stopped", SecondaryStatus="Stopped"
    )
    with pytest.raises(UserError, match="ended as Stopped: no reason was given"):
        train_job(dev, staged)


def test_a_job_whose_time_was_over_says_so_and_what_to_set(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = described(
        TrainingJobStatus="Stopped",
        SecondaryStatus="MaxRuntimeExceeded",
        StoppingCondition={"MaxRuntimeInSeconds": 7200},
    )
    with pytest.raises(UserError, match="Stopped: it took longer than 7200 s") as caught:
        train_job(dev, staged)
    assert "--set epochs=" in str(caught.value)
    assert "--instance-type" in str(caught.value)


def test_who_stops_waiting_stops_the_job(
    sagemaker: Any, staged: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    sagemaker.answers["DescribeTrainingJob"] = described(
        TrainingJobStatus="InProgress", SecondaryStatus="Training"
    )
    sagemaker.answers["StopTrainingJob"] = {}
    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_job(dev, staged)
    (stopped,) = sagemaker.made("StopTrainingJob")
    assert stopped["TrainingJobName"] == "some-job"


@pytest.mark.parametrize("algorithm", ["efficientnet", "builtin"])
@pytest.mark.parametrize("name", ["dev", "local"])
def test_only_awss_algorithm_on_this_machine_is_a_stand_in(
    sagemaker: Any, staged: Bucket, name: str, algorithm: str
) -> None:
    environment = Environment(name, "us-east-1", "scones", {})
    result = train_job(environment, staged, algorithm=algorithm)
    assert result.algorithm == algorithm
    assert result.stand_in is (name == "local" and algorithm == "builtin")


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
    running = described(TrainingJobStatus="InProgress", SecondaryStatus="Training")
    sagemaker.answers["DescribeTrainingJob"] = [running, running, described()]
    _log(sagemaker, [["one", "two"], ["three"]])
    lines: list[str] = []
    train_job(dev, staged, lines=lines)
    assert lines == ["one", "two", "three"]


def test_only_the_jobs_own_log_is_read(sagemaker: Any, staged: Bucket, dev: Environment) -> None:
    _log(sagemaker, [["one"]])
    job = train_job(dev, staged).job
    assert job == submitted(sagemaker)["TrainingJobName"]
    (asked,) = sagemaker.made("DescribeLogStreams")
    assert asked["logStreamNamePrefix"] == f"{job}/"
    assert asked["logGroupName"] == "/aws/sagemaker/TrainingJobs"


def test_a_log_that_does_not_exist_yet_is_no_error(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    lines: list[str] = []
    train_job(dev, staged, lines=lines)
    assert sagemaker.made("DescribeLogStreams")
    assert lines == []


def test_a_failed_jobs_last_lines_are_passed_on_before_its_reason(
    sagemaker: Any, staged: Bucket, dev: Environment
) -> None:
    sagemaker.answers["DescribeTrainingJob"] = described(
        TrainingJobStatus="Failed", SecondaryStatus="Failed", FailureReason="AlgorithmError"
    )
    _log(sagemaker, [["Traceback"]])
    lines: list[str] = []
    with pytest.raises(UserError):
        train_job(dev, staged, lines=lines)
    assert lines == ["Traceback"]


def test_a_refused_log_is_not_hidden(
    sagemaker: Any, staged: Bucket, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    sagemaker.answers["DescribeLogStreams"] = aws_error("AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        train_job(dev, staged)
