"""Decode, compare and encode pictures."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from scripts.dataset.model import Sample

# The limits that uploads have: a model should not learn from what it will never be shown.
MAX_PICTURE_BYTES = 26_214_400
MAX_PIXELS = 50_000_000
# Only these are ever opened: other decoders start programs or unpack without a bound.
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_STORED_BLOCK_BYTES = 65_535


class BadPictureError(Exception):
    """These bytes are no picture that can be used; the message says why, in a few words."""


def decode(data: bytes) -> Image.Image:
    """The picture in `data` (PNG, JPEG or WebP; of an animation the first frame), fully read.

    Raises BadPictureError when it is empty, over a limit, of another format, or damaged.
    """
    if not data:
        raise BadPictureError("is empty")
    if len(data) > MAX_PICTURE_BYTES:
        raise BadPictureError(f"has {len(data):,} bytes, the limit is {MAX_PICTURE_BYTES:,}")
    try:
        picture = Image.open(BytesIO(data), formats=list(_MEDIA_TYPES))
        if picture.width * picture.height > MAX_PIXELS:
            raise BadPictureError(
                f"has {picture.width} x {picture.height} pixels, the limit is {MAX_PIXELS:,}"
            )
        if picture.format == "PNG":
            # Loading a PNG does not look at the check sums of its data; verify() does.
            Image.open(BytesIO(data), formats=["PNG"]).verify()
        picture.load()
    except BadPictureError:
        raise
    except UnidentifiedImageError as error:
        raise BadPictureError("is no PNG, JPEG or WebP picture") from error
    except Exception as error:
        # A decoder fed with damaged bytes may raise anything: struct.error, SyntaxError, OSError…
        raise BadPictureError(f"is damaged ({error})") from error
    return picture


def media_type(data: bytes) -> str:
    """The media type of a picture, from its bytes and not from its name."""
    if data.startswith(b"\x89PNG"):
        return _MEDIA_TYPES["PNG"]
    return _MEDIA_TYPES["JPEG" if data.startswith(b"\xff\xd8") else "WEBP"]


def content_digest(data: bytes) -> str:
    """SHA-256 (hex) of what the picture shows, the same for every lossless encoding of it.

    Raises BadPictureError when it does not decode.
    """
    picture = decode(data)
    if not picture.mode.startswith(("I", "F")):
        # 16-bit and float pictures stay as they are: conversion would clip them, and make equal
        # what is not.
        opaque = picture if picture.has_transparency_data else picture.convert("RGB")
        picture = opaque.convert("RGBA")
    head = f"{picture.mode} {picture.width} {picture.height}\0".encode()
    return hashlib.sha256(head + picture.tobytes()).hexdigest()


def decoded_digest(samples: Iterable[Sample]) -> str:
    """SHA-256 (hex) over, in the order of the names, each name, a zero byte and the RGB bytes."""
    digest = hashlib.sha256()
    for sample in sorted(samples, key=lambda sample: sample.name):
        digest.update(sample.name.encode() + b"\0" + decode(sample.data).convert("RGB").tobytes())
    return digest.hexdigest()


def unnamed_digest(samples: Iterable[Sample]) -> str:
    """SHA-256 (hex) over the sorted pairs of label (one byte) and SHA-256 of the RGB bytes.

    It knows a data set again whose copy carries no file names. Labels are 0 to 255.
    """
    pairs = (
        bytes([sample.label])
        + hashlib.sha256(decode(sample.data).convert("RGB").tobytes()).digest()
        for sample in samples
    )
    return hashlib.sha256(b"".join(sorted(pairs))).hexdigest()


def encode_png(rgb: bytes, width: int, height: int) -> bytes:
    """A PNG of 8-bit RGB pixels (height x width x 3 bytes, row by row), not compressed.

    A compressor's output depends on its version and processor, and a data set's identity on these
    bytes: stored blocks are the same everywhere.
    """
    stride = width * 3
    rows = b"".join(b"\0" + rgb[y * stride : (y + 1) * stride] for y in range(height))
    blocks = bytearray(b"\x78\x01")
    for start in range(0, len(rows), _STORED_BLOCK_BYTES):
        block = rows[start : start + _STORED_BLOCK_BYTES]
        last = start + _STORED_BLOCK_BYTES >= len(rows)
        blocks += struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block
    blocks += struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", bytes(blocks)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
