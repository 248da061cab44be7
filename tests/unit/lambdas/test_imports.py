"""What a function imports is what its cold start pays for."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.fuzz.seeds import seeds

REPOSITORY = Path(__file__).parents[3]

# What Pillow can write of a colour picture and serialize must never open.
OTHER_FORMATS = (
    *("AVIF", "BMP", "DDS", "DIB", "EPS", "GIF", "ICNS", "ICO", "JPEG2000"),
    *("PCX", "PDF", "PPM", "QOI", "SGI", "SPIDER", "TGA", "TIFF"),
)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("lambdas.filter.handler", ["PIL", "boto3", "sagemaker", "numpy"]),
        ("lambdas.infer.handler", ["PIL", "sagemaker", "numpy"]),
        ("lambdas.serialize.handler", ["sagemaker", "numpy"]),
        ("lambdas.monitor.handler", ["sagemaker", "scipy", "pandas"]),
        ("lambdas.common.capture", ["PIL", "boto3", "botocore"]),
        ("lambdas.common.capture_scan", ["PIL", "boto3", "botocore", "numpy"]),
    ],
)
def test_a_module_imports_only_what_it_needs(
    environment: dict[str, str], module: str, unwanted: list[str]
) -> None:
    program = f"import sys, {module}; print(*sorted(set(sys.modules) & {set(unwanted)!r}))"
    output = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert output.split() == []


@pytest.mark.parametrize(
    ("module", "variable"),
    [
        ("lambdas.serialize.handler", "MAX_PIXELS"),
        ("lambdas.infer.handler", "LABELS"),
        ("lambdas.filter.handler", "ASSIGNMENTS"),
        ("lambdas.monitor.handler", "ARTIFACTS_BUCKET"),
        ("lambdas.monitor.handler", "STATE_MACHINE_ARN"),
    ],
)
def test_a_function_with_a_missing_setting_does_not_start_and_names_it(
    environment: dict[str, str], module: str, variable: str
) -> None:
    del environment[variable]
    result = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert result.stderr.strip().endswith(f"InvalidSettings: {variable} is not set")


def test_no_pillow_plugin_but_those_of_the_three_formats_is_ever_loaded(
    environment: dict[str, str],
    encode: Callable[..., bytes],
    noise: Callable[..., Image.Image],
    tmp_path: Path,
) -> None:
    # An MPO is a JPEG that another one follows; noise of this size becomes a JPEG.
    accepted = [*seeds().values(), encode(noise(32, 32), "MPO"), encode(noise(200, 200), "PNG")]
    others = [encode(noise(32, 32), name) for name in OTHER_FORMATS]
    others += [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"II*\x00", b"SIMPLE  = T", b""]
    for index, upload in enumerate([*accepted, *others]):
        (tmp_path / str(index)).write_bytes(upload)
    program = """
import io, pathlib, sys
from types import SimpleNamespace
from lambdas.serialize import handler
prepared = 0
for path in pathlib.Path(sys.argv[1]).iterdir():
    content = path.read_bytes()
    answer = {"ContentLength": len(content), "ETag": "e", "Body": io.BytesIO(content)}
    s3 = SimpleNamespace(get_object=lambda **_: answer)
    event = {"s3_bucket": handler.SETTINGS.uploads_bucket, "s3_key": "incoming/a"}
    prepared += "image_data" in handler.serialize(event, handler.SETTINGS, s3)
from PIL import Image
print(prepared, *sorted(Image.OPEN))
print(*sorted(name for name in sys.modules if name.endswith("ImagePlugin")))
"""
    output = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert output.split() == [
        str(len(accepted)),
        *("JPEG", "PNG", "WEBP"),
        *("PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"),
    ]
