"""The endpoint: asked for correctly, waited for, tried, and recorded only when it answers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from scripts.artifacts import Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.serving import endpoint
from scripts.serving.endpoint import SMOKE_TEST_PNG, Fleet, RolledBack
from tests.unit.scripts.serving.endpoint_in_memory import MODEL, SageMaker, deploy

# What is asked for


def test_a_first_deployment_creates_the_endpoint_under_the_environments_name(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    (created,) = aws.made("CreateEndpoint")
    (config,) = aws.made("CreateEndpointConfig")
    assert created["EndpointName"] == "scones-dev"
    assert created["EndpointConfigName"] == config["EndpointConfigName"]
    assert aws.made("UpdateEndpoint") == []


def test_a_configuration_says_what_it_belongs_to(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    (config,) = aws.made("CreateEndpointConfig")
    tags = {tag["Key"]: tag["Value"] for tag in config["Tags"]}
    assert tags == {"Project": "scones", "Environment": "dev"}
    assert config["EndpointConfigName"].startswith("scones-dev-")


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([None], ["creating"]),
        (["InService"], ["updating: canary"]),
        (["Updating", "InService"], ["waiting: the endpoint is Updating", "updating: canary"]),
        (["Failed"], ["removing the endpoint, which is Failed", "creating"]),
    ],
)
def test_who_waits_is_told_what_for(
    sagemaker: SageMaker,
    bucket: Bucket,
    dev: Environment,
    states: list[str | None],
    said: list[str],
) -> None:
    sagemaker.states = states
    seen: list[str] = []
    sagemaker.after = ("InService",)
    deploy(dev, bucket, say=seen.append)
    assert seen == said


def test_a_later_deployment_updates_the_endpoint_with_a_new_configuration(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    sagemaker.after = ("Updating", "InService")
    deploy(dev, bucket)
    first, second = aws.made("CreateEndpointConfig")
    assert first["EndpointConfigName"] != second["EndpointConfigName"]
    (updated,) = aws.made("UpdateEndpoint")
    assert updated["EndpointName"] == "scones-dev"
    assert updated["EndpointConfigName"] == second["EndpointConfigName"]
    assert len(aws.made("CreateEndpoint")) == 1


def test_the_variant_is_the_one_that_alarms_and_dashboard_look_at(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    (variant,) = aws.made("CreateEndpointConfig")[0]["ProductionVariants"]
    variables = (ROOT / "terraform" / "variables.tf").read_text("utf-8")
    default = re.search(r'"endpoint_variant" {.*?default\s*=\s*"(\w+)"', variables, re.DOTALL)
    assert default
    assert variant["VariantName"] == default[1]
    assert variant["ModelName"] == MODEL.name
    assert variant["InitialInstanceCount"] == 2  # so that an update can be a canary


def test_every_request_and_answer_is_captured_with_scores_as_json(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    capture = aws.made("CreateEndpointConfig")[0]["DataCaptureConfig"]
    assert capture["EnableCapture"] is True
    assert capture["InitialSamplingPercentage"] == 100
    assert capture["DestinationS3Uri"] == bucket.uri("captures")
    modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
    assert modes == {"Input", "Output"}
    assert capture["CaptureContentTypeHeader"] == {"JsonContentTypes": ["application/json"]}


@pytest.mark.parametrize(("percentage", "enabled"), [(0, False), (1, True), (25, True)])
def test_capture_can_be_less_or_off(
    sagemaker: SageMaker,
    aws: Any,
    bucket: Bucket,
    dev: Environment,
    percentage: int,
    enabled: bool,
) -> None:
    deployed = deploy(dev, bucket, fleet=Fleet(capture_percentage=percentage))
    assert deployed.capture_percentage == percentage
    capture = aws.made("CreateEndpointConfig")[0]["DataCaptureConfig"]
    assert capture["InitialSamplingPercentage"] == percentage
    assert capture["EnableCapture"] is enabled


def test_a_model_that_was_not_evaluated_is_not_deployed(
    aws: Any, bucket: Bucket, dev: Environment
) -> None:
    with pytest.raises(UserError, match="Run: invoke evaluate"):
        deploy(dev, bucket)
    assert aws.made("CreateEndpointConfig") == []


def test_a_refusal_is_not_taken_for_a_missing_endpoint(
    sagemaker: SageMaker,
    aws: Any,
    bucket: Bucket,
    dev: Environment,
    aws_error: Callable[..., ClientError],
) -> None:
    aws.answers["DescribeEndpoint"] = aws_error("AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        deploy(dev, bucket)
    assert aws.made("CreateEndpoint") == []


# What is there already


@pytest.mark.parametrize("state", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_a_change_that_is_under_way_is_waited_for(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment, state: str
) -> None:
    sagemaker.exists(state, state, "InService")
    deploy(dev, bucket)
    assert len(aws.made("UpdateEndpoint")) == 1


def test_the_bill_and_the_budget_know_the_endpoint_by_its_tags(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    (request,) = aws.made("CreateEndpoint")
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert tags == {"Project": "scones", "Environment": "dev"}


def test_an_endpoint_that_is_being_deleted_is_waited_for_and_made_anew(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.states = ["Deleting", "Deleting", None]
    deploy(dev, bucket)
    assert len(aws.made("CreateEndpoint")) == 1
    assert aws.made("UpdateEndpoint") == []


def test_an_endpoint_that_serves_a_mix_after_a_rollback_that_failed_is_updated_and_not_deleted(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("UpdateRollbackFailed")
    deploy(dev, bucket)
    assert aws.made("DeleteEndpoint") == []
    assert len(aws.made("UpdateEndpoint")) == 1


@pytest.mark.parametrize("state", ["Failed", "OutOfService"])
def test_an_endpoint_that_failed_before_is_replaced(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment, state: str
) -> None:
    sagemaker.exists(state)
    deploy(dev, bucket)
    assert aws.made("DeleteEndpoint") == [{"EndpointName": "scones-dev"}]
    assert len(aws.made("CreateEndpoint")) == 1


# What becomes of it


@pytest.mark.parametrize("state", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_does_not_come_up_ends_in_one_line_with_sagemakers_reason(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment, state: str
) -> None:
    sagemaker.after = ("Creating", state)
    sagemaker.reason = "The primary container did not pass\nthe ping health check."
    with pytest.raises(UserError, match=f"is {state}: The primary container") as caught:
        deploy(dev, bucket)
    assert "\n" not in str(caught.value)


def test_an_update_that_was_rolled_back_is_not_taken_for_a_success(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.after = ("Updating", "RollingBack", "InService")
    sagemaker.serves = "scones-dev-before"
    sagemaker.reason = "An alarm went off."
    with pytest.raises(RolledBack, match=r"kept its previous model: An alarm went off\."):
        deploy(dev, bucket)
    assert aws.made("InvokeEndpoint") == []


def test_the_endpoint_is_asked_about_a_picture_before_it_counts_as_deployed(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    (asked,) = aws.made("InvokeEndpoint")
    assert asked["EndpointName"] == "scones-dev"
    assert asked["ContentType"] == "application/x-image"
    assert asked["Accept"] == "application/json"
    assert asked["Body"] == SMOKE_TEST_PNG


def test_the_smoke_test_can_be_told_from_traffic(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    deploy(dev, bucket)
    (asked,) = aws.made("InvokeEndpoint")
    assert asked["CustomAttributes"] == "smoke-test"
    assert "InferenceId" not in asked  # what joins captured requests to decisions


@pytest.mark.parametrize("answer", [b"[0.2, 0.3, 0.5]", b"[0.9, 0.9]", b"oops"])
def test_an_endpoint_that_answers_nonsense_is_not_deployed(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment, answer: bytes
) -> None:
    sagemaker.answer = answer
    with pytest.raises(UserError, match="the smoke test's picture") as refused:
        deploy(dev, bucket)
    assert "invoke rollback --reason WORDS --env dev" in str(refused.value)


def test_the_smoke_tests_picture_is_a_valid_one() -> None:
    with Image.open(io.BytesIO(SMOKE_TEST_PNG)) as image:
        assert image.format == "PNG"
        image.verify()  # every checksum
    with Image.open(io.BytesIO(SMOKE_TEST_PNG)) as image:
        assert (image.size, image.getpixel((0, 0))) == ((1, 1), 128)


def test_the_deployment_says_what_is_in_service_and_with_which_threshold(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment, evaluation_document: dict[str, Any]
) -> None:
    found = deploy(dev, bucket)
    assert found.endpoint_name == "scones-dev"
    assert found.model_name == MODEL.name
    assert found.algorithm == "efficientnet"
    assert found.labels == ("bicycle", "motorcycle")
    assert found.image_size_px == 128
    assert found.dataset_id == "0123456789ab"
    assert found.confidence_threshold == evaluation_document["threshold"]
    assert found.evaluation == evaluation_document
    assert found.deployed_at.endswith("+00:00")


def test_the_status_of_a_missing_endpoint_is_none(sagemaker: SageMaker, dev: Environment) -> None:
    assert endpoint.status(dev.client("sagemaker"), "scones-dev") is None
    sagemaker.exists("InService")
    assert endpoint.status(dev.client("sagemaker"), "scones-dev") == "InService"
