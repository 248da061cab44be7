"""JPEG, PNG and WebP files as containers: what they declare, and the part that holds pixels.

Nothing is decoded here. The picture's size is known, and refused if need be, before a decoder sees
a byte; what reaches the decoder is rebuilt from the few parts that pixels need, so that metadata,
colour profiles, comments, animation frames, thumbnails and trailing bytes never do.

Formats: ITU-T T.81 (JPEG), W3C PNG third edition, RFC 9649 (WebP), CIPA DC-008 (EXIF).
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lambdas.common.errors import Reason, Rejected

MAX_PARTS = 100_000
"""Segments or chunks in one file: far more than a camera writes, few enough to walk quickly."""

MAX_SCANS = 100
"""Passes over the picture in a progressive JPEG. Encoders write about ten; a hostile file of a few
kilobytes can hold hundreds, each as long to decode as the whole picture."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"PLTE", b"tRNS", b"IDAT", b"IEND"}
# The first of each: one picture, or one frame of an animation.
_WEBP_KEPT = {b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF"}
_JPEG_SIZES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_EXIF = 0xE1
_JPEG_START_OF_SCAN = 0xDA
# Tables (DHT, DAC, DQT, DRI), and the two segments that say how colours are stored (JFIF, Adobe).
_JPEG_KEPT = {*_JPEG_SIZES, _JPEG_START_OF_SCAN, 0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
_JPEG_END = 0xD9
# Not 00 and FF, which belong to data and padding; not TEM and RSTn, which stand alone.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_EXIF_PREFIX = b"Exif\x00\x00"
_EXIF_ORIENTATION = 0x0112

Format = Literal["JPEG", "PNG", "WEBP"]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file declares: format, and width and height in stored pixels (may be 0)."""

    format: Format
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Essentials:
    """A file reduced to what decoding needs, and its EXIF orientation, 1 (upright) to 8."""

    data: bytes
    orientation: int


def read_header(data: bytes) -> Header:
    """What the file declares, from its content alone, whatever it is named.

    Raises Rejected(not_an_image) unless it is a JPEG, PNG or WebP with a complete header.
    """
    header: Header | None = None
    if data.startswith(b"\xff\xd8\xff"):
        header = _jpeg_header(data)
    elif data.startswith(_PNG_SIGNATURE):
        header = _png_header(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        header = _webp_header(data)
    if header is None:
        raise Rejected(Reason.NOT_AN_IMAGE, "The file is not a JPEG, PNG or WebP picture.")
    return header


def read_essentials(data: bytes, header: Header) -> Essentials:
    """The part of the file that holds its first picture, with its orientation.

    Raises Rejected(damaged) where the file is cut off, a checksum is wrong or a part is missing.
    """
    match header.format:
        case "JPEG":
            return _jpeg_essentials(data)
        case "PNG":
            return _png_essentials(data)
        case "WEBP":
            return _webp_essentials(data)


def _damaged(detail: str) -> Rejected:
    return Rejected(Reason.DAMAGED, detail)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each complete segment before the end of the image.

    A start of scan lasts until the next marker, or to the end of the file.
    """
    end = 2
    for _ in range(MAX_PARTS):
        match = _JPEG_MARKER.search(data, end)
        if match is None:
            return
        marker, start = match[1][0], match.start()
        length = int.from_bytes(data[start + 2 : start + 4])
        end = start + 2 + length
        if marker == _JPEG_END or length < 2 or end > len(data):
            return
        if marker == _JPEG_START_OF_SCAN:
            following = _JPEG_MARKER.search(data, end)
            end = following.start() if following else len(data)
        yield marker, start, end


def _jpeg_header(data: bytes) -> Header | None:
    for marker, start, end in _jpeg_segments(data):
        if marker in _JPEG_SIZES and end - start >= 9:
            height, width = struct.unpack_from(">HH", data, start + 5)
            return Header("JPEG", width, height)
    return None


def _jpeg_essentials(data: bytes) -> Essentials:
    kept, orientation, sizes, scans, end = [data[:2]], 1, 0, 0, 2
    for marker, start, end in _jpeg_segments(data):
        sizes += marker in _JPEG_SIZES
        scans += marker == _JPEG_START_OF_SCAN
        if marker == _JPEG_EXIF and data[start + 4 : end].startswith(_EXIF_PREFIX):
            orientation = _orientation(data[start + 4 : end])
        if marker in _JPEG_KEPT:
            kept.append(data[start:end])
    if sizes != 1 or not 1 <= scans <= MAX_SCANS:
        raise _damaged(f"The JPEG file has {sizes} headers and {scans} scans.")
    kept.append(data[end : end + 2])
    return Essentials(b"".join(kept), orientation)


def _png_header(data: bytes) -> Header | None:
    if len(data) < 33 or data[8:16] != b"\x00\x00\x00\x0dIHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return Header("PNG", width, height)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk up to IEND; checksums are verified here because decoders
    skip those of the picture itself."""
    start = len(_PNG_SIGNATURE)
    view = memoryview(data)
    for _ in range(MAX_PARTS):
        if start + 12 > len(data):
            raise _damaged("The PNG file is cut off.")
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        if end > len(data):
            raise _damaged("The PNG file is cut off.")
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[start + 4 : end - 4]) != checksum:
            raise _damaged("A checksum in the PNG file is wrong.")
        kind = data[start + 4 : start + 8]
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end
    raise _damaged(f"The PNG file has more than {MAX_PARTS} parts.")


def _png_essentials(data: bytes) -> Essentials:
    kept, orientation = [data[:33]], 1
    # A colour key of 16 bits cannot be told apart any more once pixels have 8.
    dropped = {b"tRNS"} if data[24] == 16 else set()
    for kind, start, end in _png_chunks(data):
        if kind == b"eXIf":
            orientation = _orientation(data[start + 8 : end - 4])
        if kind in _PNG_KEPT - dropped:
            kept.append(data[start:end])
    return Essentials(b"".join(kept), orientation)


def _webp_header(data: bytes) -> Header | None:
    kind = data[12:16]
    if len(data) < 30:
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return Header("WEBP", width, height)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", data, 26))
        return Header("WEBP", width, height)
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return None


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk; the end includes the padding of an odd one."""
    start = 12
    for _ in range(MAX_PARTS):
        if start + 8 > len(data):
            return
        end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
        end += end % 2
        yield data[start : start + 4], start, end
        start = end
    raise _damaged(f"The WebP file has more than {MAX_PARTS} parts.")


def _webp_essentials(data: bytes) -> Essentials:
    size = 8 + int.from_bytes(data[4:8], "little")
    if size > len(data):
        raise _damaged("The WebP file is cut off.")
    data = data[:size]
    kept, orientation, wanted = [], 1, set(_WEBP_KEPT)
    for kind, start, end in _webp_chunks(data):
        if kind == b"EXIF":
            orientation = _orientation(data[start + 8 : end])
        if kind in wanted:
            kept.append(data[start:end])
            wanted.remove(kind)
    body = b"WEBP" + b"".join(kept)
    return Essentials(b"RIFF" + struct.pack("<I", len(body)) + body, orientation)


def _orientation(exif: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 where it is absent or unreadable, as viewers take it."""
    tiff = exif.removeprefix(_EXIF_PREFIX)
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(
                order + "HHIH", tiff, directory + 2 + 12 * entry
            )
            if tag == _EXIF_ORIENTATION and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1
