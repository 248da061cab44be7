"""Serve a stand-in's model as AWS's image classification is served: one picture a request.

The answer is a JSON array of probabilities in label order, or for batch transforms that ask for
it, JSON Lines. The local model server loads this file beside the algorithm's own.
"""

import importlib
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from scripts.localcloud.standin import CONTENT_TYPES, MARK, WORDS

JSON, JSON_LINES = "application/json", "application/jsonlines"
_algorithm = importlib.import_module("inference")


class Refused(ValueError):
    """A request that AWS's container would not answer either."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status_code = int(status)


def model_fn(model_dir: str) -> Any:
    """The model. Ends the server for a model that no stand-in has trained."""
    print(WORDS, flush=True)
    if not (Path(model_dir) / MARK).is_file():
        raise SystemExit(
            f"The model has no {MARK}: AWS's own models can be served on AWS only. Train here: "
            "invoke train --algorithm builtin"
        )
    return _algorithm.model_fn(model_dir)


def input_fn(body: bytes, content_type: str) -> Any:
    """The picture in a request. Raises Refused for another content type."""
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The content type must be one of {', '.join(CONTENT_TYPES)}; it is {content_type!r}.",
        )
    return _algorithm.input_fn(body, CONTENT_TYPES[0])


def predict_fn(picture: Any, model: Any) -> list[float]:
    """One probability for each label."""
    return [float(score) for score in _algorithm.predict_fn(picture, model)]


def output_fn(scores: list[float], accept: str) -> tuple[str, str]:
    """The scores and their content type. Raises Refused for one that there is not."""
    wanted = {part.partition(";")[0].strip() for part in accept.split(",")}
    if JSON_LINES in wanted:
        return json.dumps({"prediction": scores}) + "\n", JSON_LINES
    if wanted & {"", "*/*", "application/*", JSON}:
        return json.dumps(scores), JSON
    raise Refused(
        HTTPStatus.NOT_ACCEPTABLE, f"The answer is {JSON} or {JSON_LINES}, and not {accept!r}."
    )
