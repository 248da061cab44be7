"""The monitor, run by hand, as a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scripts.environment import Environment
from scripts.operation import watch

Invoke = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"a": 1}, "none: No drift in the latest 20 records.\n"),
        (None, "There is nothing to look at yet. Run this again in a few minutes.\n"),
    ],
)
def test_a_window_is_told_in_words_and_so_is_that_there_is_none(
    invoke: Invoke,
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    record: dict[str, Any] | None,
    told: str,
) -> None:
    monkeypatch.setattr(watch, "watch", lambda _environment, _outputs: record)
    monkeypatch.setattr(watch, "describe", lambda _: ["none: No drift in the latest 20 records."])
    assert invoke("monitor")[:2] == (0, told)
