"""Fleets: which instance answers, what is kept of it, and how instances come and go."""

import threading

import pytest

from scripts.localcloud import fleet as fleet_module
from scripts.localcloud.fleet import Fleet, Invocation, Retired
from scripts.localcloud.records import ENDPOINT_CONFIG, JobFailed, Record


@pytest.fixture
def made(make):
    return make("c")


@pytest.fixture
def serving(made):
    """serving(count): a variant of which so many instances run and serve."""

    def serve(count):
        variant = made.variant(instances=count)
        variant.grow(count)
        variant.serve(count)
        return variant

    return serve


def answers(variant, count):
    return [variant.invoke(Invocation(b"")).body.decode() for _ in range(count)]


def hold_a_request(server, monkeypatch):
    """Make the server's next answer wait. Returns the event that lets it go on."""
    may_go_on, begun, answer = threading.Event(), threading.Event(), server.invoke

    def invoke(*request):
        begun.set()
        may_go_on.wait(5)
        return answer(*request)

    monkeypatch.setattr(server, "invoke", invoke)
    return begun, may_go_on


def in_background(work, *arguments):
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    return thread


def test_instances_take_turns(serving):
    assert answers(serving(2), 4) == ["c-0", "c-1"] * 2


def test_one_that_cannot_be_reached_is_passed_over(serving, made):
    variant = serving(2)
    made.servers[0].is_dead = True
    assert set(answers(variant, 4)) == {"c-1"}


def test_when_none_can_be_reached_the_answer_is_a_503(serving, made):
    variant = serving(2)
    for server in made.servers:
        server.is_dead = True
    assert variant.invoke(Invocation(b"")).status == 503
    assert [measurement.status for measurement in made.metrics.items] == [503]


def test_the_model_is_asked_what_the_caller_asked(serving, made):
    serving(1).invoke(Invocation(b"body", "image/png", "text/csv"))
    assert made.servers[0].asked == [(b"body", "image/png", "text/csv")]


def test_every_answer_is_measured(serving, made, monkeypatch):
    variant = serving(1)
    made.servers[0].status = 500
    clock = iter([0.0, 1.0, 3.0, 3.5])  # arrived, asked, answered, done
    monkeypatch.setattr(fleet_module.time, "perf_counter", lambda: next(clock))
    variant.invoke(Invocation(b""))
    (measurement,) = made.metrics.items
    assert (measurement.status, measurement.model_s, measurement.overhead_s) == (500, 2.0, 1.5)


def test_an_answer_of_the_model_is_captured_with_its_request(serving, made):
    serving(1).invoke(Invocation(b"body", "image/png", inference_id="7", custom_attributes="smoke"))
    (exchange,) = made.captures.items
    assert (exchange.request, exchange.request_type) == (b"body", "image/png")
    assert (exchange.answer, exchange.answer_type) == (b"c-0", "text/plain")
    assert (exchange.inference_id, exchange.custom_attributes) == ("7", "smoke")


def test_what_the_model_refused_is_not_captured(serving, made):
    variant = serving(1)
    made.servers[0].status = 422
    variant.invoke(Invocation(b""))
    assert made.captures.items == []


def test_only_the_instances_that_serve_are_asked(serving):
    variant = serving(1)
    variant.grow(3)
    assert set(answers(variant, 4)) == {"c-0"}
    variant.serve(2)
    assert set(answers(variant, 4)) == {"c-0", "c-1"}


def test_instances_that_run_already_are_not_started_again(serving, made):
    variant = serving(2)
    variant.grow(3)
    assert [server.name for server in made.servers] == ["c-0", "c-1", "c-2"]
    assert variant.running == 3


def test_those_that_started_before_one_fails_are_there_to_be_stopped(made):
    made.may_start = 1
    variant = made.variant()
    with pytest.raises(JobFailed):
        variant.grow(3)
    assert variant.running == 1
    variant.close()
    assert [server.is_stopped for server in made.servers] == [True]


def test_a_variant_that_shrinks_stops_its_last_instances(serving, made):
    variant = serving(3)
    variant.shrink(1)
    assert [server.is_stopped for server in made.servers] == [False, True, True]
    assert set(answers(variant, 3)) == {"c-0"}


def test_an_instance_is_stopped_only_when_it_has_answered(serving, made, monkeypatch):
    variant = serving(1)
    begun, may_go_on = hold_a_request(made.servers[0], monkeypatch)
    asking = in_background(variant.invoke, Invocation(b""))
    begun.wait(5)
    closing = in_background(variant.close)
    closing.join(0.05)
    assert closing.is_alive()
    assert not made.servers[0].is_stopped
    may_go_on.set()
    closing.join(5)
    asking.join(5)
    assert made.servers[0].is_stopped


def test_what_an_ending_instance_answers_is_still_measured_and_captured(serving, made, monkeypatch):
    variant = serving(1)
    begun, may_go_on = hold_a_request(made.servers[0], monkeypatch)
    kept_at_close = []
    monkeypatch.setattr(
        made.metrics, "close", lambda: kept_at_close.append(len(made.metrics.items))
    )
    asking = in_background(variant.invoke, Invocation(b""))
    begun.wait(5)
    closing = in_background(variant.close)
    may_go_on.set()
    closing.join(5)
    asking.join(5)
    assert kept_at_close == [1]
    assert made.captures.is_closed


def test_a_request_that_never_ends_does_not_keep_an_instance_for_ever(serving, made, monkeypatch):
    monkeypatch.setattr(fleet_module, "ANSWER_TIMEOUT_S", -1.0)
    variant = serving(1)
    begun, may_go_on = hold_a_request(made.servers[0], monkeypatch)
    asking = in_background(variant.invoke, Invocation(b""))
    begun.wait(5)
    variant.close()
    assert made.servers[0].is_stopped
    may_go_on.set()
    asking.join(5)


def test_a_closed_variant_takes_no_request(serving, made):
    variant = serving(2)
    variant.close()
    with pytest.raises(Retired):
        variant.invoke(Invocation(b""))
    assert made.metrics.items == []


def test_a_fleet_counts_and_changes_each_variant_by_its_name(make):
    small, large = make("small"), make("large")
    fleet = Fleet(
        Record(ENDPOINT_CONFIG, "c", "arn", {}), [small.variant("S", 1), large.variant("L", 3)]
    )
    assert fleet.wanted == {"S": 1, "L": 3}
    fleet.grow(fleet.wanted)
    fleet.serve(fleet.wanted)
    fleet.shrink({"L": 2})
    assert fleet.running == {"S": 1, "L": 2}
    fleet.close()
    assert fleet.running == {"S": 0, "L": 0}
    assert all(server.is_stopped for server in [*small.servers, *large.servers])
