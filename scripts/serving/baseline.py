"""What is normal for a model: its answers for pictures that it was not trained on, frozen when it
goes into service, for the monitor to compare with."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lambdas.common.drift.baseline import Baseline, InvalidBaseline
from lambdas.common.drift.picture_statistics import measure
from lambdas.common.errors import Rejected
from lambdas.common.picture import decode, normalise
from scripts.artifacts import BASELINES, DATASETS, Bucket
from scripts.evaluation.evaluate import PARTS, evaluation_key, predictions_key
from scripts.training.models import Model

MOST_SAMPLES = 1_000
MAX_PIXELS = 50_000_000  # as for uploads: terraform/modules/functions/settings.tf
READS_AT_ONCE = 16

Say = Callable[[str], None]


def baseline_key(model_name: str) -> str:
    """Where a model's baseline lies."""
    return f"{BASELINES}/{model_name}.json"


def freeze(bucket: Bucket, model: Model, version: int, say: Say) -> str | None:
    """Make the model's baseline, unless there is one with the threshold that is deployed.

    It is made of the held-out answers that are kept beside the model, and of their pictures.
    Returns why there can be none: that must not keep a model from going into service.
    """
    evaluation = bucket.read_json(evaluation_key(model.name))
    predictions = bucket.read_json(predictions_key(model.name))
    if not evaluation or not predictions:
        return "its answers for held-out pictures are gone"
    existing = bucket.read_json(baseline_key(model.name))
    if existing and existing["threshold"] == evaluation["threshold"]:
        return None
    say("freezing the baseline")
    samples = _choose(predictions)
    pictures = _measure(bucket, predictions["dataset_id"], samples, model.image_size_px)
    try:
        made = Baseline(
            version=version,
            model_name=model.name,
            labels=model.labels,
            threshold=evaluation["threshold"],
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            scores=np.array([sample["scores"] for _, sample in samples], dtype=np.float64),
            pictures=np.array(pictures, dtype=np.float64),
        )
    except InvalidBaseline as error:
        return str(error)
    bucket.write_json(baseline_key(model.name), made.to_json())
    return None


def _choose(predictions: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Held-out samples with their part, at most MOST_SAMPLES: always the same ones."""
    samples = [(part, sample) for part in PARTS for sample in predictions[part]]
    if len(samples) <= MOST_SAMPLES:
        return samples
    return random.Random(0).sample(samples, MOST_SAMPLES)  # noqa: S311 - no secret


def _measure(
    bucket: Bucket, dataset_id: str, samples: Sequence[tuple[str, Any]], size_px: int
) -> list[tuple[float, ...]]:
    """Statistics of the pictures as an upload of them reaches the model.

    A picture that is gone, or that the workflow would reject, has none.
    """

    def measure_one(sample: tuple[str, Any]) -> tuple[float, ...] | None:
        part, prediction = sample
        upload = bucket.read(f"{DATASETS}/{dataset_id}/{part}/{prediction['name']}")
        if upload is None:
            return None
        try:
            picture = normalise(upload, size_px, MAX_PIXELS)
        except Rejected:
            return None
        return measure(np.asarray(decode(picture.data, size_px, MAX_PIXELS)))

    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        return [found for found in pool.map(measure_one, samples) if found]
