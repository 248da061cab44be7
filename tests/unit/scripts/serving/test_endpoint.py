"""The endpoint: asked for correctly, waited for, tried, and recorded only when it answers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from scripts.artifacts import Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.evaluation.evaluate import evaluation_key
from scripts.serving import endpoint
from scripts.serving.deployment import Deployment
from scripts.serving.endpoint import SMOKE_TEST_PNG, Fleet, RolledBack
from scripts.serving.models import Model
from scripts.serving.rollout import ALL_AT_ONCE, LINEAR, Rollout

MODEL = Model(
    name="scones-dev-efficientnet-1",
    job="scones-dev-efficientnet-1",
    algorithm="efficientnet",
    labels=("bicycle", "motorcycle"),
    image_size_px=128,
    dataset_id="0123456789ab",
)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/scones-dev"


class SageMaker:
    """An endpoint that changes its state by one each time somebody looks."""

    def __init__(self, aws: Any, missing: ClientError, no_config: ClientError) -> None:
        self.states: list[str | None] = [None]
        self.config = ""
        self.reason = ""
        self.serves: str | None = None
        self.answer = b"[0.25, 0.75]"
        self.instances = 2
        self.pending: dict[str, Any] = {}
        self.configs: dict[str, datetime] = {}
        self.modified = NOW
        self._missing, self._no_config = missing, no_config
        aws.answers |= {
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": self._describe_config,
            "CreateEndpoint": self._change,
            "UpdateEndpoint": self._change,
            "DeleteEndpoint": self._delete,
            "DescribeEndpoint": self._describe,
            "InvokeEndpoint": lambda _request: {"Body": io.BytesIO(self.answer)},
        }

    def exists(self, *states: str) -> None:
        self.states = list(states)

    def _create_config(self, request: dict[str, Any]) -> dict[str, Any]:
        self.configs[request["EndpointConfigName"]] = NOW
        return {"EndpointConfigArn": ARN}

    def _describe_config(self, request: dict[str, Any]) -> dict[str, Any]:
        created = self.configs.get(request["EndpointConfigName"])
        if created is None:
            raise self._no_config
        return {"EndpointConfigName": request["EndpointConfigName"], "CreationTime": created}

    def _change(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.states[0] in (None, "InService"), f"AWS refuses this while {self.states[0]}"
        self.config = request["EndpointConfigName"]
        self.states = [*self.after]
        return {"EndpointArn": ARN}

    after: tuple[str, ...] = ("Creating", "Creating", "InService")

    def _delete(self, _request: dict[str, Any]) -> dict[str, Any]:
        self.states = ["Deleting", "Deleting", None]
        return {}

    def _describe(self, _request: dict[str, Any]) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise self._missing
        return {
            "EndpointName": "scones-dev",
            "EndpointArn": ARN,
            "EndpointStatus": state,
            "EndpointConfigName": self.serves or self.config,
            "LastModifiedTime": self.modified,
            "ProductionVariants": [
                {"VariantName": "AllTraffic", "DesiredInstanceCount": self.instances}
            ],
            **({"PendingDeploymentSummary": self.pending} if state == "Updating" else {}),
            **({"FailureReason": self.reason} if self.reason else {}),
        }


@pytest.fixture
def sagemaker(
    aws: Any,
    bucket: Bucket,
    aws_error: Callable[..., ClientError],
    evaluation_document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> SageMaker:
    """SageMaker without an endpoint, and the model's evaluation."""
    monkeypatch.setattr(endpoint, "POLL_S", 0.0)
    bucket.write_json(evaluation_key(MODEL.name), evaluation_document)
    missing = aws_error("ValidationException", f'Could not find endpoint "{ARN}".')
    no_config = aws_error("ValidationException", f'Could not find endpoint configuration "{ARN}".')
    return SageMaker(aws, missing, no_config)


def _deploy(
    environment: Environment, bucket: Bucket, rollout: Rollout | None = None, **options: Any
) -> Deployment:
    rollout = rollout or Rollout()
    options = {"say": lambda _text: None, **options}
    return endpoint.deploy(environment, bucket, MODEL, rollout=rollout, **options)


# What is asked for


def test_a_first_deployment_creates_the_endpoint_under_the_environments_name(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    _deploy(dev, bucket)
    (created,) = aws.made("CreateEndpoint")
    (config,) = aws.made("CreateEndpointConfig")
    assert created["EndpointName"] == "scones-dev"
    assert created["EndpointConfigName"] == config["EndpointConfigName"]
    assert aws.made("UpdateEndpoint") == []


def test_a_configuration_says_what_it_belongs_to(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    _deploy(dev, bucket)
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
    _deploy(dev, bucket, say=seen.append)
    assert seen == said


def test_a_later_deployment_updates_the_endpoint_with_a_new_configuration(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    _deploy(dev, bucket)
    sagemaker.after = ("Updating", "InService")
    _deploy(dev, bucket)
    first, second = aws.made("CreateEndpointConfig")
    assert first["EndpointConfigName"] != second["EndpointConfigName"]
    (updated,) = aws.made("UpdateEndpoint")
    assert updated["EndpointName"] == "scones-dev"
    assert updated["EndpointConfigName"] == second["EndpointConfigName"]
    assert len(aws.made("CreateEndpoint")) == 1


def test_the_variant_is_the_one_that_alarms_and_dashboard_look_at(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    _deploy(dev, bucket)
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
    _deploy(dev, bucket)
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
    _deploy(dev, bucket, fleet=Fleet(capture_percentage=percentage))
    capture = aws.made("CreateEndpointConfig")[0]["DataCaptureConfig"]
    assert capture["InitialSamplingPercentage"] == percentage
    assert capture["EnableCapture"] is enabled


def test_a_model_that_was_not_evaluated_is_not_deployed(
    aws: Any, bucket: Bucket, dev: Environment
) -> None:
    with pytest.raises(UserError, match="Run: invoke evaluate"):
        _deploy(dev, bucket)
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
        _deploy(dev, bucket)
    assert aws.made("CreateEndpoint") == []


# What is there already


@pytest.mark.parametrize("state", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_a_change_that_is_under_way_is_waited_for(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment, state: str
) -> None:
    sagemaker.exists(state, state, "InService")
    _deploy(dev, bucket)
    assert len(aws.made("UpdateEndpoint")) == 1


def test_an_endpoint_that_is_being_deleted_is_waited_for_and_made_anew(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.states = ["Deleting", "Deleting", None]
    _deploy(dev, bucket)
    assert len(aws.made("CreateEndpoint")) == 1
    assert aws.made("UpdateEndpoint") == []


@pytest.mark.parametrize("state", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_failed_before_is_replaced(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment, state: str
) -> None:
    sagemaker.exists(state)
    _deploy(dev, bucket)
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
        _deploy(dev, bucket)
    assert "\n" not in str(caught.value)


def test_an_update_that_was_rolled_back_is_not_taken_for_a_success(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.after = ("Updating", "RollingBack", "InService")
    sagemaker.serves = "scones-dev-before"
    sagemaker.reason = "An alarm went off."
    with pytest.raises(RolledBack, match=r"kept its previous model: An alarm went off\."):
        _deploy(dev, bucket)
    assert aws.made("InvokeEndpoint") == []


# How an update is made


def test_an_update_is_a_canary_that_terraforms_alarms_can_roll_back(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    aws.answers["DescribeAlarms"] = {"MetricAlarms": []}
    _deploy(dev, bucket, Rollout(alarms=("scones-dev-rollback-5xx-rate",)))
    (updated,) = aws.made("UpdateEndpoint")
    assert updated["RetainAllVariantProperties"] is True
    assert "ExcludeRetainedVariantProperties" not in updated
    config = updated["DeploymentConfig"]
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert config["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "scones-dev-rollback-5xx-rate"}]
    }


def test_another_strategy_can_be_chosen(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    _deploy(dev, bucket, Rollout(LINEAR))
    policy = aws.made("UpdateEndpoint")[0]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "LINEAR"


def test_an_update_of_one_instance_moves_everything_and_says_so(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.instances = 1
    seen: list[str] = []
    _deploy(dev, bucket, say=seen.append)
    policy = aws.made("UpdateEndpoint")[0]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert "canary needs two instances and there is one" in seen[0]


def test_an_update_keeps_the_number_of_instances_that_autoscaling_has_reached(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.instances = 7
    _deploy(dev, bucket)
    (config,) = aws.made("CreateEndpointConfig")
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 7


def test_another_number_of_instances_replaces_the_present_one(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    _deploy(dev, bucket, fleet=Fleet(instance_count=4))
    (config,) = aws.made("CreateEndpointConfig")
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 4
    (updated,) = aws.made("UpdateEndpoint")
    assert updated["ExcludeRetainedVariantProperties"] == [
        {"VariantPropertyType": "DesiredInstanceCount"}
    ]


def test_an_update_that_an_alarm_would_end_at_once_is_not_begun(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    aws.answers["DescribeAlarms"] = {"MetricAlarms": [{"AlarmName": "slow"}]}
    with pytest.raises(UserError, match=r"slow in ALARM.*invoke rollback"):
        _deploy(dev, bucket, Rollout(alarms=("slow", "5xx")))
    assert aws.made("UpdateEndpoint") == []
    assert aws.made("DescribeAlarms") == [{"AlarmNames": ["slow", "5xx"], "StateValue": "ALARM"}]


def test_who_waits_sees_the_stage_of_the_update(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.after = ("Updating", "Updating", "InService")
    sagemaker.pending = {
        "EndpointConfigName": "next",
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "CurrentInstanceCount": 1,
                "DesiredInstanceCount": 2,
                "VariantStatus": [{"Status": "Baking"}],
            }
        ],
    }
    seen: list[str] = []
    _deploy(dev, bucket, say=seen.append)
    assert seen == ["updating: canary", "Updating: Baking, 1 of 2 new instances"]


# An update whose process was killed


def test_an_update_that_was_made_is_not_made_again(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config = "mine"
    deployed = _deploy(dev, bucket, config="mine")
    assert deployed.model_name == MODEL.name
    assert aws.made("UpdateEndpoint") == aws.made("CreateEndpointConfig") == []


def test_an_update_that_is_under_way_is_followed_to_its_end(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("Updating", "InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config = "mine"
    sagemaker.pending = {"EndpointConfigName": "mine"}
    seen: list[str] = []
    _deploy(dev, bucket, config="mine", say=seen.append)
    assert seen == ["this deployment goes on: the endpoint is Updating"]
    assert aws.made("UpdateEndpoint") == []


def test_an_update_that_was_rolled_back_meanwhile_is_not_tried_again(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config, sagemaker.modified = "before", NOW + timedelta(minutes=5)
    sagemaker.reason = "An alarm went off."
    with pytest.raises(RolledBack, match="An alarm went off"):
        _deploy(dev, bucket, config="mine")
    assert aws.made("UpdateEndpoint") == []


def test_an_update_that_was_only_prepared_is_made(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.exists("InService")
    sagemaker.configs["mine"] = NOW
    sagemaker.config, sagemaker.modified = "before", NOW - timedelta(days=1)
    sagemaker.reason = "An alarm went off a day ago."
    _deploy(dev, bucket, Rollout(ALL_AT_ONCE), config="mine")
    assert [update["EndpointConfigName"] for update in aws.made("UpdateEndpoint")] == ["mine"]
    assert aws.made("CreateEndpointConfig") == []


def test_the_endpoint_is_asked_about_a_picture_before_it_counts_as_deployed(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    _deploy(dev, bucket)
    (asked,) = aws.made("InvokeEndpoint")
    assert asked["EndpointName"] == "scones-dev"
    assert asked["ContentType"] == "application/x-image"
    assert asked["Accept"] == "application/json"
    assert asked["Body"] == SMOKE_TEST_PNG


def test_the_smoke_test_can_be_told_from_traffic(
    sagemaker: SageMaker, aws: Any, bucket: Bucket, dev: Environment
) -> None:
    _deploy(dev, bucket)
    (asked,) = aws.made("InvokeEndpoint")
    assert asked["CustomAttributes"] == "smoke-test"
    assert "InferenceId" not in asked  # what joins captured requests to decisions


@pytest.mark.parametrize("answer", [b"[0.2, 0.3, 0.5]", b"[0.9, 0.9]", b"oops"])
def test_an_endpoint_that_answers_nonsense_is_not_deployed(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment, answer: bytes
) -> None:
    sagemaker.answer = answer
    with pytest.raises(UserError, match="the smoke test's picture"):
        _deploy(dev, bucket)


def test_the_smoke_tests_picture_is_a_valid_one() -> None:
    with Image.open(io.BytesIO(SMOKE_TEST_PNG)) as image:
        assert image.format == "PNG"
        image.verify()  # every checksum
    with Image.open(io.BytesIO(SMOKE_TEST_PNG)) as image:
        assert (image.size, image.getpixel((0, 0))) == ((1, 1), 128)


def test_the_deployment_says_what_is_in_service_and_with_which_threshold(
    sagemaker: SageMaker, bucket: Bucket, dev: Environment, evaluation_document: dict[str, Any]
) -> None:
    found = _deploy(dev, bucket)
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
