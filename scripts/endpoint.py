"""The endpoint: created or updated by name, with data capture on, and tried before it is used."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts import evaluate
from scripts.artifacts import CAPTURES, Bucket
from scripts.deployment import Deployment
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.models import Model

INSTANCE_TYPE = "ml.m5.large"
VARIANT = "AllTraffic"  # terraform's endpoint_variant: what alarms and dashboard look at
POLL_S = 0.2
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_BEYOND_REPAIR = ("Failed", "OutOfService", "UpdateRollbackFailed")  # can only be deleted
# The smallest valid picture: one grey pixel, as PNG.
SMOKE_TEST_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154"
    "789c636800000082008177cd72b60000000049454e44ae426082"
)

Say = Callable[[str], None]


def deploy(
    environment: Environment,
    bucket: Bucket,
    model: Model,
    *,
    capture_percentage: int = 100,
    instance_type: str = INSTANCE_TYPE,
    instance_count: int = 1,
    say: Say,
) -> Deployment:
    """Put `model` behind the environment's endpoint and wait until it answers.

    The endpoint's name is stable, its configurations are versioned. Requires an evaluation, whose
    threshold is part of the deployment. Raises UserError when the model was not evaluated, or the
    endpoint does not come into service.
    """
    document = bucket.read_json(evaluate.evaluation_key(model.name))
    if document is None:
        raise UserError(f"{model.name} has not been evaluated. Run: invoke evaluate")
    sagemaker = environment.client("sagemaker")
    config = f"{environment.prefix}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            {
                "VariantName": VARIANT,
                "ModelName": model.name,
                "InstanceType": instance_type,
                "InitialInstanceCount": instance_count,
                "InitialVariantWeight": 1.0,
            }
        ],
        DataCaptureConfig=capture_config(bucket, capture_percentage),
        Tags=[
            {"Key": "Project", "Value": environment.project},
            {"Key": "Environment", "Value": environment.name},
        ],
    )
    name = environment.prefix
    exists = _can_be_updated(sagemaker, name, say)
    change = sagemaker.update_endpoint if exists else sagemaker.create_endpoint
    change(EndpointName=name, EndpointConfigName=config)
    say("updating" if exists else "creating")
    _await_in_service(sagemaker, name, config)
    _smoke_test(environment, name, model.labels)
    return Deployment(
        endpoint_name=name,
        model_name=model.name,
        algorithm=model.algorithm,
        labels=model.labels,
        image_size_px=model.image_size_px,
        confidence_threshold=document["threshold"],
        dataset_id=model.dataset_id,
        deployed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        evaluation=document,
    )


def capture_config(bucket: Bucket, percentage: int) -> dict[str, Any]:
    """Input and output of `percentage` of all requests; scores as JSON, pictures as base64."""
    return {
        "EnableCapture": percentage > 0,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": bucket.uri(CAPTURES),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }


def status(sagemaker: Any, name: str) -> str | None:
    """The endpoint's status, or None when there is no such endpoint."""
    try:
        return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
    except ClientError as error:
        if "Could not find endpoint" in error.response["Error"]["Message"]:
            return None
        raise


def _can_be_updated(sagemaker: Any, name: str, say: Say) -> bool:
    """Wait for a change that is under way, and remove what failed. Whether an endpoint is left."""
    while (state := status(sagemaker, name)) in CHANGING:
        say(f"waiting: the endpoint is {state}")
        time.sleep(POLL_S)
    if state in _BEYOND_REPAIR:
        say(f"removing the endpoint, which is {state}")
        sagemaker.delete_endpoint(EndpointName=name)
        while status(sagemaker, name) is not None:
            time.sleep(POLL_S)
        return False
    return state is not None


def _await_in_service(sagemaker: Any, name: str, config: str) -> None:
    while True:
        found = sagemaker.describe_endpoint(EndpointName=name)
        state = found["EndpointStatus"]
        if state == "InService":
            break
        if state in _BEYOND_REPAIR:
            raise UserError(f"Endpoint {name} is {state}: {_reason(found)}")
        time.sleep(POLL_S)
    if found["EndpointConfigName"] != config:
        raise UserError(f"Endpoint {name} kept its previous model: {_reason(found)}")


def _reason(found: dict[str, Any]) -> str:
    return " ".join(found.get("FailureReason", "no reason was given").split())


def _smoke_test(environment: Environment, name: str, labels: Sequence[str]) -> None:
    """Ask once, without capture's interest: a custom attribute says that it is a test."""
    runtime = environment.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(
        EndpointName=name,
        ContentType="application/x-image",
        Accept="application/json",
        CustomAttributes="smoke-test",
        Body=SMOKE_TEST_PNG,
    )
    evaluate.parse_scores(answer["Body"].read(), labels, "the smoke test's picture")
