"""Environments to open: a Terraform folder, a local cloud, and the user's AWS configuration."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts import environment

LOCAL_URL = "http://127.0.0.1:4566"


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
def live_cloud(here: Path) -> Iterator[Callable[[dict[str, str]], None]]:
    """live_cloud(endpoints): a local cloud that tells them, and holds its file while it lives."""
    with (here / "cloud.json.tmp").open("w") as file:

        def tell(endpoints: dict[str, str]) -> None:
            fcntl.flock(file, fcntl.LOCK_EX)
            json.dump({"pid": 1, "endpoints": endpoints}, file)
            file.flush()
            Path(file.name).rename(here / "cloud.json")

        yield tell


@pytest.fixture
def running_cloud(live_cloud: Callable[[dict[str, str]], None]) -> dict[str, str]:
    """A local cloud that says where it is."""
    endpoints = {"AWS_ENDPOINT_URL": LOCAL_URL, "AWS_ENDPOINT_URL_SAGEMAKER": "http://[::1]:4567"}
    live_cloud(endpoints)
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
