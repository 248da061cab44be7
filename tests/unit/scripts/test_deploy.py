"""The first deployment of an environment: every step in its order, and none after a no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import deploy, pipeline, release
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.console import Screen, Step
from scripts.dataset.model import Dataset, Sample
from scripts.deploy import Deployed
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.pipeline import Provisioned
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.serving.registry import APPROVED, REJECTED, Version
from scripts.serving.rollout import BAKE_S, Rollout

_DEPLOY_ENDPOINT = release.deploy_endpoint
STEPS = ["package", "apply", "stage", "train", "evaluate", "gate", "endpoint", "apply"]


class Steps:
    """Every step but staging, replaced by a note of it, what it was given, and its result."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.results: dict[str, Any] = {}

    def replaced(self, name: str, result: Any) -> Callable[..., Any]:
        self.results[name] = result

        def step(*args: Any, **options: Any) -> Any:
            self.done.append(name)
            self.given[name] = (args, options)
            return self.results[name]

        return step


@pytest.fixture
def steps(
    monkeypatch: pytest.MonkeyPatch,
    bucket: Bucket,
    make_version: Callable[..., Version],
    make_deployment: Callable[..., Deployment],
) -> Steps:
    steps = Steps()
    outputs = {
        "sagemaker_role_arn": "a-role",
        "rollback_alarm_names": ["an-alarm"],
        "labels": ["bicycle", "motorcycle"],
    }
    provisioned = Provisioned(outputs, bucket)
    version = make_version(1, status=APPROVED)
    for module, name, step, result in (
        (pipeline, "build_packages", "package", None),
        (pipeline, "provision", "apply", provisioned),
        (pipeline, "train_model", "train", SimpleNamespace(job="the-job")),
        (pipeline, "evaluate_model", "evaluate", ("the-model", "the-evaluation")),
        (release, "gate_model", "gate", (version, "the-verdict")),
        (release, "deploy_endpoint", "endpoint", make_deployment(1)),
    ):
        monkeypatch.setattr(module, name, steps.replaced(step, result))
    return steps


@pytest.fixture
def dataset(picture: Callable[..., bytes]) -> Dataset:
    """A dozen pictures of each class to learn from, two for the test; each is different."""

    def samples(first_px: int, count: int) -> tuple[Sample, ...]:
        return tuple(
            Sample(f"{side_px}.png", side_px % 2, picture(side_px))
            for side_px in range(first_px, first_px + count)
        )

    return Dataset(("bicycle", "motorcycle"), samples(10, 24), samples(50, 4), "folders")


@pytest.fixture
def run(
    steps: Steps, dev: Environment, screen: Screen, dataset: Dataset
) -> Callable[..., Deployed]:
    """run(...): deploy; the data set is read when its step is there."""

    def read(step: Step, labels: Sequence[str]) -> Dataset:
        step.say("reading")
        assert tuple(labels) == dataset.classes
        steps.done.append("stage")
        return dataset

    return lambda **options: deploy.deploy(dev, screen, read, **options)


def test_a_deployment_applies_before_the_data_and_again_after_the_endpoint(
    steps: Steps, run: Callable[..., Deployed]
) -> None:
    run()
    assert steps.done == STEPS


def test_the_data_is_split_staged_and_remembered_as_what_to_train_on(
    run: Callable[..., Deployed], bucket: Bucket, dataset: Dataset
) -> None:
    found = run()
    document = bucket.read_json(CURRENT_DATASET)
    assert document
    assert document["dataset_id"] == found.staged.dataset_id
    assert document["counts"] == {"train": 20, "validation": 4, "test": 4}
    assert set(found.splits.test) == set(dataset.test)


def test_the_model_that_was_just_trained_is_judged_and_its_version_deployed(
    steps: Steps, run: Callable[..., Deployed], make_deployment: Callable[..., Deployment]
) -> None:
    found = run()
    assert steps.given["evaluate"][0][-1] == "the-job"
    assert steps.given["gate"][0][-3:] == ("the-model", "the-evaluation", Rule())
    version, rollout = steps.given["endpoint"][0][-2:]
    assert version.number == 1
    assert rollout == Rollout("canary", BAKE_S, ("an-alarm",))
    assert found.trained.job == "the-job"
    assert found.evaluation == "the-evaluation"
    assert found.deployment == make_deployment(1)


def test_what_was_asked_for_reaches_the_training_and_the_gate(
    steps: Steps, run: Callable[..., Deployed]
) -> None:
    rule, values = Rule(accuracy=0.5), {"epochs": "3"}
    run(hyperparameters=values, algorithm="builtin", instance_type="ml.g5.xlarge", rule=rule)
    args, options = steps.given["train"]
    assert args[-1] == values
    assert options == {"algorithm": "builtin", "instance_type": "ml.g5.xlarge"}
    assert steps.given["gate"][0][-1] == rule


def test_our_own_algorithm_is_trained_with_its_own_settings_by_default(
    steps: Steps, run: Callable[..., Deployed]
) -> None:
    run()
    args, options = steps.given["train"]
    assert args[-1] == {}
    assert options == {"algorithm": "efficientnet", "instance_type": None}


def test_a_model_that_the_gate_does_not_approve_is_not_put_into_service(
    steps: Steps,
    run: Callable[..., Deployed],
    make_version: Callable[..., Version],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(release, "deploy_endpoint", _DEPLOY_ENDPOINT)
    steps.results["gate"] = (make_version(1, status=REJECTED), "the-verdict")
    with pytest.raises(UserError, match=r"^Version 1 is rejected"):
        run()
    assert steps.done == STEPS[:6]


def test_while_somebody_else_changes_what_serves_a_deployment_stops_before_it_does_too(
    steps: Steps, run: Callable[..., Deployed], bucket: Bucket
) -> None:
    with (
        deployment.change(bucket, "rollback"),
        pytest.raises(UserError, match=r"^A rollback is under way"),
    ):
        run()
    assert "endpoint" not in steps.done


def test_nobody_else_changes_what_serves_while_a_deployments_model_takes_over(
    steps: Steps, run: Callable[..., Deployed], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deploy_endpoint(*_args: Any) -> None:
        with (
            pytest.raises(UserError, match=r"^A rollout is under way"),
            deployment.change(bucket, "rollback"),
        ):
            pass
        steps.done.append("refused")

    monkeypatch.setattr(release, "deploy_endpoint", deploy_endpoint)
    run()
    assert steps.done[-2:] == ["refused", "apply"]
    assert bucket.keys("deployments/") == []
