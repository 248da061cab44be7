"""Retraining: one step after the other, taken up where it was killed, live only when approved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import lease, pipeline, retrain
from scripts.artifacts import CURRENT_DATASET, Bucket, dataset_key
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.pipeline import Provisioned
from scripts.retrain import DEPLOYED, REJECTED, ROLLED_BACK, Request, Retraining
from scripts.serving import deployment, endpoint, registry, release
from scripts.serving.deployment import Deployment
from scripts.serving.registry import Version
from scripts.serving.rollout import Rollout
from scripts.training import train
from scripts.training.train import TrainingResult

STEPS = ["stage", "train", "evaluate", "gate", "roll out", "apply"]


@dataclass
class Steps:
    """What a retraining does, noted; any step can be made to fail."""

    done: list[str] = field(default_factory=list)
    jobs: list[str | None] = field(default_factory=list)
    configs: list[str | None] = field(default_factory=list)
    failing: dict[str, BaseException] = field(default_factory=dict)
    decision: str = registry.APPROVED
    datasets: list[str | None] = field(default_factory=list)

    def do(self, step: str) -> None:
        if error := self.failing.pop(step, None):
            raise error
        self.done.append(step)

    def version(self) -> Version:
        return Version(
            number=2,
            arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/scones-dev/2",
            model_name="a-job",
            algorithm="efficientnet",
            stand_in=False,
            dataset_id="0123456789ab",
            created_at=datetime(2026, 11, 23, tzinfo=UTC),
            status=self.decision,
            reason="Because.",
            accuracy=0.96,
            accuracy_interval=(0.92, 0.98),
            samples=200,
            threshold=0.6,
            coverage=0.97,
        )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Steps:
    """Every step of a retraining, without AWS; its document and its lease are real."""
    steps = Steps()
    provisioned = Provisioned({"sagemaker_role_arn": "arn:aws:iam::123456789012:role/r"}, bucket)

    def train_model(
        *_args: Any, job: str | None, dataset_id: str | None, **_options: Any
    ) -> TrainingResult:
        steps.jobs.append(job)
        steps.datasets.append(dataset_id)
        steps.do("train")
        return TrainingResult(str(job), "efficientnet", "s3://b/m", "0123456789ab", 70, {})

    def deploy_endpoint(*_args: Any, config: str | None, **_options: Any) -> None:
        steps.configs.append(config)
        steps.do("roll out")

    def noting(step: str, result: Any) -> Callable[..., Any]:
        def call(*_args: Any, **_options: Any) -> Any:
            steps.do(step)
            return result

        return call

    evaluation = SimpleNamespace(document=lambda: {"accuracy": 0.96})
    verdict = SimpleNamespace(document=lambda: {"decision": "approve"})
    monkeypatch.setattr(pipeline, "open_provisioned", lambda _environment: provisioned)
    monkeypatch.setattr(pipeline, "train_model", train_model)
    monkeypatch.setattr(pipeline, "evaluate_model", noting("evaluate", (None, evaluation)))
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: None)
    monkeypatch.setattr(pipeline, "provision", noting("apply", provisioned))
    monkeypatch.setattr(retrain, "_stage", noting("stage", "0123456789ab"))
    monkeypatch.setattr(
        release,
        "gate_model",
        lambda *_args: (steps.do("gate"), (steps.version(), verdict))[1],
    )
    monkeypatch.setattr(release, "deploy_endpoint", deploy_endpoint)
    monkeypatch.setattr(registry, "find", lambda _environment, _which: steps.version())
    staged = {"dataset_id": "0123456789ab", "counts": {}}
    bucket.write_json(dataset_key("0123456789ab"), staged)
    return steps


def _in_use(bucket: Bucket) -> Any:
    """The data set that others train on."""
    return bucket.read_json(CURRENT_DATASET)


def _retrain(
    environment: Environment, request: Request | None = None, restart: bool = False
) -> Retraining:
    return retrain.retrain(
        environment, Screen(), request or Request(), Rule(), lambda _: Rollout(), restart=restart
    )


def test_a_retraining_goes_through_every_step_in_order(steps: Steps, dev: Environment) -> None:
    ended = _retrain(dev)
    assert steps.done == STEPS
    assert (ended.outcome, ended.champion) == (DEPLOYED, None)


def test_a_rejected_model_reaches_neither_the_endpoint_nor_terraform(
    steps: Steps, dev: Environment
) -> None:
    steps.decision = registry.REJECTED
    ended = _retrain(dev)
    assert steps.done == STEPS[:4]
    assert (ended.outcome, ended.reason) == (REJECTED, "Because.")


def test_a_model_that_needs_a_person_waits_and_says_how_to_decide(
    steps: Steps, dev: Environment
) -> None:
    steps.decision = registry.PENDING
    waiting = _retrain(dev)
    assert waiting.outcome is None
    assert waiting.reason.startswith("Version 2 waits for a person. Because. Decide with `invoke")
    assert steps.done == STEPS[:4]


def test_after_a_person_has_approved_only_the_rest_is_done(steps: Steps, dev: Environment) -> None:
    steps.decision = registry.PENDING
    _retrain(dev)
    steps.decision = registry.APPROVED
    assert _retrain(dev).outcome == DEPLOYED
    assert steps.done == STEPS


def test_after_a_person_has_rejected_the_retraining_ends(steps: Steps, dev: Environment) -> None:
    steps.decision = registry.PENDING
    _retrain(dev)
    steps.decision = registry.REJECTED
    assert _retrain(dev).outcome == REJECTED
    assert steps.done == STEPS[:4]


def test_the_threshold_of_a_model_that_is_rolled_back_is_not_applied(
    steps: Steps, dev: Environment
) -> None:
    steps.failing["roll out"] = endpoint.RolledBack("An alarm went off.")
    ended = _retrain(dev)
    assert (ended.outcome, ended.reason) == (ROLLED_BACK, "An alarm went off.")
    assert steps.done == STEPS[:4]


# Its data set


def test_a_retraining_trains_on_what_it_staged_which_is_in_use_when_its_model_serves(
    steps: Steps, dev: Environment, bucket: Bucket
) -> None:
    _retrain(dev)
    assert steps.datasets == ["0123456789ab"]
    assert _in_use(bucket) == {"dataset_id": "0123456789ab", "counts": {}}


@pytest.mark.parametrize("end", [None, endpoint.RolledBack("An alarm."), UserError("It failed.")])
def test_the_data_set_of_a_model_that_does_not_serve_is_not_used_by_others(
    steps: Steps, dev: Environment, bucket: Bucket, end: UserError | None
) -> None:
    bucket.write_json(CURRENT_DATASET, {"dataset_id": "older"})
    if end:
        steps.failing["roll out"] = end
    else:
        steps.decision = registry.REJECTED
    with suppress(UserError):
        _retrain(dev)
    assert _in_use(bucket) == {"dataset_id": "older"}


# Killed on the way


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_retraining_goes_on_with_the_step_that_it_was_at(
    steps: Steps, dev: Environment, step: str
) -> None:
    steps.failing[step] = Killed()
    with pytest.raises(Killed):
        _retrain(dev)
    before = len(steps.done)
    assert _retrain(dev).outcome == DEPLOYED
    again = {"evaluate": ["train"], "gate": ["train", "evaluate"]}.get(step, [])
    assert steps.done[before:] == [*again, *STEPS[STEPS.index(step) :]]


def test_a_killed_training_is_taken_up_by_its_name(steps: Steps, dev: Environment) -> None:
    steps.failing["train"] = Killed()
    with pytest.raises(Killed):
        _retrain(dev)
    _retrain(dev)
    assert steps.jobs[0] == steps.jobs[1] is not None


def test_a_killed_update_is_taken_up_by_its_configuration(steps: Steps, dev: Environment) -> None:
    steps.failing["roll out"] = Killed()
    with pytest.raises(Killed):
        _retrain(dev)
    _retrain(dev)
    assert steps.configs[0] == steps.configs[1] is not None


@pytest.mark.parametrize("end", [UserError("It ran out of memory."), KeyboardInterrupt()])
def test_a_training_that_failed_or_was_stopped_is_tried_with_another_job(
    steps: Steps, dev: Environment, end: BaseException
) -> None:
    steps.failing["train"] = end
    with pytest.raises(type(end)):
        _retrain(dev)
    _retrain(dev)
    assert steps.jobs[0] != steps.jobs[1]


# One at a time, and one request at a time


def test_a_finished_retraining_is_not_taken_up(steps: Steps, dev: Environment) -> None:
    _retrain(dev)
    _retrain(dev)
    assert steps.done == STEPS * 2


@pytest.fixture
def unfinished(steps: Steps, dev: Environment) -> Request:
    """A retraining that was killed while it trained."""
    request = Request(add="new-pictures", hyperparameters={"epochs": "9"})
    steps.failing["train"] = Killed()
    with pytest.raises(Killed):
        _retrain(dev, request)
    steps.done.clear()
    return request


def test_an_unfinished_retraining_is_taken_up_by_the_same_request(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    _retrain(dev, unfinished)
    assert steps.done == STEPS[1:]


def test_an_unfinished_retraining_is_taken_up_by_a_request_for_nothing_particular(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    assert _retrain(dev).request == unfinished
    assert steps.done == STEPS[1:]


def test_another_request_is_refused_while_one_is_unfinished(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    with pytest.raises(UserError, match=r"unfinished \(next: train\).*--restart"):
        _retrain(dev, replace(unfinished, add="other-pictures"))
    assert steps.done == []


def test_an_unfinished_retraining_can_be_given_up(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    other = replace(unfinished, add="other-pictures")
    assert _retrain(dev, other, restart=True).request == other
    assert steps.done == STEPS


def test_a_second_retraining_at_the_same_time_is_refused(
    steps: Steps, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(*_args: Any) -> str:
        with pytest.raises(UserError, match="retraining"):
            _retrain(dev)
        steps.done.append("refused")
        return "0123456789ab"

    monkeypatch.setattr(retrain, "_stage", stage)
    _retrain(dev)
    assert steps.done == ["refused", *STEPS[1:]]


# What is kept


def test_what_was_reached_is_in_the_bucket(
    steps: Steps, dev: Environment, bucket: Bucket, unfinished: Request
) -> None:
    found = retrain.current(bucket)
    assert found
    assert found.request == unfinished
    assert found.dataset_id == "0123456789ab"
    assert found.job == steps.jobs[0]
    assert found.next_step == "train"
    assert found.outcome is None


def test_an_ended_retraining_stays_in_the_history(
    steps: Steps, dev: Environment, bucket: Bucket
) -> None:
    ended = _retrain(dev)
    (key,) = bucket.keys("retraining/history/")
    assert ended.finished_at
    assert bucket.read_json(key) == asdict(ended)


def test_the_rollout_has_company(steps: Steps, dev: Environment) -> None:
    noted: list[str] = []

    class Company:
        def __enter__(self) -> None:
            noted.append(f"in after {steps.done[-1]}")

        def __exit__(self, *_exception: object) -> None:
            noted.append(f"out after {steps.done[-1]}")

    retrain.retrain(
        dev, Screen(), Request(), Rule(), lambda _: Rollout(), during_rollout=lambda: Company()
    )
    assert noted == ["in after gate", "out after roll out"]


def test_the_job_is_named_after_the_algorithm(steps: Steps, dev: Environment) -> None:
    _retrain(dev, Request(algorithm="builtin"))
    (job,) = steps.jobs
    assert job
    assert job.startswith(f"{dev.prefix}-builtin-")
    assert train.EFFICIENTNET not in job


def test_both_sides_of_the_comparison_are_kept(
    steps: Steps,
    dev: Environment,
    bucket: Bucket,
    make_deployment: Callable[..., Deployment],
) -> None:
    live = make_deployment(1)
    deployment.save(bucket, live)
    ended = _retrain(dev)
    assert ended.champion == {
        "version": 1,
        "algorithm": "efficientnet",
        "evaluation": live.evaluation,
    }
    assert ended.challenger == {
        "version": 2,
        "algorithm": "efficientnet",
        "evaluation": {"accuracy": 0.96},
        "training_seconds": 70,
    }
    assert ended.verdict == {"decision": "approve"}


def test_who_has_lost_the_lease_writes_nothing_any_more_and_goes_no_further(
    steps: Steps, dev: Environment, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lost:
        def check(self) -> None:
            if "evaluate" in steps.done:
                raise UserError("The lease is lost.")

    monkeypatch.setattr(lease, "hold", lambda *_args: nullcontext(Lost()))
    with pytest.raises(UserError, match="The lease is lost"):
        _retrain(dev)
    assert steps.done == STEPS[:4]
    found = retrain.current(bucket)
    assert found
    assert found.next_step == "train"


def test_a_rollout_that_is_not_possible_is_refused_before_anything_is_done(
    steps: Steps, dev: Environment
) -> None:
    with pytest.raises(UserError, match="There is no strategy 'sudden'"):
        retrain.retrain(dev, Screen(), Request(), Rule(), lambda _: Rollout("sudden"))
    assert steps.done == []


def test_what_training_refused_may_be_put_right_without_beginning_anew(
    steps: Steps, dev: Environment
) -> None:
    request = Request(add="new-pictures", hyperparameters={"epochs": "many"})
    steps.failing["train"] = UserError("epochs must be a number.")
    with pytest.raises(UserError, match="must be a number"):
        _retrain(dev, request)
    right = replace(request, hyperparameters={"epochs": "9"})
    assert _retrain(dev, right).request == right
    assert steps.done == STEPS
