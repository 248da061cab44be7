"""Back by hand: at once, to the approved version that was deployed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint, models, release
from scripts.serving.deployment import Deployment
from scripts.serving.models import Model
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version
from scripts.serving.rollout import ALL_AT_ONCE, Rollout

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"


@pytest.fixture
def rollouts(
    monkeypatch: pytest.MonkeyPatch, make_deployment: Callable[..., Deployment]
) -> list[tuple[str, Rollout]]:
    """Models that came into service, and how."""
    noted: list[tuple[str, Rollout]] = []

    def deploy(
        _environment: object, _bucket: object, model: Model, *, rollout: Rollout, **_options: Any
    ) -> Deployment:
        noted.append((model.name, rollout))
        moment = f"2026-11-23T11:{len(noted):02d}:00+00:00"
        return make_deployment(model_name=model.name, version=None, deployed_at=moment)

    def register(_environment: object, _bucket: object, _role: str, job: str) -> Model:
        return Model(job, job, "efficientnet", ("bicycle", "motorcycle"), 128, "0123456789ab")

    monkeypatch.setattr(endpoint, "deploy", deploy)
    monkeypatch.setattr(models, "register", register)
    return noted


@pytest.fixture
def deployed(
    registry: Registry,
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> Callable[..., None]:
    """deployed(status, status, ...): versions from 1 on, deployed one after the other."""

    def make(*statuses: str) -> None:
        for number, status in enumerate(statuses, start=1):
            registry.hold(make_version(number, status=status))
            deployment.save(bucket, make_deployment(number))

    return make


@pytest.fixture
def roll_back(dev: Environment, bucket: Bucket, screen: Screen) -> Callable[[], Deployment]:
    """roll_back(): what `invoke rollback` does to the endpoint."""
    outputs = {"sagemaker_role_arn": ROLE, "rollback_alarm_names": ["scones-dev-rollback-5xx"]}
    return lambda: release.rollback(dev, Provisioned(outputs, bucket), screen, "Too many errors.")


def _model(number: int) -> str:
    return f"scones-dev-efficientnet-{number}"


def test_the_version_that_was_deployed_before_serves_again_and_is_on_record(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    found = roll_back()
    assert (found.model_name, found.version) == (_model(1), 1)
    assert deployment.load(bucket) == found


def test_everything_moves_at_once_and_no_alarm_is_heeded(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    roll_back()
    assert rollouts == [(_model(1), Rollout(ALL_AT_ONCE, bake_s=0, alarms=()))]


def test_the_version_that_is_left_is_rejected_with_the_reason(
    rollouts: list[tuple[str, Rollout]],
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    roll_back()
    left = registry.held[2]
    assert (left.status, left.reason) == (REJECTED, "Rolled back by hand: Too many errors.")
    assert registry.held[1].status == APPROVED


@pytest.mark.parametrize("status", [REJECTED, PENDING])
def test_what_is_not_approved_any_more_is_passed_over(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    status: str,
) -> None:
    deployed(APPROVED, status, status, APPROVED)
    assert roll_back().version == 1


def test_the_nearest_of_several_approved_ones_is_chosen(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    assert roll_back().version == 2


def test_an_earlier_deployment_of_the_present_model_is_no_way_back(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    deployment.save(bucket, make_deployment(2, deployed_at="2026-11-23T10:30:00+00:00"))
    assert roll_back().version == 1


def test_what_was_deployed_after_the_present_one_is_no_way_back(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    # The record of what is live was put back: the history goes on beyond it.
    bucket.write_json(
        "deployments/current.json", bucket.read_json(bucket.keys("deployments/history/")[1])
    )
    assert roll_back().version == 1


def test_a_second_step_back_goes_one_further_and_the_last_one_has_nowhere_to_go(
    rollouts: list[tuple[str, Rollout]],
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    assert [roll_back().version, roll_back().version] == [2, 1]
    with pytest.raises(UserError, match=r"^Nothing approved was deployed before version 1\."):
        roll_back()


def test_with_nothing_approved_to_return_to_nothing_changes(
    rollouts: list[tuple[str, Rollout]],
    registry: Registry,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(REJECTED, APPROVED)
    live, held = deployment.load(bucket), dict(registry.held)
    with pytest.raises(UserError, match=r"before version 2\. See: invoke models"):
        roll_back()
    assert rollouts == []
    assert deployment.load(bucket) == live
    assert registry.held == held


def test_a_model_that_the_registry_does_not_know_is_no_way_back(
    rollouts: list[tuple[str, Rollout]],
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    del registry.held[2]
    assert roll_back().version == 1


def test_a_present_model_that_the_registry_does_not_know_can_be_left(
    rollouts: list[tuple[str, Rollout]],
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    del registry.held[2]
    assert roll_back().version == 1
    assert set(registry.held) == {1}


def test_a_return_that_fails_rejects_nothing(
    rollouts: list[tuple[str, Rollout]],
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise UserError("It failed.")

    deployed(APPROVED, APPROVED)
    monkeypatch.setattr(endpoint, "deploy", fail)
    with pytest.raises(UserError, match="It failed"):
        roll_back()
    assert registry.held[2].status == APPROVED


def test_without_an_endpoint_the_command_that_makes_one_is_named(
    registry: Registry, roll_back: Callable[[], Deployment]
) -> None:
    with pytest.raises(UserError, match=r"Run: invoke endpoint"):
        roll_back()
