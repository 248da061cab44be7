"""Infer, against every answer that an endpoint can give."""

import base64
import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.response import StreamingBody
from botocore.stub import Stubber

from lambdas.common.errors import (
    AccessDenied,
    BadScores,
    EndpointTimeout,
    EndpointUnavailable,
    InvalidInput,
    InvalidSettings,
    Throttled,
)
from lambdas.common.messages import image_id
from lambdas.infer import handler
from lambdas.infer.handler import MAX_ANSWER_BYTES, infer, load_settings

SETTINGS = handler.SETTINGS
PICTURE = b"\x89PNG a picture"
IMAGE = {"s3_bucket": "uploads", "s3_key": "incoming/ü.png", "version_id": "v1", "etag": "e"}
EVENT = {
    "image": IMAGE,
    "content_type": "image/png",
    "image_data": base64.b64encode(PICTURE).decode(),
}


@pytest.fixture(scope="module")
def client() -> Any:
    """A client that is made once: it is never called without a stub."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("sagemaker-runtime", region_name="us-east-1", **keys)


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    """An endpoint that gives the answers it is told to."""
    with Stubber(client) as stubber:
        yield stubber


def answer(body: bytes) -> dict[str, Any]:
    return {
        "Body": StreamingBody(io.BytesIO(body), len(body)),
        "ContentType": "application/json",
        "InvokedProductionVariant": "champion",
    }


def failing(error: Exception) -> Any:
    def invoke_endpoint(**_: Any) -> None:
        raise error

    return SimpleNamespace(invoke_endpoint=invoke_endpoint)


def model_error(status: int | None) -> ClientError:
    response: Any = {
        "Error": {"Code": "ModelError", "Message": "iVBORw0KGgo"},
        "ResponseMetadata": {"HTTPStatusCode": 424},
        "OriginalMessage": "iVBORw0KGgo",
    }
    if status is not None:
        response["OriginalStatusCode"] = status
    return ClientError(response, "InvokeEndpoint")


def test_the_picture_is_replaced_by_its_scores(stub: Stubber) -> None:
    stub.add_response("invoke_endpoint", answer(b"[0.97, 0.03]"))
    assert infer(EVENT, SETTINGS, stub.client) == {
        "image": IMAGE,
        "scores": {"bicycle": 0.97, "motorcycle": 0.03},
        "variant": "champion",
    }


def test_the_endpoint_is_given_the_picture_its_type_and_the_image_id(stub: Stubber) -> None:
    request = {
        "EndpointName": "scones-test",
        "ContentType": "image/png",
        "Accept": "application/json",
        "InferenceId": image_id("uploads", "incoming/ü.png", "v1"),
        "Body": PICTURE,
    }
    stub.add_response("invoke_endpoint", answer(b"[1, 0]"), request)
    infer(EVENT, SETTINGS, stub.client)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("body", [b"[NaN, 1]", b"[1]", b"[0.2, 0.2]", b"", b"<html>", b"[-1, 2]"])
def test_a_bad_answer_is_a_failure(stub: Stubber, body: bytes) -> None:
    stub.add_response("invoke_endpoint", answer(body))
    with pytest.raises(BadScores):
        infer(EVENT, SETTINGS, stub.client)


def test_an_answer_over_the_limit_is_a_failure_and_is_not_read_to_its_end(stub: Stubber) -> None:
    response = answer(b"[1, 0]" + b" " * 1_000_000)
    stub.add_response("invoke_endpoint", response)
    with pytest.raises(BadScores, match="longer than"):
        infer(EVENT, SETTINGS, stub.client)
    assert response["Body"].tell() == MAX_ANSWER_BYTES + 1


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ThrottlingException", 400, Throttled),
        ("ServiceUnavailable", 503, EndpointUnavailable),
        ("ModelNotReadyException", 429, EndpointUnavailable),
        ("InternalFailure", 500, EndpointUnavailable),
        ("InternalDependencyException", 530, EndpointUnavailable),
        ("ValidationError", 400, EndpointUnavailable),
        ("AccessDeniedException", 403, AccessDenied),
    ],
)
def test_a_refusal_of_the_endpoint_is_named_as_the_state_machine_knows_it(
    stub: Stubber, code: str, status: int, error: type[Exception]
) -> None:
    stub.add_client_error("invoke_endpoint", code, http_status_code=status)
    with pytest.raises(error, match=f"Could not ask the endpoint: {code}"):
        infer(EVENT, SETTINGS, stub.client)


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (ConnectTimeoutError(endpoint_url="http://127.0.0.1"), EndpointTimeout),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), EndpointTimeout),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1"), EndpointUnavailable),
    ],
)
def test_an_endpoint_that_does_not_answer_is_a_failure_that_is_retried(
    cause: Exception, error: type[Exception]
) -> None:
    with pytest.raises(error):
        infer(EVENT, SETTINGS, failing(cause))


@pytest.mark.parametrize("status", [400, 413, 415, 422, 499])
def test_a_picture_that_the_model_refuses_is_rejected(status: int) -> None:
    assert infer(EVENT, SETTINGS, failing(model_error(status))) == {
        "image": IMAGE,
        "decision": "rejected",
        "reason": "model_refused",
        "detail": f"The model refused the picture with status {status}.",
    }


def test_a_picture_that_the_model_refuses_is_counted_and_an_answer_is_not(
    monkeypatch: pytest.MonkeyPatch, lambda_context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answering = SimpleNamespace(invoke_endpoint=lambda **_: answer(b"[0.75, 0.25]"))
    for endpoint in (answering, failing(model_error(400))):
        monkeypatch.setattr(handler, "CLIENT", endpoint)
        handler.handle(EVENT, lambda_context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [metric] = [line for line in lines if "_aws" in line]
    assert metric["Rejected"] == [1]
    assert (metric["Environment"], metric["service"]) == ("test", "infer")


@pytest.mark.parametrize("status", [500, 503, 504, 408, 429, None])
def test_a_model_that_fails_is_a_failure_that_is_retried(status: int | None) -> None:
    with pytest.raises(EndpointUnavailable) as caught:
        infer(EVENT, SETTINGS, failing(model_error(status)))
    assert "iVBORw0KGgo" not in str(caught.value)


def test_a_message_without_a_picture_is_refused_without_a_call(stub: Stubber) -> None:
    with pytest.raises(InvalidInput, match="image_data: missing"):
        infer({"image": IMAGE, "content_type": "image/png"}, SETTINGS, stub.client)


@pytest.mark.parametrize("name", ["ENDPOINT_NAME", "LABELS"])
def test_a_missing_setting_is_named(environment: dict[str, str], name: str) -> None:
    del environment[name]
    with pytest.raises(InvalidSettings, match=name):
        load_settings(environment)


def test_the_endpoint_is_asked_once_and_given_up_before_the_function_is_stopped() -> None:
    config = handler.ENDPOINT_CONFIG
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout <= 9


@pytest.fixture
def detailed() -> Iterator[None]:
    """The log of somebody who looks for a fault: POWERTOOLS_LOG_LEVEL=DEBUG."""
    handler.logger.setLevel("DEBUG")
    yield
    handler.logger.setLevel("INFO")


def test_a_detailed_log_has_the_scores_and_not_the_picture(
    monkeypatch: pytest.MonkeyPatch, stub: Stubber, lambda_context: Any, detailed: None
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    monkeypatch.setattr(handler, "CLIENT", stub.client)
    stub.add_response("invoke_endpoint", answer(b"[0.97, 0.03]"))
    handler.handle(EVENT, lambda_context)
    entry = json.loads(log.getvalue())
    assert entry["scores"] == {"bicycle": 0.97, "motorcycle": 0.03}
    assert entry["function_request_id"] == lambda_context.aws_request_id
    assert str(EVENT["image_data"]) not in log.getvalue()


def test_what_goes_well_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, stub: Stubber, lambda_context: Any
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    monkeypatch.setattr(handler, "CLIENT", stub.client)
    stub.add_response("invoke_endpoint", answer(b"[0.97, 0.03]"))
    assert "scores" in handler.handle(EVENT, lambda_context)
    assert log.getvalue() == ""
