"""What can be measured of a picture without knowing what it shows."""

import numpy as np
from numpy.typing import NDArray

NAMES = ("brightness", "contrast", "sharpness", "colourfulness")
"""What is tested, one by one."""

QUARTERS = ("top left", "top right", "bottom left", "bottom right")
COLUMNS = (
    *NAMES,
    *(f"detail, {quarter}" for quarter in QUARTERS),
    *(f"variation of detail, {quarter}" for quarter in QUARTERS),
)
"""All that is measured. Where the detail is tells kinds of pictures apart, all together."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / 255  # ITU-R BT.601


def measure(pixels: NDArray[np.uint8]) -> tuple[float, ...]:
    """The statistics of an RGB picture [height, width, 3], at least 4 pixels a side, as COLUMNS.

    - brightness: mean of the luma, 0 to 1;
    - contrast: its standard deviation, 0 to 0.5;
    - sharpness: standard deviation of the luma's Laplacian, from 0. J. L. Pech-Pacheco and others,
      Diatom autofocusing in brightfield microscopy: a comparative study (ICPR 2000);
    - colourfulness: D. Hasler and S. Süsstrunk, Measuring colourfulness in natural images (Human
      Vision and Electronic Imaging 2003), over 255, from 0;
    - detail of each quarter: mean of the magnitude of the luma's gradient there, from 0; and its
      standard deviation.

    Sharpness and detail depend on the number of pixels: compare pictures as the model sees them,
    alone.
    Raises ValueError for an array of another shape.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < 4:
        raise ValueError(f"An RGB picture of at least 4 x 4 pixels is needed, not {pixels.shape}.")
    # Colour by colour, and in place where that can be: memory is what takes most of the time.
    red, green, blue = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32)
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1]
    laplacian += luma[1:-1, :-2]
    laplacian += luma[1:-1, 2:]
    laplacian -= 4 * luma[1:-1, 1:-1]
    yellow_blue = red + green
    yellow_blue /= 2
    yellow_blue -= blue
    red -= green
    colourfulness = np.hypot(red.std(), yellow_blue.std()) + 0.3 * np.hypot(
        red.mean(), yellow_blue.mean()
    )
    across, down = luma[1:-1, 2:] - luma[1:-1, :-2], luma[2:, 1:-1] - luma[:-2, 1:-1]
    across *= across
    down *= down
    across += down
    detail = _quarters(np.sqrt(across, out=across))
    return (
        float(luma.mean()),
        float(luma.std()),
        float(laplacian.std()),
        float(colourfulness / 255),
        *detail.mean(axis=1).tolist(),
        *detail.std(axis=1).tolist(),
    )


def _quarters(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A table's QUARTERS as rows [4, n], without the last of an odd number of rows or columns."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    even = values[: 2 * height, : 2 * width].reshape(2, height, 2, width)
    return even.transpose(0, 2, 1, 3).reshape(4, -1)
