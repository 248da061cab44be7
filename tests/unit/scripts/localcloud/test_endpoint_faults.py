"""How an endpoint's faults look from outside."""

import json

import pytest

from lambdas.common import scores
from lambdas.common.errors import BadScores
from scripts.localcloud import endpoint_faults, faults
from scripts.localcloud.endpoint_faults import answer, refusal
from scripts.localcloud.faults import Fault
from scripts.localcloud.fleet import Invocation
from scripts.localcloud.hosting import NO_ANSWER
from scripts.localcloud.protocol import service_model

OF_THE_MODEL = {"error": 500, "refuse": 415, "nonsense": 200}


def fault(kind):
    return Fault("InvokeEndpoint", kind)


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "not-ready", "gone"])
def test_sagemakers_own_faults_are_errors_of_its_runtime(kind):
    error = refusal(fault(kind))
    known = service_model("sagemaker-runtime").shape_names
    assert error.code in {*known, "ThrottlingException"}
    assert "message" in json.loads(error.body())


@pytest.mark.parametrize("kind", [*OF_THE_MODEL, "hang"])
def test_a_fault_of_the_model_is_none_of_sagemakers(kind):
    assert refusal(fault(kind)) is None


@pytest.mark.parametrize("kind", OF_THE_MODEL)
def test_a_models_fault_is_an_answer_with_its_status(kind):
    assert answer(fault(kind)).status == OF_THE_MODEL[kind]


def test_a_model_that_hangs_takes_all_the_time_it_has(monkeypatch):
    waited = []
    monkeypatch.setattr(endpoint_faults.time, "sleep", waited.append)
    assert answer(fault("hang")).status == NO_ANSWER
    assert waited == [60.0]


@pytest.mark.parametrize("text", faults.NONSENSE)
def test_no_nonsense_can_be_taken_for_scores(text):
    with pytest.raises(BadScores):
        scores.parse(text.encode(), ("bicycle", "motorcycle"))


def test_a_fault_is_measured_as_the_models_own_and_reaches_no_instance(make):
    made = make("c")
    variant = made.variant(instances=1)
    variant.grow(1)
    variant.serve(1)
    assert variant.invoke(Invocation(b"", fault=fault("error"))).status == 500
    assert made.servers[0].asked == []
    assert [item.status for item in made.metrics.items] == [500]
    assert made.captures.items == []


def test_an_answer_that_is_not_captured_is_the_models_own(make):
    made = make("c")
    variant = made.variant(instances=1)
    variant.grow(1)
    variant.serve(1)
    assert variant.invoke(Invocation(b"", fault=fault("uncaptured"))).body == b"c-0"
    assert made.captures.items == []
    variant.invoke(Invocation(b""))
    assert len(made.captures.items) == 1


def test_every_fault_of_the_endpoint_is_sagemakers_or_the_models(monkeypatch):
    monkeypatch.setattr(endpoint_faults.time, "sleep", lambda _seconds: None)
    for kind in faults.KINDS["InvokeEndpoint"]:
        assert refusal(fault(kind)) or answer(fault(kind)) or kind in ("uncaptured", "slow")


def test_a_slow_answer_is_the_models_own_and_late(make, monkeypatch):
    waited = []
    monkeypatch.setattr(endpoint_faults.time, "sleep", waited.append)
    assert answer(fault("slow")) is None
    assert waited == [endpoint_faults.SLOW_S]
