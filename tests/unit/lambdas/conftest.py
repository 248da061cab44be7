"""The handlers read their environment at import: they get one here, which leaks nowhere."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.function_environment import ENVIRONMENT

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
