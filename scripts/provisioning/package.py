"""Build the Lambda zips and the layer, byte for byte the same wherever they are built.

Entries are sorted, carry one fixed time and mode, and are stored rather than compressed: zlib's
output differs between its versions, and with it the `source_code_hash` that Terraform compares.
"""

import contextlib
import hashlib
import itertools
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import processes
from scripts.environment import BUILD, ROOT, Environment
from scripts.errors import UserError

FUNCTIONS = ("serialize", "infer", "filter", "monitor")
LAMBDAS = ROOT / "lambdas"
# What a layer brings, by a file below LAMBDAS: one for all functions, one for the monitor alone.
REQUIREMENTS = {"layer": "requirements.txt", "numpy": "monitor/requirements.txt"}
WHEELS = ROOT / ".local" / "wheels"

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
_UNIX = 3
# Lambda's Amazon Linux 2023 has glibc 2.34; each tag up to it is accepted.
_GLIBC_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# pip's notes about the installation itself, and what only a developer would use.
_LEFT_OUT = {
    *("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"),
    *("__pycache__", "bin", "tests", "include", "f2py"),
}
# The local cloud runs functions as a custom runtime, in AWS's runtime client; see
# scripts/localcloud/lambda_bootstrap.py.
LOCAL_BOOTSTRAP = '#!/bin/sh\nexec "$LOCAL_LAMBDA_PYTHON" "$LOCAL_LAMBDA_BOOTSTRAP"\n'


@dataclass(frozen=True)
class Target:
    """Where packages will run: a Lambda runtime and architecture, or this interpreter (local)."""

    name: str
    runtime: str = ""
    architecture: str = ""

    @property
    def folder(self) -> Path:
        return BUILD / "packages" / self.name


LOCAL_TARGET = Target("local")
AWS_TARGET = Target("aws", "python3.13", "arm64")


@dataclass(frozen=True)
class Entry:
    """One file of a zip."""

    name: str
    content: bytes
    executable: bool = False


def target_of(environment: Environment) -> Target:
    """What the environment's functions run on, as its file says."""
    if environment.is_local:
        return LOCAL_TARGET
    return Target(
        AWS_TARGET.name,
        environment.settings.get("lambda_runtime", AWS_TARGET.runtime),
        environment.settings.get("lambda_architecture", AWS_TARGET.architecture),
    )


def build(target: Target, folder: Path | None = None) -> dict[str, Path]:
    """Write a zip for each function, layer.zip and numpy.zip; return their paths by name.

    `folder` defaults to build/packages/<target>. Raises UserError when a wheel cannot be had.
    """
    folder = folder or target.folder
    folder.mkdir(parents=True, exist_ok=True)
    zips: dict[str, Iterable[Entry]] = {name: function_entries(name, target) for name in FUNCTIONS}
    zips["layer"] = itertools.chain(common_entries(), wheel_entries("layer", target))
    zips["numpy"] = wheel_entries("numpy", target)
    paths = {}
    for name, entries in zips.items():
        paths[name] = folder / f"{name}.zip"
        write_zip(paths[name], entries)
    return paths


def function_entries(name: str, target: Target) -> Iterator[Entry]:
    """A function's own modules, and nothing else; locally the custom runtime's bootstrap too.

    Lambda starts `handler.py`; the others are imported by their full names, as here.
    """
    for entry in _tree(LAMBDAS / name, "", "*.py"):
        is_handler = entry.name == "handler.py"
        yield entry if is_handler else replace(entry, name=f"lambdas/{name}/{entry.name}")
    if target == LOCAL_TARGET:
        yield Entry("bootstrap", LOCAL_BOOTSTRAP.encode(), executable=True)


def common_entries() -> Iterator[Entry]:
    """The code that the functions share."""
    yield from _tree(LAMBDAS / "common", "python/lambdas/common/", "*.py")


def wheel_entries(layer: str, target: Target) -> Iterator[Entry]:
    """The packages of a layer, for `target`."""
    yield from _tree(_installed_wheels(layer, target), "python/", "*")


def write_zip(path: Path, entries: Iterable[Entry]) -> None:
    """Write `entries` to `path` reproducibly; replaces the file only when it is complete.

    Several processes may do so at once: each writes in a place of its own.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        unfinished = Path(place) / path.name
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            for entry in sorted(entries, key=lambda entry: entry.name):
                info = zipfile.ZipInfo(entry.name, _FIXED_TIME)
                info.create_system = _UNIX
                info.external_attr = (0o755 if entry.executable else 0o644) << 16
                archive.writestr(info, entry.content)
        unfinished.replace(path)


def _tree(folder: Path, prefix: str, pattern: str) -> Iterator[Entry]:
    for path in folder.rglob(pattern):
        relative = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT.intersection(relative.parts):
            yield Entry(f"{prefix}{relative.as_posix()}", path.read_bytes())


def _installed_wheels(layer: str, target: Target) -> Path:
    """A folder with a layer's packages for `target`, installed once for each requirement."""
    requirements = LAMBDAS / REQUIREMENTS[layer]
    tag = "-".join(filter(None, [layer, target.name, target.runtime, target.architecture]))
    if target == LOCAL_TARGET:
        tag += f"-{sys.implementation.cache_tag}"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = WHEELS / f"{tag}-{digest}"
    if not folder.is_dir():
        WHEELS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{tag}-", dir=WHEELS) as unfinished:
            packages = Path(unfinished) / "packages"
            _install(target, requirements, packages)
            with contextlib.suppress(OSError):  # another process was first
                packages.rename(folder)
    return folder


def _install(target: Target, requirements: Path, folder: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-compile", "--only-binary=:all:", "--target", str(folder)),
        *_platform_options(target),
        *("--requirement", str(requirements)),
    ]
    pip = processes.start_guarded(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, errors = pip.communicate()
    finally:
        processes.stop(pip)
    if pip.returncode:
        last = (errors.decode("utf-8", "replace").strip().splitlines() or ["pip said nothing"])[-1]
        raise UserError(f"The layer's packages cannot be installed for {target.name}: {last}")


def _platform_options(target: Target) -> list[str]:
    if target == LOCAL_TARGET:
        return []
    machine = _MACHINES[target.architecture]
    platforms = [option for tag in _GLIBC_TAGS for option in ("--platform", f"{tag}_{machine}")]
    version = target.runtime.removeprefix("python")
    return [*platforms, "--python-version", version, "--implementation", "cp"]
