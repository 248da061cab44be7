"""The steps one by one, each with what the ones before it left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import environment, pipeline
from scripts.artifacts import CURRENT_DATASET, Bucket, dataset_key
from scripts.console import Screen
from scripts.dataset.model import Sample, Splits
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned
from scripts.provisioning import package, terraform
from scripts.serving import deployment
from scripts.serving.deployment import Deployment

DOCUMENT = {"resource_changes": []}
LABELS = ["bicycle", "motorcycle"]
OUTPUTS = {
    "artifacts_bucket": "scones-dev-artifacts",
    "labels": LABELS,
    "sagemaker_role_arn": "arn:aws:iam::123456789012:role/scones-dev-sagemaker",
}


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
    monkeypatch.setattr(terraform, "show", lambda _workspace, _file: DOCUMENT)
    return asked


@pytest.fixture
def deployed(make_deployment: Callable[..., Deployment]) -> Deployment:
    return make_deployment()


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
    shown: Callable[[], str],
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
    assert "infer 4.5 KB" in shown()


# Terraform with what is deployed


def test_provisioning_tells_terraform_what_is_deployed(
    applied: list[tuple[str, Path | None]],
    bucket: Bucket,
    dev: Environment,
    screen: Screen,
    shown: Callable[[], str],
    deployed: Deployment,
) -> None:
    deployment.save(bucket, deployed)
    found = pipeline.provision(dev, screen)
    ((_, var_file),) = applied
    assert var_file
    assert '"endpoint_name": "scones-dev"' in var_file.read_text()
    assert found.outputs == OUTPUTS
    assert found.bucket.name == "scones-dev-artifacts"
    assert "7 resources changed" in shown()


def test_a_model_that_somebody_deployed_meanwhile_is_applied_too(
    applied: list[tuple[str, Path | None]],
    bucket: Bucket,
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    deployed: Deployment,
) -> None:
    deployment.save(bucket, deployed)
    thresholds: list[float] = []

    def apply(_workspace: None, var_file: Path, _progress: object) -> int:
        thresholds.append(json.loads(var_file.read_text())["confidence_threshold"])
        deployment.save(bucket, replace(deployed, confidence_threshold=0.5))
        return 1

    monkeypatch.setattr(terraform, "apply", apply)
    pipeline.provision(dev, screen)
    assert thresholds == [deployed.confidence_threshold, 0.5]


@pytest.mark.parametrize(
    ("has_key", "said", "is_refused"),
    [(True, "false", True), (True, "true", False), (False, "false", False)],
)
def test_an_environment_keeps_the_key_to_what_is_stored(
    applied: list[tuple[str, Path | None]],
    bucket: Bucket,
    dev: Environment,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    has_key: bool,
    said: str,
    is_refused: bool,
) -> None:
    known = {**OUTPUTS, "key_arn": "arn:aws:kms:key" if has_key else None}
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: known)
    without = replace(dev, settings={"customer_managed_key": said})
    if is_refused:
        with pytest.raises(UserError, match="could not be read any more"):
            pipeline.provision(without, screen)
    else:
        pipeline.provision(without, screen)
    assert (applied == []) == is_refused


def test_a_plan_on_any_machine_sees_the_same_deployment(
    applied: list[tuple[str, Path | None]], bucket: Bucket, dev: Environment, deployed: Deployment
) -> None:
    deployment.save(bucket, deployed)
    assert pipeline.plan(dev) == pipeline.Plan(2, "changes", DOCUMENT)
    ((operation, var_file),) = applied
    assert operation == "plan"
    assert var_file


def test_before_the_first_deployment_terraform_is_told_of_none(
    applied: list[tuple[str, Path | None]], bucket: Bucket, dev: Environment, screen: Screen
) -> None:
    pipeline.provision(dev, screen)
    pipeline.plan(dev)
    assert applied == [("apply", None), ("plan", None)]


@pytest.mark.parametrize(("is_deployed", "name"), [(False, "scones-dev"), (True, "its-own")])
def test_an_endpoint_to_be_is_planned_where_none_is_deployed(
    applied: list[tuple[str, Path | None]],
    bucket: Bucket,
    dev: Environment,
    deployed: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    is_deployed: bool,
    name: str,
) -> None:
    if is_deployed:
        deployment.save(bucket, replace(deployed, endpoint_name="its-own"))
    planned: list[str] = []

    def plan(_workspace: None, var_file: Path, _out: Path) -> tuple[int, str]:
        planned.append(json.loads(var_file.read_text())["endpoint_name"])
        return 2, ""

    monkeypatch.setattr(terraform, "plan", plan)
    pipeline.plan(dev, endpoint_to_be="scones-dev")
    assert planned == [name]


def test_before_the_first_apply_there_is_no_bucket_to_ask(
    applied: list[tuple[str, Path | None]],
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: {})
    assert pipeline.plan(dev) == pipeline.Plan(2, "changes", DOCUMENT)
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
        for name in LABELS:
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
    provisioned: Provisioned, screen: Screen, shown: Callable[[], str], source: Path, aws: Any
) -> None:
    pipeline.stage_data(provisioned, screen, source)
    writes = len(aws.made("PutObject"))
    pipeline.stage_data(provisioned, screen, source)
    assert len(aws.made("PutObject")) == writes
    assert "0 objects uploaded" in shown().splitlines()[-1]


def test_the_environments_labels_are_the_classes_in_their_order(
    bucket: Bucket, screen: Screen, source: Path
) -> None:
    provisioned = Provisioned({**OUTPUTS, "labels": ["motorcycle", "bicycle"]}, bucket)
    splits, _ = pipeline.stage_data(provisioned, screen, source)
    document = bucket.read_json(CURRENT_DATASET)
    assert document
    assert document["classes"] == ["motorcycle", "bicycle"]
    motorcycles = {path.read_bytes() for path in source.glob("test/motorcycle/*")}
    assert {sample.data for sample in splits.test if sample.label == 0} == motorcycles


def test_parts_that_are_staged_are_trained_on_only_when_they_are_made_the_data_set_in_use(
    provisioned: Provisioned, screen: Screen, source: Path, picture: Callable[..., bytes]
) -> None:
    bucket = provisioned.bucket
    splits, first = pipeline.stage_data(provisioned, screen, source)
    more = replace(splits, train=(*splits.train, Sample("new.png", 0, picture(99))))
    with screen.step("stage", "Stage data") as step:
        second = pipeline.stage_splits(provisioned, step, more, LABELS)
    in_use = bucket.read_json(CURRENT_DATASET)
    assert in_use
    assert in_use["dataset_id"] == first.dataset_id != second.dataset_id
    pipeline.use_dataset(bucket, second.dataset_id)
    assert bucket.read_json(CURRENT_DATASET) == bucket.read_json(dataset_key(second.dataset_id))


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


def test_away_from_a_terminal_every_line_of_the_log_is_kept_as_it_is(
    screen: Screen, shown: Callable[[], str]
) -> None:
    step: Any = SimpleNamespace(progress=lambda *_args: None, say=lambda _text: None)
    for line in ("epoch=1/2 validation_accuracy=0.5", "[/opt/ml/input] :bus: [bold]", " "):
        pipeline._show_training(screen, step, line)
    assert [line.strip() for line in shown().splitlines()] == [
        "epoch=1/2 validation_accuracy=0.5",
        "[/opt/ml/input] :bus: [bold]",
    ]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What trainings were asked for; each writes one line to its log."""
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def train(*args: Any, **options: Any) -> Any:
        asked.append((args[2:4], options))
        args[4]("one line of the log")
        return SimpleNamespace(job="the-job", seconds=133, stand_in=False)

    monkeypatch.setattr(pipeline.train, "train", train)
    return asked


def test_training_shows_its_log_and_says_what_came_of_it(
    trained: list[Any],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
    shown: Callable[[], str],
) -> None:
    assert pipeline.train_model(dev, provisioned, screen, {}).job == "the-job"
    first, last = shown().splitlines()
    assert first.strip() == "one line of the log"
    assert "the-job: 133 s of training" in last
    assert list(screen.seconds) == ["train"]


def test_a_training_gets_the_role_and_what_was_asked_for(
    trained: list[Any], provisioned: Provisioned, dev: Environment, screen: Screen
) -> None:
    options = {
        "algorithm": "builtin",
        "instance_type": "ml.g5.xlarge",
        "job": "a-job",
        "dataset_id": "0123456789ab",
    }
    pipeline.train_model(dev, provisioned, screen, {"epochs": "3"}, **options)
    assert trained == [((OUTPUTS["sagemaker_role_arn"], {"epochs": "3"}), options)]


def test_our_own_algorithm_is_trained_in_a_new_job_on_the_newest_data_by_default(
    trained: list[Any], provisioned: Provisioned, dev: Environment, screen: Screen
) -> None:
    pipeline.train_model(dev, provisioned, screen, {})
    ((_, options),) = trained
    assert options == {
        "algorithm": "efficientnet",
        "instance_type": None,
        "job": None,
        "dataset_id": None,
    }


# Evaluating


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models are registered by name alone; `newest` is the newest job."""
    names: list[str] = []

    def register(_environment: object, _bucket: object, _role: object, job: str) -> Any:
        names.append(job)
        return SimpleNamespace(name=job, stand_in=False)

    monkeypatch.setattr(pipeline.models, "register", register)
    monkeypatch.setattr(pipeline.models, "latest_job", lambda _environment: "newest")
    return names


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The targets of evaluations, which all have the same result."""
    targets: list[float] = []
    found = SimpleNamespace(
        accuracy=0.965,
        accuracy_interval=(0.9291, 0.9829),
        samples=200,
        chosen=SimpleNamespace(value=0.8125),
        coverage=0.94,
    )

    def evaluate(*args: Any) -> Any:
        targets.append(args[3])
        return found

    monkeypatch.setattr(pipeline.evaluate, "evaluate", evaluate)
    return targets


@pytest.mark.parametrize(("job", "expected"), [(None, "newest"), ("chosen", "chosen")])
def test_the_newest_model_is_evaluated_unless_another_is_named(
    registered: list[str],
    evaluated: list[float],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
    job: str | None,
    expected: str,
) -> None:
    model, _ = pipeline.evaluate_model(dev, provisioned, screen, job)
    assert registered == [model.name] == [expected]


def test_a_threshold_is_chosen_for_the_target_that_is_asked_for(
    registered: list[str],
    evaluated: list[float],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
) -> None:
    pipeline.evaluate_model(dev, provisioned, screen)
    pipeline.evaluate_model(dev, provisioned, screen, target=0.99)
    assert evaluated == [0.97, 0.99]


def test_an_evaluations_line_has_accuracy_interval_threshold_and_coverage(
    registered: list[str],
    evaluated: list[float],
    provisioned: Provisioned,
    dev: Environment,
    screen: Screen,
    shown: Callable[[], str],
) -> None:
    pipeline.evaluate_model(dev, provisioned, screen)
    line = "accuracy 0.965 (0.929 to 0.983, n = 200), threshold 0.8125, coverage 0.940"
    assert line in shown()
