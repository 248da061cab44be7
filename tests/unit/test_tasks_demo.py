"""The demo as a task, and the cloud that it runs in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.commands import local
from scripts.demo import story
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.localcloud import control


@pytest.fixture
def local_cloud(monkeypatch: pytest.MonkeyPatch, opened: Environment, tmp_path: Path) -> list[str]:
    """A local cloud that only notes that it was started and stopped."""
    noted: list[str] = []

    def up(**options: Any) -> Any:
        noted.append("up, detached" if options.get("detached") else "up")
        return SimpleNamespace(pid=1, endpoints={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})

    def down() -> bool:
        noted.append("down")
        return False

    monkeypatch.setattr(control, "up", up)
    monkeypatch.setattr(control, "down", down)
    monkeypatch.setattr(local, "LOCAL_CLOUD", tmp_path / "cloud")
    monkeypatch.delenv("MAKELEVEL", raising=False)
    return noted


CHECK = {"name": "recall of bus", "required": "at least 0.85", "found": "0.9", "passed": True}


def _summary(**counts: Any) -> dict[str, Any]:
    workflow = {
        "uploaded": 203,
        "accepted": 190,
        "review": 10,
        "rejected": 3,
        "failed": 0,
        "missing": 0,
        "duplicates": 0,
        "accuracy_accepted": 0.98,
    }
    return {
        "evaluation": {"accuracy": 0.965, "accuracy_interval": [0.93, 0.98], "threshold": 0.8125},
        "gate": {"decision": "approve", "checks": [CHECK], "comparison": None, "changed": []},
        "deployment": {
            "outcome": "deployed",
            "reason": "",
            "strategy": "canary",
            "requests": 90,
            "failed_requests": 0,
        },
        "workflow": workflow | counts,
        "capture": {"records": 201},
        "drift": "No drift in the latest 201 records.",
        "cleanup": {"remaining": 0},
        "seconds": {"total": 240.2},
    }


def test_a_demo_that_went_well_says_what_came_out_and_where_it_is(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(story, "run", lambda *_args, **_options: _summary())
    code, out, _ = invoke("demo")
    assert code == 0
    for text in ("0.965", "0.930 to 0.980", "0.8125", "203", "190, right: 0.980", "0, 0, 0"):
        assert text in out
    assert "build/demo/report.html" in out
    assert local_cloud[-1] == "down"


def test_a_demo_shows_what_the_gate_asked_for_and_found(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(story, "run", lambda *_args, **_options: _summary())
    (line,) = [line for line in invoke("demo")[1].splitlines() if "recall of bus" in line]
    assert line.split() == ["recall", "of", "bus", "at", "least", "0.85", "0.9", "yes"]


def test_a_demo_in_which_something_went_wrong_fails_and_says_what(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = _summary(missing=1)
    monkeypatch.setattr(story, "run", lambda *_args, **_options: summary)
    code, _, err = invoke("demo")
    assert code == 1
    assert "1 uploads missing" in err


def test_a_demo_whose_challenger_does_not_take_over_fails_and_says_why(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = _summary()
    summary["deployment"] |= {"outcome": "rejected", "reason": "It is worse."}
    monkeypatch.setattr(story, "run", lambda *_args, **_options: summary)
    code, out, err = invoke("demo")
    assert code == 1
    assert "the challenger is not deployed: It is worse." in err
    assert "canary, rejected" in out


def test_a_demo_takes_settings_limits_of_the_gate_a_source_and_a_folder(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    given: list[Any] = []

    def run(*args: Any, **options: Any) -> dict[str, Any]:
        given.append((args[2], options))
        return _summary()

    monkeypatch.setattr(story, "run", run)
    words = ["--set", "epochs=2", "--gate", "accuracy=0.8", "--source", "some/folder"]
    assert invoke("demo", *words, "--out", str(tmp_path))[0] == 0
    assert given == [
        (
            Path("some/folder"),
            {
                "keep": False,
                "hyperparameters": {"epochs": "2"},
                "rule": Rule(accuracy=0.8),
                "folder": tmp_path,
            },
        )
    ]


def test_accepted_pictures_that_are_all_wrong_are_counted_as_accepted(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = _summary(accepted=7, accuracy_accepted=0.0)
    monkeypatch.setattr(story, "run", lambda *_args, **_options: summary)
    assert "7, right: 0.000" in invoke("demo")[1]


def test_a_demo_that_is_kept_leaves_the_cloud_running_and_says_how_to_stop_it(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(story, "run", lambda *_args, **_options: _summary())
    code, out, _ = invoke("demo", "--keep")
    assert code == 0
    assert "invoke cloud.down" in out
    assert local_cloud[-1] == "up, detached"


def test_a_demo_that_fails_leaves_no_cloud_behind(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise UserError("The training job failed.")

    monkeypatch.setattr(story, "run", fail)
    code, _, err = invoke("demo")
    assert code == 1
    assert "The training job failed." in err
    assert local_cloud[-2:] == ["up", "down"]


def test_a_second_demo_at_the_same_time_is_told_so(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner: list[tuple[int, str, str]] = []

    def run(*_args: Any, **_options: Any) -> dict[str, Any]:
        inner.append(invoke("demo"))
        return _summary()

    monkeypatch.setattr(story, "run", run)
    assert invoke("demo")[0] == 0
    ((code, _, err),) = inner
    assert code == 1
    assert "Another `make demo` runs in this folder" in err


# The cloud by itself


def test_the_cloud_says_where_it_is_and_whether_it_runs(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = invoke("cloud.up")[1]
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4566" in out
    assert "process 1" in out
    running = SimpleNamespace(pid=1)
    monkeypatch.setattr(control, "find", lambda: running)
    assert invoke("cloud.status")[1] == "Running, process 1.\n"
    monkeypatch.setattr(control, "find", lambda: None)
    assert "invoke cloud.up" in invoke("cloud.status")[1]
    for stopped, text in ((True, "Stopped.\n"), (False, "The local cloud was not running.\n")):
        monkeypatch.setattr(control, "down", lambda stopped=stopped: stopped)
        assert invoke("cloud.down")[1] == text
