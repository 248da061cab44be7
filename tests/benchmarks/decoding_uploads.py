"""The largest uploads that are allowed: 50 megapixels in nearly 25 MiB, in each form.

And one of the size that a phone's photograph has. WebP has at most 16,383 pixels on a side.

Made by code, the same each time for the same Pillow and numpy.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MAX_SCANS = 100
_LARGEST = (10_000, 5_000)
_WIDEST_WEBP = (16_383, 3_051)
_PHONE = (4_000, 3_000)


@dataclass(frozen=True, slots=True)
class Upload:
    """How a file is made: a picture of `size` pixels, and what writes it.

    The picture is random every `coarseness_px` pixels and smooth in between: the finer, the larger
    its file.
    """

    size: tuple[int, int]
    mode: str
    coarseness_px: int
    write: Callable[[Image.Image, Path], object]


def make(upload: Upload, path: Path) -> None:
    """Write the file."""
    cells = [side // upload.coarseness_px for side in reversed(upload.size)]
    shape = (*cells, len(upload.mode))
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = Image.fromarray(values).resize(upload.size, Image.Resampling.BICUBIC)
    upload.write(picture, path)


def _save(picture: Image.Image, path: Path, **options: Any) -> None:
    picture.save(path, **options)


def _save_endless(picture: Image.Image, path: Path) -> None:
    """A progressive JPEG whose last scan comes again until there are as many as are allowed."""
    _progressive(picture, path, quality=80, subsampling=0)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    repeats = MAX_SCANS - content.count(b"\xff\xda")
    path.write_bytes(content[:-2] + content[last:-2] * repeats + content[-2:])


def _save_16_bit(picture: Image.Image, path: Path) -> None:
    """A PNG of RGBA with 16 bits a channel, which Pillow reads but does not write."""
    width, height = picture.size
    rows = np.asarray(picture).repeat(2, axis=-1).reshape(height, -1)
    filtered = np.full((height, 1 + rows.shape[1]), 2, np.uint8)  # filter 2: less the row above
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 1)), (b"IEND", b""))
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            checksum = zlib.crc32(data, zlib.crc32(kind))
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))


_jpeg = partial(_save, format="JPEG")
_progressive = partial(_jpeg, progressive=True)
_png = partial(_save, format="PNG", compress_level=1)
_lossy = partial(_save, format="WEBP", quality=90, method=2)
_lossless = partial(_save, format="WEBP", lossless=True, quality=0, method=0)

UPLOADS: Mapping[str, Upload] = {
    "a phone's JPEG, 12 megapixels": Upload(_PHONE, "RGB", 4, partial(_jpeg, quality=95)),
    "JPEG": Upload(_LARGEST, "RGB", 9, partial(_jpeg, quality=97)),
    "JPEG, progressive": Upload(_LARGEST, "RGB", 8, partial(_progressive, quality=98)),
    "JPEG, progressive, 100 scans": Upload(_LARGEST, "RGB", 1_000, _save_endless),
    "PNG, RGB": Upload(_LARGEST, "RGB", 270, _png),
    "PNG, RGBA": Upload(_LARGEST, "RGBA", 500, _png),
    "PNG, RGBA, 16 bits": Upload(_LARGEST, "RGBA", 600, _save_16_bit),
    "WebP": Upload(_WIDEST_WEBP, "RGB", 4, _lossy),
    "WebP, lossless": Upload(_WIDEST_WEBP, "RGB", 190, _lossless),
}
