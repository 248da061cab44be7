"""The packages as they are really built: wheels for Lambda's machine, and handlers that import."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.provisioning import package
from scripts.provisioning.package import AWS_TARGET, FUNCTIONS, LOCAL_TARGET, Target
from tests.function_environment import ENVIRONMENT

AARCH64 = 183  # EM_AARCH64, in the ELF specification
LAYERS = ("layer", "numpy")
LAMBDAS_UNZIPPED_BYTES = 262_144_000  # of a function with its layers [Lambda quotas]
LAMBDAS_GLIBC = 34  # Amazon Linux 2023 has 2.34
# What Lambda's own runtime brings: boto3 and what it needs.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


def _build(target: Target, folder: Path, umask: int = 0o022) -> dict[str, Path]:
    """Build everything anew: no wheels of an earlier build are used."""
    before = os.umask(umask)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(package, "WHEELS", folder / "wheels")
            return package.build(target, folder / "packages")
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def for_aws(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _build(AWS_TARGET, tmp_path_factory.mktemp("aws"))


@pytest.fixture(scope="module", params=LAYERS)
def layer(for_aws: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(for_aws[request.param]) as opened:
        yield opened


def _wheel_tags(layer: zipfile.ZipFile) -> dict[str, list[str]]:
    """Tags by package, from each wheel's own metadata."""
    tags = {}
    for name in layer.namelist():
        if name.endswith(".dist-info/WHEEL"):
            lines = layer.read(name).decode().splitlines()
            found = [line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")]
            tags[name.split("/")[1].split("-")[0]] = found
    return tags


def test_two_builds_in_different_folders_under_another_umask_are_byte_identical(
    for_aws: dict[str, Path], tmp_path: Path
) -> None:
    again = _build(AWS_TARGET, tmp_path / "somewhere" / "else", umask=0o077)
    for name, path in for_aws.items():
        assert path.read_bytes() == again[name].read_bytes(), name


def test_every_compiled_file_of_the_layer_is_for_aarch64_and_cpython_313(
    layer: zipfile.ZipFile,
) -> None:
    compiled = [name for name in layer.namelist() if re.search(r"\.so(\.|$)", name)]
    assert any("PIL/_imaging." in name or "numpy/_core" in name for name in compiled)
    for name in compiled:
        content = layer.read(name)
        assert content[:4] == b"\x7fELF", name
        (machine,) = struct.unpack_from("<H", content, 18)
        assert machine == AARCH64, name
        if tag := re.search(r"\.(cpython-\w+)-", name):
            assert tag[1] == "cpython-313", name


def test_every_wheel_of_the_layer_says_that_it_fits_lambda(layer: zipfile.ZipFile) -> None:
    tags = _wheel_tags(layer)
    own = {"pillow", "numpy"} & set(tags)
    assert len(own) == 1
    assert all(tag.startswith("cp313-cp313-manylinux") for name in own for tag in tags[name])
    for name, found in tags.items():
        for tag in found:
            python, abi, platform = tag.split("-", 2)
            assert python in ("cp313", "py3", "py2") or abi == "abi3", (name, tag)
            assert platform == "any" or platform.endswith("_aarch64"), (name, tag)
        glibc = [int(version) for tag in found for version in re.findall(r"manylinux_2_(\d+)", tag)]
        assert not glibc or min(glibc) <= LAMBDAS_GLIBC, (name, found)


def test_a_layer_has_nothing_that_lambda_brings_itself(layer: zipfile.ZipFile) -> None:
    folders = {name.split("/")[1] for name in layer.namelist()}
    assert not folders & {"boto3", "botocore", "sagemaker", "bin", "__pycache__"}
    assert all(name.startswith("python/") for name in layer.namelist())


def test_numpy_is_in_the_monitors_layer_alone_and_both_are_far_below_lambdas_limit(
    for_aws: dict[str, Path],
) -> None:
    sizes = {name: for_aws[name].stat().st_size for name in LAYERS}
    assert sizes["layer"] <= 30_000_000
    assert sum(sizes.values()) <= LAMBDAS_UNZIPPED_BYTES / 2
    with zipfile.ZipFile(for_aws["layer"]) as opened:
        assert not any(name.startswith("python/numpy/") for name in opened.namelist())


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local packages as Lambda unpacks them, and beside them what its runtime brings."""
    folder = tmp_path_factory.mktemp("local")
    for name, path in package.build(LOCAL_TARGET, folder / "packages").items():
        with zipfile.ZipFile(path) as opened:
            opened.extractall(folder / name)
    (folder / "runtime").mkdir()
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec
        assert spec.origin
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / "runtime" / source.name).symlink_to(source)
    return folder


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_imports_with_nothing_but_its_zip_its_layers_and_lambdas_own_packages(
    unpacked: Path, name: str
) -> None:
    layers = LAYERS if name == "monitor" else LAYERS[:1]
    path = [
        str(unpacked / name),
        *(str(unpacked / layer / "python") for layer in layers),
        str(unpacked / "runtime"),
    ]
    program = (
        "import json, sys\n"
        f"sys.path[:0] = {path!r}\n"
        "import handler, lambdas.common.errors as common\n"
        "print(json.dumps([handler.__file__, common.__file__, callable(handler.handle)]))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-I", "-c", program],
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    handler, common, is_callable = json.loads(answer.stdout.splitlines()[-1])
    assert Path(handler).is_relative_to(unpacked / name)
    assert Path(common).is_relative_to(unpacked / "layer")
    assert is_callable
