"""GitHub's workflows: they cannot run here, so that what can be said of them is checked."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scripts.environment import ROOT
from tasks import namespace

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VERBS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))


def workflow(path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


def steps() -> Iterator[dict[str, Any]]:
    for path in FILES:
        for job in workflow(path)["jobs"].values():
            yield from job["steps"]


def test_there_are_checks_a_deployment_and_a_retraining():
    assert [path.stem for path in FILES] == ["deploy", "pull-request", "retrain"]


def test_every_command_is_one_of_ours():
    commands = [step["run"] for step in steps() if "run" in step]
    assert {verb for text in commands for verb in re.findall(r"\bmake (\w+)", text)} <= VERBS
    tasks = {task for text in commands for task in re.findall(r"bin/invoke ([\w.]+)", text)}
    assert tasks
    assert tasks <= set(namespace.task_names)


def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it():
    for path in FILES:
        for line in path.read_text("utf-8").splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_unless_a_job_says_why(path):
    assert workflow(path)["permissions"] == {"contents": "read"}
    for job in workflow(path)["jobs"].values():
        assert set(job.get("permissions", {})) <= {"contents", "id-token", "pull-requests"}
        assert job["timeout-minutes"] <= 120


def test_what_strangers_write_never_becomes_a_command():
    for step in steps():
        assert "${{" not in step.get("run", "")


def test_no_workflow_knows_a_secret():
    for path in FILES:
        assert "secrets." not in path.read_text("utf-8")


def test_a_pull_request_of_a_fork_gets_no_token_for_aws():
    job = workflow(ROOT / ".github" / "workflows" / "pull-request.yml")["jobs"]["plan"]
    assert "head.repo.full_name == github.repository" in job["if"]


@pytest.mark.parametrize("name", ["deploy", "retrain"])
def test_what_changes_aws_waits_for_its_environment_and_runs_alone(name):
    found = workflow(ROOT / ".github" / "workflows" / f"{name}.yml")
    assert found["concurrency"]["cancel-in-progress"] is False
    assert found["concurrency"]["queue"] == "max"
    assert all("environment" in job for job in found["jobs"].values())
