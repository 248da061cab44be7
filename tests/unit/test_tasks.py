"""Tasks pass on what they are given, and print what comes of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke import Exit

from scripts import deploy, pipeline
from scripts.commands import development
from scripts.environment import ROOT, Environment
from scripts.evaluation.gate import Rule
from scripts.provisioning import package, terraform, terraform_release


def test_a_plan_with_changes_ends_in_code_2_and_one_without_in_0(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: None)
    for code in (0, 2):
        made = pipeline.Plan(code, "the plan", {})
        monkeypatch.setattr(pipeline, "plan", lambda _env, made=made: made)
        ended, out, _ = invoke("plan")
        assert (ended, out.splitlines()[0]) == (code, "Plan for dev: no changes")
        assert invoke("plan", "--raw")[1].splitlines()[0] == "the plan"


def test_a_plan_is_written_for_people_and_for_machines(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: None)
    monkeypatch.setattr(pipeline, "plan", lambda _env: pipeline.Plan(0, "the plan", {}))
    comment, document = tmp_path / "comment.md", tmp_path / "plan.json"
    invoke("plan", "--markdown", str(comment), "--json", str(document))
    assert comment.read_text().startswith("### Plan for `")
    assert json.loads(document.read_text())["counts"] == {}


def test_a_tools_failure_is_the_tasks() -> None:
    with pytest.raises(Exit) as caught:
        development.run("sh -c 'exit 3'")
    assert caught.value.code == 3


def test_a_tool_may_lie_in_a_folder_with_a_space(tmp_path: Path) -> None:
    tool = tmp_path / "my projects" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n> ran\n")
    tool.chmod(0o755)
    development.run(shlex.join([str(tool)]), tmp_path)
    assert (tmp_path / "ran").exists()


def test_tools_are_those_of_the_virtual_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    development.run("python --version")
    development.run("which python")
    assert Path(capfd.readouterr().out.split()[-1]).parent == Path(sys.executable).parent


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Command lines of tools, which are not run."""
    commands: list[str] = []
    monkeypatch.setattr(development, "run", lambda command, *_folder: commands.append(command))
    return commands


def test_setting_up_says_what_is_used(
    invoke: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform_release, "find", lambda: Path("/some/terraform"))
    monkeypatch.setattr(terraform_release, "version", lambda _binary: (1, 11, 4))
    code, out, _ = invoke("setup")
    assert code == 0
    assert re.fullmatch(r"Ready: Python 3\.\d+\.\S+, Terraform 1\.11\.4\n", out)


def test_lint_runs_every_check(
    invoke: Callable[..., tuple[int, str, str]],
    ran: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validated: list[bool] = []
    monkeypatch.setattr(terraform_release, "find", lambda: Path("/my tools/terraform"))
    monkeypatch.setattr(terraform, "validate", lambda: validated.append(True))
    assert invoke("lint")[0] == 0
    assert ran[:3] == ["ruff format --check .", "ruff check .", "mypy"]
    assert any(command.startswith("mypy ") for command in ran)  # the algorithm's flat modules
    assert any(command.startswith("'/my tools/terraform' fmt -check") for command in ran)
    assert validated == [True]


@pytest.mark.parametrize(("words", "folder"), [([], "tests"), (["--only", "unit"], "tests/unit")])
def test_tests_are_all_of_them_or_one_kind(
    invoke: Callable[..., tuple[int, str, str]], ran: list[str], words: list[str], folder: str
) -> None:
    assert invoke("test", *words)[0] == 0
    (command,) = ran
    assert command.split()[0] == "pytest"
    assert command.split()[-1] == folder


def test_processes_of_the_tests_compile_modules_once(
    invoke: Callable[..., tuple[int, str, str]], ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    invoke("test")
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_packages_are_listed_with_their_sizes(
    invoke: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []

    def build(target: Any) -> dict[str, Path]:
        built.append(target.name)
        return {"infer": ROOT / "Makefile"}

    monkeypatch.setattr(package, "build", build)
    for words in (["package"], ["package", "--target", "local"]):
        code, out, _ = invoke(*words)
        assert code == 0
        assert out.split() == [
            f"{len((ROOT / 'Makefile').read_bytes()) / 1e3:,.1f}",
            "KB",
            "Makefile",
        ]
    assert built == ["aws", "local"]


def test_applying_shows_the_outputs(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    provisioned = SimpleNamespace(outputs={"uploads_bucket": "scones-dev-uploads"})
    monkeypatch.setattr(pipeline, "build_packages", lambda *_args: order.append("package"))
    monkeypatch.setattr(
        pipeline, "provision", lambda *_args: (order.append("apply"), provisioned)[1]
    )
    code, out, _ = invoke("apply")
    assert code == 0
    assert "uploads_bucket = scones-dev-uploads" in out
    assert order == ["package", "apply"]


@pytest.mark.parametrize(
    ("words", "source"), [([], None), (["--source", "some/folder"], Path("some/folder"))]
)
def test_deploying_reads_the_source_for_the_environments_labels(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    source: Path | None,
) -> None:
    read: list[Any] = []
    monkeypatch.setattr(pipeline, "read_dataset", lambda *args: read.append(args))
    monkeypatch.setattr(
        deploy, "deploy", lambda *args, **_options: args[2]("a step", ["car", "bus"])
    )
    assert invoke("deploy", *words)[0] == 0
    assert read == [("a step", source, ["car", "bus"])]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            [],
            {
                "hyperparameters": {},
                "algorithm": "efficientnet",
                "instance_type": None,
                "rule": Rule(),
            },
        ),
        (
            [
                *("--set", "epochs=3", "--algorithm", "builtin", "--gate", "accuracy=0.8"),
                *("--instance-type", "ml.g5.xlarge"),
            ],
            {
                "hyperparameters": {"epochs": "3"},
                "algorithm": "builtin",
                "instance_type": "ml.g5.xlarge",
                "rule": Rule(accuracy=0.8),
            },
        ),
    ],
)
def test_deploying_takes_an_algorithm_its_settings_and_limits_of_the_gate(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: dict[str, Any],
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(deploy, "deploy", lambda *_args, **options: given.append(options))
    assert invoke("deploy", *words)[0] == 0
    assert given == [expected]
