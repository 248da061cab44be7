"""Each check runs its tool as it must, and makes a report of what that says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import UserError
from scripts.security import checks, results, toolbox

Answer = tuple[int, str, str]
Tools = dict[str, Callable[[tuple[str, ...]], Answer]]
CLEAN_CHECKOV = {
    "results": {"failed_checks": []},
    "summary": {"passed": 1, "failed": 0, "skipped": 0, "parsing_errors": 0},
}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder of the test's own."""
    monkeypatch.setattr(results, "FILE", tmp_path / "security.json")
    monkeypatch.setattr(results, "FOLDER", tmp_path / "security")
    monkeypatch.setattr(results, "POLICIES", tmp_path / "security" / "policies")
    results.POLICIES.mkdir(parents=True)
    return tmp_path


@pytest.fixture
def tools(build: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """What each tool answers to its arguments: return code, output, errors."""
    answers: Tools = {}

    def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        code, out, err = answers[tool](arguments)
        return subprocess.CompletedProcess([tool, *arguments], code, out, err)

    monkeypatch.setattr(toolbox, "run", run)
    return answers


def test_checkov_reads_terraform_and_asks_no_network(tools: Tools) -> None:
    def checkov(arguments: tuple[str, ...]) -> Answer:
        assert "--skip-download" in arguments
        assert arguments[arguments.index("--directory") + 1].endswith("/terraform")
        return 0, json.dumps(CLEAN_CHECKOV), ""

    tools["checkov"] = checkov
    assert checks.configuration().verdict == "clean"


def test_every_rule_of_checkov_that_is_skipped_has_its_reason() -> None:
    for path in checks.TERRAFORM.rglob("*.tf"):
        for rule, reason in re.findall(r"checkov:skip=(\w+)(.*)", path.read_text("utf-8")):
            assert len(reason.lstrip(": ").split()) >= 3, f"{path.name}: {rule}"


@pytest.mark.parametrize(
    ("tool", "check"), [("checkov", checks.configuration), ("parliament", checks.policies)]
)
def test_a_tool_that_breaks_is_an_error_and_never_clean(
    tools: Tools, tool: str, check: Callable[[], Any]
) -> None:
    tools[tool] = lambda _: (2, "Traceback", "ImportError: no module")
    with pytest.raises(UserError, match=f"{tool} failed. ImportError"):
        check()


def test_parliament_that_breaks_without_a_word_is_an_error(tools: Tools) -> None:
    (results.POLICIES / "infer.json").write_text("{}")
    tools["parliament"] = lambda _: (1, "", "ImportError: no module")
    with pytest.raises(UserError, match="parliament failed"):
        checks.policies()


def test_cloudsplaining_looks_at_each_policy_and_breaks_aloud(tools: Tools) -> None:
    for name in ("infer", "filter"):
        (results.POLICIES / f"{name}.json").write_text("{}")
    tools["cloudsplaining"] = lambda _: (0, "There were no results found.", "")
    assert checks.risks().checked == "2 policies"
    tools["cloudsplaining"] = lambda _: (1, "", "FileNotFoundError")
    with pytest.raises(UserError, match=r"cloudsplaining failed\. FileNotFoundError"):
        checks.risks()


def test_an_exclusion_of_cloudsplaining_has_its_reason() -> None:
    lines = checks.EXCLUSIONS.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("- "):
            assert lines[number - 1].strip().startswith("#"), line


def test_dependencies_are_audited_when_the_service_knows_the_first_of_them(tools: Tools) -> None:
    asked: list[int] = []

    def audit(arguments: tuple[str, ...]) -> Answer:
        asked.append(arguments.count("--requirement"))
        return 0, json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}), ""

    tools["pip-audit"] = audit
    assert checks.dependencies().verdict == "clean"
    assert asked == [1, len(checks.PINNED)]


def test_a_service_that_does_not_know_the_first_dependency_is_not_asked_again(
    tools: Tools,
) -> None:
    asked: list[int] = []

    def audit(arguments: tuple[str, ...]) -> Answer:
        asked.append(arguments.count("--requirement"))
        return 0, json.dumps({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}), ""

    tools["pip-audit"] = audit
    assert checks.dependencies().verdict == "could not run"
    assert asked == [1]


def test_without_a_network_the_reason_is_pip_audits_own(tools: Tools) -> None:
    tools["pip-audit"] = lambda _: (1, "", "ERROR: connection refused")
    report = checks.dependencies()
    assert (report.verdict, report.obstacle) == ("could not run", "ERROR: connection refused")


@pytest.fixture
def pytest_says(build: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """pytest_says(code, output, rows): what the tests of permissions end in, and leave."""

    def say(code: int, output: str, rows: int = 0) -> None:
        def run(*_args: Any, **_options: Any) -> subprocess.CompletedProcess[str]:
            if rows:
                results.record("matrix", {"rows": [{}] * rows})
            return subprocess.CompletedProcess([], code, output, "")

        monkeypatch.setattr(subprocess, "run", run)

    return say


def test_permissions_are_clean_when_all_rows_are_as_expected(
    pytest_says: Callable[..., None],
) -> None:
    pytest_says(0, "3 passed", rows=3)
    assert checks.permissions().verdict == "clean"


def test_a_failed_row_is_found(pytest_says: Callable[..., None]) -> None:
    pytest_says(1, "FAILED a::b - not so", rows=3)
    assert checks.permissions().findings == ["FAILED a::b - not so"]


def test_tests_that_do_not_run_are_an_error(pytest_says: Callable[..., None]) -> None:
    pytest_says(4, "no tests ran")
    with pytest.raises(UserError, match=r"did not run\. no tests ran"):
        checks.permissions()


def test_an_earlier_runs_rows_and_policies_count_for_nothing(
    pytest_says: Callable[..., None],
) -> None:
    results.record("matrix", {"rows": [{}]})
    old = results.POLICIES / "old.json"
    old.write_text("{}")
    pytest_says(0, "")
    assert checks.permissions().verdict == "could not run"
    assert not old.exists()


def test_a_mistake_in_a_definition_or_beside_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    (tmp_path / "good.asl.json").write_text(json.dumps(machine))
    monkeypatch.setattr(checks, "TERRAFORM", tmp_path)
    assert checks.workflow().verdict == "clean"
    (tmp_path / "bad.asl.json").write_text(json.dumps({**machine, "StartAt": "Begin"}))
    (tmp_path / "bad.jsonata").write_text("$f(")
    assert [found.split(":")[0] for found in checks.workflow().findings] == [
        "bad.asl.json",
        "bad.asl.json",
        "bad.jsonata",
    ]


def test_zizmor_reads_the_workflows_and_asks_no_network(tools: Tools) -> None:
    def zizmor(arguments: tuple[str, ...]) -> Answer:
        assert "--offline" in arguments
        assert arguments[-1].endswith("/.github/workflows")
        return 0, "[]", ""

    tools["zizmor"] = zizmor
    assert checks.workflows().checked == "3 workflows"


def test_each_workflow_is_compared_with_githubs_schema(tools: Tools) -> None:
    def check(arguments: tuple[str, ...]) -> Answer:
        assert "vendor.github-workflows" in arguments
        files = [Path(word).name for word in arguments if word.endswith(".yml")]
        assert files == ["deploy.yml", "pull-request.yml", "retrain.yml"]
        return 0, '{"status": "ok", "errors": []}', ""

    tools["check-jsonschema"] = check
    assert checks.schema().verdict == "clean"


@pytest.mark.parametrize("check", [checks.workflows, checks.schema])
def test_a_checker_of_workflows_that_breaks_is_an_error(tools: Tools, check: Any) -> None:
    tools["zizmor"] = tools["check-jsonschema"] = lambda _: (2, "", "no such option")
    with pytest.raises(UserError, match=r"failed\. no such option"):
        check()


def test_without_any_definition_nothing_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "TERRAFORM", tmp_path)
    assert checks.workflow().verdict == "could not run"
