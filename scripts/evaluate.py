"""Evaluate a trained model before anything is deployed: batch transforms, scored here."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.common import scores
from lambdas.common.errors import BadScores
from scripts import quality
from scripts.artifacts import DATASETS, MODELS, TRANSFORMS, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.models import Model
from scripts.quality import ClassQuality, Prediction, Threshold

INSTANCE_TYPE = "ml.m5.large"
CONCURRENT_REQUESTS = 4
POLL_S = 0.5
TARGET = 0.97  # how often accepted pictures must be right

Say = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """What a model does on the test pictures, and the threshold chosen on validation.

    `coverage` and `accepted_accuracy` are the threshold's effect on test; `chosen` is its effect
    on validation, where it was chosen for `target`.
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
        }


def evaluation_key(model_name: str) -> str:
    return f"{MODELS}/{model_name}/evaluation.json"


def evaluate(
    environment: Environment, bucket: Bucket, model: Model, target: float, say: Say
) -> Evaluation:
    """Run the model on validation and test, and keep what came of it beside the model.

    Raises UserError when a transform fails, or when the model's answers are not probabilities.
    """
    sagemaker = environment.client("sagemaker")
    transforms = [_plan_transform(bucket, model, part) for part in ("validation", "test")]
    running: list[str] = []
    try:
        for transform in transforms:
            _start(sagemaker, environment, bucket, model, transform)
            running.append(transform.job)
            say(f"predicting {len(transform.paths)} {transform.part} pictures")
        while running:
            _await(sagemaker, running[0])
            running.pop(0)
    except KeyboardInterrupt:  # the person stopped waiting; AWS would go on, and bill it
        for job in running:
            sagemaker.stop_transform_job(TransformJobName=job)
        raise
    validation, test = (
        _read_predictions(bucket, transform.output, transform.paths, model.labels)
        for transform in transforms
    )
    evaluation = assess(model.name, model.labels, validation, test, target)
    bucket.write_json(evaluation_key(model.name), evaluation.document())
    return evaluation


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
    )


@dataclass(frozen=True)
class _Transform:
    """A transform job over one part: its manifest's key, the pictures in it, where answers go."""

    part: str
    job: str
    manifest: str
    paths: list[str]
    output: str


def _plan_transform(bucket: Bucket, model: Model, part: str) -> _Transform:
    key = f"{DATASETS}/{model.dataset_id}/manifests/{part}.json"
    manifest = bucket.read_json(key)
    if not manifest:
        raise UserError(f"The data set {model.dataset_id} is gone from S3. Run: invoke stage")
    job = f"{model.name[:45]}-{part}-{datetime.now(UTC):%H%M%S}"
    return _Transform(part, job, key, manifest[1:], f"{TRANSFORMS}/{model.name}/{part}")


def _start(
    sagemaker: Any, environment: Environment, bucket: Bucket, model: Model, transform: _Transform
) -> None:
    sagemaker.create_transform_job(
        TransformJobName=transform.job,
        ModelName=model.name,
        MaxConcurrentTransforms=CONCURRENT_REQUESTS,
        TransformInput={
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "ManifestFile",
                    "S3Uri": bucket.uri(transform.manifest),
                }
            },
            "ContentType": "application/x-image",
            "SplitType": "None",
        },
        TransformOutput={
            "S3OutputPath": bucket.uri(transform.output),
            "Accept": "application/json",
            "AssembleWith": "None",
        },
        TransformResources={"InstanceType": INSTANCE_TYPE, "InstanceCount": 1},
        Tags=[{"Key": "Project", "Value": environment.project}],
    )


def _await(sagemaker: Any, job: str) -> None:
    while True:
        found = sagemaker.describe_transform_job(TransformJobName=job)
        status = found["TransformJobStatus"]
        if status == "Completed":
            return
        if status in ("Failed", "Stopped"):
            reason = " ".join(found.get("FailureReason", "no reason was given").split())
            raise UserError(f"Transform job {job} ended as {status}: {reason}")
        time.sleep(POLL_S)


def _read_predictions(
    bucket: Bucket, output: str, paths: list[str], labels: tuple[str, ...]
) -> list[Prediction]:
    answers = {key.removeprefix(f"{output}/"): key for key in bucket.keys(f"{output}/")}
    same_name = Counter(path.rpartition("/")[2] for path in paths)

    def read(path: str) -> Prediction:
        # SageMaker keeps the path below the manifest's prefix, some versions only its end.
        name = path.rpartition("/")[2]
        key = answers.get(f"{path}.out")
        if key is None and same_name[name] == 1:
            key = answers.get(f"{name}.out")
        if key is None:
            raise UserError(f"The transform gave no answer for {path} below {bucket.uri(output)}.")
        body = bucket.s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        truth = labels.index(path.split("/")[0])
        return Prediction(path, truth, parse_scores(body, labels, path))

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(read, paths))


def parse_scores(body: bytes, labels: Sequence[str], name: str) -> tuple[float, ...]:
    """A model's answer, held to the same rules as in the workflow: a probability for each label.

    Raises UserError for anything else.
    """
    try:
        return tuple(scores.parse(body, labels).values())
    except BadScores as error:
        raise UserError(f"The model's answer for {name} cannot be used: {error}") from error
