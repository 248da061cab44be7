"""Removing an environment is asked for by name, and what is left is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts import pipeline
from scripts.console import Screen
from scripts.environment import Environment


@pytest.fixture
def removed(opened: Environment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Environments that were destroyed."""
    names: list[str] = []

    def destroy(environment: Environment, _screen: Screen) -> list[str]:
        names.append(environment.name)
        return []

    monkeypatch.setattr(pipeline, "destroy", destroy)
    return names


@pytest.mark.parametrize(("typed", "destroyed"), [("dev", ["dev"]), ("y", []), ("", [])])
def test_an_environment_on_aws_is_destroyed_only_when_its_name_is_typed(
    invoke: Callable[..., tuple[int, str, str]],
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    destroyed: list[str],
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: typed)
    code, _, err = invoke("destroy", "--env", "dev")
    assert removed == destroyed
    assert code == (0 if destroyed else 1)
    assert ("Nothing was done" in err) is not bool(destroyed)


def test_whoever_says_yes_is_not_asked(
    invoke: Callable[..., tuple[int, str, str]], removed: list[str]
) -> None:
    assert invoke("destroy", "--env", "dev", "--yes")[0] == 0
    assert removed == ["dev"]


def test_nobody_there_to_answer_removes_nothing(
    invoke: Callable[..., tuple[int, str, str]],
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    code, _, err = invoke("destroy", "--env", "dev")
    assert code == 1
    assert removed == []
    assert "--yes" in err


def test_what_is_left_after_a_destroy_is_shown_and_is_a_failure(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = ["queue scones-dev-review", "table scones-dev-decisions"]
    monkeypatch.setattr(pipeline, "destroy", lambda *_args: left)
    code, out, _ = invoke("destroy", "--env", "dev", "--yes")
    assert code == 1
    assert "left: queue scones-dev-review: costs nothing" in out
    assert "left: table scones-dev-decisions: still costs what it stores" in out
