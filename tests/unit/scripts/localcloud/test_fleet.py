"""Fleets: which instance answers, what is kept of it, and how a fleet ends."""

import threading

import pytest

from scripts.localcloud import fleet as fleet_module
from scripts.localcloud.fleet import Fleet, Invocation, Variant
from scripts.localcloud.hosting import Answer, Unreachable


class Instance:
    """Answers with its name, or not at all."""

    def __init__(self, name, status=200, is_dead=False):
        self.answer = Answer(status, name.encode(), "text/plain")
        self.is_dead = is_dead
        self.asked = []
        self.is_stopped = False

    def invoke(self, *request):
        if self.is_dead:
            raise Unreachable
        self.asked.append(request)
        return self.answer

    def stop(self):
        self.is_stopped = True


class Notes:
    """A writer of metrics or captures: it keeps what it is given, and notes that it was closed."""

    def __init__(self):
        self.items = []
        self.is_closed = False

    def add(self, item):
        self.items.append(item)

    def close(self):
        self.is_closed = True


def variant(*instances, name="A", weight=1.0, captures=None):
    return Variant(name, weight, list(instances), Notes(), captures)


def test_instances_take_turns():
    served = variant(Instance("one"), Instance("two"))
    assert [served.invoke(Invocation(b"")).body for _ in range(4)] == [b"one", b"two"] * 2


def test_one_that_cannot_be_reached_is_passed_over():
    served = variant(Instance("one", is_dead=True), Instance("two"))
    assert {served.invoke(Invocation(b"")).body for _ in range(4)} == {b"two"}


def test_when_none_can_be_reached_the_answer_is_a_503():
    served = variant(Instance("one", is_dead=True), Instance("two", is_dead=True))
    assert served.invoke(Invocation(b"")).status == 503
    assert [measurement.status for measurement in served.metrics.items] == [503]


def test_the_model_is_asked_what_the_caller_asked():
    instance = Instance("one")
    variant(instance).invoke(Invocation(b"body", "image/png", "text/csv"))
    assert instance.asked == [(b"body", "image/png", "text/csv")]


def test_every_answer_is_measured(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 3.5])  # arrived, asked, answered, done
    monkeypatch.setattr(fleet_module.time, "perf_counter", lambda: next(clock))
    served = variant(Instance("one", status=500))
    served.invoke(Invocation(b""))
    (measurement,) = served.metrics.items
    assert (measurement.status, measurement.model_s, measurement.overhead_s) == (500, 2.0, 1.5)


def test_an_answer_of_the_model_is_captured_with_its_request():
    captures = Notes()
    variant(Instance("one"), captures=captures).invoke(
        Invocation(b"body", "image/png", inference_id="7", custom_attributes="smoke")
    )
    (exchange,) = captures.items
    assert (exchange.request, exchange.request_type) == (b"body", "image/png")
    assert (exchange.answer, exchange.answer_type) == (b"one", "text/plain")
    assert (exchange.inference_id, exchange.custom_attributes) == ("7", "smoke")


def test_what_the_model_refused_is_not_captured():
    captures = Notes()
    variant(Instance("one", status=422), captures=captures).invoke(Invocation(b""))
    assert captures.items == []


def test_variants_are_chosen_by_weight():
    fleet = Fleet([variant(name="Never", weight=0.0), variant(name="Always", weight=0.1)])
    assert {fleet.choose(None).name for _ in range(100)} == {"Always"}


def test_a_variant_can_be_asked_for_by_name():
    fleet = Fleet([variant(name="Never", weight=0.0), variant(name="Always")])
    assert fleet.choose("Never").name == "Never"
    assert fleet.choose("Other") is None


def test_a_closed_fleet_takes_no_request_and_has_stopped_everything():
    captures, instance = Notes(), Instance("one")
    served = variant(instance, captures=captures)
    fleet = Fleet([served])
    assert fleet.enter()
    fleet.leave()
    fleet.close()
    assert not fleet.enter()
    assert instance.is_stopped
    assert served.metrics.is_closed
    assert captures.is_closed


def test_a_fleet_stops_its_instances_only_when_its_requests_have_ended(eventually):
    instance = Instance("one")
    fleet = Fleet([variant(instance)])
    assert fleet.enter()
    assert fleet.enter()
    closing = threading.Thread(target=fleet.close)
    closing.start()
    eventually(lambda: fleet._is_closed)
    fleet.leave()
    closing.join(0.05)
    assert closing.is_alive()
    assert not instance.is_stopped
    fleet.leave()
    closing.join(5)
    assert instance.is_stopped


def test_a_request_that_never_ends_does_not_keep_a_fleet_for_ever(monkeypatch):
    monkeypatch.setattr(fleet_module, "ANSWER_TIMEOUT_S", -1.0)
    instance = Instance("one")
    fleet = Fleet([variant(instance)])
    assert fleet.enter()
    fleet.close()
    assert instance.is_stopped


@pytest.mark.parametrize("count", [1, 3])
def test_all_instances_of_all_variants_are_stopped(count):
    instances = [Instance(str(number)) for number in range(count * 2)]
    Fleet([variant(*instances[:count], name="A"), variant(*instances[count:], name="B")]).close()
    assert all(instance.is_stopped for instance in instances)
