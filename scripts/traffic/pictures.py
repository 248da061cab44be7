"""What drivers send: ordinary photographs, drifted ones, and files that are none."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter

from scripts.traffic.photographs import photograph

VARIATIONS = 200
"""Different files of a kind, at most: a large load sends them again, as other objects."""

Change = Callable[[Image.Image], Image.Image]


def _grainy(picture: Image.Image) -> Image.Image:
    return Image.blend(picture, Image.effect_noise(picture.size, 90).convert("RGB"), 0.4)


DRIFTED: Mapping[str, Change] = {
    "dark": lambda picture: ImageEnhance.Brightness(picture).enhance(0.2),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(picture.width / 24)),
    "grainy": _grainy,
}


def _half(picture: bytes) -> bytes:
    return picture[: len(picture) // 2]


def _bomb(_: bytes) -> bytes:
    """A PNG of a few bytes that says that it has 2.5 thousand million pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header) - 4) + header + checksum


def _gif(picture: bytes) -> bytes:
    written = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        opened.convert("P").save(written, "GIF")
    return written.getvalue()


HOSTILE: Sequence[Callable[[bytes], bytes]] = (
    lambda _: b"",
    lambda _: b"<!doctype html><title>A bicycle</title>",
    _half,
    _bomb,
    _gif,
)
HOSTILE_KIND = "hostile"


def known(classes: Sequence[str]) -> list[str]:
    """The kinds that there are."""
    return [*classes, *DRIFTED, HOSTILE_KIND]


@dataclass(frozen=True)
class Photograph:
    """A file, of which kind it is, and the class that it really shows; None if it shows nothing."""

    path: Path
    kind: str
    truth: str | None


def make(
    folder: Path, kind: str, pictures: Mapping[str, Sequence[bytes]], count: int, seed: int
) -> list[Photograph]:
    """Write up to `count` (and VARIATIONS) different files of one kind into `folder`.

    `pictures` are the labelled ones, by class.
    """
    classes = [kind] if kind in pictures else list(pictures)
    made = []
    for number in range(min(count, VARIATIONS)):
        truth = classes[number % len(classes)]
        body = photograph(pictures[truth], number // len(classes), f"{seed}/{kind}/{truth}")
        if kind == HOSTILE_KIND:
            body = HOSTILE[number % len(HOSTILE)](body)
        elif kind in DRIFTED:
            body = _changed(body, DRIFTED[kind])
        path = folder / f"{kind}-{number:03d}.jpg"
        path.write_bytes(body)
        made.append(Photograph(path, kind, None if kind == HOSTILE_KIND else truth))
    return made


def _changed(body: bytes, change: Change) -> bytes:
    written = io.BytesIO()
    with Image.open(io.BytesIO(body)) as opened:
        change(opened.convert("RGB")).save(written, "JPEG", quality=90, exif=opened.getexif())
    return written.getvalue()
