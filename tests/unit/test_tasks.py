"""Tasks pass on what they are given, and print what comes of it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke import Exit

import tasks
from scripts.environment import ROOT, Environment


def test_a_plan_with_changes_ends_in_code_2_and_one_without_in_0(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.pipeline, "build_packages", lambda *_args: None)
    for code in (0, 2):
        monkeypatch.setattr(tasks.pipeline, "plan", lambda _env, code=code: (code, "the plan"))
        assert invoke("plan")[:2] == (code, "the plan\n")


def test_hyperparameters_reach_the_training(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(tasks.pipeline, "train_model", lambda *args: given.append(args[3]))
    invoke("train", "--set", "epochs=3", "--set", "seed=7")
    assert given == [{"epochs": "3", "seed": "7"}]


@pytest.mark.parametrize("target", ["97", "0", "-0.5", "1.01", "nan"])
def test_a_target_that_is_no_share_is_refused(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
) -> None:
    monkeypatch.setattr(tasks.pipeline, "evaluate_model", lambda *_args: pytest.fail("It ran."))
    code, _, err = invoke("evaluate", f"--target={target}")
    assert code == 1
    assert "between 0 and 1" in err


@pytest.mark.parametrize("capture", ["-1", "101"])
def test_a_percentage_that_is_none_is_refused(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    capture: str,
) -> None:
    monkeypatch.setattr(tasks.pipeline, "deploy_endpoint", lambda *_args: pytest.fail("It ran."))
    code, _, err = invoke("endpoint", f"--capture={capture}")
    assert code == 1
    assert "0 to 100" in err


def test_a_report_needs_a_deployment(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.deployment_module, "load", lambda _bucket: None)
    code, _, err = invoke("report")
    assert code == 1
    assert "Run: invoke endpoint" in err


def test_a_tools_failure_is_the_tasks() -> None:
    with pytest.raises(Exit) as caught:
        tasks.run("sh -c 'exit 3'")
    assert caught.value.code == 3


def test_a_tool_may_lie_in_a_folder_with_a_space(tmp_path: Path) -> None:
    tool = tmp_path / "my projects" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n> ran\n")
    tool.chmod(0o755)
    tasks.run(shlex.join([str(tool)]), tmp_path)
    assert (tmp_path / "ran").exists()


def test_tools_are_those_of_the_virtual_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    tasks.run("python --version")
    tasks.run("which python")
    assert Path(capfd.readouterr().out.split()[-1]).parent == Path(tasks.sys.executable).parent


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Command lines of tools, which are not run."""
    commands: list[str] = []
    monkeypatch.setattr(tasks, "run", lambda command, *_folder: commands.append(command))
    return commands


def test_setting_up_says_what_is_used(
    invoke: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.terraform_release, "find", lambda: Path("/some/terraform"))
    monkeypatch.setattr(tasks.terraform_release, "version", lambda _binary: (1, 11, 4))
    code, out, _ = invoke("setup")
    assert code == 0
    assert re.fullmatch(r"Ready: Python 3\.\d+\.\S+, Terraform 1\.11\.4\n", out)


def test_lint_runs_every_check(
    invoke: Callable[..., tuple[int, str, str]],
    ran: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validated: list[bool] = []
    monkeypatch.setattr(tasks.terraform_release, "find", lambda: Path("/my tools/terraform"))
    monkeypatch.setattr(tasks.terraform, "validate", lambda: validated.append(True))
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


def test_packages_are_listed_with_their_sizes(
    invoke: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []

    def build(target: Any) -> dict[str, Path]:
        built.append(target.name)
        return {"infer": ROOT / "Makefile"}

    monkeypatch.setattr(tasks.package, "build", build)
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
    monkeypatch.setattr(tasks.pipeline, "build_packages", lambda *_args: order.append("package"))
    monkeypatch.setattr(
        tasks.pipeline, "provision", lambda *_args: (order.append("apply"), provisioned)[1]
    )
    code, out, _ = invoke("apply")
    assert code == 0
    assert "uploads_bucket = scones-dev-uploads" in out
    assert order == ["package", "apply"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (None, ["bicycle", "motorcycle"], 0)),
        (
            ["--source", "some/folder", "--classes", "car, bus", "--seed", "7"],
            (Path("some/folder"), ["car", "bus"], 7),
        ),
    ],
)
def test_staging_takes_source_classes_and_seed(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: tuple[Any, ...],
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(tasks.pipeline, "stage_data", lambda *args: given.append(args[2:]))
    assert invoke("stage", *words)[0] == 0
    assert given == [expected]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (None, ["bicycle", "motorcycle"])),
        (["--source", "x", "--classes", "a,b"], (Path("x"), ["a", "b"])),
    ],
)
def test_deploying_takes_source_and_classes(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: tuple[Any, ...],
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(tasks.pipeline, "deploy", lambda *args: given.append(args[2:]))
    assert invoke("deploy", *words)[0] == 0
    assert given == [expected]


def test_an_evaluation_is_shown_by_class_with_what_each_was_called(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = SimpleNamespace(
        labels=("bicycle", "motorcycle"),
        by_class=[
            SimpleNamespace(label="bicycle", samples=100, precision=0.96, recall=0.97),
            SimpleNamespace(label="motorcycle", samples=0, precision=None, recall=None),
        ],
        confusion=[[97, 3], [0, 0]],
    )
    given: list[Any] = []
    monkeypatch.setattr(
        tasks.pipeline, "evaluate_model", lambda *args: (given.append(args[3:]), (None, found))[1]
    )
    code, out, _ = invoke("evaluate", "--job", "some-job", "--target", "0.99")
    assert code == 0
    assert given == [("some-job", 0.99)]
    heading, *rows = [line.split() for line in out.splitlines()]
    assert heading[:5] == ["True", "class", "n", "Precision", "Recall"]
    assert rows == [
        ["bicycle", "100", "0.960", "0.970", "97", "3"],
        ["motorcycle", "0", "-", "-", "0", "0"],
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (None, 100)),
        (["--capture", "0"], (None, 0)),
        (["--job", "some-job", "--capture", "25"], ("some-job", 25)),
    ],
)
def test_an_endpoint_takes_a_job_and_how_much_is_captured(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: tuple[Any, ...],
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(tasks.pipeline, "deploy_endpoint", lambda *args: given.append(args[3:]))
    assert invoke("endpoint", *words)[0] == 0
    assert given == [expected]


def test_a_classified_photo_is_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = {"decision": "review", "label": "bicycle", "confidence": 0.6}
    given: list[Any] = []
    monkeypatch.setattr(
        tasks.workflow, "classify", lambda *args: (given.append(args[2]), answer)[1]
    )
    assert invoke("classify", "driver.jpg")[:2] == (0, "bicycle with confidence 0.600: review\n")
    assert given == [Path("driver.jpg")]


@pytest.mark.parametrize("out", [None, "some/page.html"])
def test_a_report_is_about_the_period_and_says_where_it_is(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
    out: str | None,
) -> None:
    periods: list[timedelta] = []
    written: list[Path] = []
    data = SimpleNamespace(captured_records=12, outcomes=[None] * 10)

    def gather(*args: Any) -> Any:
        periods.append(datetime.now(UTC) - args[4])
        return data

    monkeypatch.setattr(tasks.deployment_module, "load", lambda _bucket: "deployed")
    monkeypatch.setattr(tasks.monitoring, "gather", gather)
    monkeypatch.setattr(tasks.monitoring, "write", lambda _data, path: written.append(path))
    words = ["--out", out] if out else []
    code, shown, _ = invoke("report", "--env", "dev", "--since", "7d", *words)
    expected = Path(out) if out else ROOT / "build" / "dev" / "report.html"
    assert code == 0
    assert written == [expected]
    assert shown == f"12 captured records, 10 executions: {expected}\n"
    assert abs(periods[0] - timedelta(days=7)) < timedelta(minutes=1)
