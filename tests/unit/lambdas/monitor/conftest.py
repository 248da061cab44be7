"""What the monitor's tests share: capture files, a model in service, and its baseline."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from PIL import Image

from lambdas.monitor.store import Store


def image_id(number: int) -> str:
    """An image id, as the workflow's."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def capture_key(time: datetime, number: int = 0, endpoint: str = "scones-test") -> str:
    """The key of a capture file that is named after `time`."""
    name = f"{time:%Y/%m/%d/%H/%M-%S}-000-0f0e0d0c-0000-4000-8000-{number:012d}.jsonl"
    return f"captures/{endpoint}/AllTraffic/{name}"


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    """picture(brightness): a small PNG of that mean brightness, 0 to 255."""

    @cache
    def make(brightness: int) -> bytes:
        noise = np.random.default_rng(brightness).integers(-20, 21, (32, 32, 3))
        pixels = np.clip(brightness + noise, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def captured(picture: Callable[[int], bytes]) -> Callable[..., bytes]:
    """captured(scores, time, image_id=..., body=...): a line of a capture file."""
    usual = picture(128)

    def make(
        scores: Sequence[float] | str,
        time: datetime,
        inference_id: str | None = None,
        body: bytes = usual,
    ) -> bytes:
        answer = scores if isinstance(scores, str) else json.dumps(list(scores))
        named = {} if inference_id is None else {"inferenceId": inference_id}
        event = {"eventId": "an-event", **named, "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
        request = {
            "observedContentType": "application/x-image",
            "mode": "INPUT",
            "data": base64.b64encode(body).decode(),
            "encoding": "BASE64",
        }
        response = {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": answer,
            "encoding": "JSON",
        }
        record = {
            "captureData": {"endpointInput": request, "endpointOutput": response},
            "eventMetadata": event,
            "eventVersion": "0",
        }
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"

    return make


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    """aws("s3"): a client of an account in memory."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    with mock_aws():
        yield lambda service: boto3.client(service, region_name="us-east-1", **keys)


@pytest.fixture
def store(aws: Callable[[str], Any]) -> Store:
    """An artifacts bucket with nothing in it."""
    s3 = aws("s3")
    s3.create_bucket(Bucket="artifacts")
    return Store(s3, "artifacts")
