"""Retraining once more: taken up where it was killed, and one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scripts import retrain
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.retrain import DEPLOYED, Request
from scripts.serving import deployment
from scripts.serving.rollout import Rollout
from tests.unit.scripts.retraining_steps import STEPS, Steps, run_retraining

# Killed on the way


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_retraining_goes_on_with_the_step_that_it_was_at(
    steps: Steps, dev: Environment, step: str
) -> None:
    steps.failing[step] = Killed()
    with pytest.raises(Killed):
        run_retraining(dev)
    before = len(steps.done)
    assert run_retraining(dev).outcome == DEPLOYED
    again = {"evaluate": ["train"], "gate": ["train", "evaluate"]}.get(step, [])
    assert steps.done[before:] == [*again, *STEPS[STEPS.index(step) :]]


def test_a_killed_training_is_taken_up_by_its_name(steps: Steps, dev: Environment) -> None:
    steps.failing["train"] = Killed()
    with pytest.raises(Killed):
        run_retraining(dev)
    run_retraining(dev)
    assert steps.jobs[0] == steps.jobs[1] is not None


def test_a_killed_update_is_taken_up_by_its_configuration(steps: Steps, dev: Environment) -> None:
    steps.failing["roll out"] = Killed()
    with pytest.raises(Killed):
        run_retraining(dev)
    run_retraining(dev)
    assert steps.configs[0] == steps.configs[1] is not None


@pytest.mark.parametrize("end", [UserError("It ran out of memory."), KeyboardInterrupt()])
def test_a_training_that_failed_or_was_stopped_is_tried_with_another_job(
    steps: Steps, dev: Environment, end: BaseException
) -> None:
    steps.failing["train"] = end
    with pytest.raises(type(end)):
        run_retraining(dev)
    run_retraining(dev)
    assert steps.jobs[0] != steps.jobs[1]


# One at a time, and one request at a time


def test_a_finished_retraining_is_not_taken_up(steps: Steps, dev: Environment) -> None:
    run_retraining(dev)
    run_retraining(dev)
    assert steps.done == STEPS * 2


@pytest.fixture
def unfinished(steps: Steps, dev: Environment) -> Request:
    """A retraining that was killed while it trained."""
    request = Request(add="new-pictures", hyperparameters={"epochs": "9"})
    steps.failing["train"] = Killed()
    with pytest.raises(Killed):
        run_retraining(dev, request)
    steps.done.clear()
    return request


def test_an_unfinished_retraining_is_taken_up_by_the_same_request(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    run_retraining(dev, unfinished)
    assert steps.done == STEPS[1:]


def test_an_unfinished_retraining_is_taken_up_by_a_request_for_nothing_particular(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    assert run_retraining(dev).request == unfinished
    assert steps.done == STEPS[1:]


def test_another_request_is_refused_while_one_is_unfinished(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    with pytest.raises(UserError, match=r"unfinished \(next: train\).*--restart"):
        run_retraining(dev, replace(unfinished, add="other-pictures"))
    assert steps.done == []


def test_an_unfinished_retraining_can_be_given_up(
    steps: Steps, dev: Environment, unfinished: Request
) -> None:
    other = replace(unfinished, add="other-pictures")
    assert run_retraining(dev, other, restart=True).request == other
    assert steps.done == STEPS


def test_a_second_retraining_at_the_same_time_is_refused(
    steps: Steps, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(*_args: Any) -> str:
        with pytest.raises(UserError, match="retraining"):
            run_retraining(dev)
        steps.done.append("refused")
        return "0123456789ab"

    monkeypatch.setattr(retrain, "_stage", stage)
    run_retraining(dev)
    assert steps.done == ["refused", *STEPS[1:]]


def test_what_training_refused_may_be_put_right_without_beginning_anew(
    steps: Steps, dev: Environment
) -> None:
    request = Request(add="new-pictures", hyperparameters={"epochs": "many"})
    steps.failing["train"] = UserError("epochs must be a number.")
    with pytest.raises(UserError, match="must be a number"):
        run_retraining(dev, request)
    right = replace(request, hyperparameters={"epochs": "9"})
    assert run_retraining(dev, right).request == right
    assert steps.done == ["stage", *STEPS]


@pytest.mark.parametrize("end", [UserError("A picture is damaged."), KeyboardInterrupt()])
def test_a_folder_that_is_named_again_is_read_again_while_no_job_trains_on_it(
    steps: Steps, dev: Environment, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    request = Request(add="new-pictures")
    steps.failing["train"] = end
    with pytest.raises(type(end)):
        run_retraining(dev, request)
    monkeypatch.setattr(retrain, "_stage", lambda *_args: "corrected")
    run_retraining(dev, request)
    assert steps.datasets == ["0123456789ab", "corrected"]


def test_without_the_folder_a_retraining_goes_on_with_what_was_staged(
    steps: Steps, dev: Environment
) -> None:
    steps.failing["train"] = UserError("It ran out of memory.")
    with pytest.raises(UserError):
        run_retraining(dev, Request(add="on another machine"))
    run_retraining(dev)
    assert steps.done == STEPS


def test_a_folder_that_is_named_again_too_late_is_said_not_to_be_read(
    steps: Steps, dev: Environment, unfinished: Request, screen: Screen, shown: Callable[[], str]
) -> None:
    def run(request: Request) -> None:
        retrain.retrain(dev, screen, request, Rule(), lambda _: Rollout())

    steps.failing["train"] = Killed()
    with pytest.raises(Killed):
        run(Request())
    assert "--restart" not in shown()
    run(unfinished)
    words = "stage: done before, data set 0123456789ab; --restart reads the folder anew"
    assert words in shown().splitlines()


def test_while_somebody_else_changes_what_serves_a_retraining_stops_before_it_does_too(
    steps: Steps, dev: Environment, bucket: Bucket
) -> None:
    with (
        deployment.change(bucket, "rollback"),
        pytest.raises(UserError, match="A rollback is under way"),
    ):
        run_retraining(dev)
    assert steps.done == ["stage", "train", "evaluate", "gate"]


def test_until_its_model_takes_over_a_retraining_keeps_nobody_from_going_back(
    steps: Steps, dev: Environment, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = steps.do

    def do_meanwhile(step: str) -> None:
        if step == "train":
            with deployment.change(bucket, "rollback"):
                steps.done.append("rollback")
        do(step)

    monkeypatch.setattr(steps, "do", do_meanwhile)
    run_retraining(dev)
    assert steps.done[:3] == ["stage", "rollback", "train"]


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
