"""A training job from its channels to its artefact, with three classes."""

import json
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

import artefact
import export
import train
from hyperparameters import HyperparameterError, Hyperparameters
from samples import ChannelError

from .conftest import CLASSES, ROOT, TINY, write_channel


def run(job: Mapping[str, str], folder: Path, *flags: str) -> Path:
    """Train again on the job's channels, with results in `folder`; returns the model's folder."""
    results = {"SM_MODEL_DIR": str(folder / "model"), "SM_OUTPUT_DATA_DIR": str(folder / "output")}
    train.main(["--classes", ",".join(CLASSES), *TINY, *flags], {**job, **results})
    return folder / "model"


def test_the_artefact_is_a_graph_a_description_and_a_manifest(job):
    assert sorted(path.name for path in Path(job["SM_MODEL_DIR"]).iterdir()) == [
        "manifest.json",
        "model.json",
        "model.onnx",
    ]
    assert artefact.read(Path(job["SM_MODEL_DIR"])).labels == CLASSES


def test_the_description_says_where_the_model_comes_from(job):
    description = artefact.read(Path(job["SM_MODEL_DIR"])).description
    assert description["hyperparameters"]["image_size"] == description["image_size"] == 32
    assert description["data"]["train"]["samples"] == 12
    assert len(description["data"]["validation"]["sha256"]) == 64
    assert description["git_commit"] == "0123abc"
    assert set(description["validation"]) >= {"samples", "accuracy", "loss"}


def test_the_description_holds_every_hyperparameter_and_every_packages_version(job):
    description = artefact.read(Path(job["SM_MODEL_DIR"])).description
    names = {field.name for field in fields(Hyperparameters)}
    assert set(description["hyperparameters"]) == names
    assert description["hyperparameters"]["classes"] == list(CLASSES)
    assert description["versions"]["python"] == platform.python_version()
    for name in train.PACKAGES:
        assert description["versions"][name] == version(name)


def test_the_description_changes_with_a_picture_that_was_trained_on(job, channels, tmp_path):
    for name in ("train", "validation"):
        shutil.copytree(channels[f"SM_CHANNEL_{name.upper()}"], tmp_path / name)
    picture = next((tmp_path / "train").glob("red/*.png"))
    Image.new("RGB", (24, 20), (201, 40, 40)).save(picture)
    changed = {
        **job,
        **{f"SM_CHANNEL_{n.upper()}": str(tmp_path / n) for n in ("train", "validation")},
    }
    before = artefact.read(Path(job["SM_MODEL_DIR"])).description["data"]
    after = artefact.read(run(changed, tmp_path)).description["data"]
    assert after["train"]["sha256"] != before["train"]["sha256"]
    assert after["validation"] == before["validation"]


def test_the_graph_takes_any_number_of_raw_pictures_and_answers_probabilities(job):
    model = artefact.read(Path(job["SM_MODEL_DIR"])).model
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    (scores,) = session.run(None, {export.INPUT: pictures})
    assert scores.shape == (5, 3)
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)


def test_the_graph_is_complete_in_one_file(job):
    model = onnx.load_model_from_string(artefact.read(Path(job["SM_MODEL_DIR"])).model)
    onnx.checker.check_model(model)
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_the_same_seed_gives_the_same_artefact_and_another_seed_another(job, tmp_path):
    first, same, other = (
        Path(job["SM_MODEL_DIR"]),
        run(job, tmp_path / "same", "--seed", "0"),
        run(job, tmp_path / "other", "--seed", "1"),
    )
    for name in (artefact.MODEL, artefact.DESCRIPTION, artefact.MANIFEST):
        assert (same / name).read_bytes() == (first / name).read_bytes()
    assert (other / artefact.MODEL).read_bytes() != (first / artefact.MODEL).read_bytes()


def test_every_epoch_is_logged_as_metrics_that_sagemaker_can_read(job, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(job, tmp_path, "--epochs", "2")
    lines = [line for line in caplog.messages if line.startswith("epoch=")]
    assert [line.split()[0] for line in lines] == ["epoch=1/2", "epoch=2/2"]
    keys = [part.split("=")[0] for part in lines[0].split()]
    assert keys == ["epoch", "train_loss", "validation_loss", "validation_accuracy", "seconds"]
    assert all(float(part.split("=")[1]) >= 0 for part in lines[1].split()[1:])


def test_the_course_of_the_training_is_kept(job):
    course = json.loads((Path(job["SM_OUTPUT_DATA_DIR"]) / "epochs.json").read_text())
    assert [epoch["number"] for epoch in course] == [1]
    assert 0 <= course[0]["validation_accuracy"] <= 1


def test_training_learns_to_tell_the_classes_apart(job, tmp_path):
    run(job, tmp_path, "--epochs", "8", "--mixup", "0", "--learning-rate", "0.001")
    course = json.loads((tmp_path / "output" / "epochs.json").read_text())
    assert course[-1]["train_loss"] < 0.7 * course[0]["train_loss"]
    assert course[-1]["validation_accuracy"] == 1


def test_temperature_and_softmax_are_inside_the_graph(job):
    class Fixed(torch.nn.Module):
        def forward(self, pictures):
            return pictures.mean((2, 3)) / 50

    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    model, difference = export.to_onnx(Fixed(), 2.5, pictures)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {export.INPUT: pictures})
    logits = torch.from_numpy(pictures).float().mean((1, 2)) / 50
    np.testing.assert_allclose(scores, (logits / 2.5).softmax(1).numpy(), atol=1e-5)
    assert difference <= export.MAX_DIFFERENCE


def test_an_export_that_answers_differently_is_refused(monkeypatch):
    class Fixed(torch.nn.Module):
        def forward(self, pictures):
            return pictures.mean((2, 3))

    class Wrong:
        def __init__(self, model, providers):
            pass

        def run(self, outputs, inputs):
            return [np.full((1, 3), np.nan, dtype=np.float32)]

    monkeypatch.setattr(export.onnxruntime, "InferenceSession", Wrong)
    with pytest.raises(export.ExportError, match="differ from the trained network's"):
        export.to_onnx(Fixed(), 1.0, np.zeros((1, 32, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("found", "environment", "used"),
    [
        (True, {}, "cuda"),
        (True, {"SM_NUM_GPUS": "1"}, "cuda"),
        (True, {"SM_NUM_GPUS": "0"}, "cpu"),
        (False, {"SM_NUM_GPUS": "1"}, "cpu"),
    ],
)
def test_a_gpu_is_used_when_there_is_one_and_the_job_has_it(monkeypatch, found, environment, used):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    assert train._device(environment).type == used


def test_a_class_without_a_training_picture_is_refused(job, tmp_path):
    with pytest.raises(ChannelError, match="no picture of the class 'yellow'"):
        run(job, tmp_path, "--classes", ",".join((*CLASSES, "yellow")))


def test_a_missing_channel_is_named(tmp_path):
    with pytest.raises(train.SettingsError, match="SM_CHANNEL_TRAIN is not set"):
        train.main(["--classes", "a,b"], {"SM_MODEL_DIR": str(tmp_path)})


def test_hyperparameters_are_checked_before_any_picture_is_read():
    with pytest.raises(HyperparameterError):
        train.main(["--classes", "a,b", "--epochs", "0"], {})


def test_run_as_a_script_a_mistake_ends_in_one_readable_line(tmp_path):
    write_channel(tmp_path / "train", "train", 1)
    environment = {
        **os.environ,
        "SM_CHANNEL_TRAIN": str(tmp_path / "train"),
        "SM_CHANNEL_VALIDATION": str(tmp_path / "validation"),
        "SM_MODEL_DIR": str(tmp_path / "model"),
    }
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts/algorithm/train.py", "--classes", ",".join(CLASSES)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        "samples.ChannelError: validation.lst cannot be read from"
    )
    assert not (tmp_path / "model").exists()
