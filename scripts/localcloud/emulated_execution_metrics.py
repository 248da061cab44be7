"""What Step Functions publishes of executions, and their time limit.

ministack 1.5.33 publishes none of it, and lets an execution run for as long as it likes.
"""

import contextvars
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import cloudwatch, stepfunctions

NAMESPACE = "AWS/States"
TIMED_OUT = "TIMED_OUT"
# How an execution can end, and what CloudWatch calls that.
_ENDS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    TIMED_OUT: "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def publish() -> None:
    """Publish, and cut off, from now on, in this process."""
    run, fail = stepfunctions._run_execution, stepfunctions._fail_execution

    def ran(arn: str) -> None:
        execution, begin_s = stepfunctions._executions[arn], time.time()
        _count(execution, "ExecutionsStarted")
        # In the context of the request: it says whose account this is.
        work = contextvars.copy_context().run
        limit = threading.Timer(_limit_s(execution), work, (_cut_off, execution, begin_s))
        limit.daemon = True
        limit.start()
        try:
            run(arn)
        finally:
            limit.cancel()
        if execution["status"] != TIMED_OUT:  # that one is counted when it happens
            _end(execution, begin_s)

    def failed(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] != TIMED_OUT:  # a step that was still under way has failed since
            fail(execution, error, cause)

    stepfunctions._run_execution = ran
    stepfunctions._fail_execution = failed


def _limit_s(execution: Mapping[str, Any]) -> float:
    """How long the execution may take, by its definition."""
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    try:
        definition = json.loads(machine.get("definition", "{}"))
    except ValueError:
        definition = {}
    return float(definition.get("TimeoutSeconds", threading.TIMEOUT_MAX))


def _cut_off(execution: dict[str, Any], begin_s: float) -> None:
    if execution["status"] != "RUNNING":
        return
    execution.update(status=TIMED_OUT, stopDate=now_iso(), error="States.Timeout")
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    _end(execution, begin_s)


def _end(execution: Mapping[str, Any], begin_s: float) -> None:
    _count(execution, _ENDS[execution["status"]])
    took_ms = 1000 * (time.time() - begin_s)
    cloudwatch.record_metric(
        NAMESPACE, "ExecutionTime", took_ms, "Milliseconds", _dimensions(execution)
    )


def _count(execution: Mapping[str, Any], metric: str) -> None:
    cloudwatch.record_metric(NAMESPACE, metric, 1, "Count", _dimensions(execution))


def _dimensions(execution: Mapping[str, Any]) -> dict[str, str]:
    return {"StateMachineArn": execution["stateMachineArn"]}
