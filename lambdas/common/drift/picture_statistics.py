"""What can be measured of a picture without knowing what it shows."""

import numpy as np
from numpy.typing import NDArray

NAMES = ("brightness", "contrast", "sharpness", "colourfulness")

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / 255  # ITU-R BT.601


def measure(pixels: NDArray[np.uint8]) -> tuple[float, ...]:
    """The statistics of an RGB picture [height, width, 3], at least 3 pixels a side, as NAMES.

    - brightness: mean of the luma, 0 to 1;
    - contrast: its standard deviation, 0 to 0.5;
    - sharpness: standard deviation of the luma's Laplacian, from 0. J. L. Pech-Pacheco and others,
      Diatom autofocusing in brightfield microscopy: a comparative study (ICPR 2000);
    - colourfulness: D. Hasler and S. Süsstrunk, Measuring colourfulness in natural images (Human
      Vision and Electronic Imaging 2003), over 255, from 0.

    Sharpness depends on the number of pixels: compare pictures as the model sees them, alone.
    Raises ValueError for an array of another shape.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < 3:
        raise ValueError(f"An RGB picture of at least 3 x 3 pixels is needed, not {pixels.shape}.")
    colours = pixels.astype(np.float32)
    luma = colours @ _LUMA
    inner = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * inner
    red, green, blue = np.moveaxis(colours, 2, 0) / 255
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    colourfulness = np.hypot(red_green.std(), yellow_blue.std()) + 0.3 * np.hypot(
        red_green.mean(), yellow_blue.mean()
    )
    return (
        float(luma.mean()),
        float(luma.std()),
        float(laplacian.std()),
        float(colourfulness),
    )
