"""Photographs as drivers' phones would take them of the vehicles in a few labelled pictures."""

import io
import random
from collections.abc import Sequence

from PIL import Image, ImageEnhance

SIZES_PX = (160, 240, 320, 480, 640)
QUALITIES = (70, 80, 90, 95)
LARGEST_TURN_DEGREES = 8.0
_EXIF_ORIENTATION = 0x0112
# EXIF orientation, and what the camera's sensor sees when the phone is held like that.
_HELD = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}


def photograph(pictures: Sequence[bytes], number: int, seed: int | str = 0) -> bytes:
    """The photograph with this number: a JPEG of one of `pictures`, the same each time.

    Size, quality, turn, mirror, light and how the phone was held vary.
    """
    chance = random.Random(f"{seed}/{number}")
    with Image.open(io.BytesIO(pictures[number % len(pictures)])) as opened:
        picture = opened.convert("RGB")
    if chance.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = chance.choice(SIZES_PX)
    picture = picture.resize((size, size), Image.Resampling.BICUBIC)
    turn = chance.uniform(-LARGEST_TURN_DEGREES, LARGEST_TURN_DEGREES)
    picture = _turned(picture, turn)
    picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(0.9, 1.1))
    orientation, transposed = chance.choice(list(_HELD.items()))
    if transposed is not None:
        picture = picture.transpose(transposed)
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=chance.choice(QUALITIES), exif=exif)
    return written.getvalue()


def _turned(picture: Image.Image, degrees: float) -> Image.Image:
    """Turned a little, and cut so that no corner is empty."""
    width, height = picture.size
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
    margin = round(0.07 * max(width, height))
    box = (margin, margin, width - margin, height - margin)
    return turned.crop(box).resize((width, height), Image.Resampling.BICUBIC)
