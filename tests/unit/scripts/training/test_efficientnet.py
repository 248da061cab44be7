"""What a job of our own algorithm asks for: container, code, hyperparameters, metrics."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.training import efficientnet
from scripts.training.job_request import JobRequest

DATASET = {
    "classes": ["bicycle", "motorcycle"],
    "channels": {
        part: f"s3://scones-dev-artifacts/datasets/0123456789ab/{part}/"
        for part in ("train", "validation", "test", "train_lst", "validation_lst")
    },
}


def _request(
    environment: Environment, bucket: Bucket, instance_type: str | None = None, **given: Any
) -> JobRequest:
    return efficientnet.request(environment, bucket, DATASET, given, instance_type)


def _values(asked: JobRequest) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in asked.hyperparameters.items()}


def test_it_trains_on_train_and_validation_and_never_on_test(
    bucket: Bucket, dev: Environment
) -> None:
    channels = DATASET["channels"]
    assert isinstance(channels, dict)
    assert _request(dev, bucket).channels == {
        name: channels[name] for name in ("train", "validation")
    }


@pytest.mark.parametrize("scope", ["training", "inference"])
@pytest.mark.parametrize(
    ("instance_type", "build"),
    [
        ("ml.m5.xlarge", "cpu"),
        ("ml.c5.2xlarge", "cpu"),
        ("ml.p3.2xlarge", "gpu"),
        ("ml.g4dn.xlarge", "gpu"),
        ("ml.g5.xlarge", "gpu"),
    ],
)
def test_the_container_is_aws_own_for_pytorch_and_built_for_the_instance(
    dev: Environment, scope: str, instance_type: str, build: str
) -> None:
    image = efficientnet.image_uri(dev, scope, instance_type)
    pattern = rf"\.dkr\.ecr\.us-east-1\.amazonaws\.com/pytorch-{scope}:.*-{build}-"
    assert re.search(pattern, image)


def test_a_job_runs_in_the_build_of_its_instance_type(bucket: Bucket, dev: Environment) -> None:
    asked = _request(dev, bucket, "ml.g5.xlarge")
    assert asked.instance_type == "ml.g5.xlarge"
    assert "-gpu-" in asked.image


def test_unless_told_otherwise_it_trains_on_a_cpu(bucket: Bucket, dev: Environment) -> None:
    asked = _request(dev, bucket)
    assert asked.instance_type == "ml.m5.xlarge"
    assert "-cpu-" in asked.image


@pytest.mark.parametrize("instance_type", ["ml.trn1.2xlarge", "ml.inf1.xlarge"])
def test_an_instance_without_a_container_is_refused_before_anything_is_uploaded(
    bucket: Bucket, dev: Environment, instance_type: str
) -> None:
    with pytest.raises(UserError, match=f"no PyTorch container for {instance_type} in us-east-1"):
        _request(dev, bucket, instance_type)
    assert bucket.keys("training/") == []


@pytest.mark.parametrize("name", ["image_size", "image-size"])
@pytest.mark.parametrize("value", ["384", 384, "16"])
def test_pictures_that_terraform_would_refuse_are_refused_before_anything_is_uploaded(
    bucket: Bucket, dev: Environment, name: str, value: object
) -> None:
    with pytest.raises(UserError, match=rf"^{name} must give pictures of 32 to 320 pixels"):
        _request(dev, bucket, **{name: value})
    assert bucket.keys("training/") == []


def test_a_size_that_is_no_number_is_refused(bucket: Bucket, dev: Environment) -> None:
    with pytest.raises(UserError, match=r"^image_size must be a whole number; it is 'large'"):
        _request(dev, bucket, image_size="large")


def test_hyperparameters_are_json_as_the_toolkit_in_the_container_reads_them(
    bucket: Bucket, dev: Environment
) -> None:
    sent = _values(_request(dev, bucket, epochs=3, learning_rate="0.001"))
    assert sent["epochs"] == 3
    assert sent["learning_rate"] == "0.001"
    assert sent["classes"] == "bicycle,motorcycle"
    assert sent["sagemaker_program"] == "train.py"


def test_the_jobs_source_is_the_algorithm_flat_as_a_container_unpacks_it(
    bucket: Bucket, dev: Environment
) -> None:
    uri = _values(_request(dev, bucket))["sagemaker_submit_directory"]
    body = bucket.s3.get_object(Bucket=bucket.name, Key=bucket.key(uri))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        names = set(tar.getnames())
    folder = ROOT / "scripts" / "algorithm"
    assert names == {path.name for path in folder.glob("*.py")} | {"requirements.txt"}
    assert {"train.py", "inference.py"} <= names


def test_the_same_source_is_stored_once(bucket: Bucket, dev: Environment) -> None:
    _request(dev, bucket)
    _request(dev, bucket)
    assert len(bucket.keys("training/source/")) == 1


def test_the_model_will_know_the_commit_it_was_trained_from(
    bucket: Bucket, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficientnet, "git_commit", lambda: "0123abc")
    assert _request(dev, bucket).variables["GIT_COMMIT"] == "0123abc"


def test_the_commit_is_the_checkouts_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # a hook that runs the tests sets them, to another repository
    monkeypatch.setattr(efficientnet, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert efficientnet.git_commit() == "unknown"
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message=a"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", efficientnet.git_commit())


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert efficientnet.git_commit() == "unknown"


def test_metrics_are_read_from_what_the_algorithm_prints() -> None:
    line = "epoch=3/12 train_loss=0.2511 validation_loss=0.1312 validation_accuracy=0.9625"
    found = {
        name: float(match[1])
        for name, regex in efficientnet.METRICS.items()
        if (match := re.search(regex, line))
    }
    assert found == {
        "train:loss": 0.2511,
        "validation:loss": 0.1312,
        "validation:accuracy": 0.9625,
    }
