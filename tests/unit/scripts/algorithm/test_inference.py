"""The four functions that a container calls, on the tiny model."""

import importlib
import io
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import inference
from artefact import MODEL, ArtefactError
from inference import RefusedRequest, input_fn, model_fn, output_fn, predict_fn

from .conftest import CLASSES


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model(job):
    return model_fn(job["SM_MODEL_DIR"])


@pytest.fixture(scope="module")
def photo():
    pixels = np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((120, 90), Image.Resampling.BICUBIC)


def scores(data: bytes, model: inference.Model, content_type: str = "application/x-image"):
    text, _ = output_fn(predict_fn(input_fn(data, content_type), model), "application/json")
    return json.loads(text)


def test_a_picture_is_answered_with_a_probability_for_each_label(model, photo):
    answer = scores(encoded(photo), model)
    assert model.labels == CLASSES
    assert len(answer) == 3
    assert min(answer) >= 0
    assert sum(answer) == pytest.approx(1, abs=1e-5)


def test_the_answer_is_the_same_however_the_picture_is_encoded(model, photo):
    expected = scores(encoded(photo), model)
    assert scores(encoded(photo.convert("RGBA")), model) == expected
    assert scores(encoded(photo, "WEBP", lossless=True), model) == expected
    jpeg = encoded(photo, "JPEG", quality=100, subsampling=0)
    assert scores(jpeg, model) == pytest.approx(expected, abs=0.01)


def test_pictures_together_are_answered_as_each_alone(model, photo):
    pictures = [photo, photo.rotate(90, expand=True), photo.convert("L").convert("RGB")]
    together = predict_fn(pictures, model)
    assert together.shape == (3, 3)
    for row, picture in zip(together, pictures, strict=True):
        np.testing.assert_allclose(row, predict_fn(picture, model), atol=1e-5)


@pytest.mark.parametrize(
    "content_type", ["application/x-image", "image/png", "IMAGE/JPEG", "image/webp; q=1"]
)
def test_the_content_types_of_pictures_are_read(photo, content_type):
    assert input_fn(bytearray(encoded(photo)), content_type).size == photo.size


def test_another_content_type_is_refused_with_415(photo):
    with pytest.raises(RefusedRequest, match="text/csv") as refused:
        input_fn(encoded(photo), "text/csv")
    assert refused.value.status_code == 415


@pytest.mark.parametrize("data", [b"", b"<html>not a picture</html>", b"\x89PNG\r\n\x1a\n" * 9])
def test_what_is_no_picture_is_refused_with_400_and_one_line(data):
    with pytest.raises(ValueError, match="picture") as refused:
        input_fn(data, "application/x-image")
    assert refused.value.status_code == 400
    assert refused.value.phrase == "Bad Request"
    assert str(refused.value) in (
        "The data is not a JPEG, PNG or WebP picture.",
        "The picture is cut off or damaged.",
    )


def test_only_json_is_answered():
    prediction = np.array([0.25, 0.75], dtype=np.float32)
    for accept in ("application/json", "*/*", "", None, "text/html, application/json;q=0.9"):
        assert output_fn(prediction, accept) == ("[0.25, 0.75]", "application/json")
    with pytest.raises(RefusedRequest) as refused:
        output_fn(prediction, "text/csv")
    assert refused.value.status_code == 406


def test_a_tampered_model_is_not_loaded(job, tmp_path):
    shutil.copytree(job["SM_MODEL_DIR"], tmp_path / "model")
    path = tmp_path / "model" / MODEL
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtefactError, match="its SHA-256 differs"):
        model_fn(str(tmp_path / "model"))


def test_nothing_in_a_model_is_unpickled(job, monkeypatch, photo):
    def refuse(*_, **__):
        raise AssertionError("a pickle was loaded")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert predict_fn(photo, model_fn(job["SM_MODEL_DIR"])).shape == (3,)


def test_a_model_with_another_number_of_labels_is_not_loaded(job, tmp_path):
    found = inference.artefact.read(Path(job["SM_MODEL_DIR"]))
    inference.artefact.write(tmp_path, found.model, {"labels": ["a", "b"], "image_size": 32})
    with pytest.raises(ArtefactError, match="3 scores for 2 labels"):
        model_fn(str(tmp_path))


def test_the_number_of_threads_can_be_set(job, monkeypatch):
    monkeypatch.setenv("INFERENCE_THREADS", "2")
    session = model_fn(job["SM_MODEL_DIR"]).session
    assert session.get_session_options().intra_op_num_threads == 2


def test_in_awss_container_a_refusal_is_an_error_of_its_toolkit(monkeypatch):
    """The toolkit answers 4xx for its own exceptions only; its constructor has three arguments."""

    class ToolkitError(Exception):
        def __init__(self, status_code, message, phrase):
            self.status_code, self.message, self.phrase = status_code, message, phrase
            super().__init__(status_code, message, phrase)

    errors = ModuleType("sagemaker_inference.errors")
    errors.BaseInferenceToolkitError = ToolkitError
    monkeypatch.setitem(sys.modules, "sagemaker_inference", ModuleType("sagemaker_inference"))
    monkeypatch.setitem(sys.modules, "sagemaker_inference.errors", errors)
    spec = importlib.util.spec_from_file_location("inference_in_container", inference.__file__)
    served = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, served)
    spec.loader.exec_module(served)
    with pytest.raises(ToolkitError) as refused:
        served.input_fn(b"", "application/x-image")
    assert (refused.value.status_code, refused.value.phrase) == (400, "Bad Request")


def test_serving_needs_no_pytorch(job):
    program = "import sys, inference; inference.model_fn(sys.argv[1]); print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program, job["SM_MODEL_DIR"]],
        cwd=Path(inference.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "onnxruntime" in ended.stdout.split()
    assert "torch" not in ended.stdout.split()
