"""`invoke security` fails when something is found, or was not looked at without a good reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.security import run
from scripts.security.report import Report


@pytest.mark.parametrize(
    ("name", "report", "expected_code"),
    [
        ("parliament", Report("7 policies"), 0),
        ("parliament", Report("7 policies", ["infer: too much"]), 1),
        ("parliament", Report(obstacle="there are no rendered policies"), 1),
        ("pip-audit", Report(obstacle="there is no network"), 0),
        ("pip-audit", Report("180 packages", ["pillow 1.0: GHSA-1"]), 1),
    ],
)
def test_the_task_fails_when_something_is_found_or_was_not_looked_at(
    invoke: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    report: Report,
    expected_code: int,
) -> None:
    reports = {name: report}
    monkeypatch.setattr(run, "run", lambda _screen: reports)
    code, out, _ = invoke("security")
    assert (code, out) == (expected_code, f"{run.summary(reports)}\n")
