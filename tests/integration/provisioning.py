"""The real Terraform, applied to a test's own local cloud."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from python_terraform import IsFlagged

from scripts import environment as environments
from scripts.environment import DEFAULT_REGION, Environment, dummy_credentials
from scripts.provisioning import terraform
from scripts.provisioning.terraform import Workspace


def open_workspace(folder: Path, endpoints: Mapping[str, str]) -> Workspace:
    """Terraform, ready for the local environment of a cloud in `folder`."""
    process = {
        **os.environ,
        **dummy_credentials(DEFAULT_REGION),
        **endpoints,
        **environments.unproxied(endpoints, {}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environments, "LOCAL_CLOUD", folder)
        return terraform.open_workspace(Environment("local", DEFAULT_REGION, "scones", process))


def apply(
    folder: Path,
    endpoints: Mapping[str, str],
    variables: Mapping[str, Any],
    targets: Sequence[str] = (),
) -> None:
    """Apply the local environment to the cloud in `folder`: all of it, or what `targets` need."""
    workspace = open_workspace(folder, endpoints)
    command = workspace.command(
        "apply",
        auto_approve=IsFlagged,
        input=False,
        no_color=IsFlagged,
        parallelism=terraform.PARALLELISM,
        var_file=workspace.var_files(None),
        var=dict(variables),
        target=list(targets),
    )
    applied = subprocess.run(
        command, cwd=workspace.folder, env=workspace.variables, capture_output=True, text=True
    )
    assert applied.returncode == 0, applied.stderr
