"""Environments on AWS are really AWS, and each is what its own file says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from scripts import commands, environment
from scripts.environment import ROOT, Environment, open_environment
from scripts.errors import UserError

LOCAL_URL = "http://127.0.0.1:4566"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def _refusal(name: str, environ: dict[str, str] | None = None) -> str:
    """What `open_environment` refuses with: always one line."""
    with pytest.raises(UserError) as caught:
        open_environment(name, environ if environ is not None else dict(os.environ))
    message = str(caught.value)
    assert "\n" not in message
    return message


# Environments on AWS


@pytest.mark.parametrize(
    "variable",
    [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SAGEMAKER",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
        "AWS_DYNAMODB_ENDPOINT",
        "TF_AWS_S3_ENDPOINT",
    ],
)
@pytest.mark.parametrize("url", [LOCAL_URL, "https://evil.example"])
def test_aws_refuses_an_endpoint_variable(
    here: Path, monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(variable, url)
    message = _refusal("dev")
    assert f"{variable} is '{url}'" in message
    assert f"unset {variable}" in message


@pytest.mark.parametrize(
    "config",
    [
        "[default]\nendpoint_url = http://127.0.0.1:4566\n",
        "[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = http://localhost\n",
    ],
)
def test_aws_refuses_an_endpoint_in_the_users_configuration(
    aws_config: Callable[[str], None], config: str
) -> None:
    aws_config(config)
    assert "sets endpoint_url" in _refusal("dev")


def test_an_endpoint_of_a_profile_that_is_not_used_does_no_harm(
    aws_config: Callable[[str], None],
) -> None:
    aws_config("[default]\nregion = us-east-1\n[profile other]\nendpoint_url = http://localhost\n")
    assert not open_environment("dev", os.environ).is_local


def test_the_profile_in_use_is_the_one_that_is_checked(
    aws_config: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_config("[default]\nregion = us-east-1\n[profile other]\nendpoint_url = http://localhost\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert "sets endpoint_url" in _refusal("dev")


def test_an_unknown_profile_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    message = _refusal("dev")
    assert "nobody" in message
    assert "AWS_PROFILE" in message


def test_missing_credentials_end_in_one_line_that_says_what_to_do(here: Path) -> None:
    assert "aws sso login" in _refusal("dev")


def test_aws_keeps_the_users_variables_and_takes_the_region_from_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**CREDENTIALS, "AWS_REGION": "ap-south-1", "AWS_PROFILE": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE")
    opened = open_environment("eu", os.environ)
    assert opened.region == "eu-west-1"
    assert opened.variables["AWS_REGION"] == opened.variables["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert opened.variables["AWS_ACCESS_KEY_ID"] == "testing"


# The environment's file


def test_an_environment_takes_only_its_own_top_level_settings_from_its_file(
    running_cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    opened = open_environment("eu", os.environ)
    assert (opened.project, opened.prefix) == ("buns", "buns-eu")
    assert opened.settings == {"environment": "eu", "region": "eu-west-1", "project": "buns"}


def test_region_and_project_default_to_what_terraform_defaults_to(
    running_cloud: dict[str, str],
) -> None:
    variables = (ROOT / "terraform" / "variables.tf").read_text("utf-8")
    opened = open_environment("local", {})
    for name, value in (("region", opened.region), ("project", opened.project)):
        block = re.search(rf'variable "{name}" {{.*?default\s*=\s*"([^"]*)"', variables, re.DOTALL)
        assert block
        assert value == block[1]


def test_no_name_asks_for_one_and_lists_what_there_is(here: Path) -> None:
    message = _refusal("")
    assert "ENV=dev" in message
    assert "dev, eu, local" in message


def test_a_missing_file_is_named_with_a_way_to_make_it(here: Path) -> None:
    message = _refusal("prod")
    assert "terraform/environments/prod.tfvars is missing" in message
    assert "dev.tfvars" in message


@pytest.mark.parametrize(
    "name",
    [
        "../dev",
        "dev/../dev",
        "/etc/passwd",
        "./dev",
        "dev.tfvars",
        "DEV",
        "dev\n",
        " dev",
        "d",
        "x" * 13,
    ],
)
def test_a_name_that_is_a_path_or_no_name_is_refused(here: Path, name: str) -> None:
    for folder in (here, here / "environments"):
        (folder / "dev.tfvars").write_text('environment = "dev"\n')
    with pytest.raises(UserError, match="There is no environment"):
        open_environment(name, dict(CREDENTIALS))


def test_generated_files_of_local_end_with_the_cloud_and_others_are_under_build(
    dev: Environment,
) -> None:
    local = Environment("local", "us-east-1", "scones", {})
    assert dev.build_dir == ROOT / "build" / "dev"
    assert environment.LOCAL_CLOUD_FILE.parent in local.build_dir.parents


@pytest.mark.parametrize("text", ['environment = "dev"\n', "", '# environment = "prod"\n'])
def test_a_copied_file_that_still_means_another_environment_is_refused(
    here: Path, text: str
) -> None:
    (here / "environments" / "prod.tfvars").write_text(text)
    assert 'environment = "prod"' in _refusal("prod", dict(CREDENTIALS))


@pytest.mark.parametrize("name", ["local", "dev"])
def test_the_projects_own_environments_open(
    monkeypatch: pytest.MonkeyPatch, no_account: Path, name: str
) -> None:
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    environ = {"AWS_ENDPOINT_URL": LOCAL_URL} if name == "local" else dict(os.environ)
    opened = open_environment(name, environ)
    assert opened.prefix == f"scones-{name}"
    assert opened.var_file == ROOT / "terraform" / "environments" / f"{name}.tfvars"


@pytest.mark.parametrize("setting", ["", "elsewhere/cloud"])
def test_the_local_cloud_lies_in_the_checkout_unless_another_folder_is_named(
    tmp_path: Path, setting: str
) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from scripts import environment\n"
        "print(environment.LOCAL_CLOUD, environment.LOCAL_CLOUD_FILE, sep='\\n')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "SCONES_LOCAL_CLOUD": setting},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = tmp_path / setting if setting else ROOT / ".local" / "cloud"
    assert answer.stdout.splitlines() == [str(expected), str(expected / "cloud.json")]


# What an environment does


def test_activating_makes_the_process_environment_exactly_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", {"BEFORE": "1"})
    Environment("dev", "us-east-1", "scones", {"AFTER": "2"}).activate()
    assert os.environ == {"AFTER": "2"}


@pytest.mark.parametrize("pinned", [{}, {"account_id": "123456789012"}])
def test_credentials_of_the_account_that_is_pinned_may_be_used(
    aws: Any, dev: Environment, pinned: dict[str, str]
) -> None:
    replace(dev, settings=pinned).check_account()


def test_a_task_with_another_accounts_credentials_ends_before_it_does_anything(
    aws: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = replace(dev, variables=dict(os.environ), settings={"account_id": "999999999999"})
    monkeypatch.setattr(commands, "open_environment", lambda *_: pinned)
    with pytest.raises(UserError, match=r"pins account 999999999999.*Choose another AWS_PROFILE"):
        commands.use("dev")
    assert [name for name, _ in aws.calls] == ["GetCallerIdentity"]


def test_clients_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch, dev: Environment) -> None:
    making, most = 0, 0

    def slow_client(*_args: Any, **_options: Any) -> Any:
        nonlocal making, most
        making += 1
        most = max(most, making)
        time.sleep(0.005)
        making -= 1
        return SimpleNamespace()

    monkeypatch.setattr(boto3, "client", slow_client)
    threads = [threading.Thread(target=dev.client, args=("s3",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_clients_options_reach_its_configuration(aws: Any, dev: Environment) -> None:
    client = dev.client("s3", max_pool_connections=32)
    assert client.meta.config.max_pool_connections == 32
    assert client.meta.region_name == "us-east-1"


def test_on_aws_a_call_that_is_throttled_is_made_again_unless_it_may_be_made_once(
    aws: Any, dev: Environment
) -> None:
    assert dev.client("s3").meta.config.retries["total_max_attempts"] == 8
    once = dev.client("s3", retries={"total_max_attempts": 1})
    assert once.meta.config.retries["total_max_attempts"] == 1


def test_sagemaker_is_looked_at_seldom_on_aws_and_often_on_this_machine(dev: Environment) -> None:
    assert dev.poll_s >= 10
    assert replace(dev, name="local").poll_s < 1


def test_a_local_client_needs_no_name_resolution(
    running_cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_environment("local", {})
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in opened.variables.items():
        monkeypatch.setenv(name, value)
    config = opened.client("stepfunctions").meta.config
    assert config.inject_host_prefix is False
    assert config.s3["addressing_style"] == "path"


def test_a_command_names_the_environment_unless_it_is_the_default(dev: Environment) -> None:
    assert dev.command("models") == "invoke models --env dev"
    assert replace(dev, name="local").command("models") == "invoke models"
