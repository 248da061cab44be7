"""A rollback that was not finished is taken up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from scripts.artifacts import Bucket
from scripts.errors import UserError
from scripts.serving import deployment, endpoint
from scripts.serving import registry as versions
from scripts.serving.deployment import Deployment
from scripts.serving.registry import APPROVED, REJECTED, Version
from tests.unit.scripts.rollback_steps import Killed, Serving, model_name

if TYPE_CHECKING:
    from tests.unit.conftest import Registry


@pytest.mark.parametrize(
    "error", [UserError("The state is locked."), KeyboardInterrupt(), Killed()]
)
@pytest.mark.parametrize("step", ["package", "apply"])
def test_a_rollback_whose_threshold_was_not_applied_goes_no_further_back_when_it_is_repeated(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    step: str,
    error: BaseException,
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    serving.failing[step] = error
    with pytest.raises(type(error)):
        roll_back()
    assert serving.applied == 0
    assert roll_back().version == 2
    assert [held.status for held in registry.held.values()] == [APPROVED, APPROVED, REJECTED]
    assert [model for model, _ in serving.rollouts] == [model_name(2)]
    assert serving.applied == 1


def test_a_repeated_rollback_says_that_it_goes_on_and_how_to_go_further_back(
    serving: Serving,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    shown: Callable[[], str],
) -> None:
    deployed(APPROVED, APPROVED)
    serving.failing["apply"] = UserError("The state is locked.")
    with pytest.raises(UserError):
        roll_back()
    assert "unfinished" not in shown()
    roll_back()
    assert "The rollback to version 1 is unfinished, and goes on. To go back further," in shown()


@pytest.mark.parametrize("step", ["deploy", "after deploy"])
def test_a_rollback_that_was_killed_while_the_endpoint_changed_takes_up_the_same_update(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
    step: str,
) -> None:
    deployed(APPROVED, APPROVED, APPROVED)
    serving.failing[step] = Killed()
    with pytest.raises(Killed):
        roll_back()
    assert roll_back().version == 2
    assert serving.configs[0] == serving.configs[1]
    assert [held.status for held in registry.held.values()] == [APPROVED, APPROVED, REJECTED]


def test_the_version_that_is_left_is_rejected_before_the_record_changes(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_args: Any) -> None:
        raise Killed

    deployed(APPROVED, APPROVED)
    before = deployment.load(bucket)
    with monkeypatch.context() as patch:
        patch.setattr(deployment, "save", killed)
        with pytest.raises(Killed):
            roll_back()
    assert registry.held[2].status == REJECTED
    assert deployment.load(bucket) == before
    assert roll_back().version == 1
    assert registry.held[1].status == APPROVED


def test_a_rejection_that_fails_leaves_the_record_and_the_next_run_does_it(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: Any) -> None:
        raise UserError("AWS is not there.")

    deployed(APPROVED, APPROVED)
    with monkeypatch.context() as patch:
        patch.setattr(versions, "decide", fail)
        with pytest.raises(UserError):
            roll_back()
    assert roll_back().version == 1
    assert [held.status for held in registry.held.values()] == [APPROVED, REJECTED]


def test_an_update_back_that_sagemaker_took_back_is_tried_with_another_one(
    serving: Serving, deployed: Callable[..., None], roll_back: Callable[[], Deployment]
) -> None:
    deployed(APPROVED, APPROVED)
    serving.failing["deploy"] = endpoint.RolledBack("No capacity.")
    with pytest.raises(endpoint.RolledBack):
        roll_back()
    assert roll_back().version == 1
    assert serving.configs[0] != serving.configs[1]


def test_what_was_deployed_since_ends_an_unfinished_rollback(
    serving: Serving,
    registry: Registry,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
    make_deployment: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    deployed(APPROVED, APPROVED)
    serving.failing["apply"] = UserError("The state is locked.")
    with pytest.raises(UserError):
        roll_back()
    registry.hold(make_version(3, status=APPROVED))
    deployment.save(bucket, make_deployment(3, deployed_at="2026-11-23T12:00:00+00:00"))
    serving.model = None
    assert roll_back().version == 1
    assert registry.held[3].status == REJECTED


def test_nothing_is_left_of_a_rollback_that_is_finished(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    roll_back()
    assert {key.split("/")[1] for key in bucket.keys("deployments/")} == {"current.json", "history"}
    assert bucket.keys("retraining/") == []
