"""How the emulator is made to retry, and to name throttling, as Step Functions does."""

import pytest
from ministack.services import stepfunctions

from scripts.localcloud import emulator


@pytest.fixture
def retrier(monkeypatch):
    """retrier(fields, attempts so far): the retrier that the emulator then waits by."""
    fields = {}
    monkeypatch.setattr(stepfunctions, "_find_matching_retrier", lambda *_: (fields or None, 0))
    emulator._wait_between_retries_as_aws_does()

    def find(given, attempts=0):
        fields.update(given)
        found, index = stepfunctions._find_matching_retrier([given], "Any", {0: attempts})
        assert index == 0
        return found

    return find


@pytest.mark.parametrize(("attempts", "wait_s"), [(0, 2), (1, 6), (2, 10), (9, 10)])
def test_the_wait_grows_up_to_its_limit(retrier, attempts, wait_s):
    found = retrier({"IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 10}, attempts)
    assert (found["IntervalSeconds"], found["BackoffRate"]) == (wait_s, 1.0)


def test_without_a_limit_the_wait_grows_on(retrier):
    assert retrier({"IntervalSeconds": 1, "BackoffRate": 2}, 5)["IntervalSeconds"] == 32


def test_full_jitter_takes_any_part_of_the_wait(retrier):
    waits = {
        retrier({"IntervalSeconds": 8, "JitterStrategy": "FULL"})["IntervalSeconds"]
        for _ in range(50)
    }
    assert len(waits) == 50
    assert all(0 <= wait <= 8 for wait in waits)


def test_where_nothing_matches_nothing_is_retried(retrier):
    assert retrier({}) is None


def call_lambda(monkeypatch, error, cause):
    """The error in which a state ends whose function ends in `error`."""

    def fail(*_):
        raise stepfunctions._ExecutionError(error, cause)

    monkeypatch.setattr(stepfunctions, "_call_lambda", fail)
    emulator._name_throttling_as_aws_does()
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        stepfunctions._call_lambda("function", {})
    return raised.value.error


def test_a_throttled_function_is_named_so(monkeypatch):
    cause = '{"__type": "TooManyRequestsException"}'
    error = call_lambda(monkeypatch, "Lambda.Unknown", cause)
    assert error == "Lambda.TooManyRequestsException"


@pytest.mark.parametrize("cause", [None, "timed out"])
def test_other_errors_keep_their_names(monkeypatch, cause):
    assert call_lambda(monkeypatch, "Lambda.Unknown", cause) == "Lambda.Unknown"
