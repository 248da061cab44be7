"""Start ministack with the gaps closed that Terraform and the workflow depend on.

    python -m scripts.localcloud.emulator

Each function below mends one difference from AWS that was met with ministack 1.5.33, and can go
when a release does not need it. Without them `terraform plan` shows changes right after an apply,
and the event of an upload does not say which version of the object it is about. Those of CloudWatch
are in emulated_cloudwatch.py, those of IAM in emulated_iam.py, those of batches in emulated_map.py,
and what services publish of themselves in emulated_*_metrics.py. Faults that are caused on purpose
are in emulated_faults.py.
"""

import json
import os
import random
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services import eventbridge, lambda_svc, s3, stepfunctions

from scripts.localcloud import (
    emulated_cloudwatch,
    emulated_execution_metrics,
    emulated_faults,
    emulated_function_metrics,
    emulated_iam,
    emulated_map,
    emulated_queue_metrics,
    emulated_retries,
)

ENVIRONMENTS_A_FUNCTION = 4

_event = threading.local()


def _name_object_versions_in_events() -> None:
    """S3's events at EventBridge carry `version-id`; ministack has it in its own form only."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*args: Any, **kwargs: Any) -> None:
        _event.version_id = kwargs.get("version_id")
        try:
            fire(*args, **kwargs)
        finally:
            _event.version_id = None

    def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        version_id = getattr(_event, "version_id", None)
        if version_id and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"].setdefault("version-id", version_id)
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *args, **kwargs)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version


def _remember_tracing_of_state_machines() -> None:
    """DescribeStateMachine tells the tracing configuration that was set."""
    create, update, describe = (
        stepfunctions._create_state_machine,
        stepfunctions._update_state_machine,
        stepfunctions._describe_state_machine,
    )
    tracing: dict[str, Any] = {}

    def created(data: dict[str, Any]) -> Any:
        status, headers, body = create(data)
        if status == 200 and "tracingConfiguration" in data:
            tracing[json.loads(body)["stateMachineArn"]] = data["tracingConfiguration"]
        return status, headers, body

    def updated(data: dict[str, Any]) -> Any:
        if "tracingConfiguration" in data:
            tracing[data["stateMachineArn"]] = data["tracingConfiguration"]
        return update(data)

    def described(data: dict[str, Any]) -> Any:
        status, headers, body = describe(data)
        if status == 200 and (found := tracing.get(data.get("stateMachineArn", ""))):
            machine = json.loads(body)
            machine["tracingConfiguration"] = found
            body = json.dumps(machine).encode()
        return status, headers, body

    stepfunctions._create_state_machine = created
    stepfunctions._update_state_machine = updated
    stepfunctions._describe_state_machine = described


def _name_throttling_as_aws_does() -> None:
    """A throttled function is Lambda.TooManyRequestsException, which a Retry may name."""
    call = stepfunctions._call_lambda

    def called(function: str, event: Any) -> Any:
        try:
            return call(function, event)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and '"TooManyRequestsException"' in (
                error.cause or ""
            ):
                raise stepfunctions._ExecutionError(
                    "Lambda.TooManyRequestsException", error.cause
                ) from error
            raise

    stepfunctions._call_lambda = called


def _wait_between_retries_as_aws_does() -> None:
    """Honour MaxDelaySeconds and JitterStrategy, which ministack does not know."""
    find = stepfunctions._find_matching_retrier

    def found(retriers: Any, error: str, counts: dict[int, int]) -> Any:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return retrier, index
        wait_s = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(
            index, 0
        )
        wait_s = min(wait_s, retrier.get("MaxDelaySeconds", wait_s))
        if retrier.get("JitterStrategy") == "FULL":
            wait_s = random.uniform(0, wait_s)  # noqa: S311 - no secret, it spreads retries
        return {**retrier, "IntervalSeconds": wait_s, "BackoffRate": 1.0}, index

    stepfunctions._find_matching_retrier = found


def _answer_sdk_calls_of_sqs_as_aws_does() -> None:
    """A state machine's aws-sdk:sqs calls are answered in the members of SQS's JSON protocol; the
    answers that ministack makes of the older protocol's XML have no `Messages`."""
    stepfunctions._AWS_SDK_SERVICE_MAP["sqs"] = {"target_prefix": "AmazonSQS", "protocol": "json"}


def _share_a_few_lambda_environments() -> None:
    """Calls of a function wait for one of a few processes instead of starting one each.

    AWS would start hundreds at once for a burst of uploads. Here that would be hundreds of
    interpreters starting on a few cores, and everybody would wait for them. A state waits before
    its time begins: a burst is no reason for its TimeoutSeconds to end.
    """
    execute, run = (
        lambda_svc._execute_function_provided_warm,
        stepfunctions._invoke_resource_with_timeout,
    )

    def a_few() -> threading.Semaphore:
        return threading.Semaphore(ENVIRONMENTS_A_FUNCTION)

    in_calls: dict[str, threading.Semaphore] = defaultdict(a_few)
    in_states: dict[str, threading.Semaphore] = defaultdict(a_few)

    def executed(function: dict[str, Any], *args: Any) -> Any:
        config = function.get("config") or function
        with in_calls[config["FunctionName"]]:
            return execute(function, *args)

    def ran(resource: str, arguments: Any, timeout_s: float) -> Any:
        if resource != "arn:aws:states:::lambda:invoke":
            return run(resource, arguments, timeout_s)
        with in_states[arguments["FunctionName"]]:
            return run(resource, arguments, timeout_s)

    lambda_svc._execute_function_provided_warm = executed
    stepfunctions._invoke_resource_with_timeout = ran


def start() -> None:
    """Run the emulator until it is stopped; its settings are environment variables."""
    emulated_faults.inject(Path(os.environ["LOCAL_CLOUD_FAULTS"]))
    _name_object_versions_in_events()
    _remember_tracing_of_state_machines()
    _name_throttling_as_aws_does()
    _wait_between_retries_as_aws_does()
    _answer_sdk_calls_of_sqs_as_aws_does()
    _share_a_few_lambda_environments()
    emulated_cloudwatch.mend()
    emulated_iam.mend()
    emulated_map.mend()
    emulated_retries.mend()
    emulated_queue_metrics.publish()
    emulated_execution_metrics.publish()
    emulated_function_metrics.publish()
    main()


if __name__ == "__main__":
    start()
