"""The tools' own environment: made when it is missing or out of date, and only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import UserError
from scripts.security import toolbox


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is to be installed: nothing, so that no network is needed."""
    file = tmp_path / "requirements.txt"
    file.write_text("")
    monkeypatch.setattr(toolbox, "REQUIREMENTS", file)
    return file


def test_what_is_installed_is_ready_and_can_be_run(tmp_path: Path, requirements: Path) -> None:
    folder = tmp_path / "tools"
    assert not toolbox.is_ready(folder)
    toolbox.install(folder)
    assert toolbox.is_ready(folder)
    done = toolbox.run("python", "-c", "import sys; print(sys.prefix)", folder=folder)
    assert (done.returncode, done.stdout.strip()) == (0, str(folder))


def test_another_pin_makes_the_tools_out_of_date(tmp_path: Path, requirements: Path) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / ".ready").write_text(toolbox._fingerprint())
    assert toolbox.is_ready(folder)
    requirements.write_text("checkov==9.9.9\n")
    assert not toolbox.is_ready(folder)


def test_another_python_makes_the_tools_out_of_date(
    tmp_path: Path, requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ready").write_text(toolbox._fingerprint())
    monkeypatch.setattr(sys, "version", "3.99")
    assert not toolbox.is_ready(tmp_path)


def test_an_installation_that_fails_says_why_and_is_not_ready(
    tmp_path: Path, requirements: Path
) -> None:
    requirements.write_text("not a requirement\n")
    folder = tmp_path / "tools"
    with pytest.raises(UserError, match=r"could not be installed. \S+"):
        toolbox.install(folder)
    assert not toolbox.is_ready(folder)


def test_a_tool_that_fails_is_not_an_error_by_itself(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho found\necho why >&2\nexit 3\n")
    tool.chmod(0o755)
    done = toolbox.run("tool", folder=tmp_path)
    assert (done.returncode, done.stdout, toolbox.last_line(done)) == (3, "found\n", "why")


@pytest.mark.parametrize(
    ("out", "err", "line"),
    [("a\nb\n", "", "b"), ("a", "c\nd\n\n", "d"), ("", "", "It said nothing.")],
)
def test_the_last_line_is_taken_from_the_errors_if_there_are_any(
    out: str, err: str, line: str
) -> None:
    done: Any = subprocess.CompletedProcess([], 1, out, err)
    assert toolbox.last_line(done) == line


def test_every_tool_is_pinned_with_its_reason() -> None:
    lines = toolbox.REQUIREMENTS.read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert {line.partition("==")[0] for line in pins} == {
        "checkov",
        "parliament",
        "setuptools",
        "cloudsplaining",
        "pip-audit",
        "zizmor",
        "check-jsonschema",
    }
    assert all("  # " in line for line in pins)
