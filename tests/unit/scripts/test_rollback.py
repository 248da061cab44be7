"""Back by hand: at once, to the approved version that was deployed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from scripts import pipeline, rollback
from scripts.artifacts import Bucket
from scripts.errors import UserError
from scripts.serving import deployment, endpoint
from scripts.serving.deployment import Deployment
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version
from scripts.serving.rollout import ALL_AT_ONCE, Rollout
from scripts.training import models
from scripts.training.models import Model
from tests.unit.scripts.rollback_steps import Serving, model_name

if TYPE_CHECKING:
    from tests.unit.conftest import Registry


def test_the_version_that_was_deployed_before_serves_again_and_is_on_record(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    found = roll_back()
    assert (found.model_name, found.version) == (model_name(1), 1)
    assert deployment.load(bucket) == found


def test_everything_moves_at_once_and_no_alarm_is_heeded(
    serving: Serving,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    roll_back()
    assert serving.rollouts == [(model_name(1), Rollout(ALL_AT_ONCE, bake_s=0, alarms=()))]


def test_the_version_that_is_left_is_rejected_with_the_reason(
    serving: Serving,
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
    serving: Serving,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    status: str,
) -> None:
    deployed(APPROVED, status, status, APPROVED)
    assert roll_back().version == 1


def test_the_nearest_of_several_approved_ones_is_chosen(
    serving: Serving,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    assert roll_back().version == 2


def test_an_earlier_deployment_of_the_present_model_is_no_way_back(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    deployment.save(bucket, make_deployment(2, deployed_at="2026-11-23T10:30:00+00:00"))
    assert roll_back().version == 1


def test_what_was_deployed_after_the_present_one_is_no_way_back(
    serving: Serving,
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
    serving: Serving,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    assert [roll_back().version, roll_back().version] == [2, 1]
    with pytest.raises(UserError, match=r"^Nothing approved was deployed before version 1\."):
        roll_back()


def test_with_nothing_approved_to_return_to_nothing_changes(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(REJECTED, APPROVED)
    live, held = deployment.load(bucket), dict(registry.held)
    with pytest.raises(UserError, match=r"before version 2\. See: invoke models"):
        roll_back()
    assert serving.rollouts == []
    assert deployment.load(bucket) == live
    assert registry.held == held


def test_a_model_that_the_registry_does_not_know_is_no_way_back(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    del registry.held[2]
    assert roll_back().version == 1


def test_a_present_model_that_the_registry_does_not_know_can_be_left(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    del registry.held[2]
    assert roll_back().version == 1
    assert set(registry.held) == {1}


def test_a_return_that_fails_rejects_nothing(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    serving.failing["deploy"] = UserError("It failed.")
    with pytest.raises(UserError, match="It failed"):
        roll_back()
    assert registry.held[2].status == APPROVED


def test_without_an_endpoint_the_command_that_makes_one_is_named(
    registry: Registry, roll_back: Callable[[], Deployment]
) -> None:
    with pytest.raises(UserError, match=r"Run: invoke endpoint"):
        roll_back()


# Beside other changes


@pytest.mark.parametrize("purpose", ["retraining", "deployment"])
def test_while_somebody_else_changes_what_serves_a_rollback_is_refused_with_what_to_do(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    purpose: str,
) -> None:
    deployed(APPROVED, APPROVED)
    with deployment.change(bucket, purpose), pytest.raises(UserError) as refused:
        roll_back()
    assert str(refused.value).startswith(f"A {purpose} is under way: process")
    assert "Run this again when that has ended" in str(refused.value)
    assert "An update that does harm is taken back by its alarms" in str(refused.value)
    assert serving.rollouts == []


def test_nobody_else_changes_what_serves_until_the_threshold_is_applied(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused: list[str] = []

    def provision(*_args: Any) -> None:
        with pytest.raises(UserError) as error, deployment.change(bucket, "retraining"):
            pass
        refused.append(str(error.value))

    deployed(APPROVED, APPROVED)
    monkeypatch.setattr(pipeline, "provision", provision)
    roll_back()
    assert refused[0].startswith("A rollback is under way")


def test_a_challenger_whose_retraining_was_killed_is_left_for_the_champion_on_record(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    make_version: Callable[..., Version],
) -> None:
    deployed(APPROVED, APPROVED)
    registry.hold(make_version(3, status=APPROVED))
    serving.model, serving.is_taking_over = model_name(3), True
    assert roll_back().version == 2
    assert [held.status for held in registry.held.values()] == [APPROVED, APPROVED, REJECTED]


def test_a_challenger_that_was_taken_back_meanwhile_does_not_cost_the_champion_its_place(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    serving.is_taking_over = True
    with pytest.raises(
        UserError, match=r"did not take over: .*-2 serves, as before\. Run this again"
    ):
        roll_back()
    assert serving.rollouts == []
    assert registry.held[2].status == APPROVED


def test_the_record_is_read_when_the_endpoint_has_come_to_rest(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    make_deployment: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def served_model(_environment: object, _say: object) -> str:
        deployment.save(bucket, make_deployment(3))
        return model_name(3)

    deployed(APPROVED, APPROVED, APPROVED)
    deployment.save(bucket, make_deployment(2))
    monkeypatch.setattr(endpoint, "served_model", served_model)
    assert roll_back().version == 2


def test_who_has_lost_the_lease_applies_nothing_and_the_rollback_stays_unfinished(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def register(_environment: object, _bucket: object, _role: str, job: str) -> Model:
        held = bucket.read_json(deployment.LEASE)
        assert held
        bucket.write_json(deployment.LEASE, held | {"token": "theirs"})
        return Model(job, job, "efficientnet", ("bicycle", "motorcycle"), 128, "0123456789ab")

    deployed(APPROVED, APPROVED)
    monkeypatch.setattr(models, "register", register)
    with pytest.raises(UserError, match="no longer held by this rollback"):
        roll_back()
    assert serving.applied == 0
    assert bucket.read_json(rollback.UNFINISHED)
