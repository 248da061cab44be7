"""Batch transforms: asked for correctly, waited for, read completely and strictly."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.artifacts import Bucket
from scripts.dataset.pictures import MAX_PICTURE_BYTES
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import transforms
from scripts.evaluation.quality import Prediction
from scripts.evaluation.transforms import parse_scores
from scripts.training.models import Model

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
def sagemaker(aws: Any, bucket: Bucket) -> Any:
    """SageMaker, which answers every picture of a transform's manifest at once."""

    def transform(request: dict[str, Any]) -> dict[str, Any]:
        output = bucket.key(request["TransformOutput"]["S3OutputPath"])
        part = output.rpartition("/")[2]
        for path, score in PICTURES[part].items():
            bucket.write_json(f"{output}/{path}.out", [score, 1 - score])
        name = request["TransformJobName"]
        return {"TransformJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:transform-job/{name}"}

    aws.answers["CreateTransformJob"] = transform
    aws.answers["DescribeTransformJob"] = {"TransformJobStatus": "Completed"}
    aws.answers["StopTransformJob"] = {}
    return aws


def _predict(
    environment: Environment,
    bucket: Bucket,
    *parts: str,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, list[Prediction]]:
    wanted = {part: list(PICTURES[part]) for part in parts or PICTURES}
    return transforms.predict(environment, bucket, MODEL, "0123456789ab", wanted, say)


# The transforms


def test_each_part_that_is_wanted_is_transformed_and_no_other(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    assert _predict(dev, bucket).keys() == {"validation", "test"}
    assert _predict(dev, bucket, "test").keys() == {"test"}
    manifests = [
        request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        for request in sagemaker.made("CreateTransformJob")
    ]
    folder = bucket.uri("datasets/0123456789ab/manifests")
    assert manifests == [f"{folder}/{part}.json" for part in ("validation", "test", "test")]


def test_each_picture_is_sent_by_itself_as_a_picture(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    _predict(dev, bucket)
    for request in sagemaker.made("CreateTransformJob"):
        assert request["ModelName"] == MODEL.name
        assert request["TransformInput"]["ContentType"] == "application/x-image"
        assert request["TransformInput"]["SplitType"] == "None"
        source = request["TransformInput"]["DataSource"]["S3DataSource"]
        assert source["S3DataType"] == "ManifestFile"
        assert request["TransformOutput"]["Accept"] == "application/json"
        assert request["TransformOutput"]["AssembleWith"] == "None"


def test_the_largest_picture_that_is_staged_may_be_sent_within_awss_limit_for_all_requests(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    _predict(dev, bucket)
    for request in sagemaker.made("CreateTransformJob"):
        assert request["MaxPayloadInMB"] * 1024**2 >= MAX_PICTURE_BYTES
        assert request["MaxConcurrentTransforms"] * request["MaxPayloadInMB"] <= 100


def test_transform_jobs_have_valid_names_of_the_environment_that_differ(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    _predict(dev, bucket)
    names = [request["TransformJobName"] for request in sagemaker.made("CreateTransformJob")]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"scones-dev-[a-z0-9-]{1,52}", name) for name in names)


@pytest.mark.parametrize(
    ("output", "created"), [("", ["validation"]), ("x", ["validation", "test"])]
)
def test_a_job_that_a_killed_evaluation_left_running_is_taken_up(
    sagemaker: Any, bucket: Bucket, dev: Environment, output: str, created: list[str]
) -> None:
    _predict(dev, bucket, "test")  # its answers are there
    left = f"{MODEL.name[:39]}-test-261127120000"

    def listed(request: dict[str, Any]) -> dict[str, Any]:
        assert request["StatusEquals"] == "InProgress"
        names = [left] if request["NameContains"] in left else []
        return {"TransformJobSummaries": [{"TransformJobName": name} for name in names]}

    uri = f"{bucket.uri(f'transforms/{MODEL.name}/0123456789ab/test')}{output}"
    sagemaker.answers["ListTransformJobs"] = listed
    sagemaker.answers["DescribeTransformJob"] = {
        "TransformJobStatus": "Completed",
        "TransformOutput": {"S3OutputPath": uri},
    }
    sagemaker.calls.clear()
    _predict(dev, bucket)
    outputs = [one["TransformOutput"] for one in sagemaker.made("CreateTransformJob")]
    assert [one["S3OutputPath"].rpartition("/")[2] for one in outputs] == created
    waited = [one["TransformJobName"] for one in sagemaker.made("DescribeTransformJob")]
    assert left in waited


def test_answers_for_another_data_set_do_not_mix_with_those_for_the_models_own(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    wanted = {"test": list(PICTURES["test"])}
    for dataset_id in ("0123456789ab", "ba9876543210"):
        transforms.predict(dev, bucket, MODEL, dataset_id, wanted, lambda _text: None)
    outputs = [
        request["TransformOutput"]["S3OutputPath"]
        for request in sagemaker.made("CreateTransformJob")
    ]
    folder = bucket.uri(f"transforms/{MODEL.name}")
    assert outputs == [f"{folder}/0123456789ab/test", f"{folder}/ba9876543210/test"]


def test_a_class_that_the_model_does_not_know_is_said_before_anything_runs(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    wanted = {"test": ["bicycle/a.png", "tricycle/a.png"]}
    with pytest.raises(UserError, match="does not know tricycle of the data set 0123456789ab"):
        transforms.predict(dev, bucket, MODEL, "0123456789ab", wanted, lambda _text: None)
    assert sagemaker.made("CreateTransformJob") == []


def test_transforms_are_waited_for(sagemaker: Any, bucket: Bucket, dev: Environment) -> None:
    running = {"TransformJobStatus": "InProgress"}
    done = {"TransformJobStatus": "Completed"}
    sagemaker.answers["DescribeTransformJob"] = [running, running, done]
    _predict(dev, bucket)
    started = {request["TransformJobName"] for request in sagemaker.made("CreateTransformJob")}
    looks = [request["TransformJobName"] for request in sagemaker.made("DescribeTransformJob")]
    assert len(looks) == 4
    assert set(looks) == started


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_transform_that_does_not_complete_ends_in_one_line_with_sagemakers_reason(
    sagemaker: Any, bucket: Bucket, dev: Environment, status: str
) -> None:
    sagemaker.answers["DescribeTransformJob"] = {
        "TransformJobStatus": status,
        "FailureReason": "AlgorithmError:\nsee the log",
    }
    with pytest.raises(UserError, match=f"ended as {status}: AlgorithmError") as caught:
        _predict(dev, bucket)
    assert "\n" not in str(caught.value)


def test_who_stops_waiting_stops_both_transforms(
    sagemaker: Any, bucket: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    sagemaker.answers["DescribeTransformJob"] = {"TransformJobStatus": "InProgress"}
    sagemaker.answers["StopTransformJob"] = {}
    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _predict(dev, bucket)
    started = {request["TransformJobName"] for request in sagemaker.made("CreateTransformJob")}
    stopped = {request["TransformJobName"] for request in sagemaker.made("StopTransformJob")}
    assert len(started) == 2
    assert stopped == started


# Reading the answers


def test_each_picture_gets_its_own_answer(sagemaker: Any, bucket: Bucket, dev: Environment) -> None:
    found = _predict(dev, bucket)
    assert found["validation"] == [
        Prediction("bicycle/a.png", 0, (0.9, pytest.approx(0.1))),
        Prediction("bicycle/b.png", 0, (0.8, pytest.approx(0.2))),
        Prediction("motorcycle/a.png", 1, (0.3, pytest.approx(0.7))),
    ]
    assert [prediction.name for prediction in found["test"]] == list(PICTURES["test"])


def test_a_picture_without_an_answer_is_named(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    sagemaker.answers["CreateTransformJob"] = {"TransformJobArn": "arn:aws:sagemaker:::job"}
    with pytest.raises(UserError, match=r"no answer for (bicycle|motorcycle)/.*\.png"):
        _predict(dev, bucket)


def test_answers_below_a_longer_prefix_are_found_too(bucket: Bucket) -> None:
    bucket.write_json("out/datasets/0123/test/motorcycle/a.png.out", [0.2, 0.8])
    (found,) = transforms._read_predictions(bucket, "out", ["motorcycle/a.png"], LABELS)
    assert found == Prediction("motorcycle/a.png", 1, (0.2, 0.8))


def test_answers_by_file_name_alone_are_found_too(bucket: Bucket) -> None:
    bucket.write_json("out/a.png.out", [0.2, 0.8])
    (found,) = transforms._read_predictions(bucket, "out", ["motorcycle/a.png"], LABELS)
    assert found == Prediction("motorcycle/a.png", 1, (0.2, 0.8))


def test_an_answer_that_could_be_that_of_two_pictures_is_that_of_none(bucket: Bucket) -> None:
    bucket.write_json("out/a.png.out", [0.2, 0.8])
    with pytest.raises(UserError, match="no answer"):
        transforms._read_predictions(bucket, "out", ["bicycle/a.png", "motorcycle/a.png"], LABELS)


def test_the_folder_of_a_picture_is_its_true_class(bucket: Bucket) -> None:
    bucket.write_json("out/bicycle/a.png.out", [0.2, 0.8])
    bucket.write_json("out/motorcycle/a.png.out", [0.3, 0.7])
    paths = ["motorcycle/a.png", "bicycle/a.png"]
    assert transforms._read_predictions(bucket, "out", paths, LABELS) == [
        Prediction("motorcycle/a.png", 1, (0.3, 0.7)),
        Prediction("bicycle/a.png", 0, (0.2, 0.8)),
    ]


@pytest.mark.parametrize("body", [b"[0.25, 0.75]", b" [0.25,\n0.75]\n"])
def test_an_array_of_probabilities_is_the_models_answer(body: bytes) -> None:
    assert parse_scores(body, LABELS, "a.png") == (0.25, 0.75)


def test_the_answer_that_awss_image_classification_gives_a_transform_is_unwrapped() -> None:
    assert parse_scores(b'{"prediction": [0.25, 0.75]}\n', LABELS, "a.png") == (0.25, 0.75)


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


def test_progress_says_how_many_pictures_of_which_part(
    sagemaker: Any, bucket: Bucket, dev: Environment
) -> None:
    said: list[str] = []
    _predict(dev, bucket, say=said.append)
    assert {"predicting 3 validation pictures", "predicting 4 test pictures"} <= set(said)
