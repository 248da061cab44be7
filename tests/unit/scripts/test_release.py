"""A version in service: only approved ones, or on record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from scripts import release
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import LOCAL, Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned
from scripts.serving import baseline, deployment, endpoint
from scripts.serving.deployment import Deployment
from scripts.serving.endpoint import Fleet
from scripts.serving.registry import APPROVED, PENDING, REJECTED, Version
from scripts.serving.rollout import BAKE_S, CANARY, LINEAR, LOCAL_BAKE_S, Rollout
from scripts.training import models
from scripts.training.models import Model
from tests.unit.scripts.rollback_steps import Killed

if TYPE_CHECKING:
    from tests.unit.conftest import Registry

ROLE = "arn:aws:iam::123456789012:role/scones-dev-sagemaker"
ALARMS = ["scones-dev-rollback-5xx", "scones-dev-rollback-latency"]
LABELS = ("bicycle", "motorcycle")


@pytest.fixture
def provisioned(bucket: Bucket) -> Provisioned:
    return Provisioned({"sagemaker_role_arn": ROLE, "rollback_alarm_names": ALARMS}, bucket)


@dataclass
class Endpoint:
    """An endpoint that takes every model at once, or fails; what it was asked for."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    labels: tuple[str, ...] = LABELS
    error: BaseException | None = None

    def models(self) -> list[str]:
        return [asked["model"].name for asked in self.asked]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, make_deployment: Callable[..., Deployment]) -> Endpoint:
    state = Endpoint()

    def deploy(_environment: object, _bucket: object, model: Model, **given: Any) -> Deployment:
        given.pop("say")
        state.asked.append({"model": model, **given})
        if state.error:
            raise state.error
        moment = f"2026-11-23T11:{len(state.asked):02d}:00+00:00"
        return make_deployment(model_name=model.name, version=None, deployed_at=moment)

    def register(_environment: object, _bucket: object, role_arn: str, job: str) -> Model:
        assert role_arn == ROLE
        return Model(job, job, "efficientnet", state.labels, 128, "0123456789ab")

    monkeypatch.setattr(endpoint, "deploy", deploy)
    monkeypatch.setattr(models, "register", register)
    return state


@pytest.fixture
def deploy(dev: Environment, provisioned: Provisioned, screen: Screen) -> Callable[..., Deployment]:
    """deploy(version, ...): put it into service, as a canary."""

    def call(version: Version, **options: Any) -> Deployment:
        return release.deploy_endpoint(dev, provisioned, screen, version, Rollout(), **options)

    return call


# Into service


def test_an_approved_version_is_deployed_and_recorded_with_its_number(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    shown: Callable[[], str],
) -> None:
    deployed = deploy(make_version(3, status=APPROVED))
    assert (deployed.model_name, deployed.version) == ("scones-dev-efficientnet-3", 3)
    assert deployed.override is None
    assert deployment.load(bucket) == deployed
    assert deployment.history(bucket) == [deployed]
    assert "scones-dev in service with version 3" in shown()


def test_what_is_to_come_before_the_record_does_when_the_version_serves(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    noted: list[tuple[list[str], Deployment | None]] = []
    deploy(
        make_version(3, status=APPROVED),
        before_record=lambda: noted.append((served.models(), deployment.load(bucket))),
    )
    assert noted == [(["scones-dev-efficientnet-3"], None)]


def test_a_baseline_is_frozen_before_the_endpoint_is_updated(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen: list[tuple[str, int, int]] = []

    def freeze(_bucket: Bucket, model: Model, number: int, _say: object) -> None:
        frozen.append((model.name, number, len(served.asked)))

    monkeypatch.setattr(baseline, "freeze", freeze)
    deploy(make_version(3, status=APPROVED))
    assert frozen == [("scones-dev-efficientnet-3", 3, 0)]


def test_a_model_that_can_have_no_baseline_goes_into_service_and_says_so(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    shown: Callable[[], str],
) -> None:
    deploy(make_version(3, status=APPROVED))
    assert served.models() == ["scones-dev-efficientnet-3"]
    assert "drift cannot be seen without a baseline" in shown()


def test_the_endpoint_is_told_how_to_update_with_what_and_where_to_go_on(
    registry: Registry,
    served: Endpoint,
    dev: Environment,
    provisioned: Provisioned,
    screen: Screen,
    make_version: Callable[..., Version],
) -> None:
    rollout, fleet = Rollout(LINEAR, 60, ("an-alarm",)), Fleet("ml.m5.xlarge", 4, 50)
    version = make_version(3, status=APPROVED)
    release.deploy_endpoint(
        dev, provisioned, screen, version, rollout, fleet=fleet, config="a-config"
    )
    (asked,) = served.asked
    assert asked.pop("model").name == version.model_name
    assert asked == {"rollout": rollout, "fleet": fleet, "config": "a-config"}


@pytest.mark.parametrize(
    ("status", "what_to_do"),
    [
        (
            PENDING,
            r"^Version 3 waits for a person\. Because\. Decide with `invoke approve 3 --reason … "
            r"--env dev` or `invoke reject 3 --reason … --env dev`",
        ),
        (
            REJECTED,
            r"^Version 3 is rejected\. Because\. .*invoke endpoint --version 3 --override REASON",
        ),
    ],
)
def test_a_version_that_is_not_approved_is_refused_with_what_to_do(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    status: str,
    what_to_do: str,
) -> None:
    with pytest.raises(UserError, match=what_to_do):
        deploy(make_version(3, status=status))
    assert served.asked == []
    assert deployment.load(bucket) is None


@pytest.mark.parametrize("status", [PENDING, REJECTED])
def test_an_override_is_recorded_in_the_deployment_and_in_the_registry(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    status: str,
) -> None:
    version = make_version(3, status=status)
    deploy(version, override="The fair is today.")
    found = deployment.load(bucket)
    assert found
    assert (found.version, found.override) == (3, "The fair is today.")
    assert registry.held[3] == replace(
        version, reason="Because. Deployed all the same: The fair is today."
    )


def test_an_approved_version_keeps_its_reason_whatever_is_said_in_addition(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    version = make_version(3, status=APPROVED)
    registry.hold(version)
    deploy(version, override="Just to be sure.")
    assert registry.held[3] == version


def test_a_model_of_other_labels_never_takes_over_and_no_override_is_recorded(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_deployment: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    live, version = make_deployment(2), make_version(3, status=REJECTED)
    deployment.save(bucket, live)
    registry.hold(version)
    served.labels = ("motorcycle", "bicycle")
    match = r"labels are motorcycle, bicycle; the workflow reads scores as bicycle, motorcycle"
    with pytest.raises(UserError, match=match):
        deploy(version, override="The fair is today.")
    assert served.asked == []
    assert deployment.load(bucket) == live
    assert registry.held[3] == version


def test_a_first_model_may_have_any_labels(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    served.labels = ("car", "bus", "tram")
    deploy(make_version(3, status=APPROVED))
    assert served.asked[0]["model"].labels == ("car", "bus", "tram")


@pytest.mark.parametrize("error", [UserError("It failed."), endpoint.RolledBack("An alarm.")])
def test_what_did_not_come_into_service_is_not_recorded_as_deployed(
    registry: Registry,
    served: Endpoint,
    bucket: Bucket,
    deploy: Callable[..., Deployment],
    make_deployment: Callable[..., Deployment],
    make_version: Callable[..., Version],
    error: UserError,
) -> None:
    live = make_deployment(2)
    deployment.save(bucket, live)
    served.error = error
    with pytest.raises(type(error)):
        deploy(make_version(3, status=APPROVED))
    assert deployment.load(bucket) == live
    assert deployment.history(bucket) == [live]


def test_a_version_that_was_rolled_back_is_rejected_with_the_reason_and_no_other_failure_is(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    version = make_version(3, status=APPROVED)
    registry.hold(version)
    reason = "The alarm slow exceeded its threshold."
    for error in (UserError("It failed."), endpoint.RolledBack(reason)):
        assert registry.held[3] == version
        served.error = error
        with pytest.raises(type(error)):
            deploy(version)
    assert registry.held[3] == replace(version, status=REJECTED, reason=reason)


@pytest.mark.parametrize(
    "reason",
    [
        "Unable to provision: InsufficientInstanceCapacity.",
        "The deployment exceeded its MaximumExecutionTimeoutInSeconds of 3600.",
        "Request to service timed out.",
    ],
)
def test_a_version_that_aws_had_no_instances_or_no_time_for_keeps_its_status(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    reason: str,
) -> None:
    version = make_version(3, status=APPROVED)
    registry.hold(version)
    served.error = endpoint.RolledBack(reason)
    with pytest.raises(endpoint.RolledBack):
        deploy(version)
    assert registry.held[3] == version


@pytest.mark.parametrize(
    ("model", "fleet", "is_same"),
    [(3, None, True), (4, None, False), (3, Fleet(instance_count=3), False)],
)
def test_an_update_whose_process_was_killed_is_taken_up_by_the_next_one_to_the_same(
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    model: int,
    fleet: Fleet | None,
    is_same: bool,
) -> None:
    served.error = Killed()
    with pytest.raises(Killed):
        deploy(make_version(3, status=APPROVED))
    served.error = None
    deploy(make_version(model, status=APPROVED), fleet=fleet)
    first, second = (asked["config"] for asked in served.asked)
    assert (first == second) == is_same


@pytest.mark.parametrize("error", [None, endpoint.RolledBack("An alarm.")])
def test_an_update_that_has_ended_is_not_taken_up(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
    error: BaseException | None,
) -> None:
    version = make_version(3, status=APPROVED)
    registry.hold(version)
    served.error = error
    with pytest.raises(endpoint.RolledBack) if error else contextlib.nullcontext():
        deploy(version)
    served.error = None
    deploy(version)
    first, second = (asked["config"] for asked in served.asked)
    assert first != second


def test_an_override_whose_deployment_failed_is_not_recorded(
    registry: Registry,
    served: Endpoint,
    deploy: Callable[..., Deployment],
    make_version: Callable[..., Version],
) -> None:
    version = make_version(3, status=REJECTED)
    registry.hold(version)
    served.error = UserError("It failed.")
    with pytest.raises(UserError):
        deploy(version, override="A drill.")
    assert registry.held[3] == version


@pytest.mark.parametrize(("name", "bake_s"), [(LOCAL, LOCAL_BAKE_S), ("dev", BAKE_S)])
def test_updates_are_canaries_with_terraforms_alarms_and_a_short_bake_on_this_machine_alone(
    dev: Environment, provisioned: Provisioned, name: str, bake_s: int
) -> None:
    found = release.rollout_of(replace(dev, name=name), provisioned)
    assert found == Rollout(CANARY, bake_s, tuple(ALARMS))


def test_strategy_and_bake_can_be_chosen_no_bake_included(
    dev: Environment, provisioned: Provisioned
) -> None:
    assert release.rollout_of(dev, provisioned, LINEAR, 0) == Rollout(LINEAR, 0, tuple(ALARMS))


def test_before_an_endpoint_exists_there_is_no_alarm_to_heed(
    dev: Environment, bucket: Bucket
) -> None:
    assert release.rollout_of(dev, Provisioned({}, bucket)).alarms == ()


# Which version


def test_the_newest_approved_version_is_the_one_to_deploy(
    registry: Registry, dev: Environment, make_version: Callable[..., Version]
) -> None:
    statuses = (APPROVED, APPROVED, REJECTED, PENDING)
    registry.hold(*(make_version(n, status=s) for n, s in enumerate(statuses, start=1)))
    assert release.newest_approved(dev).number == 2


def test_without_an_approved_version_the_newest_ones_reason_is_given(
    registry: Registry, dev: Environment, make_version: Callable[..., Version]
) -> None:
    registry.hold(make_version(1, status=REJECTED), make_version(2, reason="It is not shown."))
    with pytest.raises(UserError, match=r"^Version 2 waits for a person\. It is not shown\. "):
        release.newest_approved(dev)


def test_without_any_version_the_commands_that_make_one_are_named(
    registry: Registry, dev: Environment
) -> None:
    with pytest.raises(UserError, match=r"Run: invoke train, then invoke evaluate"):
        release.newest_approved(dev)


# A person's decision


@pytest.mark.parametrize("status", [APPROVED, REJECTED])
def test_a_version_that_waits_for_a_person_is_decided_with_the_persons_reason(
    registry: Registry, dev: Environment, make_version: Callable[..., Version], status: str
) -> None:
    registry.hold(make_version(3))
    assert release.settle(dev, "3", status, "I looked at it.") == f"Version 3 is {status.lower()}."
    assert (registry.held[3].status, registry.held[3].reason) == (
        status,
        "A person: I looked at it.",
    )


@pytest.mark.parametrize("status", [APPROVED, REJECTED])
def test_a_version_that_is_decided_stays_as_it_is(
    registry: Registry, dev: Environment, make_version: Callable[..., Version], status: str
) -> None:
    version = make_version(3, status=status)
    registry.hold(version)
    with pytest.raises(UserError, match=rf"^Version 3 is {status.lower()} already\. Because\."):
        release.settle(dev, "3", APPROVED, "I like it.")
    assert registry.held[3] == version


def test_how_to_deploy_a_rejected_version_on_record_is_said_to_who_would_approve_it(
    registry: Registry, dev: Environment, make_version: Callable[..., Version]
) -> None:
    registry.hold(make_version(3, status=REJECTED))
    with pytest.raises(UserError, match=r"invoke endpoint --version 3 --override REASON"):
        release.settle(dev, "3", APPROVED, "I like it.")
