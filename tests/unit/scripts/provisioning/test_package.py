"""Packages: the same bytes wherever and whenever they are built, and nothing that is not needed."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.provisioning import package
from scripts.provisioning.package import AWS_TARGET, FUNCTIONS, LOCAL_TARGET, Target

X86_TARGET = Target("aws", "python3.13", "x86_64")


@pytest.fixture
def wheels(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """In place of pip: two small packages. Returns the command lines that pip would have had."""
    commands: list[list[str]] = []

    def install(target: Target, requirements: Path, folder: Path) -> None:
        commands.append(package._platform_options(target))
        for name in ("PIL/core.so", "pillow.dist-info/METADATA", "pillow.dist-info/RECORD"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
        for name in ("bin/tool", "PIL/__pycache__/core.pyc", "pillow.dist-info/INSTALLER"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("differs between machines")

    monkeypatch.setattr(package, "_install", install)
    return commands


@pytest.fixture
def checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wheels: object
) -> Callable[..., Path]:
    """checkout(name, mtime=None): a copy of lambdas/ in a folder of its own, and in use."""

    def make(name: str, mtime: float | None = None) -> Path:
        root = tmp_path / name
        lambdas = root / "lambdas"
        shutil.copytree(
            package.ROOT / "lambdas",
            lambdas,
            copy_function=shutil.copy if mtime is None else shutil.copy2,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for path in lambdas.rglob("*") if mtime else ():
            os.utime(path, (mtime or 0, mtime or 0))
        monkeypatch.setattr(package, "LAMBDAS", lambdas)
        monkeypatch.setattr(package, "WHEELS", root / "wheels")
        return root

    return make


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    """umask(value) for the rest of the test."""
    before = os.umask(0o022)
    yield lambda value: (os.umask(value), None)[1]
    os.umask(before)


@pytest.fixture
def built(checkout: Callable[..., Path], tmp_path: Path) -> Callable[[Target], dict[str, Path]]:
    """built(target): the zips."""
    checkout("project")
    return lambda target: package.build(target, tmp_path / "out" / target.name)


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as opened:
        return opened.namelist()


@pytest.mark.parametrize("target", [AWS_TARGET, LOCAL_TARGET], ids=lambda target: target.name)
def test_two_folders_another_umask_and_another_time_give_the_same_bytes(
    checkout: Callable[..., Path], umask: Callable[[int], None], target: Target
) -> None:
    umask(0o022)
    first = package.build(target, checkout("here") / "out")
    umask(0o077)
    second = package.build(target, checkout("a/much/longer/place", mtime=1e9) / "out")
    assert first.keys() == second.keys() == {*FUNCTIONS, "layer", "numpy"}
    for name in first:
        assert first[name] != second[name]
        assert first[name].read_bytes() == second[name].read_bytes(), name


def test_entries_are_sorted_with_one_time_and_one_mode(
    built: Callable[[Target], dict[str, Path]],
) -> None:
    for path in built(AWS_TARGET).values():
        with zipfile.ZipFile(path) as opened:
            entries = opened.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in entries} == {0o644}
        assert {entry.create_system for entry in entries} == {3}
        assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}


def test_changed_content_changes_the_zip(checkout: Callable[..., Path]) -> None:
    root = checkout("project")
    before = package.build(AWS_TARGET, root / "out")["infer"].read_bytes()
    handler = root / "lambdas" / "infer" / "handler.py"
    handler.write_text(handler.read_text() + "\n")
    assert package.build(AWS_TARGET, root / "out")["infer"].read_bytes() != before


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_zip_holds_only_its_own_source(
    built: Callable[[Target], dict[str, Path]], name: str
) -> None:
    path = built(AWS_TARGET)[name]
    others = {f.name for f in (package.LAMBDAS / name).glob("*.py")} - {"handler.py"}
    assert set(_names(path)) == {"handler.py", *(f"lambdas/{name}/{other}" for other in others)}
    with zipfile.ZipFile(path) as opened:
        assert opened.read("handler.py") == (package.LAMBDAS / name / "handler.py").read_bytes()


def test_what_a_desktop_or_an_editor_leaves_in_a_source_folder_stays_out(
    checkout: Callable[..., Path],
) -> None:
    root = checkout("project")
    for folder in ("filter", "common"):
        for name in (".DS_Store", "handler.py~", "handler.pyc", "__pycache__/handler.py"):
            path = root / "lambdas" / folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("junk")
    paths = package.build(AWS_TARGET, root / "out")
    assert _names(paths["filter"]) == ["handler.py"]
    assert all(name.endswith(".py") for name in _names(paths["layer"]) if "lambdas/common" in name)


def test_infer_has_at_most_10_kb_each_step_at_most_20_and_the_monitor_50(
    built: Callable[[Target], dict[str, Path]],
) -> None:
    for target in (AWS_TARGET, LOCAL_TARGET):
        paths = built(target)
        assert paths["infer"].stat().st_size <= 10_000
        steps = set(FUNCTIONS) - {"monitor"}
        assert max(paths[name].stat().st_size for name in steps) <= 20_000
        assert paths["monitor"].stat().st_size <= 50_000


def test_the_layer_holds_what_functions_share_and_packages_where_lambda_looks_for_them(
    built: Callable[[Target], dict[str, Path]],
) -> None:
    common = package.ROOT / "lambdas" / "common"
    packages = {"python/PIL/core.so", "python/pillow.dist-info/METADATA"}
    paths = built(AWS_TARGET)
    assert set(_names(paths["layer"])) == packages | {
        f"python/lambdas/common/{path.relative_to(common).as_posix()}"
        for path in common.rglob("*.py")
    }
    assert set(_names(paths["numpy"])) == packages


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_local_functions_zip_starts_with_an_executable_bootstrap(
    built: Callable[[Target], dict[str, Path]], name: str
) -> None:
    with zipfile.ZipFile(built(LOCAL_TARGET)[name]) as opened:
        entry = opened.getinfo("bootstrap")
        assert stat.S_IMODE(entry.external_attr >> 16) == 0o755
        assert opened.read("bootstrap").startswith(b"#!/bin/sh\n")
        assert opened.namelist()[:2] == ["bootstrap", "handler.py"]


def test_a_zip_is_replaced_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(b"before")

    def broken() -> Iterator[package.Entry]:
        yield package.Entry("a", b"")
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the one raised above
        package.write_zip(path, broken())
    assert path.read_bytes() == b"before"


def test_two_processes_may_write_the_same_zip(tmp_path):
    path = tmp_path / "layer.zip"

    def meanwhile():
        yield package.Entry("a", b"first")
        package.write_zip(path, [package.Entry("a", b"first")])  # another one, and quicker

    package.write_zip(path, meanwhile())
    with zipfile.ZipFile(path) as archive:
        assert archive.read("a") == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_packages_are_installed_once_for_each_target_and_requirement(
    checkout: Callable[..., Path], wheels: list[list[str]]
) -> None:
    root = checkout("project")
    layers = 2
    for _ in range(2):
        package.build(AWS_TARGET, root / "out")
    assert len(wheels) == layers
    package.build(LOCAL_TARGET, root / "out")
    package.build(X86_TARGET, root / "out")
    assert len(wheels) == 3 * layers
    (root / "lambdas" / "requirements.txt").write_text("pillow==1\n")
    package.build(AWS_TARGET, root / "out")
    assert len(wheels) == 3 * layers + 1


def test_wheels_for_aws_are_chosen_for_its_machine_and_python_not_for_this_one(
    checkout: Callable[..., Path], wheels: list[list[str]]
) -> None:
    root = checkout("project")
    package.build(AWS_TARGET, root / "out")
    package.build(X86_TARGET, root / "out")
    package.build(LOCAL_TARGET, root / "out")
    arm, _, x86, _, local, _ = wheels
    for options, machine in ((arm, "aarch64"), (x86, "x86_64")):
        platforms = [word for word in options if word.startswith("manylinux")]
        assert platforms
        assert all(platform.endswith(f"_{machine}") for platform in platforms)
        assert options[options.index("--python-version") + 1] == "3.13"
        assert options[options.index("--implementation") + 1] == "cp"
    assert local == []


def test_an_installation_that_fails_ends_in_one_line_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("nothing @ file:///no/such/nothing-1-py3-none-any.whl\n")
    monkeypatch.setattr(package, "REQUIREMENTS", {"layer": requirements})
    monkeypatch.setattr(package, "WHEELS", tmp_path / "wheels")
    with pytest.raises(UserError, match=r"for aws: .*nothing-1-py3-none-any\.whl") as caught:
        package.build(AWS_TARGET, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "wheels").iterdir()) == []


def test_an_interrupted_installation_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, checkout: Callable[..., Path]
) -> None:
    root = checkout("project")

    def interrupted(_target: Target, _requirements: Path, folder: Path) -> None:
        folder.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "_install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        package.build(AWS_TARGET, root / "out")
    assert list((root / "wheels").iterdir()) == []


def test_who_stops_waiting_stops_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\necho $$ > {started}.tmp; mv {started}.tmp {started}\nsleep 20\n")
    pip.chmod(0o755)

    def interrupt_once_it_runs() -> None:
        while not started.exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    python = SimpleNamespace(executable=str(pip), implementation=sys.implementation)
    monkeypatch.setattr(package, "sys", python)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt_once_it_runs).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            package._install(AWS_TARGET, tmp_path / "requirements.txt", tmp_path / "packages")
    finally:
        signal.signal(signal.SIGINT, before)
    assert not psutil.pid_exists(int(started.read_text()))


def test_packages_are_built_for_what_the_environments_file_says(dev: Environment) -> None:
    assert package.target_of(dev) == AWS_TARGET
    other = replace(dev, settings={"lambda_architecture": "x86_64", "region": "us-east-1"})
    assert package.target_of(other) == X86_TARGET
    newer = replace(dev, settings={"lambda_runtime": "python3.14"})
    assert package.target_of(newer) == Target("aws", "python3.14", "arm64")
    assert package.target_of(replace(dev, name="local")) == LOCAL_TARGET


def test_targets_agree_with_terraforms_defaults(dev: Environment) -> None:
    variables = (package.ROOT / "terraform" / "variables.tf").read_text("utf-8")
    assert f'default     = "{AWS_TARGET.runtime}"' in variables
    assert f'default     = "{AWS_TARGET.architecture}"' in variables
