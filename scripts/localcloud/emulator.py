"""Start ministack with the gaps closed that Terraform and the workflow depend on.

    python -m scripts.localcloud.emulator

Each function below mends one difference from AWS that was met with ministack 1.5.33, and can go
when a release does not need it. Without them `terraform plan` shows changes right after an apply,
and the event of an upload does not say which version of the object it is about.
"""

import json
import random
import threading
from collections import defaultdict
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from ministack.app import main
from ministack.services import cloudwatch, eventbridge, lambda_svc, s3, stepfunctions

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


def _share_a_few_lambda_environments() -> None:
    """Calls of a function wait for one of a few processes instead of starting one each.

    AWS would start hundreds at once for a burst of uploads. Here that would be hundreds of
    interpreters starting on a few cores, and everybody would wait for them.
    """
    execute = lambda_svc._execute_function_provided_warm
    free: dict[str, threading.Semaphore] = defaultdict(
        lambda: threading.Semaphore(ENVIRONMENTS_A_FUNCTION)
    )

    def executed(function: dict[str, Any], *args: Any) -> Any:
        config = function.get("config") or function
        with free[config["FunctionName"]]:
            return execute(function, *args)

    lambda_svc._execute_function_provided_warm = executed


def _describe_alarms_in_full() -> None:
    """Answer the query protocol (provider 5, XML) with all that the JSON protocol says."""
    describe = cloudwatch._describe_alarms

    def described(params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        if is_cbor or is_json:
            return describe(params, data, is_cbor, is_json)
        asked: dict[str, Any] = {}
        for key, values in params.items():
            value = values[0] if isinstance(values, list) else values
            field, _, index = key.partition(".member.")
            if index:
                asked.setdefault(field, []).append(value)
            else:
                asked[field] = value
        status, headers, body = describe(params, asked, False, True)
        if status != 200:
            return describe(params, data, False, False)
        answer = json.loads(body)
        for alarm in answer["MetricAlarms"]:
            if alarm.get("ExtendedStatistic"):
                alarm.pop("Statistic", None)  # AWS has either the one or the other
        xml = (
            '<DescribeAlarmsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">'
            f"<DescribeAlarmsResult>{_to_xml(answer)}</DescribeAlarmsResult>"
            "<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></DescribeAlarmsResponse>"
        )
        return 200, {**headers, "Content-Type": "text/xml"}, xml.encode()

    cloudwatch._describe_alarms = described


def _to_xml(value: Any, field: str = "") -> str:
    if isinstance(value, dict):
        return "".join(
            f"<{k}>{_to_xml(v, k)}</{k}>"
            for k, v in value.items()
            if v is not None and not k.startswith("_")
        )
    if isinstance(value, list):
        return "".join(f"<member>{_to_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if field.endswith("Timestamp") and isinstance(value, int | float):
        return datetime.fromtimestamp(value).astimezone().isoformat()
    return escape(str(value))


def start() -> None:
    """Run the emulator until it is stopped; its settings are environment variables."""
    _name_object_versions_in_events()
    _remember_tracing_of_state_machines()
    _name_throttling_as_aws_does()
    _wait_between_retries_as_aws_does()
    _share_a_few_lambda_environments()
    _describe_alarms_in_full()
    main()


if __name__ == "__main__":
    start()
