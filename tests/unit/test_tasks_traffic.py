"""A load, as a task."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import pipeline
from scripts.commands import traffic as module
from scripts.environment import Environment
from scripts.traffic import run as load
from scripts.traffic.outcome import Sent, of_endpoint

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(opened: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """The last load that was asked for; `lost` of it are lost."""
    seen: dict[str, Any] = {"lost": 0, "not_sent": 0}
    splits = SimpleNamespace(test=[SimpleNamespace(label=n, data=b"x") for n in (0, 1)])
    seen["splits"] = splits
    monkeypatch.setattr(
        pipeline, "read_current_dataset", lambda *_: (("bicycle", "motorcycle"), splits)
    )
    monkeypatch.setattr(module, "BUILD", tmp_path)

    def run(_e: object, _o: object, labelled: object, wanted: load.Load, _p: object) -> Any:
        seen.update(labelled=labelled, load=wanted)
        result = of_endpoint([Sent("k", "bicycle", 0.0, 0.0, 0.1)])
        counts = {name: seen[name] for name in ("lost", "not_sent")}
        return result | counts | {"parts": {}, "instances": []}

    monkeypatch.setattr(load, "run", run)
    return seen


def test_a_load_says_what_became_of_it_and_is_kept(
    invoke: Invoke, asked: dict[str, Any], tmp_path: Path
) -> None:
    code, shown, _ = invoke(
        *("traffic", "--env", "dev", "--rate", "2/s", "--minutes", "0.5", "--yes")
    )
    assert code == 0
    assert "Lost: 0." in shown
    assert "Time to" in shown
    assert len(asked["load"].due_s) == len(asked["load"].kinds) == 60
    assert asked["labelled"] == {"bicycle": [b"x"], "motorcycle": [b"x"]}
    assert json.loads((tmp_path / "dev" / "traffic.json").read_text())["sent"] == 1


@pytest.mark.parametrize(
    ("to", "lost", "not_sent", "told"),
    [
        ("workflow", 2, 0, 2),
        ("workflow", 0, 2, 2),
        ("workflow", 1, 2, 3),
        ("endpoint", 2, 2, 2),  # what it does not take is lost
    ],
)
def test_a_loss_ends_in_1(
    invoke: Invoke, asked: dict[str, Any], to: str, lost: int, not_sent: int, told: int
) -> None:
    asked.update(lost=lost, not_sent=not_sent)
    code, _, err = invoke("traffic", "--burst", "3", "--to", to, "--yes")
    assert code == 1
    assert f"{told} pictures were lost or not taken" in err


def test_on_aws_a_person_is_asked_first(
    invoke: Invoke, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text: (questions.append(text), "no")[1])
    code, _, err = invoke("traffic", "--env", "dev", "--burst", "3")
    assert (code, "load" in asked) == (1, False)
    assert "sends 3 pictures to the workflow of 'dev'; other systems are told" in questions[0]
    assert "Nothing was done" in err


def test_a_class_without_a_test_picture_is_said(invoke: Invoke, asked: dict[str, Any]) -> None:
    del asked["splits"].test[1]
    code, _, err = invoke("traffic", "--yes")
    assert (code, "load" in asked) == (1, False)
    assert "No test picture of motorcycle is staged" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--rate", "5"], "'5' is no rate"),
        (["--minutes", "soon"], "'soon' is no number"),
        (["--minutes", "-1"], "That is -300 pictures"),
        (["--burst", "2000000"], "Ask for 1 to 1,000,000"),
        (["--to", "moon"], "Send to: workflow, endpoint"),
        (["--at-once", "0"], "Give 1 or more"),
        (["--mix", "cat=1"], "There are: bicycle, motorcycle, dark"),
        (["--rhythm", "waltz"], "There are: steady, day"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    invoke: Invoke, asked: dict[str, Any], words: list[str], why: str
) -> None:
    code, _, err = invoke("traffic", "--yes", *words)
    assert (code, "load" in asked) == (1, False)
    assert why in err
