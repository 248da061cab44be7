"""`invoke cost` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import pipeline
from scripts.commands import cost
from scripts.environment import Environment

KEY = {"type": "aws_kms_key", "address": "k", "mode": "managed", "values": {}}


@pytest.mark.parametrize(("region", "is_said"), [("us-east-1", False), ("eu-west-1", True)])
def test_the_screen_and_the_file_say_where_prices_are_of_another_region(
    invoke: Callable[..., tuple[int, str, str]],
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    region: str,
    is_said: bool,
) -> None:
    planned: dict[str, Any] = {"planned_values": {"root_module": {"resources": [KEY]}}}
    monkeypatch.setattr(cost, "use", lambda _env: replace(dev, region=region))
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: None)
    monkeypatch.setattr(pipeline, "plan", lambda *_args, **_words: pipeline.Plan(2, "", planned))
    file = tmp_path / "cost.md"
    code, out, _ = invoke("cost", "--env", "dev", "--markdown", str(file))
    assert code == 0
    for text in (out, file.read_text("utf-8")):
        assert ("At the prices of us-east-1, not of eu-west-1" in text) is is_said
