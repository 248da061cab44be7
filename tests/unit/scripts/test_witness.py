"""Whether a process that said who it was still lives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import witness
from scripts.environment import ROOT

# Where `ps` exists, what macOS does can be tried anywhere.
PLATFORMS = sorted({sys.platform, *(["darwin"] if shutil.which("ps") else [])})


@pytest.fixture(params=PLATFORMS)
def _platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", request.param)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told to end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


pytestmark = pytest.mark.usefixtures("_platform")


def test_a_living_process_is_not_gone(child: subprocess.Popen[bytes]) -> None:
    started = witness.start_of(child.pid)
    assert started
    assert witness.start_of(child.pid) == started
    assert not witness.is_gone(child.pid, started)


def test_a_killed_process_is_gone_even_before_its_parent_noticed(
    child: subprocess.Popen[bytes],
) -> None:
    started = witness.start_of(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays listed
    assert witness.start_of(child.pid) == "ended"
    assert witness.is_gone(child.pid, started)
    child.wait()
    assert witness.is_gone(child.pid, started)


def test_another_process_with_the_same_id_does_not_pass_for_the_first(
    child: subprocess.Popen[bytes],
) -> None:
    assert witness.is_gone(child.pid, "another start")


def test_processes_that_started_at_other_times_differ(child: subprocess.Popen[bytes]) -> None:
    assert witness.start_of(1) != witness.start_of(child.pid)


def test_without_a_known_start_a_living_process_counts_as_the_one(
    child: subprocess.Popen[bytes],
) -> None:
    assert not witness.is_gone(child.pid, "")


def test_a_process_that_may_not_be_looked_at_counts_as_living(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", refuse)
        patched.setattr(witness, "start_of", lambda _: "")
        assert not witness.is_gone(child.pid, "a start")


def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z (b"
    odd.symlink_to(shutil.which("sleep") or "/bin/sleep")
    with subprocess.Popen([odd, "60"]) as process:
        try:
            started = witness.start_of(process.pid)
            assert started not in ("", "ended")
            assert not witness.is_gone(process.pid, started)
        finally:
            process.kill()


def test_a_system_that_cannot_tell_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(witness, "_PROC", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert witness.machine() == ""
    assert witness.start_of(os.getpid()) == ""


def test_processes_of_one_machine_agree_on_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # only here, this machine's own way
    command = [sys.executable, "-c", "from scripts import witness; print(witness.machine())"]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == witness.machine() != ""
