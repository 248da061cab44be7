"""The guard, with real processes: nothing of a command outlives whoever started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scripts import processes
from scripts.environment import ROOT

Start = Callable[..., subprocess.Popen[bytes]]

# A command with a child of its own; writes the ids of both.
FAMILY = 'sleep 300 & echo $! $$ > "$0.tmp" && mv "$0.tmp" "$0"; wait'
# Says that it is ready, and then what it was sent.
LISTENER = """
import signal, sys, time
def heard(signum, _frame):
    sys.exit(40 + signum)
signal.signal(signal.SIGTERM, heard)
signal.signal(signal.SIGINT, heard)
print("ready", flush=True)
time.sleep(300)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(300)
"""


def _python(program: str, *args: str) -> list[str]:
    return [sys.executable, "-S", "-c", program, *args]


def _starter(command: list[str]) -> str:
    """A program that starts a guarded command and waits for it."""
    return (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from scripts import processes\n"
        f"processes.start_guarded({command!r}).wait()\n"
    )


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _all_end(pids: list[int], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(map(_is_alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _ids(file: Path, timeout_s: float = 20.0) -> list[int]:
    deadline = time.monotonic() + timeout_s
    while not file.exists():
        assert time.monotonic() < deadline, "The family did not start."
        time.sleep(0.01)
    return [int(word) for word in file.read_text().split()]


@pytest.fixture
def start() -> Iterator[Start]:
    """start(command, ...): processes.start_guarded, ended after the test come what may."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        process = processes.start_guarded(command, **options)  # type: ignore[arg-type]
        started.append(process)
        return process

    yield start
    for process in started:
        processes.stop(process, grace_s=0.1)
        if process.stdout:
            process.stdout.close()


def test_the_commands_exit_code_is_passed_on(start: Start) -> None:
    assert start(["sh", "-c", "exit 7"]).wait(20) == 7


def test_an_end_by_a_signal_becomes_128_plus_its_number(start: Start) -> None:
    assert start(["sh", "-c", "kill -KILL $$"]).wait(20) == 128 + signal.SIGKILL


def test_a_command_that_cannot_start_is_named_in_one_line(start: Start) -> None:
    process = start(["/no/such/command"], stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 127
    assert errors.decode() == "Cannot start /no/such/command: No such file or directory.\n"


def test_a_command_gets_its_folder_its_environment_and_no_input(
    start: Start, tmp_path: Path
) -> None:
    process = start(
        ["sh", "-c", 'pwd; echo "$NAME"; cat'],
        cwd=tmp_path,
        env={"NAME": "value", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
    )
    output, _ = process.communicate(timeout=20)
    assert output.decode() == f"{tmp_path}\nvalue\n"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_reaches_the_command_which_may_end_in_its_own_way(
    start: Start, signum: signal.Signals
) -> None:
    process = start(_python(LISTENER), stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signum)
    assert process.wait(20) == 40 + signum


def test_the_second_request_kills_a_command_that_ignores_the_first(start: Start) -> None:
    process = start(_python(STUBBORN), stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGKILL


def test_what_a_command_leaves_behind_ends_with_it(start: Start) -> None:
    process = start(["sh", "-c", "sleep 300 > /dev/null & echo $!"], stdout=subprocess.PIPE)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert _all_end([int(output)])


def test_terminating_the_handle_ends_the_command_and_its_children(
    start: Start, tmp_path: Path
) -> None:
    process = start(["sh", "-c", FAMILY, str(tmp_path / "ids")])
    family = _ids(tmp_path / "ids")
    process.terminate()
    process.wait(20)
    assert _all_end(family)


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1])
def test_a_request_to_end_is_not_lost_while_the_command_is_starting(
    start: Start, tmp_path: Path, delay_s: float
) -> None:
    file = tmp_path / "ids"
    process = start(["sh", "-c", FAMILY, str(file)])
    time.sleep(delay_s)
    process.terminate()
    process.wait(20)
    assert not file.exists() or _all_end(_ids(file))


def test_the_command_and_its_children_end_when_the_starter_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    starter = subprocess.Popen(_python(_starter(["sh", "-c", FAMILY, str(file)])))
    family = _ids(file)
    guard = [child.pid for child in psutil.Process(starter.pid).children()]
    starter.kill()
    starter.wait()
    assert len(guard) == 1
    assert _all_end([*family, *guard])


def test_a_starter_that_is_gone_before_the_guard_looks_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    other = "0"  # not this process: as if it had died and another had taken over the guard
    guard = [sys.executable, "-I", "-S", str(processes.GUARD), other]
    assert subprocess.run([*guard, "sh", "-c", FAMILY, str(file)], timeout=20).returncode == 1
    assert not file.exists() or _all_end(_ids(file))


def test_a_killed_starter_ends_commands_of_guards_within_guards_too(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    inner = _python(_starter(["sh", "-c", FAMILY, str(file)]))
    starter = subprocess.Popen(_python(_starter(inner)))
    family = _ids(file)
    everyone = [child.pid for child in psutil.Process(starter.pid).children(recursive=True)]
    starter.kill()
    starter.wait()
    assert len(everyone) >= 4  # two guards, the inner starter, the family
    assert _all_end([*family, *everyone])


def test_terminating_the_outer_guard_ends_the_inner_ones_command(
    start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "ids"
    process = start(_python(_starter(["sh", "-c", FAMILY, str(file)])))
    family = _ids(file)
    process.terminate()
    process.wait(20)
    assert _all_end(family)


if sys.platform == "linux":

    def test_the_command_ends_when_the_guard_itself_is_killed(start: Start, tmp_path: Path) -> None:
        process = start(
            ["sh", "-c", "echo $$ > ids.tmp; mv ids.tmp ids; exec sleep 300"], cwd=tmp_path
        )
        command = _ids(tmp_path / "ids")
        process.kill()
        process.wait()
        assert _all_end(command)


def test_no_module_on_pythonpath_stands_in_for_pythons_own(start: Start, tmp_path: Path) -> None:
    (tmp_path / "subprocess.py").write_text("raise SystemExit(99)")
    process = start(
        ["sh", "-c", "exit 3"], env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )
    assert process.wait(20) == 3


def test_stopping_lets_a_willing_command_end_in_its_own_way(start: Start) -> None:
    process = start(_python(LISTENER), stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    processes.stop(process, grace_s=20)
    assert process.returncode == 40 + signal.SIGTERM


def test_stopping_kills_a_stubborn_command_when_its_grace_is_over(start: Start) -> None:
    process = start(_python(STUBBORN), stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    processes.stop(process, grace_s=0.2)
    assert process.returncode == 128 + signal.SIGKILL


def test_stopping_what_has_ended_changes_nothing(start: Start) -> None:
    process = start(["sh", "-c", "exit 7"])
    process.wait(20)
    processes.stop(process)
    assert process.returncode == 7
