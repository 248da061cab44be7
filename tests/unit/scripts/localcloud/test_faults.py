"""Faults that are caused on purpose: which calls run into them, and for how long."""

import json
import time

import pytest

from scripts.errors import UserError
from scripts.localcloud import faults
from scripts.localcloud.faults import FILE, Fault, cause, heal, strike


@pytest.fixture
def file(tmp_path):
    return tmp_path / FILE


def test_without_a_fault_every_call_goes_through(file):
    assert strike(file, "InvokeEndpoint", "scones-local") is None


def test_a_fault_strikes_its_operation_and_no_other(file):
    cause(file.parent, Fault("InvokeEndpoint", "throttle"))
    assert strike(file, "InvokeEndpoint", "scones-local").kind == "throttle"
    assert strike(file, "GetObject", "uploads/a.png") is None


def test_a_fault_of_one_resource_leaves_the_others_alone(file):
    cause(file.parent, Fault("SendMessage", "deny", of="-review"))
    assert strike(file, "SendMessage", "http://sqs/scones-local-review")
    assert strike(file, "SendMessage", "http://sqs/scones-local-failures") is None


def test_a_fault_strikes_about_its_share_of_the_calls(file):
    cause(file.parent, Fault("InvokeEndpoint", "error", share=0.25))
    struck = sum(strike(file, "InvokeEndpoint") is not None for _ in range(400))
    assert 50 < struck < 150  # 100 are expected, give or take 9


def test_a_fault_ends_when_its_time_is_over(file):
    cause(file.parent, Fault("InvokeEndpoint", "error", until_s=time.time() - 0.01))
    assert strike(file, "InvokeEndpoint") is None


def test_several_faults_can_be_on_at_once_and_are_healed_together(file):
    cause(file.parent, Fault("InvokeEndpoint", "hang", of="one"))
    cause(file.parent, Fault("InvokeEndpoint", "error", of="two"))
    assert strike(file, "InvokeEndpoint", "one").kind == "hang"
    assert strike(file, "InvokeEndpoint", "two").kind == "error"
    assert heal(file.parent) == 2
    assert strike(file, "InvokeEndpoint", "one") is None


def test_one_fault_can_be_healed_alone(file):
    cause(file.parent, Fault("InvokeEndpoint", "error", of="one"))
    cause(file.parent, Fault("InvokeEndpoint", "error", of="two"))
    assert heal(file.parent, "one") == 1
    assert strike(file, "InvokeEndpoint", "one") is None
    assert strike(file, "InvokeEndpoint", "two")


def test_every_call_that_runs_into_a_fault_is_noted(file):
    cause(file.parent, Fault("InvokeEndpoint", "error", of="one"))
    for request in ("one", "two", "one"):
        strike(file, "InvokeEndpoint", request)
    assert faults.struck(file.parent, "one") == 2
    assert faults.struck(file.parent, "two") == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("Invoke", "error"), "There is no fault at 'Invoke'"),
        (Fault("PutItem", "hang"), "PutItem has no fault 'hang': throttle, deny"),
        (Fault("PutItem", "deny", share=0), "above 0"),
        (Fault("PutItem", "deny", share=1.1), "at most 1"),
    ],
)
def test_a_fault_that_cannot_be_caused_is_refused(file, fault, message):
    with pytest.raises(UserError, match=message):
        cause(file.parent, fault)
    assert not file.exists()


def test_an_answer_without_sense_can_be_chosen(file):
    assert faults.nonsense(Fault("InvokeEndpoint", "nonsense", body="[NaN]")) == "[NaN]"
    assert faults.nonsense(Fault("InvokeEndpoint", "nonsense")) in faults.NONSENSE


def test_a_reader_never_sees_half_a_file(file):
    cause(file.parent, Fault("InvokeEndpoint", "error"))
    assert json.loads(file.read_text())[0]["kind"] == "error"
    assert [path.name for path in file.parent.iterdir()] == [FILE]
