"""From an encoded picture to the network's input: one function for training and serving."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
WHITE = (255, 255, 255)
ENOUGH_PX = 1024
"""Over twice the largest input of the network: a JPEG with more is decoded at 1/2, 1/4 or 1/8."""

STEPS = {
    "formats": list(FORMATS),
    "orientation": "EXIF",
    "colour": "RGB",
    "background": "white",
    "reduced_jpeg": f"while both sides keep {ENOUGH_PX} px",
    "crop": "centre square",
    "resample": "bicubic",
}
"""What `decode` and `square` do, in words for the model's description."""


class UnreadablePicture(ValueError):
    """Bytes that are no JPEG, PNG or WebP picture, a damaged one, or one that is too large."""


def decode(data: bytes) -> Image.Image:
    """The upright 8-bit RGB picture in `data`; transparent parts are white, 16 bits become 8.

    A JPEG comes smaller than it is while both its sides keep ENOUGH_PX. Of an animation it is the
    first frame. Raises UnreadablePicture.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise UnreadablePicture(
                    f"The picture has {width} x {height} pixels; at most {MAX_PIXELS} are decoded."
                )
            # Four times as fast for a photograph; what is left out, resizing would average away.
            opened.draft(None, (ENOUGH_PX, ENOUGH_PX))
            return _on_white(ImageOps.exif_transpose(opened))
    except (UnreadablePicture, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePicture("The data is not a JPEG, PNG or WebP picture.") from error
    # Pillow has no common base for what hostile bytes can make it raise.
    except Exception as error:
        raise UnreadablePicture("The picture is cut off or damaged.") from error


def square(picture: Image.Image, size_px: int) -> NDArray[np.uint8]:
    """The centre square of an RGB picture, resized: uint8 [size_px, size_px, 3], 0 to 255.

    A picture that has this size already comes through unchanged.
    """
    fitted = ImageOps.fit(picture, (size_px, size_px), method=Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        # A 16-bit greyscale PNG. convert() would clip at 255 where the high byte is wanted.
        high = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
        return Image.fromarray(high).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    flat = Image.new("RGB", rgba.size, WHITE)
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat
