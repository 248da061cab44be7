"""All checks in a row: a line each, their findings below, and everything in one file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from scripts.console import Screen
from scripts.security import checks, results, run, toolbox
from scripts.security.report import Report

CLEAN = Report("7 policies")
FOUND = Report("1 file", ["a.tf:1: wrong", "b.tf:2: worse"])
UNABLE = Report(obstacle="there is no network")


@pytest.fixture
def shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Report]], list[str]]:
    """shown(reports): what is printed when the checks have these reports."""
    monkeypatch.setattr(results, "FILE", tmp_path / "security.json")
    monkeypatch.setattr(toolbox, "is_ready", lambda: True)

    def show(reports: dict[str, Report]) -> list[str]:
        of_all = {
            name: (name.title(), lambda found=found: found) for name, found in reports.items()
        }
        monkeypatch.setattr(checks, "ALL", of_all)
        out = io.StringIO()
        assert run.run(Screen(Console(file=out, width=200))) == reports
        return out.getvalue().splitlines()

    return show


def test_each_check_has_its_line_and_its_findings_below(
    shown: Callable[[dict[str, Report]], list[str]],
) -> None:
    first, second, wrong, worse, third = shown({"one": CLEAN, "two": FOUND, "three": UNABLE})
    assert first.startswith("✓ One ")
    assert first.endswith("7 policies")
    assert second.startswith("✗ Two ")
    assert second.endswith("2 found")
    assert (wrong.strip(), worse.strip()) == ("a.tf:1: wrong", "b.tf:2: worse")
    assert third.startswith("? Three ")
    assert third.endswith("could not run: there is no network")


def test_every_report_is_kept_beside_the_matrix(
    shown: Callable[[dict[str, Report]], list[str]],
) -> None:
    results.record("matrix", {"rows": []})
    shown({"one": CLEAN, "two": FOUND, "three": UNABLE})
    content = json.loads(results.FILE.read_text())
    assert content["matrix"] == {"rows": []}
    assert {name: found["verdict"] for name, found in content["checks"].items()} == {
        "one": "clean",
        "two": "found",
        "three": "could not run",
    }
    assert content["checks"]["two"]["findings"] == FOUND.findings
    assert content["checks"]["three"]["obstacle"] == "there is no network"


def test_tools_are_installed_where_they_are_missing(
    shown: Callable[[dict[str, Report]], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[bool] = []
    monkeypatch.setattr(toolbox, "is_ready", lambda: bool(installed))
    monkeypatch.setattr(toolbox, "install", lambda: installed.append(True))
    assert shown({})[0].startswith("✓ Install the tools")
    assert installed == [True]
    assert shown({}) == []


@pytest.mark.parametrize(
    ("reports", "summary"),
    [
        ({"one": CLEAN}, "Nothing was found."),
        ({"one": FOUND, "two": FOUND}, "Found by one, two."),
        (
            {"one": CLEAN, "two": UNABLE},
            "Nothing was found. Could not run, and so says nothing: two.",
        ),
    ],
)
def test_the_last_line_says_what_was_found_and_what_could_not_run(
    reports: dict[str, Report], summary: str
) -> None:
    assert run.summary(reports) == summary


def test_the_policies_are_rendered_before_they_are_read() -> None:
    order = list(checks.ALL)
    assert order.index("matrix") < order.index("parliament")
    assert order.index("matrix") < order.index("cloudsplaining")
