"""The rules an upload must meet to be classified, and the small picture that is made of it.

Pure: bytes in, bytes out. Only Pillow's JPEG, PNG and WebP plugins are ever imported. Their classes
are used directly, because `Image.open` loads others first, whatever `formats=` says.
"""

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from lambdas.common.container import Essentials, Format, Header, read_essentials, read_header
from lambdas.common.errors import Reason, Rejected

MIN_SIDE_PX = 16
"""Below this there is nothing to recognise: the training pictures have 32."""

MAX_PICTURE_BYTES = 18_000
"""Of the picture made, so that its message stays below 32 KB: 24,000 characters of base64 leave
room for a key of 1,024 bytes with every byte escaped."""

WHITE = (255, 255, 255)
JPEG_QUALITIES = (95, 90, 85, 75, 60, 45, 30)

# How much larger than the result a picture is, at least, when the fine resampling starts. Cheap box
# averaging gets it there; from 3 on, the result cannot be told from resampling alone (Pillow's
# reducing_gap). A JPEG is decoded at 1/2, 1/4 or 1/8 before that, down to Pillow's own gap for
# thumbnails: a phone's 12 megapixels at 1/8, which takes a fifth less time and is a level off.
_GAP = 3
_JPEG_GAP = 2
_BAND_PIXELS = 1_000_000

_OPENERS: Mapping[Format, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
}
_UPRIGHT: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MIRRORED_X = {2, 3, 7, 8}
_MIRRORED_Y = {3, 4, 6, 7}
_LYING = {5, 6, 7, 8}

# What Pillow raises on files that are broken in one way or another.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """What goes to the model: `data` is the encoded square picture, at most 18,000 bytes.

    `width` and `height` are those of the upload, upright, in pixels.
    """

    content_type: str
    data: bytes
    width: int
    height: int


def check_size_bytes(size_bytes: int, max_bytes: int) -> None:
    """Raise Rejected(empty or too_large) from an upload's size, before it is read."""
    if size_bytes == 0:
        raise Rejected(Reason.EMPTY, "The file is empty.")
    if size_bytes > max_bytes:
        raise Rejected(
            Reason.TOO_LARGE, f"The file has {size_bytes} bytes; at most {max_bytes} are read."
        )


def normalise(upload: bytes, size_px: int, max_pixels: int) -> Picture:
    """The upright 8-bit RGB centre square of an uploaded picture, at most `size_px` wide.

    A picture of up to `size_px` is never resampled, and comes through pixel for pixel as long as
    its PNG has at most 18,000 bytes. Transparency lies on white. An animation's first frame counts.

    Raises Rejected with the reason not_an_image, damaged, too_many_pixels or too_small.
    """
    header = read_header(upload)
    square, orientation = _decode(upload, header, size_px, max_pixels)
    content_type, data = _encode(square)
    width, height = header.width, header.height
    if orientation in _LYING:
        width, height = height, width
    return Picture(content_type, data, width, height)


def decode(picture: bytes, size_px: int, max_pixels: int) -> Image.Image:
    """The pixels that `normalise` encodes: of a picture of its own, what the model sees.

    Raises Rejected as it does.
    """
    return _decode(picture, read_header(picture), size_px, max_pixels)[0]


def _decode(data: bytes, header: Header, size_px: int, max_pixels: int) -> tuple[Image.Image, int]:
    """The upright square, and the orientation that the file declares."""
    _check_pixels(header, max_pixels)
    essentials = read_essentials(data, header)
    try:
        square = _square(_open(header, essentials), essentials.orientation, size_px)
    except DECODER_ERRORS as error:
        raise Rejected(
            Reason.DAMAGED, f"The {header.format} picture is cut off or damaged."
        ) from error
    return square, essentials.orientation


def _check_pixels(header: Header, max_pixels: int) -> None:
    size = f"The picture has {header.width} x {header.height} pixels"
    if header.width == 0 or header.height == 0:
        raise Rejected(Reason.DAMAGED, f"{size}.")
    if min(header.width, header.height) < MIN_SIDE_PX:
        raise Rejected(Reason.TOO_SMALL, f"{size}; each side needs at least {MIN_SIDE_PX}.")
    if header.width * header.height > max_pixels:
        raise Rejected(Reason.TOO_MANY_PIXELS, f"{size}; at most {max_pixels} in all are decoded.")


def _open(header: Header, essentials: Essentials) -> ImageFile:
    image = _OPENERS[header.format](io.BytesIO(essentials.data))
    if image.size != (header.width, header.height):
        raise ValueError("the decoder sees another size than the one that was checked")
    return image


def _square(image: ImageFile, orientation: int, size_px: int) -> Image.Image:
    """The upright centre square in RGB, `size_px` wide, or less where the picture is smaller."""
    image.draft(None, (_JPEG_GAP * size_px, _JPEG_GAP * size_px))  # nothing but for JPEG
    factor = max(1, min(image.size) // (_GAP * size_px))
    side = min(image.size) // factor * factor
    # A crop that cannot be in the exact middle leans the same way as that of the upright picture.
    left = (image.width - side + (orientation in _MIRRORED_X)) // 2
    top = (image.height - side + (orientation in _MIRRORED_Y)) // 2
    square = _flat_crop(image, left, top, side, factor)
    if orientation in _UPRIGHT:
        square = square.transpose(_UPRIGHT[orientation])
    if square.width > size_px:
        square = square.resize((size_px, size_px), Image.Resampling.BICUBIC)
    return square


def _flat_crop(image: Image.Image, left: int, top: int, side: int, factor: int) -> Image.Image:
    """A square of the picture in RGB, averaged over blocks of `factor` x `factor` pixels.

    It is made in bands of rows: a copy of a large picture in another mode would double the memory.
    """
    square = Image.new("RGB", (side // factor, side // factor))
    rows = max(1, _BAND_PIXELS // side // factor) * factor
    for row in range(0, side, rows):
        box = (left, top + row, left + side, top + min(row + rows, side))
        square.paste(_flatten(image.crop(box)).reduce(factor), (0, row // factor))
    return square


def _flatten(image: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB, its transparent parts on white."""
    if image.mode == "I;16":
        # convert() would clip at 255; the high byte is what Pillow keeps of 16-bit colour, too.
        return Image.frombytes("L", image.size, image.tobytes("raw", "I;16B")[::2]).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    flat = Image.new("RGB", image.size, WHITE)
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat


class _NamedBuffer(io.BytesIO):
    """A file in memory whose name tells `Image.save` the format: with `format=` it would load
    plugins that are not allowed here."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def _encode(square: Image.Image) -> tuple[str, bytes]:
    """Content type and bytes, lossless where that is small enough."""
    buffer = _NamedBuffer("picture.png")
    square.save(buffer)
    if buffer.tell() <= MAX_PICTURE_BYTES:
        return "image/png", buffer.getvalue()
    for quality in JPEG_QUALITIES:
        buffer = _NamedBuffer("picture.jpg")
        square.save(buffer, quality=quality, subsampling=0)
        if buffer.tell() <= MAX_PICTURE_BYTES:
            return "image/jpeg", buffer.getvalue()
    # Only noise gets here, and only above about 170 pixels a side.
    return _encode(square.reduce(2))
