"""What files declare, read without decoding, from files that lie."""

import struct
import zlib
from collections.abc import Callable, Iterable

import pytest
from PIL import Image

from lambdas.common.container import (
    MAX_PARTS,
    MAX_SCANS,
    Essentials,
    Format,
    Header,
    read_essentials,
    read_header,
)
from lambdas.common.errors import Reason, Rejected

Encode = Callable[..., bytes]
Noise = Callable[[int, int], Image.Image]
Png = Callable[..., bytes]


def essentials_of(upload: bytes) -> Essentials:
    return read_essentials(upload, read_header(upload))


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def exif_with(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """A TIFF structure with one entry: the orientation."""
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    return magic + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, kind, 1, orientation, 0)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_the_size_is_read_from_the_header(
    encode: Encode, noise: Noise, file_format: Format
) -> None:
    assert read_header(encode(noise(50, 40), file_format)) == Header(file_format, 50, 40)


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"lossless": False}, {"exif": exif_with(1)}]
)
def test_the_size_is_read_from_every_kind_of_webp(
    encode: Encode, noise: Noise, options: dict[str, object]
) -> None:
    assert read_header(encode(noise(50, 40), "WEBP", **options)) == Header("WEBP", 50, 40)


def test_the_size_of_a_progressive_jpeg_is_read(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(50, 40), "JPEG", progressive=True)
    assert read_header(upload) == Header("JPEG", 50, 40)


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_the_exif_orientation_is_read(
    encode: Encode, noise: Noise, file_format: str, order: str
) -> None:
    prefix = b"Exif\x00\x00" if file_format == "JPEG" else b""
    upload = encode(noise(32, 32), file_format, exif=prefix + exif_with(6, order))
    assert essentials_of(upload).orientation == 6


@pytest.mark.parametrize(
    "exif",
    [
        exif_with(0),
        exif_with(9),
        exif_with(6, kind=2),
        exif_with(6)[:12],
        b"II*\x00\xff\xff\xff\xff",
        b"nonsense",
        b"",
    ],
)
def test_an_unreadable_exif_orientation_counts_as_upright(png: Png, exif: bytes) -> None:
    rows = zlib.compress(bytes(17 * 16))
    assert essentials_of(png(16, 16, [(b"eXIf", exif), (b"IDAT", rows)])).orientation == 1


def test_a_second_png_header_with_another_size_never_reaches_the_decoder(png: Png) -> None:
    second = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(17 * 16))
    upload = png(16, 16, [(b"IHDR", second), (b"IDAT", rows)])
    assert essentials_of(upload).data == png(16, 16, [(b"IDAT", rows)])


def test_only_the_chunks_that_hold_a_png_s_pixels_are_kept(png: Png) -> None:
    rows = zlib.compress(bytes(17 * 16))
    extra = [(b"tEXt", b"a\x00b"), (b"iCCP", b"p\x00\x00"), (b"acTL", bytes(8)), (b"prIv", b"x")]
    upload = png(16, 16, [*extra, (b"IDAT", rows), (b"fdAT", b"frame")])
    assert essentials_of(upload).data == png(16, 16, [(b"IDAT", rows)])


def test_a_png_with_endless_chunks_is_damaged(png: Png) -> None:
    with pytest.raises(Rejected) as caught:
        essentials_of(png(16, 16, [(b"IDAT", b"")] * MAX_PARTS))
    assert caught.value.reason is Reason.DAMAGED


def test_a_second_jpeg_header_is_damaged(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(32, 32), "JPEG")
    second = segment(0xC0, struct.pack(">BHHB", 8, 60_000, 60_000, 1) + b"\x01\x11\x00")
    scan = upload.index(b"\xff\xda")
    with pytest.raises(Rejected) as caught:
        essentials_of(upload[:scan] + second + upload[scan:])
    assert caught.value.reason is Reason.DAMAGED


def test_only_the_segments_that_hold_a_jpeg_s_pixels_are_kept(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(32, 32), "JPEG")
    # A scan and an end that are inside a comment count as neither.
    extra = segment(0xFE, b"\xff\xda\xff\xd9") + segment(0xE1, b"Exif\x00\x00" + exif_with(6))
    assert essentials_of(upload[:2] + extra + upload[2:] + b"trailing").data == upload


def repeated_scans(upload: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are `count`."""
    last = upload.rindex(b"\xff\xda")
    repeats = count - upload.count(b"\xff\xda")
    return upload[:-2] + upload[last:-2] * repeats + upload[-2:]


def test_a_progressive_jpeg_with_endless_scans_is_damaged(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(32, 32), "JPEG", progressive=True)
    assert essentials_of(repeated_scans(upload, MAX_SCANS)).data
    with pytest.raises(Rejected) as caught:
        essentials_of(repeated_scans(upload, MAX_SCANS + 1))
    assert caught.value.reason is Reason.DAMAGED


def test_a_jpeg_ends_at_a_segment_that_is_shorter_than_its_own_length(
    encode: Encode, noise: Noise
) -> None:
    upload = encode(noise(32, 32), "JPEG")
    with pytest.raises(Rejected) as caught:
        read_header(upload[:2] + b"\xff\xfe\x00\x01" + upload[2:])
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_a_jpeg_without_a_scan_is_damaged(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(32, 32), "JPEG")
    with pytest.raises(Rejected) as caught:
        essentials_of(upload[: upload.index(b"\xff\xda")])
    assert caught.value.reason is Reason.DAMAGED


def test_a_webp_ends_where_its_container_says(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(32, 32), "WEBP")
    assert essentials_of(upload + b"trailing").data == upload
    with pytest.raises(Rejected) as caught:
        essentials_of(upload[:-1])
    assert caught.value.reason is Reason.DAMAGED


def webp(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A WebP made by hand, its odd chunks padded."""
    parts = [
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    ]
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_only_the_chunks_that_hold_a_webp_s_first_picture_are_kept() -> None:
    picture = [(b"VP8X", bytes(10)), (b"ANIM", bytes(6)), (b"ANMF", b"first frame")]
    extra = [(b"ICCP", b"p"), (b"EXIF", exif_with(6)), (b"ANMF", b"second"), (b"XMP ", b"x")]
    essentials = essentials_of(webp([*picture, *extra]))
    assert essentials == Essentials(webp(picture), 6)


def test_a_chunk_behind_the_end_of_a_webp_counts_for_nothing() -> None:
    picture = webp([(b"VP8X", bytes(10))])
    trailing = webp([(b"EXIF", exif_with(6))])[12:]
    assert essentials_of(picture + trailing) == Essentials(picture, 1)


def test_a_webp_with_endless_chunks_is_damaged() -> None:
    with pytest.raises(Rejected) as caught:
        essentials_of(webp([(b"VP8X", bytes(10))] * (MAX_PARTS + 1)))
    assert caught.value.reason is Reason.DAMAGED
