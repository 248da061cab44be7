import hashlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from scripts.dataset import pictures
from scripts.dataset.model import Sample
from scripts.dataset.pictures import BadPictureError

Picture = Callable[..., bytes]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"<html></html>", "is no PNG, JPEG or WebP picture"),
    ],
)
def test_bytes_that_are_no_picture_are_named_for_what_they_are(data: bytes, reason: str) -> None:
    with pytest.raises(BadPictureError, match=reason):
        pictures.decode(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_in_half_is_damaged(picture: Picture, kind: str) -> None:
    data = picture(1, side=64, kind=kind)
    with pytest.raises(BadPictureError, match=r"is damaged|is no PNG"):
        pictures.decode(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_formats_other_than_the_three_are_not_opened(picture: Picture, kind: str) -> None:
    with pytest.raises(BadPictureError, match="is no PNG, JPEG or WebP picture"):
        pictures.decode(picture(1, kind=kind))


@pytest.mark.parametrize("position", [200, -13])
def test_a_png_with_one_changed_byte_in_pixels_or_check_sum_is_damaged(position: int) -> None:
    data = bytearray(pictures.encode_png(bytes(32 * 32 * 3), 32, 32))
    data[position] ^= 1
    with pytest.raises(BadPictureError, match="is damaged"):
        pictures.decode(bytes(data))


def test_a_picture_over_the_pixel_limit_is_refused_from_its_header(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    with pytest.raises(BadPictureError, match="has 32 x 32 pixels, the limit is 1,000"):
        pictures.decode(picture(1)[:60])


def test_a_picture_over_the_size_limit_is_refused(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_PICTURE_BYTES", 10)
    with pytest.raises(BadPictureError, match="bytes, the limit is 10"):
        pictures.decode(picture(1))


def test_every_lossless_encoding_of_a_picture_has_the_same_content_digest(picture: Picture) -> None:
    digests = {
        pictures.content_digest(picture(1)),
        pictures.content_digest(picture(1, mode="RGBA")),
        pictures.content_digest(picture(1, kind="WEBP")),
        pictures.content_digest(pictures.encode_png(pictures.decode(picture(1)).tobytes(), 32, 32)),
    }
    assert len(digests) == 1


def test_other_pixels_another_shape_and_other_transparency_have_other_digests(
    picture: Picture,
) -> None:
    def png(image: Image.Image) -> bytes:
        out = BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    wide = png(Image.new("RGB", (4, 2)))
    tall = png(Image.new("RGB", (2, 4)))
    clear = png(Image.new("RGBA", (2, 4)))
    assert len({pictures.content_digest(data) for data in (picture(1), wide, tall, clear)}) == 4


def test_two_16_bit_pictures_that_clipping_would_make_equal_differ() -> None:
    digests = set()
    for level in (1000, 2000):
        out = BytesIO()
        Image.new("I;16", (8, 8), level).save(out, "PNG")
        digests.add(pictures.content_digest(out.getvalue()))
    assert len(digests) == 2


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (300, 200)])
def test_an_encoded_png_decodes_to_the_same_pixels(width: int, height: int) -> None:
    rgb = bytes(index * 7 % 256 for index in range(width * height * 3))
    found = pictures.decode(pictures.encode_png(rgb, width, height))
    assert (found.mode, found.size, found.tobytes()) == ("RGB", (width, height), rgb)


def test_an_encoded_png_is_the_same_on_every_machine() -> None:
    found = hashlib.sha256(pictures.encode_png(bytes(range(192)), 8, 8)).hexdigest()
    assert found == "e24d441d9b16f1493f2c64db7fc056b994a4a194d7af075aa03e87cf2057c55b"


def test_the_decoded_digest_takes_names_in_order_and_pixels_as_rgb(picture: Picture) -> None:
    first, second = picture(1), picture(2, mode="RGBA")
    expected = hashlib.sha256(
        b"a.png\0"
        + pictures.decode(first).tobytes()
        + b"b.png\0"
        + pictures.decode(second).convert("RGB").tobytes()
    ).hexdigest()
    found = pictures.decoded_digest([Sample("b.png", 0, second), Sample("a.png", 1, first)])
    assert found == expected


def test_the_unnamed_digest_knows_the_label_and_not_the_name(picture: Picture) -> None:
    def digest(name: str, label: int) -> str:
        return pictures.unnamed_digest([Sample(name, label, picture(1))])

    assert digest("a.png", 0) == digest("b.png", 0)
    assert digest("a.png", 0) != digest("a.png", 1)


@pytest.mark.parametrize(
    ("kind", "expected"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_the_media_type_comes_from_the_bytes(picture: Picture, kind: str, expected: str) -> None:
    assert pictures.media_type(picture(1, kind=kind)) == expected
