"""The division of an endpoint's requests between variants and fleets."""

import random
from collections import Counter

import pytest

from scripts.localcloud.fleet import Fleet, Invocation
from scripts.localcloud.records import ENDPOINT_CONFIG, Record
from scripts.localcloud.traffic import Lane, Traffic, choose


def started(fleet):
    fleet.grow(fleet.wanted)
    fleet.serve(fleet.wanted)
    return fleet


@pytest.fixture
def blue(make):
    return started(make("blue").fleet())


@pytest.fixture
def green(make):
    return started(make("green").fleet())


def share_of(traffic, word, count=4000):
    """The part of `count` requests that was answered by the configuration called `word`."""
    bodies = [traffic.invoke(Invocation(b""))[0].body.decode() for _ in range(count)]
    return Counter(body.split("-")[0] for body in bodies)[word] / count


def two_variants(make, **weights):
    record = Record(ENDPOINT_CONFIG, "c", "arn", {})
    return started(
        Fleet(record, [make(name).variant(name, weight=w) for name, w in weights.items()])
    )


def test_all_goes_to_the_one_fleet(blue):
    assert share_of(Traffic(blue), "blue", 20) == 1.0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_green_gets_its_share(blue, green, share, monkeypatch):
    monkeypatch.setattr("scripts.localcloud.traffic.random", random.Random(7))
    traffic = Traffic(blue)
    traffic.split(green, {"A": share})
    tolerance = 4 * (share * (1 - share) / 4000) ** 0.5  # standard deviations
    assert share_of(traffic, "green") == pytest.approx(share, abs=tolerance + 1e-9)


def test_the_fleet_that_served_stays_the_endpoints_until_it_gives_way(blue, green):
    traffic = Traffic(blue)
    traffic.split(green, {"A": 1.0})
    assert traffic.fleet is blue
    traffic.give(green)
    assert traffic.fleet is green


def test_traffic_can_be_taken_back(blue, green):
    traffic = Traffic(blue)
    traffic.split(green, {"A": 0.5})
    traffic.give(blue)
    assert share_of(traffic, "blue", 50) == 1.0


def test_variants_are_chosen_by_weight(make):
    traffic = Traffic(two_variants(make, Never=0.0, Always=0.1))
    assert {traffic.invoke(Invocation(b""))[1] for _ in range(100)} == {"Always"}


def test_a_variant_can_be_asked_for_by_name_whatever_its_weight(make):
    traffic = Traffic(two_variants(make, Never=0.0, Always=1.0))
    answer, name = traffic.invoke(Invocation(b"", target_variant="Never"))
    assert (answer.body, name) == (b"Never-0", "Never")
    assert traffic.invoke(Invocation(b"", target_variant="Other")) is None


def test_a_variant_asked_for_by_name_is_shared_like_all_traffic(make):
    blue, green = make("blue").variant("A"), make("green").variant("A")
    lanes = [Lane(blue, 0.0), Lane(green, 1.0)]
    assert {choose(lanes, "A").variant for _ in range(50)} == {green}


def test_each_variant_is_shared_by_itself(make):
    blue, green = two_variants(make, A=1.0, B=1.0), two_variants(make, A=1.0, B=1.0)
    traffic = Traffic(blue)
    traffic.split(green, {"A": 0.5, "B": 0.25})
    found = {(id(lane.variant), lane.weight) for lane in traffic._lanes}
    assert found == {
        (id(blue.variants["A"]), 0.5),
        (id(blue.variants["B"]), 0.75),
        (id(green.variants["A"]), 0.5),
        (id(green.variants["B"]), 0.25),
    }


def test_a_request_that_finds_its_fleet_just_replaced_goes_to_the_next_one(blue, green):
    traffic = Traffic(blue)
    variant = blue.variants["A"]
    really_invoke = variant.invoke

    def replaced_in_between(request):
        traffic.give(green)
        blue.close()
        return really_invoke(request)

    variant.invoke = replaced_in_between
    assert traffic.invoke(Invocation(b""))[0].body == b"green-0"


def test_ended_traffic_has_no_answer_and_no_instance(make):
    made = make("blue")
    traffic = Traffic(started(made.fleet()))
    traffic.close()
    assert traffic.invoke(Invocation(b"")) is None
    assert made.servers[0].is_stopped
