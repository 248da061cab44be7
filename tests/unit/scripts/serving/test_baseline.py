"""The baseline of a model: its held-out answers, and their pictures as the workflow makes them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import COLUMNS, measure
from lambdas.common.picture import decode, normalise
from lambdas.monitor import store
from scripts import artifacts
from scripts.artifacts import Bucket
from scripts.evaluation.evaluate import evaluation_key, predictions_key
from scripts.serving import baseline
from scripts.serving.baseline import baseline_key, freeze
from scripts.training.models import Model

MODEL = Model("m-1", "m-1", "efficientnet", ("bicycle", "motorcycle"), 64, "0123456789ab")


def test_the_monitor_and_the_scripts_agree_on_where_things_are() -> None:
    assert (store.CAPTURES, store.DEPLOYMENT) == (artifacts.CAPTURES, artifacts.CURRENT_DEPLOYMENT)
    assert (store.BASELINES, store.WINDOWS) == (artifacts.BASELINES, artifacts.WINDOWS)


def quiet(_: str) -> None:
    return


def encoded(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def evaluated(bucket: Bucket) -> Callable[..., dict[str, bytes]]:
    """evaluated(validation=…, test=…, threshold=…): pictures and the model's answers for them."""

    def make(validation: int = 15, test: int = 25, threshold: float = 0.8) -> dict[str, bytes]:
        random = np.random.default_rng(0)
        uploads: dict[str, bytes] = {}
        document: dict[str, Any] = {"dataset_id": MODEL.dataset_id}
        for part, count in (("validation", validation), ("test", test)):
            document[part] = []
            for number in range(count):
                name = f"bicycle/{number}.png"
                upload = encoded(random.integers(0, 256, (100, 80, 3), dtype=np.uint8))
                uploads[f"{part}/{name}"] = upload
                key = f"datasets/{MODEL.dataset_id}/{part}/{name}"
                bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=upload)
                score = (number + 1) / (count + 2)
                document[part].append({"name": name, "truth": 0, "scores": [score, 1 - score]})
        bucket.write_json(predictions_key(MODEL.name), document)
        bucket.write_json(evaluation_key(MODEL.name), {"threshold": threshold})
        return uploads

    return make


def frozen(bucket: Bucket) -> Baseline:
    return Baseline.from_json(bucket.read_json(baseline_key(MODEL.name)))


def test_a_baseline_is_made_of_validation_and_test(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]]
) -> None:
    evaluated()
    assert freeze(bucket, MODEL, 3, quiet) is None
    found = frozen(bucket)
    assert (found.version, found.model_name, found.labels) == (3, "m-1", MODEL.labels)
    assert (found.threshold, found.scores.shape, found.pictures.shape) == (
        0.8,
        (40, 2),
        (40, len(COLUMNS)),
    )
    assert found.scores[0].tolist() == pytest.approx([1 / 17, 16 / 17], abs=1e-4)


def test_its_pictures_are_measured_as_the_model_sees_an_upload_of_them(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]]
) -> None:
    uploads = evaluated()
    freeze(bucket, MODEL, 3, quiet)
    seen = normalise(uploads["validation/bicycle/0.png"], 64, 50_000_000)
    expected = measure(np.asarray(decode(seen.data, 64, 50_000_000)))
    assert frozen(bucket).pictures[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_a_large_data_set_is_sampled_and_stays_small(
    bucket: Bucket,
    evaluated: Callable[..., dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baseline, "MOST_SAMPLES", 30)
    evaluated()
    freeze(bucket, MODEL, 3, quiet)
    first = frozen(bucket)
    assert len(first.scores) == len(first.pictures) == 30
    bucket.s3.delete_object(Bucket=bucket.name, Key=baseline_key(MODEL.name))
    freeze(bucket, MODEL, 3, quiet)
    assert frozen(bucket).scores.tolist() == first.scores.tolist()


def test_the_same_model_put_into_service_again_keeps_its_baseline(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]]
) -> None:
    evaluated()
    freeze(bucket, MODEL, 3, quiet)
    before = json.dumps(bucket.read_json(baseline_key(MODEL.name)))
    bucket.write_json(predictions_key(MODEL.name), {"dataset_id": "", "validation": [], "test": []})
    assert freeze(bucket, MODEL, 3, quiet) is None
    assert json.dumps(bucket.read_json(baseline_key(MODEL.name))) == before


def test_another_threshold_makes_another_baseline(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]]
) -> None:
    evaluated()
    freeze(bucket, MODEL, 3, quiet)
    evaluated(threshold=0.9)
    freeze(bucket, MODEL, 3, quiet)
    assert frozen(bucket).threshold == 0.9


@pytest.mark.parametrize("gone", [evaluation_key("m-1"), predictions_key("m-1")])
def test_without_held_out_answers_there_is_none_and_it_is_said_why(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]], gone: str
) -> None:
    evaluated()
    bucket.s3.delete_object(Bucket=bucket.name, Key=gone)
    assert "held-out pictures are gone" in str(freeze(bucket, MODEL, 3, quiet))
    assert bucket.read_json(baseline_key(MODEL.name)) is None


def test_too_few_samples_make_none_and_it_is_said_why(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]]
) -> None:
    evaluated(5, 5)
    assert "at least 20 samples" in str(freeze(bucket, MODEL, 3, quiet))
    assert bucket.read_json(baseline_key(MODEL.name)) is None


def test_a_picture_that_is_gone_or_would_be_rejected_is_left_out(
    bucket: Bucket, evaluated: Callable[..., dict[str, bytes]]
) -> None:
    evaluated()
    folder = f"datasets/{MODEL.dataset_id}/test/bicycle"
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"{folder}/0.png")
    bucket.s3.put_object(Bucket=bucket.name, Key=f"{folder}/1.png", Body=b"<html>")
    freeze(bucket, MODEL, 3, quiet)
    found = frozen(bucket)
    assert (len(found.scores), len(found.pictures)) == (40, 38)


def test_a_thousand_samples_take_less_than_250_kb() -> None:
    random = np.random.default_rng(0)
    bicycle = random.uniform(0, 1, 1_000)
    made = Baseline(
        version=1,
        model_name="m-1",
        labels=MODEL.labels,
        threshold=0.8,
        created_at="2026-11-07T09:00:00+00:00",
        scores=np.column_stack([bicycle, 1 - bicycle]),
        pictures=random.uniform(0, 1, (1_000, len(COLUMNS))),
    )
    assert len(json.dumps(made.to_json(), indent=2)) < 250_000
