"""Valid pictures to begin from: one small file for each way of storing pixels that serialize meets.

All are made by this code, and are the same each time.
"""

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIZE = (41, 24)


def seeds() -> dict[str, bytes]:
    """Name -> a file that serialize prepares."""
    noise = random.Random(0).randbytes(41 * 24 * 3)
    picture = Image.frombytes("RGB", _SIZE, noise)
    half_transparent = picture.convert("RGBA")
    half_transparent.paste((0, 0, 0, 0), (0, 0, 20, 24))
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = {"save_all": True, "append_images": [Image.new("RGB", _SIZE)]}
    files = {
        "jpeg-baseline": encoded(picture, "JPEG"),
        "jpeg-progressive": encoded(picture, "JPEG", progressive=True),
        "jpeg-restarts": encoded(picture, "JPEG", restart_marker_rows=1),
        "jpeg-grey": encoded(picture.convert("L"), "JPEG"),
        "jpeg-cmyk": encoded(picture.convert("CMYK"), "JPEG"),
        "png-16-bit-grey": encoded(Image.frombytes("I;16", _SIZE, noise), "PNG"),
        "png-16-bit-colour": png(*_SIZE, 16, 2, (b"\x01" + bytes(range(246))) * 24),
        "png-interlaced": png(16, 16, 8, 0, _interlaced_rows(), interlaced=True),
        "webp-lossless": encoded(picture, "WEBP", lossless=True),
        "webp-alpha": encoded(half_transparent, "WEBP", quality=50),
    }
    for mode in ("1", "L", "P", "RGBA", "LA"):
        files[f"png-{mode.lower()}"] = encoded(half_transparent.convert(mode), "PNG")
    for name in ("JPEG", "PNG", "WEBP"):
        files[f"{name.lower()}-turned"] = encoded(picture, name, exif=turned)
    for name in ("PNG", "WEBP"):
        files[f"{name.lower()}-animated"] = encoded(picture, name, **frames)
    return files


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """The picture as a file's bytes; `options` are those of Pillow's save."""
    buffer = io.BytesIO()
    image.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def png(
    width: int, height: int, bit_depth: int, colour_type: int, rows: bytes, interlaced: bool = False
) -> bytes:
    """A PNG file of rows as they are stored, each with its filter byte."""
    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, interlaced)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return _PNG_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def with_right_checksums(upload: bytes) -> bytes:
    """A PNG file in which each chunk's checksum fits, as far as its chunks can be told; a file of
    another kind as it is.

    What is changed in a PNG would otherwise never be seen by anything behind the checksums.
    """
    if not upload.startswith(_PNG_SIGNATURE):
        return upload
    repaired, start = bytearray(upload), len(_PNG_SIGNATURE)
    while start + 12 <= len(upload):
        end = start + 8 + int.from_bytes(upload[start : start + 4])
        if end + 4 > len(upload):
            break
        repaired[end : end + 4] = struct.pack(">I", zlib.crc32(upload[start + 4 : end]))
        start = end + 4
    return bytes(repaired)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _interlaced_rows() -> bytes:
    """16 x 16 grey pixels in Adam7's seven passes: width and number of rows of each."""
    passes = ((2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))
    return b"".join((b"\x04" + bytes(range(width))) * rows for width, rows in passes)
