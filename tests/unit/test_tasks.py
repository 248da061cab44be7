"""The tasks and the Makefile: they explain themselves, and a person's mistake is one line."""

from __future__ import annotations

import errno
import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from invoke import Exit, Program

import tasks
from scripts.console import Screen
from scripts.environment import ROOT, Environment
from scripts.errors import UserError

ALL_TASKS = {
    name: task
    for collection in (tasks.namespace, tasks.cloud)
    for name, task in collection.tasks.items()
}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """What a task does about signals ends with its test."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """invoke("plan", "--env", "dev"): exit code, output and errors, as on the command line."""

    def run(*words: str) -> tuple[int, str, str]:
        code = 0
        try:
            Program(namespace=tasks.namespace).run(["invoke", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, dev: Environment) -> Environment:
    """Every task gets `dev`, provisioned, without asking AWS."""
    provisioned = SimpleNamespace(outputs={}, bucket=None)
    monkeypatch.setattr(tasks, "use", lambda _env: dev)
    monkeypatch.setattr(tasks.pipeline, "open_provisioned", lambda _environment: provisioned)
    return dev


# They explain themselves


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
    for argument in task.get_arguments():
        assert argument.help, f"{name}: {argument.name}"
    parameters = list(inspect.signature(task.body).parameters)[1:]
    assert set(task.help or {}) <= {parameter.strip("_") for parameter in parameters}


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
    verbs = {"setup", "demo", "test", "lint", "package", "plan", "deploy", "destroy", "bench"}
    assert verbs <= set(_phony())
    assert verbs <= set(ALL_TASKS)


@pytest.mark.parametrize("target", ["plan", "deploy", "destroy"])
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


# A person's mistakes


def _ended(function: Callable[[], Any]) -> Exit:
    """How a friendly task ends."""
    with pytest.raises(Exit) as caught:
        tasks.friendly(function)()
    return caught.value


def _raiser(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_mistake_ends_in_one_line_and_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    end = _ended(_raiser(UserError("Name an environment.")))
    assert (end.message, end.code) == ("Error: Name an environment.", 1)
    assert capsys.readouterr().err == ""


def test_the_traceback_is_there_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCONES_DEBUG", "1")
    end = _ended(_raiser(UserError("Name an environment.")))
    assert end.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_what_aws_refuses_ends_in_one_line(aws_error: Callable[..., ClientError]) -> None:
    end = _ended(_raiser(aws_error("ExpiredToken", "The token has\nexpired")))
    assert end.code == 1
    assert "expired" in end.message
    assert "\n" not in end.message


def test_an_aws_that_cannot_be_reached_ends_in_one_line() -> None:
    end = _ended(_raiser(EndpointConnectionError(endpoint_url="http://127.0.0.1:9")))
    assert end.code == 1
    assert "http://127.0.0.1:9" in end.message


def test_a_full_disk_ends_in_one_line() -> None:
    end = _ended(_raiser(OSError(errno.ENOSPC, "No space left on device", "/some/file")))
    assert end.code == 1
    assert "No space left on device" in end.message
    assert "\n" not in end.message


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        tasks.friendly(_raiser(ZeroDivisionError()))()
    with pytest.raises(FileNotFoundError):
        tasks.friendly(_raiser(FileNotFoundError()))()


def test_ctrl_c_says_how_to_go_on_and_ends_in_code_130() -> None:
    end = _ended(_raiser(KeyboardInterrupt()))
    assert end.code == 130
    assert "again" in end.message


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_and_a_closed_terminal_stop_a_task_as_ctrl_c_does(
    signum: signal.Signals,
) -> None:
    def work() -> None:
        assert signal.getsignal(signum) != signal.SIG_DFL, "It would end the whole run."
        signal.raise_signal(signum)
        time.sleep(5)

    signal.signal(signum, signal.SIG_DFL)
    assert _ended(work).code == 130


def test_a_job_that_is_to_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    assert tasks.friendly(lambda: signal.raise_signal(signal.SIGHUP) or "done")() == "done"


def test_a_friendly_function_returns_what_it_returns_and_keeps_its_name() -> None:
    def add(first: int, second: int = 2) -> int:
        """Add."""
        return first + second

    friendly = tasks.friendly(add)
    assert friendly(1, second=4) == 5
    assert (friendly.__name__, friendly.__doc__) == ("add", "Add.")
    assert inspect.signature(friendly) == inspect.signature(add)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "--env", ""], "Name an environment"),
        (["plan", "--env", "nowhere"], "terraform/environments/nowhere.tfvars is missing"),
        (["deploy", "--env", "../dev"], "There is no environment"),
        (["package", "--target", "gcp"], "There is no target 'gcp': use aws or local"),
        (["report", "--since", "soon"], "'soon' is no period"),
        (["apply", "--env", "dev"], "needs AWS credentials"),
    ],
)
def test_on_the_command_line_a_mistake_is_one_line(
    invoke: Callable[..., tuple[int, str, str]],
    no_account: Path,
    words: list[str],
    message: str,
) -> None:
    code, out, err = invoke(*words)
    assert code == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert message in err
    assert len(err.splitlines()) == 1


def test_an_endpoint_override_with_real_aws_is_refused_on_the_command_line(
    invoke: Callable[..., tuple[int, str, str]],
    no_account: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:4566")
    code, _, err = invoke("deploy", "--env", "dev")
    assert code == 1
    assert "unset AWS_ENDPOINT_URL_S3" in err


# Small parsers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bicycle,motorcycle", ["bicycle", "motorcycle"]),
        (" bicycle , maple tree ,", ["bicycle", "maple tree"]),
        ("one", ["one"]),
        ("", []),
    ],
)
def test_words_are_separated_by_commas(text: str, words: list[str]) -> None:
    assert tasks.words(text) == words


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("epochs=3", ("epochs", "3")),
        ("note=a=b", ("note", "a=b")),
        ("empty=", ("empty", "")),
    ],
)
def test_a_setting_is_a_name_and_a_value(text: str, setting: tuple[str, str]) -> None:
    assert tasks.setting(text) == setting


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_what_is_no_setting_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(UserError, match="Write it as name=value"):
        tasks.setting(text)


# What tasks do


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


@pytest.fixture
def removed(opened: Environment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Environments that were destroyed."""
    names: list[str] = []

    def destroy(environment: Environment, _screen: Screen) -> list[str]:
        names.append(environment.name)
        return []

    monkeypatch.setattr(tasks.demo_module, "destroy_environment", destroy)
    return names


@pytest.mark.parametrize(("typed", "destroyed"), [("dev", ["dev"]), ("y", []), ("", [])])
def test_an_environment_on_aws_is_destroyed_only_when_its_name_is_typed(
    invoke: Callable[..., tuple[int, str, str]],
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    destroyed: list[str],
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: typed)
    code, _, err = invoke("destroy", "--env", "dev")
    assert removed == destroyed
    assert code == (0 if destroyed else 1)
    assert ("Nothing was removed" in err) is not bool(destroyed)


def test_whoever_says_yes_is_not_asked(
    invoke: Callable[..., tuple[int, str, str]], removed: list[str]
) -> None:
    assert invoke("destroy", "--env", "dev", "--yes")[0] == 0
    assert removed == ["dev"]


def test_what_is_left_after_a_destroy_is_shown_and_is_a_failure(
    invoke: Callable[..., tuple[int, str, str]],
    opened: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = ["queue scones-dev-review"]
    monkeypatch.setattr(tasks.demo_module, "destroy_environment", lambda *_args: left)
    code, out, _ = invoke("destroy", "--env", "dev", "--yes")
    assert code == 1
    assert "left: queue scones-dev-review" in out


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


# The demo's end


@pytest.fixture
def local_cloud(monkeypatch: pytest.MonkeyPatch, opened: Environment, tmp_path: Path) -> list[str]:
    """A local cloud that only notes that it was started and stopped."""
    noted: list[str] = []

    def up(**options: Any) -> Any:
        noted.append("up, detached" if options.get("detached") else "up")
        return SimpleNamespace(pid=1, endpoints={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})

    def down() -> bool:
        noted.append("down")
        return False

    monkeypatch.setattr(tasks.control, "up", up)
    monkeypatch.setattr(tasks.control, "down", down)
    monkeypatch.setattr(tasks, "LOCAL_CLOUD", tmp_path / "cloud")
    monkeypatch.delenv("MAKELEVEL", raising=False)
    return noted


def _summary(**counts: Any) -> dict[str, Any]:
    workflow = {
        "uploaded": 203,
        "accepted": 190,
        "review": 10,
        "rejected": 3,
        "failed": 0,
        "missing": 0,
        "duplicates": 0,
        "accuracy_accepted": 0.98,
    }
    return {
        "evaluation": {"accuracy": 0.965, "accuracy_interval": [0.93, 0.98], "threshold": 0.8125},
        "workflow": workflow | counts,
        "capture": {"records": 201},
        "cleanup": {"remaining": 0},
        "seconds": {"total": 240.2},
    }


def test_a_demo_that_went_well_says_what_came_out_and_where_it_is(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.demo_module, "run", lambda *_args, **_options: _summary())
    code, out, _ = invoke("demo")
    assert code == 0
    for text in ("0.965", "0.930 to 0.980", "0.8125", "203", "190, right: 0.980", "0, 0, 0"):
        assert text in out
    assert "build/demo/report.html" in out
    assert local_cloud[-1] == "down"


def test_a_demo_in_which_something_went_wrong_fails_and_says_what(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = _summary(missing=1)
    monkeypatch.setattr(tasks.demo_module, "run", lambda *_args, **_options: summary)
    code, _, err = invoke("demo")
    assert code == 1
    assert "1 uploads missing" in err


def test_accepted_pictures_that_are_all_wrong_are_counted_as_accepted(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = _summary(accepted=7, accuracy_accepted=0.0)
    monkeypatch.setattr(tasks.demo_module, "run", lambda *_args, **_options: summary)
    assert "7, right: 0.000" in invoke("demo")[1]


def test_a_demo_that_is_kept_leaves_the_cloud_running_and_says_how_to_stop_it(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.demo_module, "run", lambda *_args, **_options: _summary())
    code, out, _ = invoke("demo", "--keep")
    assert code == 0
    assert "invoke cloud.down" in out
    assert local_cloud[-1] == "up, detached"


def test_a_demo_that_fails_leaves_no_cloud_behind(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise UserError("The training job failed.")

    monkeypatch.setattr(tasks.demo_module, "run", fail)
    code, _, err = invoke("demo")
    assert code == 1
    assert "The training job failed." in err
    assert local_cloud[-2:] == ["up", "down"]


def test_a_second_demo_at_the_same_time_is_told_so(
    invoke: Callable[..., tuple[int, str, str]],
    local_cloud: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner: list[tuple[int, str, str]] = []

    def run(*_args: Any, **_options: Any) -> dict[str, Any]:
        inner.append(invoke("demo"))
        return _summary()

    monkeypatch.setattr(tasks.demo_module, "run", run)
    assert invoke("demo")[0] == 0
    ((code, _, err),) = inner
    assert code == 1
    assert "Another `make demo` runs in this folder" in err
