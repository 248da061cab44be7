"""What a function imports is what its cold start pays for."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("lambdas.filter.handler", ["PIL", "boto3", "sagemaker", "numpy"]),
        ("lambdas.infer.handler", ["PIL", "sagemaker", "numpy"]),
        ("lambdas.serialize.handler", ["sagemaker", "numpy"]),
        ("lambdas.common.capture", ["PIL", "boto3", "botocore"]),
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
    encode: Callable[..., bytes], noise: Callable[..., Image.Image], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x011A] = 72.0
    uploads = [encode(noise(32, 32), name, exif=exif) for name in ("JPEG", "PNG", "WEBP")]
    uploads += [encode(noise(32, 32), name) for name in ("GIF", "TIFF", "MPO", "BMP")]
    uploads += [encode(noise(200, 200), "PNG"), b"%!PS-Adobe-3.0 EPSF-3.0\n", b"II*\x00", b""]
    for index, upload in enumerate(uploads):
        (tmp_path / str(index)).write_bytes(upload)
    program = """
import sys, pathlib
from lambdas.common.errors import Rejected
from lambdas.common.picture import normalise
for path in pathlib.Path(sys.argv[1]).iterdir():
    try:
        normalise(path.read_bytes(), 128, 50_000_000)
    except Rejected:
        pass
from PIL import Image
print(*sorted(Image.OPEN), *sorted(name for name in sys.modules if name.endswith("ImagePlugin")))
"""
    output = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert output.split() == [
        *("JPEG", "PNG", "WEBP"),
        *("PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"),
    ]
