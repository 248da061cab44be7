"""A demo's process: one at a time in a folder, and gone with its make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.demo import lifetime
from scripts.environment import ROOT
from scripts.errors import UserError

# One at a time


def test_a_second_demo_in_the_same_folder_is_told_so(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "demo.lock"
    with (
        lifetime.only_one(lock),
        pytest.raises(UserError, match="Another `make demo` runs"),
        lifetime.only_one(lock),
    ):
        pytest.fail("Two demos run.")


def test_the_next_demo_may_run_when_the_first_has_ended_or_failed(tmp_path: Path) -> None:
    lock = tmp_path / "demo.lock"
    with pytest.raises(ValueError, match="why"), lifetime.only_one(lock):
        raise ValueError("why")
    with lifetime.only_one(lock):
        assert lock.exists()


def _python(program: str, **environ: str) -> subprocess.Popen[bytes]:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, **environ},
    )


def test_a_killed_demo_does_not_keep_the_next_one_from_running(tmp_path: Path) -> None:
    lock = tmp_path / "demo.lock"
    killed = _python(
        "import pathlib, time\n"
        "from scripts.demo.lifetime import only_one\n"
        f"with only_one(pathlib.Path({str(lock)!r})):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    assert killed.stdout
    assert killed.stdout.readline() == b"held\n"
    with pytest.raises(UserError), lifetime.only_one(lock):
        pytest.fail("Two demos run.")
    killed.kill()
    killed.communicate()
    with lifetime.only_one(lock):
        assert lock.exists()


# Ending with make


_MAKE = """
import subprocess
subprocess.Popen([sys.executable, "-c", sys.argv[1]]).wait()
"""
_DEMO = """
import sys, time
sys.path.insert(0, {root!r})
from scripts.demo.lifetime import end_with_make
end_with_make(0.02)
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped as if by Ctrl-C", flush=True)
"""


def test_a_demo_whose_make_is_killed_stops_as_if_by_ctrl_c() -> None:
    program = _DEMO.format(root=str(ROOT))
    make = subprocess.Popen(
        [sys.executable, "-c", f"import sys{_MAKE}", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "MAKELEVEL": "1"},
    )
    assert make.stdout
    assert make.stdout.readline() == b"ready\n"
    make.kill()
    # Up to the end of what the demo prints, which is the end of the demo.
    assert make.stdout.read() == b"stopped as if by Ctrl-C\n"
    make.stdout.close()
    make.wait()


def test_a_demo_that_was_not_started_by_make_is_not_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    started: list[Any] = []
    monkeypatch.setattr("threading.Thread.start", lambda thread: started.append(thread))
    lifetime.end_with_make()
    assert started == []
    monkeypatch.setenv("MAKELEVEL", "1")
    lifetime.end_with_make()
    assert len(started) == 1
