"""What may happen to the pictures that arrive, at several strengths."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib import cbook
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True)
class Shift:
    """`change` makes a picture [side, side, 3] into what arrives in its place.

    It happens to the `share` of the pictures. With `is_other`, what arrives is neither class, so
    that no answer is right. With `flood`, nothing is changed, but that share is of one class.
    """

    name: str
    change: Callable[[Pixels, Random], Pixels]
    share: float = 1.0
    is_other: bool = False
    flood: int | None = None


def shifts() -> list[Shift]:
    """All that is measured; the first one changes nothing."""
    people = partial(_person, portrait=_portrait())
    return [
        Shift("nothing", _same),
        *(Shift(f"darkened to {s:.0%}", partial(_darken, to=s)) for s in (0.8, 0.5, 0.25, 0.15)),
        *(Shift(f"noise of {s} levels", partial(_add_noise, levels=s)) for s in (10, 20, 40)),
        *(Shift(f"blur of {s} px", partial(_blur, px=s)) for s in (0.5, 1, 1.5, 2)),
        Shift("upside down", _turn),
        *(Shift(f"close-ups, {s:.0%}", _close_up, s) for s in (0.1, 0.3, 1)),
        *(Shift(f"bicycles, {s:.0%}", _same, s, flood=0) for s in (0.7, 0.8, 1)),
        *(Shift(f"motorcycles, {s:.0%}", _same, s, flood=1) for s in (0.7, 0.8, 1)),
        *(Shift(f"documents, {s:.0%}", _document, s, is_other=True) for s in (0.1, 0.2, 0.3, 1)),
        *(Shift(f"people, {s:.0%}", people, s, is_other=True) for s in (0.1, 0.2, 0.3, 1)),
    ]


def apply(shift: Shift, pictures: Sequence[Pixels], seed: int) -> list[Pixels]:
    """Each picture as it arrives, the same each time for the same seed."""
    random = np.random.default_rng(seed)
    return [shift.change(picture, random) for picture in pictures]


def _same(picture: Pixels, _: Random) -> Pixels:
    return picture


def _levels(values: NDArray[np.float64]) -> Pixels:
    return np.clip(values, 0, 255).astype(np.uint8)


def _darken(picture: Pixels, _: Random, to: float) -> Pixels:
    return _levels(picture * to)


def _add_noise(picture: Pixels, random: Random, levels: float) -> Pixels:
    return _levels(picture + random.normal(0, levels, picture.shape))


def _blur(picture: Pixels, _: Random, px: float) -> Pixels:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(px)))


def _turn(picture: Pixels, _: Random) -> Pixels:
    return picture[::-1, ::-1].copy()


def _close_up(picture: Pixels, _: Random) -> Pixels:
    """The middle of the picture, which the vehicle is larger than."""
    side = len(picture)
    part = picture[side * 5 // 16 : side * 11 // 16, side * 5 // 16 : side * 11 // 16]
    resized = Image.fromarray(part).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _document(picture: Pixels, random: Random) -> Pixels:
    """Lines of dark words on light paper, slightly turned."""
    side = len(picture)
    paper, ink = int(random.integers(180, 250)), int(random.integers(20, 120))
    image = Image.new("RGB", (side, side), (paper, paper, paper - 10))
    draw = ImageDraw.Draw(image)
    for row in range(int(random.integers(2, 5)), side - 2, int(random.integers(3, 5))):
        column = int(random.integers(2, 5))
        while column < side - 4:
            end = column + int(random.integers(1, 5))
            draw.line((column, row, end, row), fill=(ink, ink, ink))
            column = end + 2
    turned = image.rotate(float(random.normal(0, 5)), fillcolor=(150, 140, 130))
    return _add_noise(np.asarray(turned), random, 4)


def _portrait() -> Image.Image:
    """A photograph of a person that comes with matplotlib."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        return Image.open(io.BytesIO(file.read())).convert("RGB")


def _person(picture: Pixels, random: Random, portrait: Image.Image) -> Pixels:
    """A square part of the portrait, larger or smaller, mirrored or not."""
    part = int(random.integers(min(portrait.size) // 4, min(portrait.size)))
    left = int(random.integers(portrait.width - part + 1))
    top = int(random.integers(portrait.height - part + 1))
    square = portrait.crop((left, top, left + part, top + part))
    resized = np.asarray(square.resize((len(picture),) * 2, Image.Resampling.BICUBIC))
    return resized[:, ::-1].copy() if random.random() < 0.5 else resized
