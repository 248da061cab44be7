"""What Lambda publishes of its functions, whoever calls them.

ministack 1.5.33 publishes it of calls through Lambda's own API alone, and not of a state machine's,
and counts a throttled call twice there.
"""

import time
from typing import Any

from ministack.services import cloudwatch, lambda_svc

NAMESPACE = "AWS/Lambda"


def publish() -> None:
    """Publish, from now on, of every function of this process."""
    dispatch, acquire = lambda_svc._execute_function_dispatch, lambda_svc._acquire_execution_slot

    def dispatched(function: Any, config: dict[str, Any], *args: Any) -> dict[str, Any]:
        begin_s = time.time()
        result: dict[str, Any] = dispatch(function, config, *args)
        _record(config, "Invocations", 1)
        _record(config, "Errors", float(bool(result.get("error"))))
        _record(config, "Duration", 1000 * (time.time() - begin_s), "Milliseconds")
        return result

    def acquired(function: Any, config: dict[str, Any]) -> Any:
        slot, limit = acquire(function, config)
        _record(config, "Throttles", float(slot is None))
        return slot, limit

    lambda_svc._execute_function_dispatch = dispatched
    lambda_svc._acquire_execution_slot = acquired
    lambda_svc._emit_lambda_metrics = lambda *_args, **_kwargs: None


def _record(config: dict[str, Any], metric: str, value: float, unit: str = "Count") -> None:
    cloudwatch.record_metric(
        NAMESPACE, metric, value, unit, {"FunctionName": config["FunctionName"]}
    )
