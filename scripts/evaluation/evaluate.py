"""Evaluate a trained model before anything is deployed: batch transforms, scored here."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scripts.artifacts import MODELS, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import calibration, quality
from scripts.evaluation.calibration import Bin
from scripts.evaluation.quality import ClassQuality, Prediction, Threshold
from scripts.evaluation.transforms import manifest_key, predict
from scripts.training.models import Model

PARTS = ("validation", "test")
TARGET = 0.97  # how often accepted pictures must be right

Say = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """What a model does on the test pictures, and the threshold chosen on validation.

    `coverage` and `accepted_accuracy` are the threshold's effect on test; `chosen` is its effect
    on validation, where it was chosen for `target`. Calibration is measured on test.
    """

    model_name: str
    labels: tuple[str, ...]
    samples: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    confusion: list[list[int]]
    by_class: list[ClassQuality]
    target: float
    chosen: Threshold
    coverage: float
    accepted_accuracy: float | None
    calibration_error: float
    calibration_error_interval: tuple[float, float]
    reliability: list[Bin]

    def document(self) -> dict[str, Any]:
        """As JSON: what is kept beside the model and in the deployment's record."""
        return {
            "model_name": self.model_name,
            "labels": list(self.labels),
            "samples": self.samples,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "confusion": self.confusion,
            "by_class": [vars(item) for item in self.by_class],
            "target": self.target,
            "threshold": self.chosen.value,
            "target_reached": self.chosen.reached,
            "validation_coverage": self.chosen.coverage,
            "validation_accepted_accuracy": self.chosen.accuracy,
            "coverage": self.coverage,
            "accepted_accuracy": self.accepted_accuracy,
            "calibration_error": self.calibration_error,
            "calibration_error_interval": list(self.calibration_error_interval),
            "reliability": [asdict(item) for item in self.reliability],
        }


def evaluation_key(model_name: str) -> str:
    return f"{MODELS}/{model_name}/evaluation.json"


def predictions_key(model_name: str) -> str:
    return f"{MODELS}/{model_name}/predictions.json"


def evaluate(
    environment: Environment, bucket: Bucket, model: Model, target: float, say: Say
) -> Evaluation:
    """Run the model on validation and test, and keep what came of it beside the model.

    A model whose answers for its data set are kept already is not run again. Raises UserError when
    a transform fails, or when the model's answers are not probabilities.
    """
    wanted = {part: _paths(bucket, model.dataset_id, part) for part in PARTS}
    found = _kept(bucket, model, model.dataset_id, wanted)
    if found is None:
        found = predict(environment, bucket, model, model.dataset_id, wanted, say)
        _keep(bucket, model, found)
    evaluation = assess(model.name, model.labels, found["validation"], found["test"], target)
    bucket.write_json(evaluation_key(model.name), evaluation.document())
    return evaluation


def test_predictions(
    environment: Environment, bucket: Bucket, model: Model, dataset_id: str, say: Say
) -> list[Prediction]:
    """The model's answers for a data set's test part: those that are kept, or new ones.

    Raises UserError when the data set is gone or has a class that the model does not know, when
    the transform fails, or when the model's answers are not probabilities.
    """
    wanted = {"test": _paths(bucket, dataset_id, "test")}
    found = _kept(bucket, model, dataset_id, wanted)
    if found is None:
        found = predict(environment, bucket, model, dataset_id, wanted, say)
    return found["test"]


def _paths(bucket: Bucket, dataset_id: str, part: str) -> list[str]:
    """The pictures of a part, as <class>/<name>."""
    manifest = bucket.read_json(manifest_key(dataset_id, part))
    if not manifest:
        raise UserError(f"The data set {dataset_id} is gone from S3. Run: invoke stage")
    return [str(path) for path in manifest[1:]]


def _keep(bucket: Bucket, model: Model, found: dict[str, list[Prediction]]) -> None:
    document: dict[str, Any] = {
        "dataset_id": model.dataset_id,
        **{part: [asdict(prediction) for prediction in found[part]] for part in PARTS},
    }
    bucket.write_json(predictions_key(model.name), document)


def _kept(
    bucket: Bucket, model: Model, dataset_id: str, wanted: dict[str, list[str]]
) -> dict[str, list[Prediction]] | None:
    """The model's kept answers for the wanted pictures of a data set; None unless all are there."""
    document = bucket.read_json(predictions_key(model.name))
    if not document or document["dataset_id"] != dataset_id:
        return None
    found = {
        part: [Prediction(p["name"], p["truth"], tuple(p["scores"])) for p in document[part]]
        for part in wanted
    }
    names = {part: [prediction.name for prediction in found[part]] for part in wanted}
    return found if names == wanted else None


def assess(
    model_name: str,
    labels: tuple[str, ...],
    validation: list[Prediction],
    test: list[Prediction],
    target: float,
) -> Evaluation:
    """Choose the threshold on `validation` and measure everything on `test`."""
    chosen = quality.choose_threshold(validation, target, lowest=max(0.5, 1 / len(labels)))
    effect = quality.at_threshold(test, chosen.value, target)
    right = sum(prediction.correct for prediction in test)
    return Evaluation(
        model_name=model_name,
        labels=labels,
        samples=len(test),
        accuracy=quality.accuracy(test),
        accuracy_interval=quality.wilson_interval(right, len(test)),
        confusion=quality.confusion(test, len(labels)),
        by_class=quality.by_class(test, labels),
        target=target,
        chosen=chosen,
        coverage=effect.coverage,
        accepted_accuracy=effect.accuracy,
        calibration_error=calibration.calibration_error(test),
        calibration_error_interval=calibration.calibration_error_interval(test),
        reliability=calibration.reliability(test),
    )
