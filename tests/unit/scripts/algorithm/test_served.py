"""A trained model behind the real model server: one picture, one answer, however it is encoded."""

import http.client
import io
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import train
from scripts.training.efficientnet import source_files

from .conftest import CLASSES, ROOT, TINY

EXACT = 1e-6
"""Lossless encodings hold the same pixels; only the sums inside the network may differ."""
JPEG_100 = 0.02
"""JPEG rounds even at quality 100, and by default keeps colour at half the resolution."""


@pytest.fixture(scope="module")
def ask(channels, tmp_path_factory):
    """ask(bytes): the scores that a process of the model server answers."""
    folder = tmp_path_factory.mktemp("served")
    model, port_file = folder / "model", folder / "port"
    sure = ("--epochs", "8", "--mixup", "0", "--learning-rate", "0.001")
    places = {"SM_MODEL_DIR": str(model), "SM_NUM_GPUS": "0"}
    train.main(["--classes", ",".join(CLASSES), *TINY, *sure], {**channels, **places})
    (model / "code").mkdir()
    for name, data in source_files().items():
        (model / "code" / name).write_bytes(data)
    program = ROOT / "scripts" / "localcloud" / "serving.py"
    server = subprocess.Popen([sys.executable, program, model, port_file], cwd=folder)
    try:
        deadline = time.monotonic() + 30
        while not port_file.exists():
            assert server.poll() is None, "the model server ended before it listened"
            assert time.monotonic() < deadline, "the model server does not listen"
            time.sleep(0.05)
        connection = http.client.HTTPConnection("127.0.0.1", int(port_file.read_text()), timeout=10)

        def scores(body: bytes) -> list[float]:
            connection.request(
                "POST", "/invocations", body, {"Content-Type": "application/x-image"}
            )
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            return json.loads(text)

        yield scores
        connection.close()
    finally:
        server.terminate()
        server.wait(10)


def photo(width: int = 300, height: int = 220) -> Image.Image:
    """Soft patches of colour, mostly red: nothing that the model was trained on."""
    pixels = np.random.default_rng(5).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    pixels[..., 0] |= 128
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def test_another_picture_has_another_answer(ask):
    """Without this the tests below would say nothing."""
    turned = encoded(photo().convert("RGB", matrix=(0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0)))
    assert np.abs(np.subtract(ask(encoded(photo())), ask(turned))).max() > 10 * JPEG_100


@pytest.mark.parametrize(
    ("body", "tolerance"),
    [
        (encoded(photo().convert("RGBA")), EXACT),
        (encoded(photo(), compress_level=0), EXACT),
        (encoded(photo(), "WEBP", lossless=True), EXACT),
        (encoded(photo(), "JPEG", quality=100), JPEG_100),
        (encoded(photo(), "JPEG", quality=100, subsampling=0, progressive=True), JPEG_100),
    ],
    ids=["RGBA", "uncompressed PNG", "lossless WebP", "JPEG 100", "progressive JPEG 100"],
)
def test_a_picture_has_the_same_scores_however_it_is_encoded(ask, body, tolerance):
    assert ask(body) == pytest.approx(ask(encoded(photo())), abs=tolerance)


def test_a_large_photograph_has_the_same_scores_as_a_jpeg_and_as_a_png(ask):
    large = photo(2600, 2200)
    jpeg, png = encoded(large, "JPEG", quality=100), encoded(large, compress_level=1)
    assert ask(jpeg) == pytest.approx(ask(png), abs=JPEG_100)


def test_greyscale_has_the_scores_of_its_rgb_picture(ask):
    grey = photo().convert("L")
    assert ask(encoded(grey)) == pytest.approx(ask(encoded(grey.convert("RGB"))), abs=EXACT)


def test_a_photograph_taken_upright_has_the_scores_of_the_upright_picture(ask):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = encoded(photo().transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert ask(lying) == pytest.approx(ask(encoded(photo())), abs=EXACT)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (33, 900), (2000, 40)])
def test_a_photograph_of_any_size_is_answered_with_a_score_for_each_label(ask, size):
    answer = ask(encoded(photo(*size)))
    assert len(answer) == len(CLASSES)
    assert sum(answer) == pytest.approx(1, abs=1e-5)
