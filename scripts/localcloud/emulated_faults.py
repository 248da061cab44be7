"""Faults of the emulated services: what steps of a workflow do, reads of objects, and events.

S3's errors have its own names. Those of steps follow the pattern of Step Functions' names, a
service and an exception; not each of them was found in AWS's documentation.
"""

import contextvars
import json
import random
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack.services import eventbridge, s3, stepfunctions

from scripts.localcloud import faults

_REPEATS = 3
_WITHIN_S = 2.0

# How Step Functions calls the services in errors.
_SERVICES = {"dynamodb": "DynamoDB", "sqs": "SQS", "events": "EventBridge"}
_STEP_ERRORS = {"throttle": "ThrottlingException", "deny": "AccessDeniedException"}
# Code, message and HTTP status.
_S3_ERRORS: Mapping[str, tuple[str, str, int]] = {
    "throttle": ("SlowDown", "Please reduce your request rate.", 503),
    "error": ("InternalError", "We encountered an internal error. Please try again.", 500),
    "deny": ("AccessDenied", "Access Denied", 403),
}


def inject(file: Path) -> None:
    """From now on, let the calls of this process run into the faults that `file` switches on."""
    _refuse_what_steps_ask_for(file)
    _refuse_to_read_objects(file)
    _repeat_events_of_uploads(file)


def _refuse_what_steps_ask_for(file: Path) -> None:
    invoke = stepfunctions._invoke_resource

    def invoked(resource: str, arguments: Any) -> Any:
        service, _, action = resource.removeprefix("arn:aws:states:::").partition(":")
        if service in _SERVICES:
            operation = f"{action[:1].upper()}{action[1:]}"
            if fault := faults.strike(file, operation, json.dumps(arguments)):
                raise stepfunctions._ExecutionError(
                    f"{_SERVICES[service]}.{_STEP_ERRORS[fault.kind]}", "caused on purpose"
                )
        return invoke(resource, arguments)

    stepfunctions._invoke_resource = invoked


def _refuse_to_read_objects(file: Path) -> None:
    get = s3._get_object

    def got(bucket: str, key: str, *args: Any) -> Any:
        if fault := faults.strike(file, "GetObject", f"{bucket}/{key}"):
            code, message, status = _S3_ERRORS[fault.kind]
            return s3._error(code, message, status, f"/{bucket}/{key}")
        return get(bucket, key, *args)

    s3._get_object = got


def _repeat_events_of_uploads(file: Path) -> None:
    dispatch = eventbridge._dispatch_event

    def dispatched(event: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        is_upload = event.get("DetailType") == "Object Created"
        if not is_upload or not faults.strike(file, "ObjectCreated", event["Detail"]):
            dispatch(event, *args, **kwargs)
            return
        for _ in range(_REPEATS):
            # In the context of the request: it says whose account this is.
            work = contextvars.copy_context().run
            delay_s = random.uniform(0, _WITHIN_S)  # noqa: S311 - no secret
            threading.Timer(delay_s, work, (dispatch, event, *args), kwargs).start()

    eventbridge._dispatch_event = dispatched
