"""The handlers read their environment at import: they get one here, which leaks nowhere."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

BUCKET = "scones-test-uploads-123456789012"

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "test",
    "UPLOADS_BUCKET": BUCKET,
    "ALLOWED_PREFIXES": "incoming/,adhoc/",
    "IMAGE_SIZE_PX": "128",
    "MAX_UPLOAD_BYTES": "26214400",
    "MAX_PIXELS": "50000000",
    "ARTIFACTS_BUCKET": "scones-test-artifacts-123456789012",
    "ENDPOINT_NAME": "scones-test",
    "ENDPOINT_VARIANT": "AllTraffic",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:classify",
    "METRIC_PERIOD_S": "60",
    "LABELS": "bicycle,motorcycle",
    "CONFIDENCE_THRESHOLD": "0.8",
    "LOW_CONFIDENCE_ACTION": "review",
    "METRIC_NAMESPACE": "scones",
    "ENVIRONMENT": "test",
    "ASSIGNMENTS": '{"bicycle": {"loading_bay": "A", "max_distance_km": 5},'
    ' "motorcycle": {"loading_bay": "B", "max_distance_km": 25.5}}',
}

with pytest.MonkeyPatch.context() as patch:
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    import lambdas.filter.handler
    import lambdas.infer.handler
    import lambdas.monitor.handler
    import lambdas.serialize.handler  # noqa: F401


@pytest.fixture
def environment() -> dict[str, str]:
    """A copy of the variables that the handlers were imported with."""
    return dict(ENVIRONMENT)


@pytest.fixture
def lambda_context() -> SimpleNamespace:
    """What Lambda passes as the second argument, as far as the logger looks at it."""
    return SimpleNamespace(
        function_name="test",
        memory_limit_in_mb=128,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:test",
        aws_request_id="5f2a4a1e-0000-4000-8000-000000000000",
    )


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """A picture as a file's bytes: encode(image, "PNG", **options of Pillow's save)."""

    def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format=file_format, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture(scope="session")
def noise() -> Callable[..., Image.Image]:
    """A coloured picture in which every pixel differs from its neighbours, always the same."""

    def noise(width: int, height: int) -> Image.Image:
        values = bytearray(width * height * 3)
        state = 1
        for index in range(len(values)):
            state = (state * 1_103_515_245 + 12_345) % 2**31
            values[index] = state >> 16 & 0xFF
        return Image.frombytes("RGB", (width, height), bytes(values))

    return noise


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """A PNG made by hand: png(width, height, [(b"IDAT", data), ...]) with right checksums."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    def png(
        width: int,
        height: int,
        chunks: Iterable[tuple[bytes, bytes]] = (),
        bit_depth: int = 8,
        colour_type: int = 0,
    ) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
        parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)

    return png
