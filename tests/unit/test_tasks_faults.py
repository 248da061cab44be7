"""Faults of the local cloud, as tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.commands import local
from scripts.localcloud import control, faults
from scripts.localcloud.control import Cloud

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a local cloud runs."""
    monkeypatch.setattr(control, "find", lambda: Cloud(1, {}))
    monkeypatch.setattr(local, "LOCAL_CLOUD", tmp_path)
    return tmp_path


def test_a_fault_is_caused_where_the_cloud_looks_for_it(invoke: Invoke, folder: Path) -> None:
    words = ("--at", "SendMessage", "--of", "review", "--share", "0.5", "--seconds", "60")
    code, out, _ = invoke("cloud.fault", "deny", *words)
    (fault,) = faults.active(folder / faults.FILE)
    assert (fault.operation, fault.kind, fault.of, fault.share) == (
        *("SendMessage", "deny", "review", 0.5),
    )
    assert (code, out) == (0, "From now on, for 60 s: SQS denies access.\n")


def test_faults_last_until_they_are_healed(invoke: Invoke, folder: Path) -> None:
    invoke("cloud.fault", "throttle")
    assert faults.active(folder / faults.FILE)[0].until_s == float("inf")
    assert invoke("cloud.heal")[1] == "Faults ended: 1\n"
    assert faults.active(folder / faults.FILE) == []


def test_every_fault_is_listed_with_what_happens(invoke: Invoke) -> None:
    _, out, _ = invoke("cloud.faults")
    for kinds in faults.KINDS.values():
        assert all(kind in out and text in out for kind, text in kinds.items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explode"], "InvokeEndpoint has no fault 'explode'"),
        (["error", "--share", "half"], "'half' is no number: give --share one"),
        (["error", "--seconds", "nan"], "'nan' is no number: give --seconds one"),
    ],
)
def test_a_fault_that_there_is_not_is_one_line(
    invoke: Invoke, folder: Path, words: list[str], message: str
) -> None:
    code, _, err = invoke("cloud.fault", *words)
    assert code == 1
    assert message in err


@pytest.mark.parametrize("words", [["cloud.fault", "error"], ["cloud.heal"]])
def test_without_a_local_cloud_there_is_nothing_to_break(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(control, "find", lambda: None)
    code, _, err = invoke(*words)
    assert code == 1
    assert "The local cloud is not running. Start it: invoke cloud.up" in err
