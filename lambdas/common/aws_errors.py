"""AWS's and botocore's errors in the workflow's terms: one table for every call we make."""

from collections.abc import Mapping

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)

from lambdas.common.errors import (
    AccessDenied,
    EndpointTimeout,
    EndpointUnavailable,
    ServiceRefused,
    Throttled,
    WorkflowError,
)

BY_CODE: Mapping[str, type[WorkflowError]] = {
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "AllAccessDisabled": AccessDenied,
    "ExpiredToken": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    "InvalidAccessKeyId": AccessDenied,
    "InvalidObjectState": AccessDenied,
    "KMS.DisabledException": AccessDenied,
    "KMS.InvalidKeyUsageException": AccessDenied,
    "KMS.KMSInvalidStateException": AccessDenied,
    "KMS.NotFoundException": AccessDenied,
    "SignatureDoesNotMatch": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "RequestLimitExceeded": Throttled,
    "SlowDown": Throttled,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TooManyRequestsException": Throttled,
    "InternalDependencyException": EndpointUnavailable,
    "InternalError": EndpointUnavailable,
    "InternalFailure": EndpointUnavailable,
    "InternalServerError": EndpointUnavailable,
    "ModelError": EndpointUnavailable,
    "ModelNotReadyException": EndpointUnavailable,
    "ServiceUnavailable": EndpointUnavailable,
    "ServiceUnavailableException": EndpointUnavailable,
    # SageMaker's answer where the endpoint does not exist: it may be on its way back.
    "ValidationError": EndpointUnavailable,
    "RequestTimeout": EndpointTimeout,
    "RequestTimeoutException": EndpointTimeout,
}

# For codes that are not in the table, such as those of a proxy in between.
BY_STATUS: Mapping[int, type[WorkflowError]] = {
    401: AccessDenied,
    403: AccessDenied,
    408: EndpointTimeout,
    429: Throttled,
    504: EndpointTimeout,
}

CALL_ERRORS = (ClientError, ConnectionError, HTTPClientError)
"""What a call, or the reading of its answer, raises where the service or the network fails."""


def error_code(error: ClientError) -> str:
    """The service's own code of an error, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def in_workflow_terms(error: Exception, action: str) -> WorkflowError:
    """The workflow's error for one of `CALL_ERRORS`.

    `action` says what was being done ("read the upload"). The message carries the service's code
    only: service messages can quote what was sent.
    """
    if isinstance(error, ClientError):
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        otherwise = EndpointUnavailable if status >= 500 else ServiceRefused
        kind = BY_CODE.get(code) or BY_STATUS.get(status, otherwise)
        return kind(f"Could not {action}: {code} (HTTP {status}).")
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return EndpointTimeout(f"Could not {action} in time: {type(error).__name__}.")
    return EndpointUnavailable(f"Could not {action}: {type(error).__name__}.")
