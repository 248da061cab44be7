"""Removal: endpoint, models, jobs and logs of the environment, and nothing of its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.environment import Environment
from scripts.provisioning import destroy
from tests.unit.scripts.provisioning.listed_jobs import listed_jobs


@pytest.fixture
def no_endpoint(aws_error: Callable[..., ClientError]) -> ClientError:
    return aws_error("ValidationException", 'Could not find endpoint "scones-dev".')


@pytest.fixture
def sagemaker(aws: Any, no_endpoint: ClientError) -> Any:
    """SageMaker with nothing in it."""
    aws.answers |= {
        "DescribeEndpoint": no_endpoint,
        "DeleteEndpoint": {},
        "ListEndpointConfigs": {"EndpointConfigs": []},
        "ListModels": {"Models": []},
        "ListTrainingJobs": listed_jobs("Training", {}),
        "ListTransformJobs": listed_jobs("Transform", {}),
        "DescribeTrainingJob": {"TrainingJobStatus": "Completed"},
        "DeleteTrainingJob": {},
        "StopTrainingJob": {},
        "StopTransformJob": {},
        "DeleteEndpointConfig": {},
        "DeleteModel": {},
    }
    return aws


def _remove(environment: Environment) -> None:
    destroy.remove_models(environment, lambda _text: None)


def _states(*states: str) -> list[dict[str, str]]:
    return [{"EndpointStatus": state} for state in states]


def test_nothing_to_remove_is_no_error(sagemaker: Any, dev: Environment) -> None:
    _remove(dev)
    assert sagemaker.made("DeleteEndpoint") == []


def test_the_endpoint_is_deleted_and_its_end_waited_for(
    sagemaker: Any, dev: Environment, no_endpoint: ClientError
) -> None:
    states = _states("InService", "InService", "InService", "Deleting", "Deleting")
    sagemaker.answers["DescribeEndpoint"] = [*states, no_endpoint]
    _remove(dev)
    assert sagemaker.made("DeleteEndpoint") == [{"EndpointName": "scones-dev"}]
    assert len(sagemaker.made("DescribeEndpoint")) == 6


@pytest.mark.parametrize("state", ["Creating", "Updating", "RollingBack", "SystemUpdating"])
def test_an_endpoint_that_is_just_changing_is_deleted_when_aws_allows_it(
    sagemaker: Any, dev: Environment, no_endpoint: ClientError, state: str
) -> None:
    def delete(_request: dict[str, Any]) -> dict[str, Any]:
        looks = len(sagemaker.made("DescribeEndpoint"))
        assert looks >= 4, f"AWS refuses this while {state}"
        sagemaker.answers["DescribeEndpoint"] = no_endpoint
        return {}

    sagemaker.answers["DescribeEndpoint"] = _states(state, state, state, "InService")
    sagemaker.answers["DeleteEndpoint"] = delete
    _remove(dev)
    assert len(sagemaker.made("DeleteEndpoint")) == 1


def test_an_endpoint_that_is_being_deleted_already_is_only_waited_for(
    sagemaker: Any, dev: Environment, no_endpoint: ClientError
) -> None:
    sagemaker.answers["DescribeEndpoint"] = [*_states("Deleting", "Deleting"), no_endpoint]
    _remove(dev)
    assert sagemaker.made("DeleteEndpoint") == []


def test_configurations_and_models_of_the_environment_go_and_others_stay(
    sagemaker: Any, dev: Environment
) -> None:
    names = ["scones-dev-1", "scones-dev", "scones-dev2-1", "my-scones-dev-1"]
    sagemaker.answers["ListEndpointConfigs"] = {
        "EndpointConfigs": [{"EndpointConfigName": name} for name in names]
    }
    sagemaker.answers["ListModels"] = {"Models": [{"ModelName": name} for name in names]}
    _remove(dev)
    expected = {"scones-dev-1", "scones-dev"}
    configs = {request["EndpointConfigName"] for request in sagemaker.made("DeleteEndpointConfig")}
    models = {request["ModelName"] for request in sagemaker.made("DeleteModel")}
    assert configs == models == expected


def test_the_registry_of_the_environment_goes_and_others_stay(
    sagemaker: Any, dev: Environment
) -> None:
    for group in ("scones-dev", "scones-dev2"):
        dev.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    sagemaker.answers["DeleteModelPackageGroup"] = {}
    _remove(dev)
    (request,) = sagemaker.made("DeleteModelPackageGroup")
    assert request == {"ModelPackageGroupName": "scones-dev"}


def test_running_jobs_are_stopped_and_training_jobs_deleted_once_they_have_ended(
    sagemaker: Any, dev: Environment
) -> None:
    sagemaker.answers["ListTrainingJobs"] = listed_jobs(
        "Training",
        {"scones-dev-a": "InProgress", "scones-dev-b": "Completed", "scones-dev2-c": "InProgress"},
    )
    transforms = {"scones-dev-d": "InProgress", "scones-dev-e": "Completed"}
    sagemaker.answers["ListTransformJobs"] = listed_jobs("Transform", transforms)
    sagemaker.answers["StopTransformJob"] = lambda _: transforms.update({"scones-dev-d": "Stopped"})
    sagemaker.answers["DescribeTrainingJob"] = [
        {"TrainingJobStatus": status} for status in ("InProgress", "Stopping", "Stopped")
    ]
    _remove(dev)
    assert sagemaker.made("StopTrainingJob") == [{"TrainingJobName": "scones-dev-a"}]
    assert sagemaker.made("StopTransformJob") == [{"TransformJobName": "scones-dev-d"}]
    deleted = [request["TrainingJobName"] for request in sagemaker.made("DeleteTrainingJob")]
    assert deleted == ["scones-dev-a", "scones-dev-b"]
    order = [operation for operation, _ in sagemaker.calls]
    looks = [index for index, name in enumerate(order) if name == "DescribeTrainingJob"]
    assert order.index("DeleteTrainingJob") > looks[2]


def test_models_go_when_no_transform_writes_any_more(sagemaker: Any, dev: Environment) -> None:
    transforms = {"scones-dev-d": "InProgress"}
    looks = iter(["Stopping", "Stopping", "Stopped"])
    listed = listed_jobs("Transform", transforms)

    def look(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("StatusEquals") == "Stopping":
            transforms["scones-dev-d"] = next(looks, "Stopped")
        return listed(request)

    sagemaker.answers["ListTransformJobs"] = look
    sagemaker.answers["StopTransformJob"] = {}
    _remove(dev)
    assert next(looks, None) is None


def test_a_job_that_ends_before_it_can_be_stopped_ends_nothing(
    sagemaker: Any, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    ended = aws_error("ValidationException", "The job is in status Completed.")
    sagemaker.answers["ListTrainingJobs"] = listed_jobs("Training", {"scones-dev-a": "InProgress"})
    sagemaker.answers["StopTrainingJob"] = ended
    sagemaker.answers["DescribeTrainingJob"] = {"TrainingJobStatus": "Completed"}
    _remove(dev)
    assert sagemaker.made("DeleteTrainingJob") == [{"TrainingJobName": "scones-dev-a"}]


def test_a_training_job_that_is_being_deleted_is_not_deleted_again(
    sagemaker: Any, dev: Environment
) -> None:
    sagemaker.answers["ListTrainingJobs"] = listed_jobs("Training", {"scones-dev-a": "Deleting"})
    _remove(dev)
    assert sagemaker.made("DeleteTrainingJob") == []
    assert destroy.inventory(dev) == []


def test_logs_of_the_environments_jobs_and_endpoint_go_and_others_stay(
    sagemaker: Any, dev: Environment
) -> None:
    logs = dev.client("logs")
    for group in ("TrainingJobs", "Endpoints/scones-dev", "Endpoints/scones-dev2"):
        logs.create_log_group(logGroupName=f"/aws/sagemaker/{group}")
    for stream in ("scones-dev-a/algo-1", "scones-dev2-b/algo-1"):
        logs.create_log_stream(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream)
    _remove(dev)
    groups = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    assert groups == {"/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints/scones-dev2"}
    left = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]
    assert [stream["logStreamName"] for stream in left] == ["scones-dev2-b/algo-1"]
