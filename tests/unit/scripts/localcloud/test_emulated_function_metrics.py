"""What the emulated Lambda publishes of its functions."""

import pytest
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch, lambda_svc

from scripts.localcloud import emulated_function_metrics

CONFIG = {"FunctionName": "mine", "Runtime": "provided.al2023"}


@pytest.fixture
def execute(monkeypatch):
    """execute(result, reserved): call a function that answers so, as a state machine does."""
    monkeypatch.setattr(cloudwatch, "_metrics", AccountRegionScopedDict())
    for name in (
        *("_execute_function_dispatch", "_acquire_execution_slot", "_emit_lambda_metrics"),
        "_execute_function_provided_warm",
    ):
        monkeypatch.setattr(lambda_svc, name, getattr(lambda_svc, name))
    emulated_function_metrics.publish()

    def called(result, reserved=None):
        lambda_svc._execute_function_provided_warm = lambda *_: result
        return lambda_svc._execute_function({"config": CONFIG, "concurrency": reserved}, {})

    return called


def published():
    found = {}
    for (namespace, name, dimensions), points in cloudwatch._metrics.items():
        assert (namespace, dimensions) == ("AWS/Lambda", "FunctionName=mine")
        found[name] = [point["Value"] for point in points]
    return found


@pytest.mark.parametrize(("result", "errors"), [({"body": "{}"}, 0), ({"error": True}, 1)])
def test_a_call_is_counted_with_its_error_and_its_duration(execute, result, errors):
    execute(result)
    counts = published()
    assert 0 <= counts.pop("Duration")[0] < 5000
    assert counts == {"Invocations": [1], "Errors": [errors], "Throttles": [0]}


def test_a_call_that_is_turned_away_is_no_invocation(execute):
    assert execute({"body": "{}"}, reserved=0)["throttle"]
    assert published() == {"Throttles": [1]}


def test_the_emulators_own_counting_of_calls_through_the_api_adds_nothing(execute):
    execute({"body": "{}"})
    lambda_svc._emit_lambda_metrics("mine", duration_ms=1.0, error=False, throttle=False)
    assert published()["Invocations"] == [1]
