"""Serve a model: the four functions that SageMaker's containers call.

    model_fn(model_dir)            once, at start
    input_fn(body, content_type)   one encoded picture
    predict_fn(picture, model)     its probabilities
    output_fn(scores, accept)      as a JSON array, in label order

It needs ONNX Runtime, Pillow and numpy, not PyTorch. INFERENCE_THREADS (default 1) is the number
of threads of one prediction: with one, as many requests run side by side as there are cores.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

import artefact
from preprocessing import UnreadablePicture, decode, square

try:
    from sagemaker_inference.errors import (  # type: ignore[import-not-found]
        BaseInferenceToolkitError,
    )
except ImportError:  # anywhere but in AWS's containers

    class BaseInferenceToolkitError(Exception):  # type: ignore[no-redef]
        """What AWS's toolkit answers with `status_code`; it makes a 500 of everything else."""

        def __init__(self, status_code: int, message: str, phrase: str) -> None:
            super().__init__(status_code, message, phrase)
            self.status_code, self.message, self.phrase = status_code, message, phrase


CONTENT_TYPES = ("application/x-image", "image/jpeg", "image/png", "image/webp")
JSON = "application/json"
_ACCEPTED = {"", "*/*", "application/*", JSON}


class RefusedRequest(BaseInferenceToolkitError, ValueError):  # type: ignore[misc]
    """A request that cannot be answered, whoever serves it: HTTP status 4xx."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(int(status), message, status.phrase)

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True)
class Model:
    """A loaded model. `labels` are in the order of its scores."""

    session: onnxruntime.InferenceSession
    labels: tuple[str, ...]
    image_size: int


def model_fn(model_dir: str) -> Model:
    """Load a model after its manifest has been checked, and try it once.

    Raises artefact.ArtefactError for files that are missing or not those that were trained.
    """
    found = artefact.read(Path(model_dir))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("INFERENCE_THREADS", "1"))
    options.inter_op_num_threads = 1
    # A thread that waits for the next request should not keep a core busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(found.model, options, providers=["CPUExecutionProvider"])
    model = Model(session, found.labels, found.image_size)
    scores = predict_fn(Image.new("RGB", (1, 1)), model)
    if scores.shape != (len(model.labels),):
        raise artefact.ArtefactError(
            f"The model answers {scores.size} scores for {len(model.labels)} labels."
        )
    return model


def input_fn(body: bytes | bytearray, content_type: str) -> Image.Image:
    """The picture in a request, upright and in RGB.

    Raises RefusedRequest: 415 for another content type, 400 for what is not a usable picture.
    """
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise RefusedRequest(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The content type must be one of {', '.join(CONTENT_TYPES)}; it is {content_type!r}.",
        )
    try:
        return decode(bytes(body))
    except UnreadablePicture as error:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, str(error)) from error


def predict_fn(data: Image.Image | Sequence[Image.Image], model: Model) -> NDArray[np.float32]:
    """Calibrated probabilities in label order, each row with the sum 1.

    [classes] for one picture; [n, classes] for a sequence of n.
    """
    pictures = [data] if isinstance(data, Image.Image) else data
    batch = np.stack([square(picture, model.image_size) for picture in pictures])
    (scores,) = model.session.run(None, {model.session.get_inputs()[0].name: batch})
    answer: NDArray[np.float32] = scores[0] if isinstance(data, Image.Image) else scores
    return answer


def output_fn(prediction: NDArray[np.float32], accept: str | None) -> tuple[str, str]:
    """The scores as JSON, and that content type. Raises RefusedRequest (406) for another one."""
    wanted = [part.partition(";")[0].strip() for part in (accept or "").split(",")]
    if not _ACCEPTED.intersection(wanted):
        raise RefusedRequest(
            HTTPStatus.NOT_ACCEPTABLE, f"The answer is {JSON}; the request accepts only {accept!r}."
        )
    return json.dumps(np.asarray(prediction, dtype=float).tolist()), JSON
