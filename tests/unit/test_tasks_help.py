"""The tasks and the Makefile explain themselves."""

from __future__ import annotations

import copy
import inspect
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks
from scripts import commands
from scripts.environment import ROOT
from scripts.serving.rollout import BAKE_S, LOCAL_BAKE_S

ALL_TASKS = {
    name: task
    for collection in (tasks.namespace, tasks.cloud)
    for name, task in collection.tasks.items()
}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("name", ALL_TASKS)
def test_a_tasks_help_is_one_imperative_sentence(name: str) -> None:
    text = inspect.getdoc(ALL_TASKS[name].body)
    assert text
    assert "\n" not in text
    assert text.endswith(".")
    assert text[0].isupper()


@pytest.mark.parametrize("name", ALL_TASKS)
def test_every_parameter_of_a_task_is_explained(name: str) -> None:
    task = ALL_TASKS[name]
    for argument in copy.deepcopy(task).get_arguments():
        assert argument.help, f"{name}: {argument.name}"
    parameters = list(inspect.signature(task.body).parameters)[1:]
    explained = {key.replace("-", "_") for key in task.help or {}}
    assert explained <= {parameter.strip("_") for parameter in parameters}


def test_the_list_of_tasks_shows_each_with_its_help(
    invoke: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, _ = invoke("--list")
    assert code == 0
    for name, task in ALL_TASKS.items():
        shown = f"cloud.{name}" if name in tasks.cloud.tasks else name
        line = next(line for line in out.splitlines() if line.strip().startswith(f"{shown} "))
        assert (inspect.getdoc(task.body) or "")[:20] in line


def test_an_environments_default_is_the_one_that_can_harm_nobody() -> None:
    for name, task in ALL_TASKS.items():
        env = inspect.signature(task.body).parameters.get("env")
        assert env is None or env.default == "local", name


def test_the_help_of_a_bake_has_the_times_that_are_used() -> None:
    assert re.findall(r"\d+", commands.BAKE_HELP) == [str(BAKE_S), str(LOCAL_BAKE_S)]


def _phony() -> list[str]:
    match = re.search(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE)
    assert match
    return match[1].split()


@pytest.fixture(scope="module")
def make_help() -> str:
    return subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout


@pytest.mark.parametrize("target", _phony())
def test_make_help_lists_every_target_with_what_it_does(make_help: str, target: str) -> None:
    assert re.search(rf"^  make {target} +\S+ \S+", make_help, re.MULTILINE)


def test_make_alone_shows_the_help(make_help: str) -> None:
    answer = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert answer.stdout == make_help


def test_every_target_calls_a_task_that_exists() -> None:
    called = re.findall(r"\$\(INVOKE\) ([a-z.]+)", MAKEFILE)
    assert called
    assert set(called) <= set(ALL_TASKS)


def test_every_verb_has_both_a_target_and_a_task() -> None:
    verbs = {"setup", "demo", "test", "lint", "package", "plan", "deploy", "retrain"}
    verbs |= {"destroy", "bench", "security"}
    assert verbs <= set(_phony())
    assert verbs <= set(ALL_TASKS)


@pytest.mark.parametrize("target", ["plan", "deploy", "retrain", "destroy"])
def test_make_passes_the_environment_on_and_never_chooses_one(target: str) -> None:
    def command(*words: str) -> str:
        line = ["make", "--dry-run", "--assume-old=setup", target, *words]
        return subprocess.run(
            line, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        ).stdout

    assert f'invoke {target} --env "dev"' in command("ENV=dev")
    assert f'invoke {target} --env ""' in command()


def test_an_old_python_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    python = tmp_path / "old-python"
    python.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac\n')
    python.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    answer = subprocess.run(
        ["make", "setup", f"PYTHON={python}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.returncode != 0
    assert "Python 3.11 or newer is needed; this is Python 3.9.1" in answer.stdout
    assert not (tmp_path / ".venv").exists()
