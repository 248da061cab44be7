"""One picture gives the same pixels, however it is encoded."""

import io

import numpy as np
import pytest
from PIL import Image

import preprocessing
from hyperparameters import MAX_IMAGE_SIZE_PX
from preprocessing import UnreadablePicture, decode, square


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def gradient(width: int = 48, height: int = 32) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([rows * 7, columns * 5, (rows + columns) * 3], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def pixels(data: bytes, size_px: int = 32) -> np.ndarray:
    return square(decode(data), size_px).astype(int)


@pytest.mark.parametrize(
    "other",
    [
        encoded(gradient().convert("RGBA")),
        encoded(gradient(), "WEBP", lossless=True),
        encoded(gradient(), compress_level=0),
    ],
    ids=["RGBA", "lossless WebP", "uncompressed PNG"],
)
def test_lossless_encodings_give_the_same_pixels(other):
    np.testing.assert_array_equal(pixels(other), pixels(encoded(gradient())))


def test_a_jpeg_of_quality_100_differs_by_rounding_only():
    jpeg = encoded(gradient(), "JPEG", quality=100, subsampling=0)
    assert np.abs(pixels(jpeg) - pixels(encoded(gradient()))).max() <= 3


def test_greyscale_and_palette_give_the_pixels_of_their_rgb_picture():
    grey = gradient().convert("L")
    palette = gradient().quantize(64)
    for picture in (grey, palette):
        np.testing.assert_array_equal(
            pixels(encoded(picture)), pixels(encoded(picture.convert("RGB")))
        )


def test_sixteen_bit_greyscale_is_scaled_not_clipped():
    eight = np.arange(1024, dtype=np.uint8).reshape(32, 32)
    sixteen = Image.fromarray(eight.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pixels(encoded(sixteen)), pixels(encoded(Image.fromarray(eight))))


def test_transparent_parts_are_white_whatever_colour_they_hide():
    picture = Image.new("RGBA", (32, 32), (10, 200, 30, 0))
    assert (pixels(encoded(picture)) == 255).all()


def test_a_transparent_palette_entry_is_white():
    picture = Image.new("P", (32, 32), 3)
    picture.putpalette([0, 0, 0] * 256)
    assert (pixels(encoded(picture, transparency=3)) == 255).all()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_gives_the_upright_picture(orientation):
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encoded(gradient().transpose(stored), exif=exif)
    np.testing.assert_array_equal(pixels(turned), pixels(encoded(gradient())))


def test_the_centre_square_is_taken():
    picture = Image.new("RGB", (96, 32), (255, 0, 0))
    picture.paste((0, 0, 255), (32, 0, 64, 32))
    assert (pixels(encoded(picture)) == [0, 0, 255]).all()


def test_a_picture_of_the_right_size_comes_through_unchanged():
    picture = gradient(32, 32)
    np.testing.assert_array_equal(pixels(encoded(picture)), np.asarray(picture))


def test_other_formats_and_no_pictures_are_refused():
    for data in (b"", b"<html></html>", encoded(gradient(), "BMP"), encoded(gradient(), "GIF")):
        with pytest.raises(UnreadablePicture, match="not a JPEG, PNG or WebP"):
            decode(data)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_in_half_is_refused(format):
    data = encoded(gradient(200, 200), format)
    with pytest.raises(UnreadablePicture):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = encoded(Image.new("RGB", (4200, 2100), "teal"), "JPEG", exif=exif)
    assert sorted(decode(large).size) == [1050, 2100]


def test_enough_of_a_large_jpeg_is_decoded_for_the_largest_input_of_the_network():
    assert preprocessing.ENOUGH_PX >= 2 * MAX_IMAGE_SIZE_PX
    side = 2 * preprocessing.ENOUGH_PX - 1
    assert decode(encoded(Image.new("RGB", (side, side)), "JPEG")).size == (side, side)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_gives_the_pixels_of_its_png(mode):
    photo = gradient(240, 200).resize((2600, 2200), Image.Resampling.BICUBIC).convert(mode)
    jpeg, png = encoded(photo, "JPEG", quality=95), encoded(photo.convert("RGB"), compress_level=1)
    assert np.abs(pixels(jpeg, 128) - pixels(png, 128)).max() <= 4


def test_a_large_jpeg_cut_in_half_is_refused():
    data = encoded(Image.effect_noise((2200, 2200), 60), "JPEG")
    with pytest.raises(UnreadablePicture, match="cut off"):
        decode(data[: len(data) // 2])


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch):
    data = encoded(gradient(48, 32))
    monkeypatch.setattr(preprocessing, "MAX_PIXELS", 48 * 32 - 1)
    # Cut short: decoding it would say so.
    with pytest.raises(UnreadablePicture, match="48 x 32 pixels; at most 1535"):
        decode(data[:60])
