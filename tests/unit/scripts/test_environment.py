"""Environments: `local` never leaves this machine, every other one is really AWS."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from scripts import environment
from scripts.environment import ROOT, Environment, is_loopback, open_environment
from scripts.errors import UserError

LOCAL_URL = "http://127.0.0.1:4566"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

ELSEWHERE = (
    "https://s3.amazonaws.com",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example:4566",
    "http://evil.example/127.0.0.1",
    "http://evil.example#localhost",
    "http://evil.example?localhost",
    "http://localhost@evil.example",
    "http://localhost:4566@evil.example",
    "http://evil.example@localhost",
    r"http://evil.example\@127.0.0.1",
    r"http://127.0.0.1\.evil.example",
    "http://local\thost",
    "http://localhost\n",
    "http://localhost.",
    "http://my-localhost",
    "http://0.0.0.0:4566",
    "http://[::]:4566",
    "http://[::ffff:8.8.8.8]:4566",
    "http://10.0.0.1",
    "http://169.254.169.254",
    "http://128.0.0.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://127.1",
    "http://127.0.0.1:port",
    "ftp://127.0.0.1",
    "localhost:4566",
    "//localhost:4566",
    "127.0.0.1",
    "",
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_account: Path) -> Path:
    """A Terraform folder with `local`, `dev` and `eu`, and no local cloud."""
    monkeypatch.setattr(environment, "TERRAFORM", tmp_path)
    monkeypatch.setattr(environment, "LOCAL_CLOUD_FILE", tmp_path / "cloud.json")
    folder = tmp_path / "environments"
    folder.mkdir()
    for name in ("local", "dev"):
        (folder / f"{name}.tfvars").write_text(f'environment = "{name}"\n')
    (folder / "eu.tfvars").write_text(
        'environment = "eu"\n'
        'region      = "eu-west-1" # close to the drivers\n'
        '# project = "ignored"\n'
        'project="buns"\n'
        "assignments = {\n"
        '  region = "nowhere"\n'
        "}\n"
    )
    return tmp_path


@pytest.fixture
def running_cloud(here: Path) -> dict[str, str]:
    """A local cloud that says where it is."""
    endpoints = {"AWS_ENDPOINT_URL": LOCAL_URL, "AWS_ENDPOINT_URL_SAGEMAKER": "http://[::1]:4567"}
    (here / "cloud.json").write_text(json.dumps({"pid": 1, "endpoints": endpoints}))
    return endpoints


@pytest.fixture
def aws_config(monkeypatch: pytest.MonkeyPatch, here: Path) -> Callable[[str], None]:
    """aws_config(text): the user's AWS configuration file, with credentials in `default`."""

    def write(text: str) -> None:
        folder = Path(os.environ["HOME"]) / ".aws"
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text(text)
        keys = "aws_access_key_id = testing\naws_secret_access_key = testing\n"
        (folder / "credentials").write_text(f"[default]\n{keys}")

    return write


def _refusal(name: str, environ: dict[str, str] | None = None) -> str:
    """What `open_environment` refuses with: always one line."""
    with pytest.raises(UserError) as caught:
        open_environment(name, environ if environ is not None else dict(os.environ))
    message = str(caught.value)
    assert "\n" not in message
    return message


# Which endpoints are this machine


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566",
        "http://127.1.2.3:4566",
        "http://localhost:4566",
        "http://LOCALHOST",
        "https://localhost/",
        "http://[::1]:4566",
        "http://[0:0:0:0:0:0:0:1]",
    ],
)
def test_loopback_addresses_are_this_machine(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_nothing_else_is_this_machine(url: str) -> None:
    assert not is_loopback(url)


_PIECES = ("127.0.0.1", "localhost", "[::1]", "evil.example", ":80", "@", "\\", "/", "#", "?", "%")


@given(st.lists(st.sampled_from((*_PIECES, ".", " ", "\t")), max_size=6).map("".join))
@example(r"evil.example\@127.0.0.1")
def test_the_http_client_connects_to_the_host_that_was_checked(rest: str) -> None:
    url = f"http://{rest}"
    if is_loopback(url):
        assert parse_url(url).host in ("127.0.0.1", "localhost", "[::1]")


# The local environment


@pytest.mark.parametrize("url", [url for url in ELSEWHERE if url])
def test_local_refuses_an_endpoint_elsewhere(running_cloud: dict[str, str], url: str) -> None:
    message = _refusal("local", {"AWS_ENDPOINT_URL": url})
    assert "AWS_ENDPOINT_URL" in message


@pytest.mark.parametrize(
    "variable",
    [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING",
        "AWS_S3_ENDPOINT",
        "TF_AWS_STS_ENDPOINT",
    ],
)
def test_local_refuses_whichever_variable_leads_elsewhere(
    running_cloud: dict[str, str], variable: str
) -> None:
    endpoints = {"AWS_ENDPOINT_URL": LOCAL_URL, variable: "https://evil.example"}
    message = _refusal("local", endpoints)
    assert f"{variable} is 'https://evil.example'" in message
    assert f"unset {variable}" in message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.from_regex(r"AWS_ENDPOINT_URL_[A-Z0-9_]{1,40}", fullmatch=True))
def test_local_refuses_an_endpoint_elsewhere_for_any_service(here: Path, variable: str) -> None:
    assert variable in _refusal(
        "local", {"AWS_ENDPOINT_URL": LOCAL_URL, variable: "https://evil.example"}
    )


def test_local_refuses_a_running_cloud_that_claims_to_be_elsewhere(here: Path) -> None:
    (here / "cloud.json").write_text(
        json.dumps({"pid": 1, "endpoints": {"AWS_ENDPOINT_URL": "http://evil.example"}})
    )
    assert "http://evil.example" in _refusal("local", {})


def test_local_finds_the_running_cloud(running_cloud: dict[str, str]) -> None:
    variables = open_environment("local", {}).variables
    assert running_cloud.items() <= variables.items()


def test_local_says_how_to_start_the_cloud_that_is_not_running(here: Path) -> None:
    assert "invoke cloud.up" in _refusal("local", {})


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_an_unreadable_record_of_the_cloud_means_that_none_is_running(
    here: Path, content: str
) -> None:
    (here / "cloud.json").write_text(content)
    assert "invoke cloud.up" in _refusal("local", {})


def test_local_uses_a_cloud_that_somebody_else_started(here: Path) -> None:
    opened = open_environment("local", {"AWS_ENDPOINT_URL": LOCAL_URL})
    assert opened.variables["AWS_ENDPOINT_URL"] == LOCAL_URL


def test_an_endpoint_for_one_service_does_not_leave_the_others_to_aws(
    running_cloud: dict[str, str],
) -> None:
    variables = open_environment("local", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}).variables
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9"
    assert variables["AWS_ENDPOINT_URL"] == LOCAL_URL


def test_an_endpoint_for_one_service_alone_is_not_a_local_cloud(here: Path) -> None:
    message = _refusal("local", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"})
    assert "invoke cloud.up" in message


def test_local_never_sees_the_users_credentials_or_settings(
    running_cloud: dict[str, str],
) -> None:
    users = {
        "AWS_PROFILE": "company",
        "AWS_ACCESS_KEY_ID": "theirs",
        "AWS_SECRET_ACCESS_KEY": "theirs",
        "AWS_SESSION_TOKEN": "theirs",
        "AWS_CONFIG_FILE": "/home/user/.aws/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/home/user/.aws/credentials",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    }
    variables = open_environment("local", {**users, "PATH": "/bin"}).variables
    assert not set(users.values()) & set(variables.values())
    assert variables["AWS_ACCESS_KEY_ID"] == variables["AWS_SECRET_ACCESS_KEY"] == "test"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["AWS_CONFIG_FILE"] == os.devnull
    assert variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert variables["AWS_EC2_METADATA_DISABLED"] == "true"
    assert variables["PATH"] == "/bin"


def test_a_local_client_talks_to_the_local_cloud_alone(
    running_cloud: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    aws_config: Callable[[str], None],
) -> None:
    aws_config("[default]\nendpoint_url = https://evil.example\nregion = eu-north-1\n")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    opened = open_environment("local", os.environ)
    opened.activate()
    assert opened.client("s3").meta.endpoint_url == LOCAL_URL
    assert opened.client("sagemaker").meta.endpoint_url == "http://[::1]:4567"
    assert opened.client("s3").meta.region_name == "us-east-1"


def test_calls_to_the_local_cloud_go_past_a_proxy(running_cloud: dict[str, str]) -> None:
    proxy = {"HTTP_PROXY": "http://proxy.example:3128", "no_proxy": "intranet"}
    variables = open_environment("local", proxy).variables
    for name in ("no_proxy", "NO_PROXY"):
        assert variables[name].split(",") == ["intranet", "127.0.0.1:4566", "[::1]:4567"]


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
