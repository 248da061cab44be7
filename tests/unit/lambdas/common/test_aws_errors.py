"""AWS's errors become the ones that the state machine knows by name."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from lambdas.common.aws_errors import BY_CODE, CALL_ERRORS, in_workflow_terms


def service_error(code: str, status: int, message: str = "") -> ClientError:
    error = {"Error": {"Code": code, "Message": message}}
    return ClientError({**error, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("AccessDenied", 403, "AccessDenied"),
        ("KMS.DisabledException", 400, "AccessDenied"),
        ("SlowDown", 503, "Throttled"),
        ("ThrottlingException", 400, "Throttled"),
        ("ServiceUnavailable", 503, "EndpointUnavailable"),
        ("ModelNotReadyException", 429, "EndpointUnavailable"),
        ("InternalFailure", 500, "EndpointUnavailable"),
        ("ValidationError", 400, "EndpointUnavailable"),
        ("RequestTimeout", 400, "EndpointTimeout"),
    ],
)
def test_a_known_code_decides_whatever_the_status(code: str, status: int, name: str) -> None:
    assert type(in_workflow_terms(service_error(code, status), "call")).__name__ == name


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (403, "AccessDenied"),
        (429, "Throttled"),
        (500, "EndpointUnavailable"),
        (502, "EndpointUnavailable"),
        (530, "EndpointUnavailable"),
        (504, "EndpointTimeout"),
        (400, "ServiceRefused"),
    ],
)
def test_the_status_decides_for_an_unknown_code(status: int, name: str) -> None:
    assert type(in_workflow_terms(service_error("Novel", status), "call")).__name__ == name


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ConnectTimeoutError(endpoint_url="http://127.0.0.1"), "EndpointTimeout"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), "EndpointTimeout"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1"), "EndpointUnavailable"),
        (ConnectionClosedError(endpoint_url="http://127.0.0.1"), "EndpointUnavailable"),
        (ResponseStreamingError(error="cut"), "EndpointUnavailable"),
    ],
)
def test_a_network_error_is_caught_and_named(error: Exception, name: str) -> None:
    assert isinstance(error, CALL_ERRORS)
    assert type(in_workflow_terms(error, "call")).__name__ == name


def test_a_service_s_own_message_is_not_repeated() -> None:
    error = service_error("ThrottlingException", 400, "iVBORw0KGgo")
    assert str(in_workflow_terms(error, "ask the endpoint")) == (
        "Could not ask the endpoint: ThrottlingException (HTTP 400)."
    )


def test_the_table_is_sorted_by_what_is_done_about_an_error() -> None:
    order = ["AccessDenied", "Throttled", "EndpointUnavailable", "EndpointTimeout"]
    kinds = [order.index(kind.__name__) for kind in BY_CODE.values()]
    assert kinds == sorted(kinds)
