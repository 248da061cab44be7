"""The endpoint switched off and on again: not while somebody else changes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts import pipeline, switch
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint
from scripts.serving.deployment import Deployment


@pytest.fixture
def done(
    monkeypatch: pytest.MonkeyPatch, bucket: Bucket, make_deployment: Callable[..., Deployment]
) -> list[str]:
    """What is done, and who holds the lease then; an endpoint is deployed."""
    noted: list[str] = []

    def noting(what: str) -> Callable[..., None]:
        def call(*_args: object) -> None:
            held = bucket.read_json(deployment.LEASE) or {}
            noted.append(f"{what} in a {held.get('purpose')}")

        return call

    deployment.save(bucket, make_deployment())
    monkeypatch.setattr(endpoint, "config_of", lambda _environment: "a-config")
    monkeypatch.setattr(endpoint, "stop", noting("delete"))
    monkeypatch.setattr(endpoint, "start", noting("create"))
    monkeypatch.setattr(pipeline, "provision", noting("apply"))
    return noted


@pytest.fixture
def provisioned(bucket: Bucket) -> Provisioned:
    return Provisioned({"uploads_bucket": "uploads"}, bucket)


def test_nobody_else_changes_what_serves_while_it_is_switched_off_and_on(
    done: list[str], dev: Environment, provisioned: Provisioned, screen: Screen
) -> None:
    switch.stop(dev, provisioned, screen)
    switch.start(dev, provisioned, screen)
    stop, start = "stop of the endpoint", "start of the endpoint"
    assert done == [
        *(f"apply in a {stop}", f"delete in a {stop}"),
        *(f"create in a {start}", f"apply in a {start}"),
    ]
    assert provisioned.bucket.keys("retraining/") == []


@pytest.mark.parametrize("ask", [switch.stop, switch.start])
def test_while_somebody_else_changes_what_serves_it_is_not_switched(
    done: list[str],
    dev: Environment,
    provisioned: Provisioned,
    screen: Screen,
    ask: Callable[[Environment, Provisioned, Screen], None],
) -> None:
    live = deployment.load(provisioned.bucket)
    with (
        deployment.change(provisioned.bucket, "retraining"),
        pytest.raises(UserError, match=r"^A retraining is under way"),
    ):
        ask(dev, provisioned, screen)
    assert done == []
    assert deployment.load(provisioned.bucket) == live
