"""What the emulated Step Functions publishes of executions, and how it cuts them off."""

import json
import time

import pytest
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch, stepfunctions

from scripts.localcloud import emulated_execution_metrics

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:mine"
END = {"Done": {"Type": "Succeed"}}
FAIL = {"Done": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}
WAIT = {"Wait": {"Type": "Wait", "Seconds": 0.6, "Next": "Done"}}


@pytest.fixture
def run(monkeypatch):
    """run(states, limit): the end of an execution that begins with the first of `states`."""
    for service, store in (
        *((stepfunctions, name) for name in ("_state_machines", "_executions")),
        (cloudwatch, "_metrics"),
    ):
        monkeypatch.setattr(service, store, AccountRegionScopedDict())
    for name in ("_run_execution", "_fail_execution"):
        monkeypatch.setattr(stepfunctions, name, getattr(stepfunctions, name))
    emulated_execution_metrics.publish()

    def ran(states, **limit):
        definition = json.dumps({"StartAt": next(iter(states)), "States": states, **limit})
        stepfunctions._state_machines[MACHINE] = {
            "stateMachineArn": MACHINE,
            "name": "mine",
            "roleArn": "arn:aws:iam::000000000000:role/mine",
            "definition": definition,
        }
        _, _, body = stepfunctions._start_sync_execution({"stateMachineArn": MACHINE})
        return json.loads(body)["status"]

    return ran


def published():
    """Each metric's values by its name; all of them are of this state machine."""
    found = {}
    for (namespace, name, dimensions), points in cloudwatch._metrics.items():
        assert (namespace, dimensions) == ("AWS/States", f"StateMachineArn={MACHINE}")
        found[name] = [point["Value"] for point in points]
    return found


@pytest.mark.parametrize(
    ("states", "status", "metric"),
    [(END, "SUCCEEDED", "ExecutionsSucceeded"), (FAIL, "FAILED", "ExecutionsFailed")],
)
def test_an_execution_is_counted_when_it_starts_and_by_how_it_ends(run, states, status, metric):
    assert run(states) == status
    counts = published()
    took_ms = counts.pop("ExecutionTime")
    assert counts == {"ExecutionsStarted": [1], metric: [1]}
    assert took_ms[0] > 100  # each begins with a pause of 150 ms


@pytest.mark.parametrize("after", [END, FAIL])
def test_an_execution_that_takes_longer_than_its_limit_is_cut_off_and_counted_as_that(run, after):
    assert run(WAIT | after, TimeoutSeconds=0.3) == "TIMED_OUT"
    counts = published()
    assert counts.pop("ExecutionTime")[0] > 250
    assert counts == {"ExecutionsStarted": [1], "ExecutionsTimedOut": [1]}


def test_a_step_that_fails_after_the_limit_does_not_change_the_end(run, monkeypatch):
    def fail_late(*_):
        time.sleep(0.5)
        raise stepfunctions._ExecutionError("TooLate", "on purpose")

    monkeypatch.setattr(stepfunctions, "_execute_wait", fail_late)
    assert run(WAIT | END, TimeoutSeconds=0.3) == "TIMED_OUT"
    assert "ExecutionsFailed" not in published()


def test_an_execution_within_its_limit_is_left_alone(run):
    assert run(WAIT | END, TimeoutSeconds=30) == "SUCCEEDED"
    assert "ExecutionsTimedOut" not in published()
