"""`local` never leaves this machine."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from scripts.environment import is_loopback, open_environment
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


def test_local_refuses_a_running_cloud_that_claims_to_be_elsewhere(
    live_cloud: Callable[[dict[str, str]], None],
) -> None:
    live_cloud({"AWS_ENDPOINT_URL": "http://evil.example"})
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
    path = here / "cloud.json"
    path.write_text(content)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "invoke cloud.up" in _refusal("local", {})


def test_what_a_killed_cloud_left_does_not_count_as_running(here: Path) -> None:
    content = json.dumps({"pid": os.getpid(), "endpoints": {"AWS_ENDPOINT_URL": LOCAL_URL}})
    (here / "cloud.json").write_text(content)
    message = _refusal("local", {})
    assert message == "The local cloud is not running. Start it: invoke cloud.up"


def test_two_that_look_for_the_cloud_at_once_do_not_take_each_other_for_it(here: Path) -> None:
    path = here / "cloud.json"
    path.write_text(json.dumps({"pid": 1, "endpoints": {"AWS_ENDPOINT_URL": LOCAL_URL}}))
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert "not running" in _refusal("local", {})


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
