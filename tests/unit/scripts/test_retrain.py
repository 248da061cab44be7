"""Retraining: one step after the other, taken up where it was killed, live only when approved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict

import pytest

from scripts import lease, retrain
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.retrain import DEPLOYED, REJECTED, ROLLED_BACK, Request
from scripts.serving import deployment, endpoint, registry
from scripts.serving.deployment import Deployment
from scripts.serving.rollout import Rollout
from scripts.training import train
from tests.unit.scripts.retraining_steps import STEPS, Steps, in_use, run_retraining


def test_a_retraining_goes_through_every_step_in_order(steps: Steps, dev: Environment) -> None:
    ended = run_retraining(dev)
    assert steps.done == STEPS
    assert (ended.outcome, ended.champion) == (DEPLOYED, None)


def test_a_rejected_model_reaches_neither_the_endpoint_nor_terraform(
    steps: Steps, dev: Environment
) -> None:
    steps.decision = registry.REJECTED
    ended = run_retraining(dev)
    assert steps.done == STEPS[:4]
    assert (ended.outcome, ended.reason) == (REJECTED, "Because.")


def test_a_model_that_needs_a_person_waits_and_says_how_to_decide(
    steps: Steps, dev: Environment
) -> None:
    steps.decision = registry.PENDING
    waiting = run_retraining(dev)
    assert waiting.outcome is None
    assert waiting.reason.startswith("Version 2 waits for a person. Because. Decide with `invoke")
    assert steps.done == STEPS[:4]


def test_after_a_person_has_approved_only_the_rest_is_done(steps: Steps, dev: Environment) -> None:
    steps.decision = registry.PENDING
    run_retraining(dev)
    steps.decision = registry.APPROVED
    assert run_retraining(dev).outcome == DEPLOYED
    assert steps.done == STEPS


def test_after_a_person_has_rejected_the_retraining_ends(steps: Steps, dev: Environment) -> None:
    steps.decision = registry.PENDING
    run_retraining(dev)
    steps.decision = registry.REJECTED
    assert run_retraining(dev).outcome == REJECTED
    assert steps.done == STEPS[:4]


def test_the_threshold_of_a_model_that_is_rolled_back_is_not_applied(
    steps: Steps, dev: Environment
) -> None:
    steps.failing["roll out"] = endpoint.RolledBack("An alarm went off.")
    ended = run_retraining(dev)
    assert (ended.outcome, ended.reason) == (ROLLED_BACK, "An alarm went off.")
    assert steps.done == STEPS[:4]


# Its data set


def test_a_retraining_trains_on_what_it_staged_which_is_in_use_when_its_model_serves(
    steps: Steps, dev: Environment, bucket: Bucket
) -> None:
    run_retraining(dev)
    assert steps.datasets == ["0123456789ab"]
    assert in_use(bucket) == {"dataset_id": "0123456789ab", "counts": {}}


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
        run_retraining(dev)
    assert in_use(bucket) == {"dataset_id": "older"}


# What is kept


def test_an_ended_retraining_stays_in_the_history(
    steps: Steps, dev: Environment, bucket: Bucket
) -> None:
    ended = run_retraining(dev)
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
    run_retraining(dev, Request(algorithm="builtin"))
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
    ended = run_retraining(dev)
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

    monkeypatch.setattr(lease, "hold", lambda *_args, **_options: nullcontext(Lost()))
    with pytest.raises(UserError, match="The lease is lost"):
        run_retraining(dev)
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
