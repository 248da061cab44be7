"""The steps in their order, each with what the ones before it left."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from scripts import deployment, environment, package, pipeline, terraform
from scripts.artifacts import CURRENT_DATASET, Bucket
from scripts.console import Screen
from scripts.dataset.model import Splits
from scripts.deployment import Deployment
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned

OUTPUTS = {
    "artifacts_bucket": "scones-dev-artifacts",
    "sagemaker_role_arn": "arn:aws:iam::123456789012:role/scones-dev-sagemaker",
}


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), width=200))


def _shown(screen: Screen) -> str:
    file = screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture
def provisioned(bucket: Bucket) -> Provisioned:
    return Provisioned(OUTPUTS, bucket)


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Path | None]]:
    """Terraform in which applying changes nothing; what it was asked, with its var-file."""
    asked: list[tuple[str, Path | None]] = []
    monkeypatch.setattr(environment, "BUILD", tmp_path)
    monkeypatch.setattr(terraform, "open_workspace", lambda _environment: None)
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: OUTPUTS)

    def apply(_workspace: None, var_file: Path | None, _progress: object) -> int:
        asked.append(("apply", var_file))
        return 7

    def plan(_workspace: None, var_file: Path | None, _out: Path) -> tuple[int, str]:
        asked.append(("plan", var_file))
        return 2, "changes"

    monkeypatch.setattr(terraform, "apply", apply)
    monkeypatch.setattr(terraform, "plan", plan)
    return asked


@pytest.fixture
def deployed(evaluation_document: dict[str, Any]) -> Deployment:
    return Deployment(
        endpoint_name="scones-dev",
        model_name="m",
        algorithm="efficientnet",
        labels=("bicycle", "motorcycle"),
        image_size_px=128,
        confidence_threshold=0.8125,
        dataset_id="0123456789ab",
        deployed_at="2026-11-23T10:00:00+00:00",
        evaluation=evaluation_document,
    )


# Packages


@pytest.mark.parametrize(
    ("name", "settings", "target"),
    [
        ("dev", {}, package.AWS_TARGET),
        ("local", {"lambda_architecture": "x86_64"}, package.LOCAL_TARGET),
        (
            "dev",
            {"lambda_architecture": "x86_64"},
            replace(package.AWS_TARGET, architecture="x86_64"),
        ),
    ],
)
def test_packages_are_built_for_where_the_environment_runs_them(
    monkeypatch: pytest.MonkeyPatch,
    dev: Environment,
    screen: Screen,
    tmp_path: Path,
    name: str,
    settings: dict[str, str],
    target: package.Target,
) -> None:
    built: list[package.Target] = []
    path = tmp_path / "infer.zip"
    path.write_bytes(b"x" * 4500)

    def build(wanted: package.Target) -> dict[str, Path]:
        built.append(wanted)
        return {"infer": path}

    monkeypatch.setattr(package, "build", build)
    pipeline.build_packages(replace(dev, name=name, settings=settings), screen)
    assert built == [target]
    assert "infer 4.5 KB" in _shown(screen)


# Terraform with what is deployed


def test_provisioning_tells_terraform_what_is_deployed(
    applied: list[tuple[str, Path | None]],
    bucket: Bucket,
    dev: Environment,
    screen: Screen,
    deployed: Deployment,
) -> None:
    deployment.save(bucket, deployed)
    found = pipeline.provision(dev, screen)
    ((_, var_file),) = applied
    assert var_file
    assert '"endpoint_name": "scones-dev"' in var_file.read_text()
    assert found.outputs == OUTPUTS
    assert found.bucket.name == "scones-dev-artifacts"
    assert "7 resources changed" in _shown(screen)


def test_a_plan_on_any_machine_sees_the_same_deployment(
    applied: list[tuple[str, Path | None]], bucket: Bucket, dev: Environment, deployed: Deployment
) -> None:
    deployment.save(bucket, deployed)
    assert pipeline.plan(dev) == (2, "changes")
    ((operation, var_file),) = applied
    assert operation == "plan"
    assert var_file


def test_before_the_first_deployment_terraform_is_told_of_none(
    applied: list[tuple[str, Path | None]], bucket: Bucket, dev: Environment, screen: Screen
) -> None:
    pipeline.provision(dev, screen)
    pipeline.plan(dev)
    assert applied == [("apply", None), ("plan", None)]


def test_before_the_first_apply_there_is_no_bucket_to_ask(
    applied: list[tuple[str, Path | None]],
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: {})
    assert pipeline.plan(dev) == (2, "changes")
    assert applied == [("plan", None)]


def test_an_environment_that_was_never_applied_is_told_how(
    applied: list[tuple[str, Path | None]],
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: {})
    with pytest.raises(UserError, match=r"in 'dev'\. Run: invoke apply --env dev"):
        pipeline.open_provisioned(dev)


# Staging


@pytest.fixture
def source(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    """A data set of class folders; each picture is different by its size."""
    side_px = 8
    for part, count in (("train", 10), ("test", 2)):
        for name in pipeline.CLASSES:
            folder = tmp_path / "source" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                side_px += 1
                (folder / f"{number}.png").write_bytes(picture(side_px))
    return tmp_path / "source"


def test_the_staged_data_set_is_remembered_as_the_one_to_train_on(
    provisioned: Provisioned, screen: Screen, source: Path
) -> None:
    splits, staged = pipeline.stage_data(provisioned, screen, source)
    assert isinstance(splits, Splits)
    document = provisioned.bucket.read_json(CURRENT_DATASET)
    assert document
    assert document["dataset_id"] == staged.dataset_id
    assert document["classes"] == ["bicycle", "motorcycle"]
    assert set(document["channels"]) >= {"train", "validation", "test"}
    assert document["counts"]["test"] == 4
    assert document["counts"]["train"] + document["counts"]["validation"] == 20


def test_staging_the_same_data_again_writes_nothing_at_all(
    provisioned: Provisioned, screen: Screen, source: Path, aws: Any
) -> None:
    pipeline.stage_data(provisioned, screen, source)
    writes = len(aws.made("PutObject"))
    pipeline.stage_data(provisioned, screen, source)
    assert len(aws.made("PutObject")) == writes
    assert "0 objects uploaded" in _shown(screen).splitlines()[-1]


# Showing a training


def test_an_epochs_line_moves_the_bar_and_other_lines_say_what_happens(screen: Screen) -> None:
    seen: list[Any] = []
    step: Any = SimpleNamespace(
        progress=lambda *args: seen.append(args), say=lambda text: seen.append(text)
    )
    pipeline._show_training(
        screen, step, "epoch=3/12 train_loss=0.25 validation_loss=0.13 validation_accuracy=0.9625"
    )
    pipeline._show_training(screen, step, "  reading 850 pictures\n")
    pipeline._show_training(screen, step, "")
    assert seen == [(3, 12, "validation accuracy 0.963"), "reading 850 pictures"]


def test_away_from_a_terminal_every_line_of_the_log_is_kept_as_it_is(screen: Screen) -> None:
    step: Any = SimpleNamespace(progress=lambda *_args: None, say=lambda _text: None)
    for line in ("epoch=1/2 validation_accuracy=0.5", "[/opt/ml/input] :bus: [bold]", " "):
        pipeline._show_training(screen, step, line)
    assert [line.strip() for line in _shown(screen).splitlines()] == [
        "epoch=1/2 validation_accuracy=0.5",
        "[/opt/ml/input] :bus: [bold]",
    ]


def test_training_shows_its_log_and_says_what_came_of_it(
    provisioned: Provisioned, dev: Environment, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = SimpleNamespace(job="the-job", seconds=133)

    def train(_environment: object, _bucket: object, role: str, values: Any, on_line: Any) -> Any:
        assert role == OUTPUTS["sagemaker_role_arn"]
        assert values == {"epochs": "3"}
        on_line("one line of the log")
        return result

    monkeypatch.setattr(pipeline.train, "train", train)
    assert pipeline.train_model(dev, provisioned, screen, {"epochs": "3"}) is result
    first, last = _shown(screen).splitlines()
    assert first.strip() == "one line of the log"
    assert "the-job: 133 s of training" in last
    assert list(screen.seconds) == ["train"]


# From model to deployment


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, deployed: Deployment) -> list[str]:
    """Every step of a deployment, replaced by a note of it."""
    noted: list[str] = []
    values: dict[str, Any] = {
        "build_packages": None,
        "provision": Provisioned(OUTPUTS, None),  # type: ignore[arg-type]
        "stage_data": ("splits", "staged"),
        "train_model": SimpleNamespace(job="the-job"),
        "evaluate_model": ("model", "evaluation"),
        "deploy_endpoint": deployed,
    }

    def replaced(name: str) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            noted.append(" ".join([name, *(word for word in args if isinstance(word, str))]))
            return values[name]

        return step

    for name in values:
        monkeypatch.setattr(pipeline, name, replaced(name))
    return noted


def test_a_deployment_applies_before_the_data_and_again_after_the_endpoint(
    steps: list[str], dev: Environment, screen: Screen
) -> None:
    pipeline.deploy(dev, screen, None)
    assert [step.split()[0] for step in steps] == [
        "build_packages",
        "provision",
        "stage_data",
        "train_model",
        "evaluate_model",
        "deploy_endpoint",
        "provision",
    ]


def test_the_model_that_was_just_trained_is_the_one_that_is_evaluated_and_deployed(
    steps: list[str], dev: Environment, screen: Screen
) -> None:
    pipeline.deploy(dev, screen, None)
    assert "evaluate_model the-job" in steps
    assert "deploy_endpoint the-job" in steps


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models are registered by name alone; `newest` is the newest job."""
    names: list[str] = []

    def register(_environment: object, _bucket: object, _role: object, job: str) -> Any:
        names.append(job)
        return SimpleNamespace(name=job)

    monkeypatch.setattr(pipeline.models, "register", register)
    monkeypatch.setattr(pipeline.models, "latest_job", lambda _environment: "newest")
    return names


@pytest.mark.parametrize(("job", "expected"), [(None, "newest"), ("chosen", "chosen")])
def test_the_newest_model_is_deployed_unless_another_is_named_and_then_recorded(
    registered: list[str],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    deployed: Deployment,
    job: str | None,
    expected: str,
) -> None:
    monkeypatch.setattr(pipeline.endpoint, "deploy", lambda *_args, **_options: deployed)
    assert pipeline.deploy_endpoint(dev, provisioned, screen, job) == deployed
    assert registered == [expected]
    assert deployment.load(provisioned.bucket) == deployed


def test_an_endpoint_that_does_not_come_up_is_not_recorded(
    registered: list[str],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise UserError("no")

    monkeypatch.setattr(pipeline.endpoint, "deploy", fail)
    with pytest.raises(UserError):
        pipeline.deploy_endpoint(dev, provisioned, screen)
    assert deployment.load(provisioned.bucket) is None


def test_an_evaluations_line_has_accuracy_interval_threshold_and_coverage(
    registered: list[str],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = SimpleNamespace(
        accuracy=0.965,
        accuracy_interval=(0.9291, 0.9829),
        samples=200,
        chosen=SimpleNamespace(value=0.8125),
        coverage=0.94,
    )
    monkeypatch.setattr(pipeline.evaluate, "evaluate", lambda *_args: found)
    pipeline.evaluate_model(dev, provisioned, screen)
    assert registered == ["newest"]
    line = "accuracy 0.965 (0.929 to 0.983, n = 200), threshold 0.8125, coverage 0.940"
    assert line in _shown(screen)
