"""Evaluation: what is measured on which part, what is kept, and what is not done twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import calibration, evaluate
from scripts.evaluation.evaluate import Evaluation, evaluation_key, predictions_key
from scripts.evaluation.quality import Prediction
from scripts.training.models import Model

LABELS = ("bicycle", "motorcycle")
DATASET, OTHER_DATASET = "0123456789ab", "ba9876543210"
MODEL = Model(
    name="scones-dev-efficientnet-20261123-100000-000000",
    job="scones-dev-efficientnet-20261123-100000-000000",
    algorithm="efficientnet",
    labels=LABELS,
    image_size_px=128,
    dataset_id=DATASET,
)
# Score of the first label by picture.
PICTURES = {
    "validation": {"bicycle/a.png": 0.9, "bicycle/b.png": 0.8, "motorcycle/a.png": 0.3},
    "test": {
        "bicycle/c d.png": 0.95,
        "bicycle/e.png": 0.4,
        "motorcycle/c.png": 0.1,
        "motorcycle/d.png": 0.35,
    },
}


@pytest.fixture
def dataset(bucket: Bucket) -> Bucket:
    """Two staged data sets' manifests; the other one has a picture less."""
    for part, pictures in PICTURES.items():
        for dataset_id, count in ((DATASET, 4), (OTHER_DATASET, 3)):
            prefix = bucket.uri(f"datasets/{dataset_id}/{part}/")
            manifest: list[Any] = [{"prefix": prefix}, *list(pictures)[:count]]
            bucket.write_json(f"datasets/{dataset_id}/manifests/{part}.json", manifest)
    return bucket


@dataclass
class Transforms:
    """Answers at once, and notes the data set and the parts of each run."""

    runs: list[tuple[str, list[str]]] = field(default_factory=list)
    fault: UserError | None = None

    def predict(
        self,
        _environment: Environment,
        _bucket: Bucket,
        model: Model,
        dataset_id: str,
        wanted: Mapping[str, Sequence[str]],
        _say: object,
    ) -> dict[str, list[Prediction]]:
        self.runs.append((dataset_id, list(wanted)))
        if self.fault:
            raise self.fault
        return {
            part: [
                Prediction(path, model.labels.index(path.split("/")[0]), (score, 1 - score))
                for path in paths
                for score in [PICTURES[part][path]]
            ]
            for part, paths in wanted.items()
        }


@pytest.fixture
def transforms(monkeypatch: pytest.MonkeyPatch) -> Transforms:
    found = Transforms()
    monkeypatch.setattr(evaluate, "predict", found.predict)
    return found


def _evaluate(
    environment: Environment, bucket: Bucket, target: float = 0.97, model: Model = MODEL
) -> Evaluation:
    return evaluate.evaluate(environment, bucket, model, target, lambda _text: None)


def _test_predictions(
    environment: Environment, bucket: Bucket, dataset_id: str
) -> list[Prediction]:
    return evaluate.test_predictions(environment, bucket, MODEL, dataset_id, lambda _text: None)


# What is run, and what is not run again


def test_validation_and_test_are_predicted_and_train_is_not(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    assert transforms.runs == [(DATASET, ["validation", "test"])]


def test_an_evaluation_that_is_repeated_uses_the_answers_that_are_kept(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    first = _evaluate(dev, dataset)
    assert _evaluate(dev, dataset) == first
    assert len(transforms.runs) == 1


def test_another_target_is_chosen_for_from_the_answers_that_are_kept(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    assert _evaluate(dev, dataset, target=0.5).target == 0.5
    assert len(transforms.runs) == 1


def test_an_evaluation_that_was_killed_after_its_transforms_does_not_repeat_them(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    first = _evaluate(dev, dataset)
    dataset.s3.delete_object(Bucket=dataset.name, Key=evaluation_key(MODEL.name))
    assert _evaluate(dev, dataset) == first
    assert dataset.read_json(evaluation_key(MODEL.name)) is not None
    assert len(transforms.runs) == 1


def test_answers_for_another_data_set_or_of_another_model_are_not_used(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    _evaluate(dev, dataset, model=replace(MODEL, dataset_id=OTHER_DATASET))
    _evaluate(dev, dataset, model=replace(MODEL, name="another"))
    assert [dataset_id for dataset_id, _ in transforms.runs] == [DATASET, OTHER_DATASET, DATASET]


def test_answers_for_another_data_set_are_not_used_even_if_its_pictures_have_the_same_names(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    kept = dataset.read_json(predictions_key(MODEL.name)) or {}
    dataset.write_json(predictions_key(MODEL.name), {**kept, "dataset_id": OTHER_DATASET})
    _evaluate(dev, dataset)
    assert len(transforms.runs) == 2


def test_answers_that_are_not_those_of_the_manifest_are_not_used(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    kept = dataset.read_json(predictions_key(MODEL.name)) or {}
    dataset.write_json(predictions_key(MODEL.name), {**kept, "test": kept["test"][:-1]})
    assert _evaluate(dev, dataset).samples == 4
    assert len(transforms.runs) == 2


def test_a_data_set_that_is_gone_is_said_before_anything_runs(
    transforms: Transforms, bucket: Bucket, dev: Environment
) -> None:
    with pytest.raises(UserError, match="Run: invoke stage"):
        _evaluate(dev, bucket)
    assert transforms.runs == []


# Answers for a test part


def test_the_answers_that_evaluation_kept_are_those_for_its_test_part(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    found = _test_predictions(dev, dataset, DATASET)
    assert [prediction.name for prediction in found] == list(PICTURES["test"])
    assert found[1] == Prediction("bicycle/e.png", 0, (0.4, 0.6))
    assert len(transforms.runs) == 1


def test_the_test_part_of_another_data_set_is_predicted_and_nothing_that_was_kept_is_lost(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    kept = dataset.read_json(predictions_key(MODEL.name))
    assert len(_test_predictions(dev, dataset, OTHER_DATASET)) == 3
    assert transforms.runs[1:] == [(OTHER_DATASET, ["test"])]
    assert dataset.read_json(predictions_key(MODEL.name)) == kept


def test_a_model_that_was_never_evaluated_is_asked(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    assert len(_test_predictions(dev, dataset, DATASET)) == 4
    assert transforms.runs == [(DATASET, ["test"])]


# What comes of it


def test_the_threshold_is_chosen_on_validation_and_everything_else_measured_on_test(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    found = _evaluate(dev, dataset, target=1.0)
    assert found.chosen.value == 0.5  # all three of validation are right
    assert found.samples == 4
    assert found.accuracy == 0.75
    assert found.confusion == [[1, 1], [0, 2]]
    assert found.coverage == 1.0
    assert found.accepted_accuracy == 0.75


def _predictions(*answers: tuple[float, bool]) -> list[Prediction]:
    return [Prediction("p", 0 if right else 1, (c, 1 - c)) for c, right in answers]


def test_a_threshold_that_validation_demands_costs_coverage_on_test() -> None:
    validation = _predictions((0.9, True), (0.8, True), (0.7, False))
    test = _predictions((0.95, True), (0.75, False), (0.65, True), (0.6, True))
    found = evaluate.assess("m", LABELS, validation, test, target=0.97)
    assert found.chosen.value == 0.7001
    assert found.chosen.coverage == pytest.approx(2 / 3)
    assert found.coverage == 0.5
    assert found.accepted_accuracy == 0.5
    assert found.accuracy == 0.75


def test_the_interval_is_that_of_the_accuracy_on_test() -> None:
    test = _predictions(*[(0.9, True)] * 193, *[(0.9, False)] * 7)
    found = evaluate.assess("m", LABELS, _predictions((0.9, True)), test, target=0.97)
    assert found.accuracy == 0.965
    assert found.accuracy_interval == pytest.approx((0.9295, 0.9829), abs=5e-5)


def test_the_threshold_is_never_below_one_half_nor_below_guessing() -> None:
    scores = (0.45, 0.3, 0.25)
    predictions = [Prediction("p", 0, scores), Prediction("p", 0, (0.6, 0.2, 0.2))]
    found = evaluate.assess("m", ("a", "b", "c"), predictions, predictions, target=0.97)
    assert found.chosen.value == 0.5
    assert found.chosen.coverage == 0.5


def test_a_target_that_is_not_reached_is_said() -> None:
    wrong = _predictions((0.9, False))
    found = evaluate.assess("m", LABELS, wrong, wrong, target=0.97)
    assert not found.chosen.reached
    assert found.document()["target_reached"] is False
    assert found.document()["accepted_accuracy"] is None


def test_calibration_is_measured_on_test() -> None:
    test = _predictions((0.95, True), (0.75, False), (0.65, True))
    found = evaluate.assess("m", LABELS, _predictions((0.9, True)), test, target=0.97)
    assert found.calibration_error == calibration.calibration_error(test)
    assert found.calibration_error_interval == calibration.calibration_error_interval(test)
    assert found.reliability == calibration.reliability(test)


def test_what_came_of_it_is_kept_beside_the_model(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    found = _evaluate(dev, dataset)
    kept = dataset.read_json(evaluation_key(MODEL.name))
    assert kept == json.loads(json.dumps(found.document()))
    assert [item["label"] for item in kept.pop("by_class")] == ["bicycle", "motorcycle"]
    assert kept.pop("accuracy_interval") == list(found.accuracy_interval)
    assert kept.pop("calibration_error_interval") == list(found.calibration_error_interval)
    assert [item["samples"] for item in kept.pop("reliability")] == [0] * 8 + [1, 1, 0, 0, 0, 1, 1]
    assert kept == {
        "model_name": MODEL.name,
        "labels": ["bicycle", "motorcycle"],
        "samples": 4,
        "accuracy": 0.75,
        "confusion": [[1, 1], [0, 2]],
        "target": 0.97,
        "threshold": 0.5,
        "target_reached": True,
        "validation_coverage": 1.0,
        "validation_accepted_accuracy": 1.0,
        "coverage": 1.0,
        "accepted_accuracy": 0.75,
        "calibration_error": pytest.approx((0.05 + 0.6 + 0.1 + 0.35) / 4),
    }


def test_the_answers_are_kept_beside_the_model_too(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    kept = dataset.read_json(f"models/{MODEL.name}/predictions.json") or {}
    assert kept["dataset_id"] == DATASET
    assert len(kept["validation"]) == 3
    assert kept["test"][1] == {"name": "bicycle/e.png", "truth": 0, "scores": [0.4, 0.6]}


def test_nothing_is_kept_of_an_evaluation_that_failed(
    transforms: Transforms, dataset: Bucket, dev: Environment
) -> None:
    transforms.fault = UserError("The transform failed.")
    with pytest.raises(UserError, match="The transform failed"):
        _evaluate(dev, dataset)
    assert dataset.read_json(evaluation_key(MODEL.name)) is None
    assert dataset.read_json(predictions_key(MODEL.name)) is None
