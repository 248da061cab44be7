"""Running Terraform: command lines, its report as progress, its errors as one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import environment
from scripts.environment import ROOT, Environment
from scripts.errors import UserError
from scripts.provisioning import terraform, terraform_release
from scripts.provisioning.terraform import Workspace

# Notes what it was called with, then does what `answers` says for the subcommand.
FAKE = """#!/usr/bin/env python3
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
call = {"args": sys.argv[1:], "folder": os.getcwd(), "environ": dict(os.environ)}
with (here / "calls.jsonl").open("a") as log:
    log.write(json.dumps(call) + "\\n")
answer = json.loads((here / "answers.json").read_text()).get(sys.argv[1], {})
sys.stdout.write(answer.get("out", ""))
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""


class Fake:
    """A terraform that says what it is told to, and remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.binary = folder / "terraform"
        self.binary.write_text(FAKE.replace("/usr/bin/env python3", sys.executable))
        self.binary.chmod(0o755)
        self.answers: dict[str, dict[str, Any]] = {}
        self._answers_file = folder / "answers.json"
        self._calls_file = folder / "calls.jsonl"
        self.answer()

    def answer(self, **answers: dict[str, Any]) -> None:
        self._answers_file.write_text(json.dumps(answers))

    @property
    def calls(self) -> list[dict[str, Any]]:
        if not self._calls_file.exists():
            return []
        return [json.loads(line) for line in self._calls_file.read_text().splitlines()]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    folder = tmp_path / "bin"
    folder.mkdir()
    found = Fake(folder)
    monkeypatch.setattr(terraform_release, "find", lambda: found.binary)
    monkeypatch.setattr(terraform, "PLUGIN_CACHE", tmp_path / "plugins")
    monkeypatch.setattr(terraform, "LOCAL_DATA", tmp_path / "data")
    monkeypatch.setattr(environment, "BUILD", tmp_path / "build")
    monkeypatch.setattr(environment, "LOCAL_CLOUD", tmp_path / "cloud")
    return found


@pytest.fixture
def workspace(fake: Fake, tmp_path: Path) -> Workspace:
    path = os.environ["PATH"]
    return Workspace(tmp_path, fake.binary, {"PATH": path}, tmp_path / "dev.tfvars")


def _events(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def _complete(resource_type: str) -> dict[str, Any]:
    return {"type": "apply_complete", "hook": {"resource": {"resource_type": resource_type}}}


def _error(workspace: Workspace, run: Callable[[], Any]) -> str:
    with pytest.raises(UserError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Preparing


@pytest.fixture
def state_bucket(aws: Any, dev: Environment) -> None:
    """moto's account has the bucket for Terraform's state."""
    dev.client("s3").create_bucket(Bucket="scones-terraform-state-123456789012")


def test_the_state_may_be_in_another_region_than_the_environment(
    aws: Any, fake: Fake, dev: Environment
) -> None:
    dev.client("s3").create_bucket(
        Bucket="scones-terraform-state-123456789012",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    terraform.open_workspace(dev)
    assert "-backend-config=region=eu-west-1" in fake.calls[0]["args"]


def test_an_environment_on_aws_keeps_its_state_in_the_accounts_bucket_under_its_name(
    fake: Fake, state_bucket: None, dev: Environment
) -> None:
    terraform.open_workspace(dev)
    (init,) = fake.calls
    assert init["args"][0] == "init"
    for setting in (
        "bucket=scones-terraform-state-123456789012",
        "key=dev/terraform.tfstate",
        "region=us-east-1",
    ):
        assert f"-backend-config={setting}" in init["args"]
    assert "-input=false" in init["args"]
    assert "-lockfile=readonly" in init["args"]
    assert Path(init["folder"]) == ROOT / "terraform"


def test_a_missing_state_bucket_is_named_with_the_command_that_makes_it(
    fake: Fake, aws: Any, dev: Environment
) -> None:
    with pytest.raises(UserError, match="make bootstrap ACCOUNT=123456789012 REGION="):
        terraform.open_workspace(dev)
    assert fake.calls == []


def test_environments_do_not_share_terraforms_data(
    fake: Fake, state_bucket: None, dev: Environment, tmp_path: Path
) -> None:
    terraform.open_workspace(dev)
    environ = fake.calls[0]["environ"]
    assert Path(environ["TF_DATA_DIR"]).is_relative_to(tmp_path / "build" / "dev")
    assert environ["CHECKPOINT_DISABLE"] == "1"


def test_terraform_gets_the_environments_variables_and_not_the_callers_own(
    fake: Fake, state_bucket: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE_OF_CALLER", "x")
    variables = {"PATH": os.environ["PATH"], "AWS_REGION": "us-east-1"}
    terraform.open_workspace(Environment("dev", "us-east-1", "scones", variables))
    environ = fake.calls[0]["environ"]
    assert environ["AWS_REGION"] == "us-east-1"
    assert "AWS_PROFILE_OF_CALLER" not in environ


def test_only_init_compares_the_provider_with_checksums_on_this_machine(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    run = terraform._run

    def look(workspace: Workspace, command: list[str]) -> Any:
        seen.append((workspace.folder / terraform.LOCK_FILE).read_text())
        return run(workspace, command)

    monkeypatch.setattr(terraform, "_run", look)
    here = Environment("local", "us-east-1", "scones", {"PATH": os.environ["PATH"]})
    workspace = terraform.open_workspace(here)
    whole = (ROOT / "terraform" / terraform.LOCK_FILE).read_text()
    assert seen == [whole]
    left = (workspace.folder / terraform.LOCK_FILE).read_text()
    assert "hashes" not in left
    assert 'version     = "' in left
    assert (ROOT / "terraform" / terraform.LOCK_FILE).read_text() == whole


def test_the_users_terraform_settings_do_not_choose_another_state_or_other_options(
    fake: Fake, state_bucket: None
) -> None:
    users = {"TF_WORKSPACE": "mine", "TF_CLI_ARGS": "-lock=false", "TF_CLI_ARGS_plan": "-refresh"}
    variables = {"PATH": os.environ["PATH"], **users}
    opened = terraform.open_workspace(Environment("dev", "us-east-1", "scones", variables))
    assert not users.keys() & opened.variables.keys()


def test_local_runs_the_same_configuration_with_a_state_that_ends_with_the_cloud(
    fake: Fake, tmp_path: Path
) -> None:
    opened = terraform.open_workspace(Environment("local", "us-east-1", "scones", {}))
    assert opened.folder.is_relative_to(tmp_path / "cloud")
    assert (opened.folder / "main.tf").samefile(ROOT / "terraform" / "main.tf")
    override = json.loads((opened.folder / "backend_override.tf.json").read_text())
    state = opened.folder / override["terraform"]["backend"]["local"]["path"]
    assert state.resolve().is_relative_to(tmp_path / "cloud")
    assert not [word for word in fake.calls[0]["args"] if word.startswith("-backend-config")]


def test_preparing_again_without_a_change_does_not_initialise_again(
    fake: Fake, state_bucket: None, dev: Environment
) -> None:
    terraform.open_workspace(dev)
    terraform.open_workspace(dev)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("changed", ["tests/workflow.tftest.hcl", "versions.tf"])
def test_a_change_of_what_initialising_depends_on_initialises_again(
    fake: Fake,
    state_bucket: None,
    dev: Environment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changed: str,
) -> None:
    configuration = tmp_path / "configuration"
    shutil.copytree(ROOT / "terraform", configuration)
    monkeypatch.setattr(terraform, "TERRAFORM", configuration)
    terraform.open_workspace(dev)
    with (configuration / changed).open("a") as file:
        file.write("\n# another run\n")
    terraform.open_workspace(dev)
    assert len(fake.calls) == 2


def test_the_next_local_cloud_needs_no_initialisation_of_its_own(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = Environment("local", "us-east-1", "scones", {})
    terraform.open_workspace(here)
    monkeypatch.setattr(environment, "LOCAL_CLOUD", tmp_path / "another")
    opened = terraform.open_workspace(here)
    assert opened.folder.is_relative_to(tmp_path / "another")
    assert len(fake.calls) == 1


def test_a_provider_that_is_gone_is_installed_again(
    fake: Fake, state_bucket: None, dev: Environment, tmp_path: Path
) -> None:
    data = Path(terraform.open_workspace(dev).variables["TF_DATA_DIR"])
    provider = data / "providers" / "registry" / "hashicorp" / "aws" / "5.100.0" / "linux_amd64"
    provider.parent.mkdir(parents=True)
    provider.symlink_to(tmp_path / "gone")
    terraform.open_workspace(dev)
    assert len(fake.calls) == 2


def test_an_initialisation_that_failed_is_tried_again(
    fake: Fake, state_bucket: None, dev: Environment
) -> None:
    fake.answer(init={"code": 1, "err": "Error: no provider\n"})
    with pytest.raises(UserError, match=r"terraform init failed\. Error: no provider"):
        terraform.open_workspace(dev)
    fake.answer()
    terraform.open_workspace(dev)
    assert len(fake.calls) == 2


# Planning and applying


def test_a_plan_is_given_both_variable_files_and_never_asks(
    fake: Fake, workspace: Workspace, tmp_path: Path
) -> None:
    fake.answer(plan={"code": 2, "out": "1 to add"})
    deployment = tmp_path / "deployment.tfvars.json"
    assert terraform.plan(workspace, deployment, tmp_path / "out") == (2, "1 to add")
    (call,) = fake.calls
    files = [word for word in call["args"] if word.startswith("-var-file=")]
    assert files == [f"-var-file={workspace.var_file}", f"-var-file={deployment}"]
    assert "-input=false" in call["args"]
    assert "-detailed-exitcode" in call["args"]
    assert f"-out={tmp_path / 'out'}" in call["args"]


def test_an_apply_is_given_both_variable_files_and_never_asks(
    fake: Fake, workspace: Workspace, tmp_path: Path
) -> None:
    deployment = tmp_path / "deployment.tfvars.json"
    assert terraform.apply(workspace, deployment) == 0
    (call,) = fake.calls
    files = [word for word in call["args"] if word.startswith("-var-file=")]
    assert files == [f"-var-file={workspace.var_file}", f"-var-file={deployment}"]
    assert {"-input=false", "-auto-approve"} <= set(call["args"])


def test_resources_are_counted_as_they_are_finished(fake: Fake, workspace: Workspace) -> None:
    planned = {"type": "planned_change"}
    changes = {"operation": "apply", "add": 2, "change": 0, "remove": 0}
    fake.answer(
        apply={
            "out": _events(
                planned,
                planned,
                {"type": "apply_start"},
                _complete("aws_s3_bucket"),
                _complete("terraform_data"),
                {"type": "change_summary", "changes": changes},
            )
            + "not JSON\n"
        },
    )
    seen: list[tuple[int, int, str]] = []
    assert terraform.apply(workspace, None, lambda *step: seen.append(step)) == 2
    assert seen == [(1, 2, "s3_bucket"), (2, 2, "terraform_data")]


def test_a_destroy_knows_how_much_there_is_from_its_plan(fake: Fake, workspace: Workspace) -> None:
    changes = {"operation": "plan", "add": 0, "change": 0, "remove": 3}
    fake.answer(
        destroy={
            "out": _events(
                {"type": "change_summary", "changes": changes}, *[_complete("aws_sqs_queue")] * 3
            )
        }
    )
    seen: list[tuple[int, int, str]] = []
    assert terraform.destroy(workspace, lambda *step: seen.append(step)) == 3
    assert seen[-1] == (3, 3, "sqs_queue")
    assert "-auto-approve" in fake.calls[0]["args"]


def test_an_apply_that_fails_ends_in_one_line_with_its_first_error(
    fake: Fake, workspace: Workspace
) -> None:
    def diagnostic(severity: str, summary: str, detail: str) -> dict[str, Any]:
        found = {"severity": severity, "summary": summary, "detail": detail}
        return {"type": "diagnostic", "diagnostic": found}

    fake.answer(
        apply={
            "code": 1,
            "out": _events(
                diagnostic("warning", "Deprecated", "soon"),
                diagnostic("error", "creating S3 Bucket", "BucketAlreadyExists:\ntaken"),
                diagnostic("error", "second", ""),
            ),
        },
    )
    message = _error(workspace, lambda: terraform.apply(workspace, None))
    assert message == ("terraform apply failed: creating S3 Bucket BucketAlreadyExists: taken")


def test_a_plan_that_fails_ends_in_one_line_with_terraforms_error(
    fake: Fake, workspace: Workspace, tmp_path: Path
) -> None:
    text = "╷\n│ Warning: old\n│ \n╵\n╷\n│ Error: Invalid value\n│ \n│   on x.tf line 1\n╵\n"
    fake.answer(plan={"code": 1, "err": text})
    message = _error(workspace, lambda: terraform.plan(workspace, None, tmp_path / "out"))
    assert message.startswith("terraform plan failed. Error: Invalid value on x.tf line 1")


def test_only_what_changes_something_waits_for_the_state(
    fake: Fake, workspace: Workspace, tmp_path: Path
) -> None:
    terraform.plan(workspace, None, tmp_path / "out")
    terraform.apply(workspace, None)
    plan, apply = fake.calls
    assert "-lock=false" in plan["args"]
    assert "-lock-timeout=5m" in apply["args"]


def test_a_lock_that_was_left_is_told_with_what_to_do(fake: Fake, workspace: Workspace) -> None:
    problem = {
        "type": "diagnostic",
        "diagnostic": {
            "severity": "error",
            "summary": "Error acquiring the state lock",
            "detail": "Who: me@here",
        },
    }
    fake.answer(apply={"code": 1, "out": json.dumps(problem) + "\n"})
    message = _error(workspace, lambda: terraform.apply(workspace, None))
    assert "docs/operations.md, 'A lock that was left'" in message
    assert "Who: me@here" in message
    assert "## A lock that was left" in (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_a_terraform_that_dies_without_a_word_is_still_an_error(
    fake: Fake, workspace: Workspace
) -> None:
    fake.answer(destroy={"code": 1})
    assert "terraform destroy failed" in _error(workspace, lambda: terraform.destroy(workspace))


# Looking


def test_outputs_come_by_name(fake: Fake, workspace: Workspace) -> None:
    outputs = {"uploads_bucket": {"value": "b", "type": "string"}, "labels": {"value": ["a"]}}
    fake.answer(output={"out": json.dumps(outputs)})
    assert terraform.outputs(workspace) == {"uploads_bucket": "b", "labels": ["a"]}


def test_before_the_first_apply_there_are_no_outputs(fake: Fake, workspace: Workspace) -> None:
    fake.answer(output={"out": "{}"})
    assert terraform.outputs(workspace) == {}


def test_a_check_needs_no_state_and_names_the_mistake(fake: Fake) -> None:
    terraform.validate()
    init, validate = fake.calls
    assert "-backend=false" in init["args"]
    assert validate["args"][0] == "validate"
    assert not Path(init["environ"]["TF_DATA_DIR"]).exists()
    fake.answer(validate={"code": 1, "err": "Error: Unsupported argument\n"})
    with pytest.raises(UserError, match="Unsupported argument"):
        terraform.validate()


# Stopping


def test_who_stops_waiting_lets_terraform_finish_what_it_is_doing(tmp_path: Path) -> None:
    binary = tmp_path / "terraform"
    binary.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, signal, sys, time\n"
        "def stop(*_):\n"
        "    pathlib.Path('saved').write_text('state')\n"
        "    sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "pathlib.Path('running').write_text('')\n"
        "time.sleep(20)\n"
    )
    binary.chmod(0o755)

    def interrupt_once_it_runs() -> None:
        while not (tmp_path / "running").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt_once_it_runs).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            terraform.destroy(Workspace(tmp_path, binary, dict(os.environ)))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "saved").read_text() == "state"


def test_the_lock_file_is_complete_enough_to_be_read_only() -> None:
    lock = (ROOT / "terraform" / ".terraform.lock.hcl").read_text("utf-8")
    assert "registry.terraform.io/hashicorp/aws" in lock
    assert lock.count('"h1:') >= 1
