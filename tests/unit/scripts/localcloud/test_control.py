"""Clouds that get into each other's way while they start and stop."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from scripts.errors import UserError
from scripts.localcloud import control
from scripts.localcloud.control import Cloud


@pytest.fixture
def scene(monkeypatch):
    """What up and down see and do: `found` and `locked` are used up one by one."""
    seen = SimpleNamespace(found=[], locked=[], ended=[], signals=[], started=[])

    def take(values, last):
        return values.pop(0) if values else last

    def start(_folder, detached):
        seen.started.append(SimpleNamespace(pid=999, poll=lambda: None))
        return seen.started[-1]

    monkeypatch.setattr(control, "POLL_S", 0.0)
    monkeypatch.setattr(control, "find", lambda _: take(seen.found, None))
    monkeypatch.setattr(control, "is_locked", lambda _: take(seen.locked, False))
    monkeypatch.setattr(control, "_start", start)
    monkeypatch.setattr(control, "_end", seen.ended.append)
    monkeypatch.setattr(control, "_signal", lambda *given: seen.signals.append(given))
    return seen


def cloud(pid):
    return Cloud(pid, {})


def test_who_starts_late_stops_its_own_before_it_uses_the_others(scene, tmp_path):
    scene.found = [None, cloud(os.getpid())]
    assert control.up(tmp_path / "cloud.json") == cloud(os.getpid())
    assert scene.ended == scene.started


def test_who_is_first_keeps_its_own(scene, tmp_path):
    scene.found = [None, cloud(999)]
    assert control.up(tmp_path / "cloud.json") == cloud(999)
    assert scene.ended == []


def test_a_cloud_that_is_being_started_or_stopped_is_waited_for(scene, tmp_path):
    scene.locked = [True, True, True]
    scene.found = [None, None, None, cloud(999)]
    assert control.up(tmp_path / "cloud.json") == cloud(999)
    assert scene.started == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, UserError])
def test_an_interrupted_start_leaves_no_process(scene, tmp_path, monkeypatch, interruption):
    def interrupt(_):
        if scene.started:
            raise interruption
        return False

    monkeypatch.setattr(control, "is_locked", interrupt)
    with pytest.raises(interruption):
        control.up(tmp_path / "cloud.json")
    assert scene.ended == scene.started


def test_each_cloud_that_holds_the_folder_is_asked_to_stop_once(scene, tmp_path):
    scene.locked = [True] * 5
    scene.found = [cloud(1), cloud(1), None, cloud(2)]
    assert control.down(tmp_path / "cloud.json")
    assert scene.signals == [(cloud(1), signal.SIGTERM), (cloud(2), signal.SIGTERM)]


def test_a_cloud_that_does_not_stop_is_killed(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(control, "STOP_TIMEOUT_S", -1.0)
    scene.locked = [True] * 3
    scene.found = [cloud(1), cloud(1)]
    assert control.down(tmp_path / "cloud.json")
    assert (cloud(1), signal.SIGKILL) in scene.signals


def test_a_folder_that_is_held_but_not_by_a_cloud_is_told(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(control, "STOP_TIMEOUT_S", -control.START_TIMEOUT_S)
    scene.locked = [True] * 9
    with pytest.raises(UserError, match="neither starts nor ends"):
        control.down(tmp_path / "cloud.json")


def test_a_cloud_is_known_by_its_process_or_by_the_guard_above_it():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert control._is_run_by(cloud(child.pid), child)
        assert control._is_run_by(cloud(child.pid), SimpleNamespace(pid=os.getpid()))
        assert not control._is_run_by(cloud(child.pid), SimpleNamespace(pid=1))
    finally:
        child.communicate(b"\n")
    assert not control._is_run_by(cloud(child.pid), SimpleNamespace(pid=os.getpid()))
