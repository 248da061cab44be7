"""Evaluation: transforms that are asked for correctly, read completely and scored strictly."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import evaluate
from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluate import evaluation_key, parse_scores
from scripts.models import Model
from scripts.quality import Prediction

LABELS = ("bicycle", "motorcycle")
MODEL = Model(
    name="scones-dev-efficientnet-20261123-100000-000000",
    job="scones-dev-efficientnet-20261123-100000-000000",
    algorithm="efficientnet",
    labels=LABELS,
    image_size_px=128,
    dataset_id="0123456789ab",
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
    """A staged data set's manifests."""
    for part, pictures in PICTURES.items():
        prefix = bucket.uri(f"datasets/{MODEL.dataset_id}/{part}/")
        manifest: list[Any] = [{"prefix": prefix}, *pictures]
        bucket.write_json(f"datasets/{MODEL.dataset_id}/manifests/{part}.json", manifest)
    return bucket


@pytest.fixture
def sagemaker(aws: Any, dataset: Bucket, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SageMaker, which answers every picture of a transform's manifest at once."""
    monkeypatch.setattr(evaluate, "POLL_S", 0.0)

    def transform(request: dict[str, Any]) -> dict[str, Any]:
        manifest = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        output = dataset.key(request["TransformOutput"]["S3OutputPath"])
        part = output.rpartition("/")[2]
        for path in (dataset.read_json(dataset.key(manifest)) or [])[1:]:
            score = PICTURES[part][path]
            dataset.write_json(f"{output}/{path}.out", [score, 1 - score])
        name = request["TransformJobName"]
        return {"TransformJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:transform-job/{name}"}

    aws.answers["CreateTransformJob"] = transform
    aws.answers["DescribeTransformJob"] = {"TransformJobStatus": "Completed"}
    return aws


def _evaluate(environment: Environment, bucket: Bucket, target: float = 0.97) -> Any:
    return evaluate.evaluate(environment, bucket, MODEL, target, lambda _text: None)


# The transforms


def test_validation_and_test_are_transformed_and_train_is_not(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    manifests = {
        request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        for request in sagemaker.made("CreateTransformJob")
    }
    folder = dataset.uri(f"datasets/{MODEL.dataset_id}/manifests")
    assert manifests == {f"{folder}/validation.json", f"{folder}/test.json"}


def test_each_picture_is_sent_by_itself_as_a_picture(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    for request in sagemaker.made("CreateTransformJob"):
        assert request["ModelName"] == MODEL.name
        assert request["TransformInput"]["ContentType"] == "application/x-image"
        assert request["TransformInput"]["SplitType"] == "None"
        source = request["TransformInput"]["DataSource"]["S3DataSource"]
        assert source["S3DataType"] == "ManifestFile"
        assert request["TransformOutput"]["Accept"] == "application/json"
        assert request["TransformOutput"]["AssembleWith"] == "None"


def test_transform_jobs_have_valid_names_of_the_environment_that_differ(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    _evaluate(dev, dataset)
    names = [request["TransformJobName"] for request in sagemaker.made("CreateTransformJob")]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"scones-dev-[a-z0-9-]{1,52}", name) for name in names)


def test_transforms_are_waited_for(sagemaker: Any, dataset: Bucket, dev: Environment) -> None:
    running = {"TransformJobStatus": "InProgress"}
    done = {"TransformJobStatus": "Completed"}
    sagemaker.answers["DescribeTransformJob"] = [running, running, done]
    _evaluate(dev, dataset)
    assert len(sagemaker.made("DescribeTransformJob")) >= 3


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_transform_that_does_not_complete_ends_in_one_line_with_sagemakers_reason(
    sagemaker: Any, dataset: Bucket, dev: Environment, status: str
) -> None:
    sagemaker.answers["DescribeTransformJob"] = {
        "TransformJobStatus": status,
        "FailureReason": "AlgorithmError:\nsee the log",
    }
    with pytest.raises(UserError, match=f"ended as {status}: AlgorithmError") as caught:
        _evaluate(dev, dataset)
    assert "\n" not in str(caught.value)


def test_who_stops_waiting_stops_both_transforms(
    sagemaker: Any, dataset: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    sagemaker.answers["DescribeTransformJob"] = {"TransformJobStatus": "InProgress"}
    sagemaker.answers["StopTransformJob"] = {}
    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _evaluate(dev, dataset)
    started = {request["TransformJobName"] for request in sagemaker.made("CreateTransformJob")}
    stopped = {request["TransformJobName"] for request in sagemaker.made("StopTransformJob")}
    assert len(started) == 2
    assert stopped == started


def test_a_data_set_that_is_gone_is_said_before_anything_runs(
    aws: Any, bucket: Bucket, dev: Environment
) -> None:
    with pytest.raises(UserError, match="Run: invoke stage"):
        _evaluate(dev, bucket)
    assert aws.made("CreateTransformJob") == []


# Reading the answers


def test_a_picture_without_an_answer_is_named(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    sagemaker.answers["CreateTransformJob"] = {"TransformJobArn": "arn:aws:sagemaker:::job"}
    with pytest.raises(UserError, match=r"no answer for (bicycle|motorcycle)/.*\.png"):
        _evaluate(dev, dataset)


def test_answers_by_file_name_alone_are_found_too(bucket: Bucket) -> None:
    bucket.write_json("out/a.png.out", [0.2, 0.8])
    (found,) = evaluate._read_predictions(bucket, "out", ["motorcycle/a.png"], LABELS)
    assert found == Prediction("motorcycle/a.png", 1, (0.2, 0.8))


def test_an_answer_that_could_be_that_of_two_pictures_is_that_of_none(bucket: Bucket) -> None:
    bucket.write_json("out/a.png.out", [0.2, 0.8])
    with pytest.raises(UserError, match="no answer"):
        evaluate._read_predictions(bucket, "out", ["bicycle/a.png", "motorcycle/a.png"], LABELS)


def test_the_folder_of_a_picture_is_its_true_class(bucket: Bucket) -> None:
    bucket.write_json("out/bicycle/a.png.out", [0.2, 0.8])
    bucket.write_json("out/motorcycle/a.png.out", [0.3, 0.7])
    paths = ["motorcycle/a.png", "bicycle/a.png"]
    assert evaluate._read_predictions(bucket, "out", paths, LABELS) == [
        Prediction("motorcycle/a.png", 1, (0.3, 0.7)),
        Prediction("bicycle/a.png", 0, (0.2, 0.8)),
    ]


@pytest.mark.parametrize("body", [b"[0.25, 0.75]", b" [0.25,\n0.75]\n"])
def test_an_array_of_probabilities_is_the_models_answer(body: bytes) -> None:
    assert parse_scores(body, LABELS, "a.png") == (0.25, 0.75)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=6))
def test_probabilities_come_back_as_they_were_written(weights: list[float]) -> None:
    scores = tuple(weight / sum(weights) for weight in weights)
    labels = [f"class {index}" for index in range(len(scores))]
    assert parse_scores(json.dumps(scores).encode(), labels, "a.png") == scores


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"\xff",
        b"null",
        b"1",
        b"[]",
        b"[1.0]",
        b"[0.2, 0.3, 0.5]",
        b"[0.5, 0.6]",
        b"[-0.5, 1.5]",
        b"[NaN, 1.0]",
        b"[Infinity, 0.0]",
        b"[null, 1.0]",
        b'["0.5", "0.5"]',
        b"[true, false]",
        b'"10"',
        b'{"0.4": 1, "0.6": 2}',
        b"[[0.5, 0.5]]",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_anything_else_is_refused_in_one_line_that_names_the_picture(body: bytes) -> None:
    with pytest.raises(UserError, match=r"answer for a\.png") as caught:
        parse_scores(body, LABELS, "a.png")
    assert "\n" not in str(caught.value)


# What comes of it


def test_the_threshold_is_chosen_on_validation_and_everything_else_measured_on_test(
    sagemaker: Any, dataset: Bucket, dev: Environment
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


def test_what_came_of_it_is_kept_beside_the_model(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    found = _evaluate(dev, dataset)
    kept = dataset.read_json(evaluation_key(MODEL.name))
    assert kept == json.loads(json.dumps(found.document()))
    assert [item["label"] for item in kept.pop("by_class")] == ["bicycle", "motorcycle"]
    assert kept.pop("accuracy_interval") == list(found.accuracy_interval)
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
    }


def test_nothing_is_kept_of_an_evaluation_that_failed(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    sagemaker.answers["DescribeTransformJob"] = {"TransformJobStatus": "Failed"}
    with pytest.raises(UserError):
        _evaluate(dev, dataset)
    assert dataset.read_json(evaluation_key(MODEL.name)) is None


def test_progress_says_how_many_pictures_of_which_part(
    sagemaker: Any, dataset: Bucket, dev: Environment
) -> None:
    said: list[str] = []
    say: Callable[[str], None] = said.append
    evaluate.evaluate(dev, dataset, MODEL, 0.97, say)
    assert {"predicting 3 validation pictures", "predicting 4 test pictures"} <= set(said)
