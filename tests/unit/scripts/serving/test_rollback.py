"""Back by hand: at once, to the approved version that was deployed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from scripts import pipeline
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint, models, rollback
from scripts.serving import registry as versions
from scripts.serving.deployment import Deployment
from scripts.serving.models import Model
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version
from scripts.serving.rollout import ALL_AT_ONCE, Rollout

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class Serving:
    """What serves, where that is not what is on record, and what came of it."""

    rollouts: list[tuple[str, Rollout]] = field(default_factory=list)
    configs: list[str] = field(default_factory=list)
    model: str | None = None
    is_taking_over: bool = False
    applied: int = 0
    failing: dict[str, BaseException] = field(default_factory=dict)

    def fail(self, step: str) -> None:
        if error := self.failing.pop(step, None):
            raise error


@pytest.fixture
def serving(
    monkeypatch: pytest.MonkeyPatch, bucket: Bucket, make_deployment: Callable[..., Deployment]
) -> Serving:
    """An endpoint that takes every model at once, and Terraform; each can be made to fail."""
    state = Serving()

    def deploy(
        _environment: object,
        _bucket: object,
        model: Model,
        *,
        rollout: Rollout,
        config: str,
        **_options: Any,
    ) -> Deployment:
        state.configs.append(config)
        state.fail("deploy")
        state.rollouts.append((model.name, rollout))
        state.model = model.name
        state.fail("after deploy")
        moment = f"2026-11-23T11:{len(state.rollouts):02d}:00+00:00"
        return make_deployment(model_name=model.name, version=None, deployed_at=moment)

    def register(_environment: object, _bucket: object, _role: str, job: str) -> Model:
        return Model(job, job, "efficientnet", ("bicycle", "motorcycle"), 128, "0123456789ab")

    def served_model(_environment: object, _say: object) -> str | None:
        live = deployment.load(bucket)
        return state.model or (live.model_name if live else None)

    def provision(*_args: Any) -> None:
        state.fail("apply")
        state.applied += 1

    monkeypatch.setattr(endpoint, "deploy", deploy)
    monkeypatch.setattr(endpoint, "is_taking_over", lambda _environment: state.is_taking_over)
    monkeypatch.setattr(endpoint, "served_model", served_model)
    monkeypatch.setattr(models, "register", register)
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: state.fail("package"))
    monkeypatch.setattr(pipeline, "provision", provision)
    return state


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
def roll_back(
    serving: Serving, dev: Environment, bucket: Bucket, screen: Screen
) -> Callable[[], Deployment]:
    """roll_back(): what `invoke rollback` does."""
    outputs = {"sagemaker_role_arn": ROLE, "rollback_alarm_names": ["scones-dev-rollback-5xx"]}
    return lambda: rollback.rollback(dev, Provisioned(outputs, bucket), screen, "Too many errors.")


def _model(number: int) -> str:
    return f"scones-dev-efficientnet-{number}"


def test_the_version_that_was_deployed_before_serves_again_and_is_on_record(
    serving: Serving,
    deployed: Callable[..., None],
    bucket: Bucket,
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    found = roll_back()
    assert (found.model_name, found.version) == (_model(1), 1)
    assert deployment.load(bucket) == found


def test_everything_moves_at_once_and_no_alarm_is_heeded(
    serving: Serving,
    deployed: Callable[..., None],
    roll_back: Callable[[], Deployment],
) -> None:
    deployed(APPROVED, APPROVED)
    roll_back()
    assert serving.rollouts == [(_model(1), Rollout(ALL_AT_ONCE, bake_s=0, alarms=()))]


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


# Taken up again


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
    assert [model for model, _ in serving.rollouts] == [_model(2)]
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
    serving.model, serving.is_taking_over = _model(3), True
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
        return _model(3)

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
