"""Removing an environment: in an order that leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scripts import pipeline
from scripts.console import Screen
from scripts.environment import Environment
from scripts.provisioning import destroy, terraform


def test_models_go_before_buckets_buckets_before_terraforms_and_then_all_is_looked_at(
    dev: Environment, screen: Screen, shown: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def note(text: str, result: Any = None) -> Callable[..., Any]:
        return lambda *args: (order.append(text.format(*map(str, args))), result)[1]

    outputs = {"uploads_bucket": "uploads", "artifacts_bucket": "artifacts"}
    monkeypatch.setattr(terraform, "open_workspace", note("open"))
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: outputs)
    monkeypatch.setattr(terraform, "destroy", note("terraform", 3))
    monkeypatch.setattr(destroy, "remove_models", note("models"))
    monkeypatch.setattr(destroy, "empty_bucket", note("bucket {1}"))
    monkeypatch.setattr(destroy, "inventory", note("inventory", ["queue left"]))
    assert pipeline.destroy(dev, screen) == ["queue left"]
    assert order == [
        "open",
        "models",
        "bucket uploads",
        "bucket artifacts",
        "terraform",
        "inventory",
    ]
    assert "3 resources removed, 1 left" in shown()


def test_an_environment_that_was_never_provisioned_can_be_destroyed(
    dev: Environment, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "open_workspace", lambda _environment: None)
    monkeypatch.setattr(terraform, "outputs", lambda _workspace: {})
    monkeypatch.setattr(terraform, "destroy", lambda *_args: 0)
    monkeypatch.setattr(destroy, "remove_models", lambda *_args: None)
    monkeypatch.setattr(destroy, "inventory", lambda _environment: [])
    assert pipeline.destroy(dev, screen) == []
