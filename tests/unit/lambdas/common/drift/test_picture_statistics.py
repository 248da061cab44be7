"""What is measured of pictures that are known."""

import numpy as np
import pytest
from scipy import ndimage

from lambdas.common.drift.picture_statistics import COLUMNS, QUARTERS, measure


def of(pixels: np.ndarray) -> dict[str, float]:
    return dict(zip(COLUMNS, measure(pixels), strict=True))


def flat(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((16, 24, 3), (red, green, blue), np.uint8)


def test_a_grey_picture_is_as_bright_as_its_level_and_has_nothing_else() -> None:
    found = of(flat(51, 51, 51))
    assert found["brightness"] == pytest.approx(0.2, abs=1e-6)
    assert [found[name] for name in COLUMNS[1:]] == pytest.approx([0] * 11, abs=1e-6)


def test_green_is_brighter_than_blue() -> None:
    assert of(flat(0, 255, 0))["brightness"] == pytest.approx(0.587, abs=1e-6)
    assert of(flat(0, 0, 255))["brightness"] == pytest.approx(0.114, abs=1e-6)


def test_half_black_and_half_white_has_the_most_contrast() -> None:
    pixels = flat(0, 0, 0)
    pixels[:, 12:] = 255
    assert of(pixels)["contrast"] == pytest.approx(0.5, abs=1e-6)


def test_a_chequerboard_is_the_sharpest_picture() -> None:
    board = np.indices((16, 16)).sum(axis=0) % 2
    pixels = np.repeat((255 * board)[..., None], 3, axis=2).astype(np.uint8)
    # The four neighbours are 1 where the pixel is 0, and the other way round: 4 or -4.
    assert of(pixels)["sharpness"] == pytest.approx(4, abs=1e-5)


def test_sharpness_is_the_deviation_of_scipys_laplacian(random: np.random.Generator) -> None:
    pixels = random.integers(256, size=(20, 30, 3)).astype(np.uint8)
    luma = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    expected = ndimage.laplace(luma)[1:-1, 1:-1].std()
    assert of(pixels)["sharpness"] == pytest.approx(expected, rel=1e-5)


def test_the_colourfulness_of_one_colour_is_three_tenths_of_its_distance_from_grey() -> None:
    # rg = 1 and yb = 1/2 everywhere.
    expected = 0.3 * (1 + 0.25) ** 0.5
    assert of(flat(255, 0, 0))["colourfulness"] == pytest.approx(expected, abs=1e-6)


def test_blur_takes_sharpness_and_noise_adds_it(random: np.random.Generator) -> None:
    pixels = ndimage.gaussian_filter(random.integers(256, size=(32, 32, 3)), (1, 1, 0))
    blurred = ndimage.gaussian_filter(pixels, (1, 1, 0))
    noisy = np.clip(pixels + random.normal(0, 20, pixels.shape), 0, 255)
    sharpness = [of(p.astype(np.uint8))["sharpness"] for p in (blurred, pixels, noisy)]
    assert sharpness == sorted(sharpness)
    assert sharpness[2] > 2 * sharpness[0]


@pytest.mark.parametrize("quarter", QUARTERS)
def test_detail_is_of_the_quarter_that_has_it(quarter: str, random: np.random.Generator) -> None:
    pixels = flat(90, 90, 90)
    rows = slice(0, 8) if quarter.startswith("top") else slice(8, 16)
    columns = slice(0, 12) if quarter.endswith("left") else slice(12, 24)
    pixels[rows, columns] = random.integers(256, size=(8, 12, 3))
    found = of(pixels)
    detail = {one: found[f"detail, {one}"] for one in QUARTERS}
    assert max(detail, key=lambda one: detail[one]) == quarter
    assert detail[quarter] > 5 * max(value for one, value in detail.items() if one != quarter)


def test_detail_is_the_gradient_of_the_luma_and_its_deviation(random: np.random.Generator) -> None:
    pixels = random.integers(256, size=(18, 26, 3)).astype(np.uint8)
    luma = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    across, down = (ndimage.correlate1d(luma, [-1, 0, 1], axis=axis) for axis in (1, 0))
    gradient = np.hypot(across, down)[1:-1, 1:-1]
    found = of(pixels)
    assert found["detail, top right"] == pytest.approx(gradient[:8, 12:].mean(), rel=1e-5)
    deviation = found["variation of detail, bottom left"]
    assert deviation == pytest.approx(gradient[8:, :12].std(), rel=1e-5)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 4), (2, 16, 3), (1, 16, 16, 3)])
def test_what_is_no_rgb_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="RGB picture"):
        measure(np.zeros(shape, np.uint8))
