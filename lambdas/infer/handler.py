"""Infer: ask the endpoint about the picture and check its answer. The picture goes no further.

A picture that the model itself refuses (4xx) is returned as rejected, and counted. Nothing is
retried here: the state machine does that, with pauses that do not cost Lambda time.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.common import environment, logs, messages, metrics, scores
from lambdas.common.aws_errors import CALL_ERRORS, error_code, in_workflow_terms
from lambdas.common.errors import BadScores, Reason, Rejected
from lambdas.common.messages import Prepared

# One attempt of at most 9 s: below the function's own timeout of 12 s.
ENDPOINT_CONFIG = Config(
    connect_timeout=1, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 1}
)

METRIC = "Rejected"
MAX_ANSWER_BYTES = 65_536

# "Timed out" and "too many requests" say nothing about the picture.
_TEMPORARY_STATUS = {408, 429}


class Endpoint(Protocol):
    """The one call of SageMaker's runtime client that is made here."""

    def invoke_endpoint(self, **kwargs: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """Which endpoint is asked, and what its scores stand for, in the model's order."""

    endpoint_name: str
    labels: tuple[str, ...]


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises InvalidSettings naming the wrong one."""
    return Settings(
        endpoint_name=environment.text(variables, "ENDPOINT_NAME"),
        labels=environment.words(variables, "LABELS"),
    )


SETTINGS = load_settings(os.environ)
METRICS = metrics.load_publisher(os.environ, "infer")
CLIENT: Endpoint = boto3.client("sagemaker-runtime", config=ENDPOINT_CONFIG)
logger = logs.open_logger()


@logger.inject_lambda_context(clear_state=True)
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry point: see `infer`."""
    message = infer(event, SETTINGS, CLIENT)
    if message.get("decision") == "rejected":
        METRICS.count(METRIC, 1)
    write = logger.info if "decision" in message else logger.debug  # filter tells what goes well
    write(
        message.get("decision", "scored"),
        image=message["image"],
        reason=message.get("reason"),
        scores=message.get("scores"),
        variant=message.get("variant"),
    )
    return message


def infer(event: object, settings: Settings, endpoint: Endpoint) -> dict[str, Any]:
    """The scores of a prepared picture by label, or why the model refused it, as a message.

    Raises InvalidInput, AccessDenied, BadScores, Throttled, EndpointUnavailable or EndpointTimeout.
    """
    prepared = messages.parse_prepared(event)
    try:
        answer, variant = _invoke(prepared, settings.endpoint_name, endpoint)
    except Rejected as rejected:
        return messages.rejected_message(prepared.image, rejected)
    return {
        "image": messages.image_message(prepared.image),
        "scores": scores.parse(answer, settings.labels),
        "variant": variant,
    }


def _invoke(prepared: Prepared, endpoint_name: str, endpoint: Endpoint) -> tuple[bytes, str]:
    """The model's answer, unchecked, and the production variant that gave it."""
    try:
        response = endpoint.invoke_endpoint(
            EndpointName=endpoint_name,
            ContentType=prepared.content_type,
            Accept="application/json",
            # Captured with the request: joins what the model saw to what was decided.
            InferenceId=prepared.image.id,
            Body=prepared.data,
        )
        answer: bytes = response["Body"].read(MAX_ANSWER_BYTES + 1)
    except CALL_ERRORS as error:
        _raise_if_refused(error)
        raise in_workflow_terms(error, "ask the endpoint") from error
    if len(answer) > MAX_ANSWER_BYTES:
        raise BadScores(f"The model's answer is longer than {MAX_ANSWER_BYTES} bytes.")
    return answer, response["InvokedProductionVariant"]


def _raise_if_refused(error: Exception) -> None:
    if not isinstance(error, ClientError) or error_code(error) != "ModelError":
        return
    response: dict[str, Any] = {**error.response}
    status = response.get("OriginalStatusCode", 500)
    if 400 <= status < 500 and status not in _TEMPORARY_STATUS:
        raise Rejected(
            Reason.MODEL_REFUSED, f"The model refused the picture with status {status}."
        ) from error
