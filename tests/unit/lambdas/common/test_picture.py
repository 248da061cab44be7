"""The image rules, one test for each kind of upload."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageFile, ImageOps, ImageStat

from lambdas.common import picture as picture_rules
from lambdas.common.container import Header
from lambdas.common.errors import Reason, Rejected
from lambdas.common.picture import (
    MAX_PICTURE_BYTES,
    MIN_SIDE_PX,
    Picture,
    check_size_bytes,
    decode,
    normalise,
)

Encode = Callable[..., bytes]
Noise = Callable[[int, int], Image.Image]
Png = Callable[..., bytes]

MAX_PIXELS = 50_000_000


def made_of(upload: bytes, size_px: int = 128) -> Picture:
    return normalise(upload, size_px, MAX_PIXELS)


def pixels(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        return image.copy()


def why(upload: bytes) -> Reason:
    with pytest.raises(Rejected) as caught:
        made_of(upload)
    assert "\n" not in caught.value.detail
    return caught.value.reason


def assert_same(one: Image.Image, other: Image.Image) -> None:
    assert one.size == other.size
    assert one.tobytes() == other.convert("RGB").tobytes()


def assert_alike(one: Image.Image, other: Image.Image, mean_difference: float) -> None:
    assert one.size == other.size
    difference = ImageStat.Stat(ImageChops.difference(one, other.convert("RGB"))).mean
    assert max(difference) <= mean_difference


@pytest.mark.parametrize("size", [(40, 40), (300, 200)])
def test_what_normalise_has_made_is_decoded_to_what_the_model_sees(
    encode: Encode, noise: Noise, size: tuple[int, int]
) -> None:
    made = made_of(encode(noise(*size), "PNG"))
    assert_same(decode(made.data, 128, MAX_PIXELS), pixels(made.data))


def test_what_is_no_picture_is_not_decoded() -> None:
    with pytest.raises(Rejected) as caught:
        decode(b"<html>", 128, MAX_PIXELS)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_a_file_without_bytes_is_rejected_as_empty_from_its_size() -> None:
    with pytest.raises(Rejected) as caught:
        check_size_bytes(0, 100)
    assert caught.value.reason is Reason.EMPTY


def test_a_file_over_the_size_limit_is_rejected_from_its_size() -> None:
    with pytest.raises(Rejected) as caught:
        check_size_bytes(101, 100)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_file_of_exactly_the_size_limit_is_read() -> None:
    check_size_bytes(100, 100)


@pytest.mark.parametrize(("file_format", "length"), [("PNG", 20), ("JPEG", 20), ("WEBP", 20)])
def test_a_truncated_header_is_not_an_image(
    encode: Encode, noise: Noise, file_format: str, length: int
) -> None:
    assert why(encode(noise(32, 32), file_format)[:length]) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_in_half_is_damaged(encode: Encode, noise: Noise, file_format: str) -> None:
    upload = encode(noise(64, 64), file_format)
    assert why(upload[: len(upload) // 2]) is Reason.DAMAGED


def test_a_png_with_a_corrupted_byte_is_damaged(encode: Encode, noise: Noise) -> None:
    # Uncompressed, so that the decoder itself would not notice.
    upload = bytearray(encode(noise(32, 32), "PNG", compress_level=0))
    upload[len(upload) // 2] ^= 1
    assert why(bytes(upload)) is Reason.DAMAGED


def test_a_png_with_a_wrong_checksum_is_damaged(encode: Encode, noise: Noise) -> None:
    upload = bytearray(encode(noise(32, 32), "PNG"))
    upload[-13] ^= 1  # the last byte of the pixels' checksum
    assert why(bytes(upload)) is Reason.DAMAGED


def test_a_png_without_its_last_chunk_is_damaged(encode: Encode, noise: Noise) -> None:
    assert why(encode(noise(32, 32), "PNG")[:-12]) is Reason.DAMAGED


NO_PICTURES = {
    "html": b"<!DOCTYPE html><html><body>bicycle</body></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"></svg>',
    "pdf": b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n%%EOF",
    "zip": b"PK\x05\x06" + bytes(18),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\nshowpage\n",
    "fits": b"SIMPLE  =                    T".ljust(80)
    + b"BITPIX  =                    8".ljust(80)
    + b"END".ljust(2720),
    "fits gzip bomb": zlib.compress(bytes(1_000_000), wbits=31),
    "riff that is no webp": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(32),
    "text": b"bicycle",
    "one byte": b"\xff",
}


@pytest.mark.parametrize("upload", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_a_file_of_another_kind_is_not_an_image(upload: bytes) -> None:
    assert why(upload) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("file_format", ["GIF", "TIFF", "BMP", "PPM", "ICO"])
def test_a_picture_in_a_format_that_is_not_accepted_is_not_an_image(
    encode: Encode, noise: Noise, file_format: str
) -> None:
    assert why(encode(noise(32, 32), file_format)) is Reason.NOT_AN_IMAGE


def test_an_animated_gif_is_not_an_image(encode: Encode) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    upload = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert why(upload) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("side", [10_000, 14_143], ids=["100 megapixels", "200 megapixels"])
def test_too_many_pixels_are_rejected_from_the_header_without_a_look_at_the_rest(
    png: Png, side: int
) -> None:
    assert why(png(side, side, [(b"IDAT", b"never decoded")])) is Reason.TOO_MANY_PIXELS


def test_exactly_the_allowed_number_of_pixels_is_decoded(encode: Encode, noise: Noise) -> None:
    upload = encode(noise(32, 40), "PNG")
    assert normalise(upload, 128, 32 * 40).width == 32
    with pytest.raises(Rejected) as caught:
        normalise(upload, 128, 32 * 40 - 1)
    assert caught.value.reason is Reason.TOO_MANY_PIXELS


def test_a_picture_that_turns_out_to_have_another_size_than_its_header_is_never_decoded(
    encode: Encode, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_rules, "read_header", lambda _: Header("PNG", 16, 16))
    assert why(encode(noise(32, 32), "PNG")) is Reason.DAMAGED


def test_a_picture_of_0_x_0_pixels_is_damaged(png: Png) -> None:
    assert why(png(0, 0)) is Reason.DAMAGED


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (65535, 1), (MIN_SIDE_PX - 1, 100), (100, MIN_SIDE_PX - 1)]
)
def test_a_picture_with_a_side_below_the_minimum_is_too_small(
    png: Png, width: int, height: int
) -> None:
    rows = zlib.compress(bytes((width + 1) * height))
    assert why(png(width, height, [(b"IDAT", rows)])) is Reason.TOO_SMALL


def test_a_picture_with_both_sides_at_the_minimum_is_classified(encode: Encode) -> None:
    upload = encode(Image.new("RGB", (MIN_SIDE_PX, MIN_SIDE_PX)), "PNG")
    assert pixels(made_of(upload).data).size == (MIN_SIDE_PX, MIN_SIDE_PX)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_classified(encode: Encode, file_format: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "lime")]
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    upload = encode(frames[0], file_format, save_all=True, append_images=frames[1:], **lossless)
    assert_same(pixels(made_of(upload).data), frames[0])


def test_a_cmyk_jpeg_is_classified_in_its_own_colours(encode: Encode) -> None:
    upload = encode(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=95)
    assert_alike(pixels(made_of(upload).data), Image.new("RGB", (32, 32), "red"), 3)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_a_greyscale_picture_is_classified(encode: Encode, noise: Noise, mode: str) -> None:
    grey = noise(32, 32).convert(mode)
    assert_same(pixels(made_of(encode(grey, "PNG")).data), grey)


def half_transparent(image: Image.Image) -> Image.Image:
    """Opaque on the left, transparent on the right."""
    image = image.convert("RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (image.width // 2, 0, image.width, image.height))
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_of_a_png_lie_on_white(encode: Encode, mode: str) -> None:
    picture = half_transparent(Image.new("RGB", (32, 32), "black")).convert(mode)
    result = pixels(made_of(encode(picture, "PNG")).data)
    assert result.getpixel((0, 0)) == (0, 0, 0)
    assert result.getpixel((31, 31)) == (255, 255, 255)


def test_transparent_parts_of_a_webp_lie_on_white(encode: Encode) -> None:
    picture = half_transparent(Image.new("RGB", (32, 32), "black"))
    result = pixels(made_of(encode(picture, "WEBP", lossless=True)).data)
    assert result.getpixel((0, 0)) == (0, 0, 0)
    assert result.getpixel((31, 31)) == (255, 255, 255)


def test_a_colour_that_a_png_declares_transparent_lies_on_white(encode: Encode) -> None:
    picture = Image.new("RGB", (32, 32), "black")
    picture.paste("red", (0, 0, 16, 32))
    result = pixels(made_of(encode(picture, "PNG", transparency=(255, 0, 0))).data)
    assert result.getpixel((0, 0)) == (255, 255, 255)
    assert result.getpixel((31, 31)) == (0, 0, 0)


def test_a_16_bit_grey_png_is_scaled_and_not_clipped(encode: Encode) -> None:
    values = struct.pack("<256H", *(index * 257 for index in range(256)))
    picture = Image.frombytes("I;16", (16, 16), values)
    result = pixels(made_of(encode(picture, "PNG")).data)
    assert result.getchannel("R").tobytes() == bytes(range(256))


def test_a_16_bit_colour_png_is_scaled_and_not_clipped(png: Png) -> None:
    row = b"\x00" + struct.pack(">HHH", 0xFFFF, 0x8080, 0x0101) * 16
    # Another colour is declared transparent: in 8 bits it could be taken for the one above.
    key = struct.pack(">HHH", 0xFFFF, 0x8080, 0x0201)
    chunks = [(b"tRNS", key), (b"IDAT", zlib.compress(row * 16))]
    result = pixels(made_of(png(16, 16, chunks, bit_depth=16, colour_type=2)).data)
    assert_same(result, Image.new("RGB", (16, 16), (255, 128, 1)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(41, 24), (24, 41), (32, 32)])
def test_a_picture_with_an_exif_orientation_gives_the_same_as_its_upright_picture(
    encode: Encode, noise: Noise, orientation: int, file_format: str, size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encode(noise(*size), file_format, exif=exif)
    with Image.open(io.BytesIO(stored)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    result = made_of(stored)
    assert (result.width, result.height) == upright.size
    assert_same(pixels(result.data), pixels(made_of(encode(upright, "PNG")).data))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_large_picture_with_an_exif_orientation_gives_nearly_the_same_as_its_upright_picture(
    encode: Encode, noise: Noise, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = noise(23, 17).resize((701, 523))
    stored = encode(large, "PNG", exif=exif, compress_level=1)
    with Image.open(io.BytesIO(stored)) as image:
        upright = encode(ImageOps.exif_transpose(image), "PNG", compress_level=1)
    assert_alike(pixels(made_of(stored, 64).data), pixels(made_of(upright, 64).data), 1)


def test_trailing_bytes_travel_no_further(encode: Encode, noise: Noise) -> None:
    for file_format in ("PNG", "JPEG", "WEBP"):
        upload = encode(noise(32, 32), file_format)
        result = made_of(upload + b"<script>PK\x03\x04 polyglot</script>")
        assert result == made_of(upload)
        assert b"polyglot" not in result.data


def test_metadata_travels_no_further(encode: Encode, noise: Noise) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    for file_format in ("PNG", "JPEG", "WEBP"):
        options = {"exif": exif, "icc_profile": b"a secret profile", "comment": b"a comment"}
        result = pixels(made_of(encode(noise(32, 32), file_format, **options)).data)
        assert not {"exif", "icc_profile", "comment"} & set(result.info)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("side", [16, 32, 64])
def test_an_opaque_8_bit_picture_within_the_size_comes_through_pixel_for_pixel(
    encode: Encode, noise: Noise, mode: str, side: int
) -> None:
    picture = noise(side, side)
    result = made_of(encode(picture.convert(mode), "PNG"))
    assert result.content_type == "image/png"
    assert_same(pixels(result.data), picture)


def test_a_small_picture_is_never_enlarged(encode: Encode, noise: Noise) -> None:
    assert pixels(made_of(encode(noise(20, 30), "PNG")).data).size == (20, 20)


def test_the_centre_of_an_oblong_picture_is_kept(encode: Encode) -> None:
    picture = Image.new("RGB", (96, 32), "blue")
    picture.paste("red", (32, 0, 64, 32))
    assert_same(pixels(made_of(encode(picture, "PNG")).data), Image.new("RGB", (32, 32), "red"))


@pytest.mark.parametrize("side", [300, 1_000])
def test_fine_structure_is_averaged_when_a_picture_is_shrunk(encode: Encode, side: int) -> None:
    chequered = Image.frombytes("1", (8, 2), b"\xaa\x55").convert("L")
    picture = Image.new("L", (side, side))
    for x in range(0, side, 8):
        picture.paste(chequered, (x, 0))
    for y in range(2, side, 2):
        picture.paste(picture.crop((0, 0, side, 2)), (0, y))
    result = pixels(made_of(encode(picture, "PNG"), 64).data)
    assert result.size == (64, 64)
    values = result.tobytes()
    assert 122 < min(values) <= max(values) < 134


@pytest.mark.parametrize("size_px", [128, 224, 384])
def test_even_noise_is_encoded_small_enough(encode: Encode, noise: Noise, size_px: int) -> None:
    picture = noise(128, 128).resize((size_px, size_px), Image.Resampling.NEAREST)
    result = made_of(encode(picture, "PNG"), size_px)
    assert result.content_type == "image/jpeg"
    assert len(result.data) <= MAX_PICTURE_BYTES


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_phone_photograph_of_12_megapixels_becomes_a_small_picture(
    encode: Encode, noise: Noise, file_format: str
) -> None:
    photograph = noise(40, 30).resize((4000, 3000), Image.Resampling.BILINEAR)
    options = {"compress_level": 1} if file_format == "PNG" else {"quality": 80, "method": 0}
    result = made_of(encode(photograph, file_format, **options))
    assert (result.width, result.height) == (4000, 3000)
    expected = photograph.crop((500, 0, 3500, 3000)).resize((128, 128), Image.Resampling.BICUBIC)
    assert len(result.data) <= MAX_PICTURE_BYTES
    # Noise, as no camera has it, and in JPEG decoded at an eighth of its size.
    assert_alike(pixels(result.data), expected, 4 if file_format == "JPEG" else 3)


def test_the_file_of_a_multi_picture_phone_is_classified_by_its_first_picture(
    encode: Encode, noise: Noise
) -> None:
    first, second = noise(32, 32), Image.new("RGB", (32, 32))
    upload = encode(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert_alike(pixels(made_of(upload).data), pixels(encode(first, "JPEG", quality=95)), 0)


def outcome(upload: bytes) -> Reason | None:
    try:
        made_of(upload)
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_broken_at_any_byte_is_classified_or_rejected_and_never_a_failure(
    encode: Encode, noise: Noise, file_format: str
) -> None:
    upload = encode(noise(32, 32), file_format)
    outcomes = set()
    for position in range(0, len(upload), len(upload) // 200):
        broken = bytearray(upload)
        broken[position] ^= 0xFF
        outcomes.add(outcome(bytes(broken)))
    assert {Reason.NOT_AN_IMAGE, Reason.DAMAGED} <= outcomes


def test_truncated_pictures_are_never_filled_up() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
