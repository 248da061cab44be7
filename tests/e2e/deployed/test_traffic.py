"""Drivers who are not there: real uploads by Locust, and what became of each."""

import json

import pytest

from tests.e2e.conftest import Place
from tests.e2e.world import World


@pytest.fixture(scope="module")
def world(deployed: Place) -> World:
    return World(deployed.cloud)


@pytest.fixture
def traffic(deployed: Place, tmp_path):
    """traffic(*words): how the task ended, and the result that it wrote."""

    def run(*words: str):
        path = tmp_path / "traffic.json"
        done = deployed.invoke("traffic", "--out", str(path), *words)
        assert path.exists(), done.stdout + done.stderr
        return done, json.loads(path.read_text())

    return run


def test_every_picture_of_a_stream_is_decided_and_told(traffic) -> None:
    mix = "hostile=0.4,dark=0.2"
    done, found = traffic("--rate", "6/s", "--minutes", "0.1", "--mix", mix)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (found["sent"], found["not_sent"], found["lost"], found["untold"]) == (36, 0, 0, 0)
    assert sum(found["decisions"].values()) == 36
    assert found["decisions"]["rejected"] == found["kinds"]["hostile"] > 0
    assert found["times"]["told"]["n"] == 36
    assert found["times"]["upload"]["p50_ms"] < found["times"]["decision"]["p50_ms"]
    assert found["parts"]["execution"]["n"] >= 36


def test_a_burst_is_sent_as_fast_as_it_goes(traffic) -> None:
    done, found = traffic("--burst", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (found["sent"], found["lost"]) == (20, 0)


def test_what_the_endpoint_refuses_is_counted_as_lost(traffic, world: World) -> None:
    world.cause("throttle")
    try:
        done, found = traffic("--to", "endpoint", "--burst", "5")
    finally:
        world.heal()
    assert done.returncode == 1
    assert "5 pictures were lost or not taken" in done.stderr
    assert found["lost"] == 5
    assert found["errors"] == {"ThrottlingException": 5}
